/* SPDX-License-Identifier: MIT */
/*
 * System calls that notice when something interrupts them, for notice_calls.py; and signal handlers in C,
 * which run once for each signal, for notice_signals.py. Built as a shared object, opened with ctypes, which
 * lets go of the GIL around calls.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NAP_NS 200000

static int epoll_fd, event_pair[2], semaphores;
static aio_context_t aio;
static sigset_t awaited;

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static const struct timespec nap = { .tv_nsec = NAP_NS };

static long call_epoll_wait(void)
{
	struct epoll_event event;

	return epoll_wait(epoll_fd, &event, 1, 1);
}

static long call_poll(void)
{
	struct pollfd fd = { .fd = event_pair[0], .events = POLLIN };

	return ppoll(&fd, 1, &nap, NULL);
}

static long call_select(void)
{
	struct timeval time = { .tv_usec = NAP_NS / 1000 };

	return select(0, NULL, NULL, NULL, &time);
}

static long call_nanosleep(void)
{
	return clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL) ? (errno = EINTR, -1) : 0;
}

static long call_recv(void)
{
	char byte;

	return recv(event_pair[0], &byte, 1, 0);
}

static long call_semop(void)
{
	struct sembuf take = { .sem_op = -1 };

	return semtimedop(semaphores, &take, 1, &nap);
}

static long call_sigtimedwait(void)
{
	return sigtimedwait(&awaited, NULL, &nap);
}

static long call_io_getevents(void)
{
	struct io_event event;
	struct timespec time = nap;

	return syscall(SYS_io_getevents, aio, 1L, 1L, &event, &time);
}

static long call_futex(void)
{
	static int word;

	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &nap, NULL, 0);
}

static const struct call {
	const char *name;
	long (*function)(void);
	int64_t least_ns; /* 0: it counts in ticks of the kernel */
} calls[] = {
	{ "epoll_wait", call_epoll_wait, 1000000 },
	{ "poll", call_poll, NAP_NS },
	{ "select", call_select, NAP_NS },
	{ "nanosleep", call_nanosleep, NAP_NS },
	{ "recv", call_recv, 0 },
	{ "semop", call_semop, NAP_NS },
	{ "sigtimedwait", call_sigtimedwait, NAP_NS },
	{ "io_getevents", call_io_getevents, NAP_NS },
	{ "futex", call_futex, NAP_NS },
};

#define CALLS (sizeof(calls) / sizeof(*calls))

static struct {
	long made, interrupted, early;
} counts[CALLS];

const char *call_name(int which)
{
	return which < (int)CALLS ? calls[which].name : NULL;
}

long call_count(int which, int what)
{
	return what == 0 ? counts[which].made : what == 1 ? counts[which].interrupted : counts[which].early;
}

int calls_begin(void)
{
	const struct timeval time = { .tv_usec = NAP_NS / 1000 };

	epoll_fd = epoll_create1(0);
	semaphores = semget(IPC_PRIVATE, 1, 0600);
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGRTMIN + 5);
	return epoll_fd < 0 || semaphores < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, event_pair) ||
		setsockopt(event_pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) ||
		syscall(SYS_io_setup, 1, &aio);
}

void calls_end(void)
{
	semctl(semaphores, 0, IPC_RMID);
}

/* One call that nothing but its time ends. */
void call_once(int which)
{
	const struct call *call = &calls[which];
	int64_t begin = now_ns();

	errno = 0;
	counts[which].made++;
	if (call->function() < 0 && errno == EINTR)
		counts[which].interrupted++;
	else if (now_ns() - begin < call->least_ns)
		counts[which].early++;
}

/* ---- signals ---- */

#define NUMBERS 65
#define MOST 100000

static volatile int seen[NUMBERS];
static volatile unsigned char times[NUMBERS][MOST];

/* Counts by the value that was sent along, so that two of one and none of another do not look right. */
static void count(int number, siginfo_t *info, void *context)
{
	unsigned value = (unsigned)info->si_value.sival_int;

	(void)context;
	if (info->si_code == SI_QUEUE && value < MOST)
		times[number][value]++;
	/* two threads may take one each at the same time */
	__atomic_fetch_add(&seen[number], 1, __ATOMIC_SEQ_CST);
}

int signals_count(int number)
{
	struct sigaction action = { .sa_sigaction = count, .sa_flags = SA_SIGINFO | SA_RESTART };

	return sigaction(number, &action, NULL);
}

int signals_seen(int number)
{
	return seen[number];
}

/* How many of the first `sent` values have not come exactly once. */
int signals_wrong(int number, int sent)
{
	int wrong = 0;

	for (int value = 0; value < sent; value++)
		wrong += times[number][value] != 1;
	return wrong;
}
