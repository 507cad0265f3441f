/* SPDX-License-Identifier: MIT */
/*
 * Holding one thread still, so that it never notices.
 *
 * - A thread that sleeps is not touched: its state is looked at right before PTRACE_INTERRUPT.
 * - Between that look and the interrupt it may still go to sleep, and epoll_wait and its kin would return EINTR. Such a
 *   call has only just begun; the kernel is asked to begin it again (arch_restart_system_call).
 * - A signal may arrive together with our interrupt. The stop is then a signal-delivery stop, and pause_end hands the
 *   signal on; the kernel kept its siginfo.
 * - A thread that does not stop in time (it entered state D, as the parent of a vfork does) cannot be detached from, for
 *   that takes a stop. It is remembered as pending, and let go the moment it stops (pause_settle).
 * - PTRACE_SEIZE leaves no trace when we die: the kernel detaches and lets the thread run (exit_ptrace). So there is no
 *   instant at which SIGKILL would leave it stopped. Never PTRACE_ATTACH (it queues a SIGSTOP), never
 *   PTRACE_O_EXITKILL.
 */
#include "config.h"

#include "arch/arch.h"
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define SPIN_NS 30000

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128 /* linux/ptrace.h */
#endif

bool restartable_system_call(long number)
{
	static const long numbers[] = {
		SYS_epoll_pwait,
#ifdef SYS_epoll_wait
		SYS_epoll_wait,
#endif
#ifdef SYS_epoll_pwait2
		SYS_epoll_pwait2,
#endif
		SYS_semop, SYS_semtimedop, SYS_rt_sigtimedwait, SYS_io_getevents, SYS_read, SYS_readv, SYS_recvfrom,
		SYS_recvmsg, SYS_recvmmsg, SYS_accept, SYS_accept4, SYS_write, SYS_writev, SYS_sendto, SYS_sendmsg,
		SYS_msgrcv, SYS_msgsnd,
	};

	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
		if (numbers[i] == number)
			return true;
	}
	return false;
}

/*
 * Waits for the stop. It takes a few microseconds when the thread is on another CPU, so that going to sleep for it would
 * only prolong the time that the thread is held. After SPIN_NS it is more likely that the two of us share a CPU: then we
 * sleep in sigtimedwait until the SIGCHLD that the stop sends (blocked in every thread, see sampler.c); waitpid itself
 * knows no deadline.
 */
static pid_t wait_for_stop(pid_t tid, int *status, int64_t deadline_ns)
{
	const int64_t begin = monotonic_ns();
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		const struct timespec moment = { .tv_nsec = 200000 };
		pid_t got = waitpid(tid, status, __WALL | WNOHANG);
		int64_t waited = monotonic_ns() - begin;

		if (got != 0 && !(got < 0 && errno == EINTR))
			return got;
		if (waited > deadline_ns)
			return 0;
		if (waited > SPIN_NS)
			sigtimedwait(&child, NULL, &moment);
	}
}

static void detach(pid_t tid, int status)
{
	int signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);

	ptrace(PTRACE_DETACH, tid, NULL, (void *)(long)signal);
}

bool pause_pending(const struct target *target)
{
	return target->pending_tid != 0;
}

void pause_settle(struct target *target, int64_t until_ns)
{
	while (target->pending_tid) {
		int64_t left = until_ns - monotonic_ns();
		int status;
		pid_t got = wait_for_stop(target->pending_tid, &status, left > 0 ? left : 0);

		if (got == 0)
			return;
		if (got == target->pending_tid && WIFSTOPPED(status)) {
			arch_restart_system_call(target->pending_tid);
			detach(target->pending_tid, status);
		}
		target->pending_tid = 0;
	}
}

static enum pause_result refused(struct target *target, pid_t tid, struct error *err)
{
	int reason = errno;
	pid_t tracer;

	if (reason == ESRCH)
		return PAUSE_GONE;
	tracer = target_tracer(target, tid);
	if (tracer)
		error_set(err, ERROR_PERMISSION, "cannot pause thread %d: process %d traces it already", tid, tracer);
	else
		permission_explain(target->pid, reason, err);
	return PAUSE_REFUSED;
}

enum pause_result pause_begin(struct target *target, pid_t tid, int64_t deadline_ns, struct pause *pause,
	struct error *err)
{
	int status = 0;
	pid_t got;

	*pause = (struct pause){ .tid = tid };
	pause_settle(target, 0);
	if (target->pending_tid)
		return PAUSE_TIMEOUT;
	if (!task_is_running(target, tid))
		return PAUSE_ASLEEP;
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL))
		return refused(target, tid, err);
	pause->begin_ns = monotonic_ns();
	/*
	 * From here on there is no way back but through a stop: PTRACE_DETACH is for stopped threads. So the state is
	 * not looked at again: had it gone to sleep meanwhile, arch_restart_system_call repairs that.
	 */
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL))
		return PAUSE_GONE; /* ESRCH: it is dying */
	got = wait_for_stop(tid, &status, deadline_ns);
	if (got == 0) {
		target->pending_tid = tid;
		return PAUSE_TIMEOUT;
	}
	if (got != tid || !WIFSTOPPED(status))
		return PAUSE_GONE; /* it has exited: nothing is left to detach from */
	if (status >> 16 != PTRACE_EVENT_STOP)
		pause->signal = WSTOPSIG(status);
	arch_restart_system_call(tid);
	return PAUSE_HELD;
}

void pause_end(struct pause *pause)
{
	ptrace(PTRACE_DETACH, pause->tid, NULL, (void *)(long)pause->signal);
	pause->end_ns = monotonic_ns();
}
