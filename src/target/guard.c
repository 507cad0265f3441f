/* SPDX-License-Identifier: MIT */
/*
 * SIGSTOP cannot be caught. One that meets pyrope in the middle of a pause would stop it for as long as
 * somebody likes, and the thread that it holds with it: a tracer that is stopped does not let go.
 *
 * Timers of the kernel run on meanwhile. For each pause they are set to send SIGCONT to pyrope, the first one
 * after FIRST_NS, which is far more than a pause takes; a SIGCONT to a process that is not stopped does
 * nothing. So pyrope goes on, ends the pause, and stops itself again: the one who sent SIGSTOP gets what was
 * asked for, 5 ms later. The later ones are for a pause that lasts so long for want of a CPU that SIGSTOP
 * comes when the first one is over. (One timer with an interval will not do: from Linux 6.13 on it stops when
 * its signal is ignored; and if it is not, SIGSTOP removes a SIGCONT that waits to be delivered, and with it
 * the timer.)
 *
 * That it was stopped, and not merely without a CPU for so long, is known by a thread that sleeps in
 * epoll_wait with all signals blocked: that gives EINTR after a stop and a SIGCONT and for hardly any other
 * reason (signal(7)). A debugger and a frozen cgroup are such reasons, and take longer than the timer; then
 * pyrope does not stop itself. Nor does it once that thread has been traced, as by strace, where each SIGCONT
 * interrupts, and so does the end of tracing: nobody would continue pyrope. Whoever traces pyrope can stop it
 * in other ways. A tracer that comes interrupts, too, so that the thread hears of each.
 *
 * The same thread keeps an execve of the target from waiting for ever. That waits until all other threads
 * have gone, and one that is traced has gone only when its tracer has waited for it. Meanwhile PTRACE_SEIZE
 * of another thread waits for the execve to be done (cred_guard_mutex in kernel/ptrace.c; to Linux 5.6
 * process_vm_readv does too, mm_access in kernel/fork.c), so that the tracer never comes to it. But any
 * thread of the tracer's process may wait for what one of them traces.
 */
#include "config.h"

#include "target/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "target/internal.h"

#define FIRST_NS 5000000
#define LATE_NS 1500000000 /* what continues pyrope later than that was not a timer */
/* the thread that knows of a stop has run by then; what comes later is another stop */
#define ASK_NS 100000000
#define STACK_BYTES 65536
/* for so long an execve may wait for a thread that has died while it was ours */
#define REAP_NS 20000000

static const struct itimerspec spans[] = {
	{ .it_value.tv_nsec = FIRST_NS },
	{ .it_value.tv_nsec = 100000000 },
	{ .it_value.tv_sec = 1 },
};

struct guard {
	timer_t timers[ARRAY_LENGTH(spans)];
	size_t timer_count;
	pthread_t thread;
	int epoll_fd, end_fd, reap_fd;
	atomic_uint interruptions;
	atomic_bool ends;                  /* told by end_fd too, which a tracer may keep from being heard */
	atomic_bool was_traced;            /* the thread that counts them has been, once at least */
	atomic_int traced[PAUSES_AT_ONCE]; /* threads that are ours; 0: none */
	size_t next;

	/* between guard_begin and guard_end */
	bool active;
	int64_t set_ns;
	unsigned interruptions_before;

	/*
	 * The timer has sent its signal; was it needed? The thread that knows may be late. 0: there is
	 * nothing to ask.
	 */
	int64_t ask_until_ns;
};

/* Is this thread traced, or may it be, for all that is known? */
static bool is_traced(void)
{
	char status[4096];
	const char *field;

	if (proc_read(AT_FDCWD, "/proc/thread-self/status", status, sizeof(status)) < 0)
		return true;
	field = status_field(status, "TracerPid");
	return !field || strtol(field, NULL, 10) != 0;
}

/*
 * The stops of what is traced are told as well, whatever is asked for, and once only: those are another
 * thread's to hear of.
 */
static void reap(struct guard *guard)
{
	const int options = WEXITED | WNOHANG | __WALL;

	for (size_t i = 0; i < ARRAY_LENGTH(guard->traced); i++) {
		const pid_t tid = atomic_load(&guard->traced[i]);
		siginfo_t info = { 0 };

		if (tid && waitid(P_PID, (id_t)tid, &info, options | WNOWAIT) == 0 && info.si_pid == tid &&
			info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED)
			waitid(P_PID, (id_t)tid, &info, options);
	}
}

static void *watch(void *context)
{
	struct guard *guard = context;
	struct epoll_event event;

	prctl(PR_SET_NAME, "pyrope-guard");
	if (is_traced())
		atomic_store(&guard->was_traced, true);
	for (;;) {
		uint64_t times;

		if (epoll_wait(guard->epoll_fd, &event, 1, -1) < 0) {
			if (errno != EINTR || atomic_load(&guard->ends))
				return NULL;
			if (!atomic_load(&guard->was_traced) && is_traced())
				atomic_store(&guard->was_traced, true);
			/* only now: who sees it has to know the other */
			atomic_fetch_add(&guard->interruptions, 1);
		} else if (event.data.fd == guard->end_fd) {
			return NULL;
		} else if (read(guard->reap_fd, &times, sizeof(times)) > 0) {
			reap(guard);
		}
	}
}

void guard_attach(struct guard *guard, pid_t tid)
{
	/* where a thread has changed its tid a place is not given back, and is taken again in turn */
	if (guard)
		atomic_store(&guard->traced[guard->next++ % ARRAY_LENGTH(guard->traced)], tid);
}

void guard_detach(struct guard *guard, pid_t tid)
{
	for (size_t i = 0; guard && i < ARRAY_LENGTH(guard->traced); i++) {
		int expected = tid;

		atomic_compare_exchange_strong(&guard->traced[i], &expected, 0);
	}
}

static bool start_thread(struct guard *guard)
{
	struct epoll_event end = { .events = EPOLLIN, .data.fd = guard->end_fd };
	struct epoll_event due = { .events = EPOLLIN, .data.fd = guard->reap_fd };
	pthread_attr_t attributes;
	sigset_t all, before;
	int failed;

	if (epoll_ctl(guard->epoll_fd, EPOLL_CTL_ADD, guard->end_fd, &end) ||
		epoll_ctl(guard->epoll_fd, EPOLL_CTL_ADD, guard->reap_fd, &due))
		return false;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES); /* if that is too little, it has the usual one */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&guard->thread, &attributes, watch, guard);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return !failed;
}

static void release(struct guard *guard)
{
	for (size_t i = 0; i < guard->timer_count; i++)
		timer_delete(guard->timers[i]);
	if (guard->epoll_fd >= 0)
		close(guard->epoll_fd);
	if (guard->end_fd >= 0)
		close(guard->end_fd);
	if (guard->reap_fd >= 0)
		close(guard->reap_fd);
	free(guard);
}

struct guard *guard_new(void)
{
	struct guard *guard = xcalloc(1, sizeof(*guard));
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGCONT };

	while (guard->timer_count < ARRAY_LENGTH(spans) &&
		timer_create(CLOCK_MONOTONIC, &event, &guard->timers[guard->timer_count]) == 0)
		guard->timer_count++;
	guard->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	guard->end_fd = eventfd(0, EFD_CLOEXEC);
	guard->reap_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (guard->timer_count && guard->epoll_fd >= 0 && guard->end_fd >= 0 && guard->reap_fd >= 0 &&
		start_thread(guard))
		return guard;
	release(guard);
	return NULL;
}

void guard_free(struct guard *guard)
{
	if (!guard)
		return;
	atomic_store(&guard->ends, true);
	eventfd_write(guard->end_fd, 1);
	pthread_join(guard->thread, NULL);
	release(guard);
}

static void set_timers(struct guard *guard, bool on)
{
	const struct itimerspec never = { 0 };
	const struct itimerspec often = { .it_value.tv_nsec = REAP_NS, .it_interval.tv_nsec = REAP_NS };
	const int64_t now = monotonic_ns(), passed = now - guard->set_ns;

	for (size_t i = 0; i < guard->timer_count; i++)
		timer_settime(guard->timers[i], 0, on ? &spans[i] : &never, NULL);
	timerfd_settime(guard->reap_fd, 0, on ? &often : &never, NULL);
	if (guard->active && passed >= FIRST_NS && passed < LATE_NS)
		guard->ask_until_ns = now + ASK_NS;
	guard->set_ns = now;
}

void guard_begin(struct guard *guard)
{
	if (!guard)
		return;
	if (!guard->active && !guard->ask_until_ns)
		guard->interruptions_before = atomic_load(&guard->interruptions);
	set_timers(guard, true);
	guard->active = true;
}

unsigned guard_interruptions(const struct guard *guard)
{
	return guard ? atomic_load(&guard->interruptions) : 0;
}

void guard_forget(struct guard *guard, unsigned interruptions)
{
	const int64_t end_ns = monotonic_ns() + ASK_NS;
	const struct timespec moment = { .tv_nsec = 1000000 };

	if (!guard)
		return;
	/* else the thread that knows would tell of this stop in a later pause */
	while (atomic_load(&guard->interruptions) == interruptions && monotonic_ns() < end_ns)
		nanosleep(&moment, NULL);
	guard->ask_until_ns = 0;
}

void guard_end(struct guard *guard)
{
	if (!guard || !guard->active)
		return;
	set_timers(guard, false);
	guard->active = false;
	if (!guard->ask_until_ns)
		return;
	if (atomic_load(&guard->interruptions) != guard->interruptions_before) {
		guard->ask_until_ns = 0;
		/* this very thread, so that it begins no other pause before it stops */
		if (!atomic_load(&guard->was_traced))
			pthread_kill(pthread_self(), SIGSTOP);
	} else if (guard->set_ns > guard->ask_until_ns) {
		guard->ask_until_ns = 0;
	}
}
