/* SPDX-License-Identifier: MIT */
/*
 * Holding one thread still, so that it never notices.
 *
 * - A thread that sleeps is not touched: its state is looked at right before PTRACE_INTERRUPT.
 * - Between that look and the interrupt it may still go to sleep, and epoll_wait and its kin would return
 * EINTR. Such a call has only just begun; the kernel is asked to begin it again (arch_restart_system_call).
 * - A signal may arrive together with our interrupt. The stop is then a signal-delivery stop, and pause_end
 * hands the signal on; the kernel kept its siginfo.
 * - A thread that does not stop in time (it entered state D, as the parent of a vfork does) cannot be
 * detached from, for that takes a stop. It is remembered as pending, and let go the moment it stops
 * (pause_settle).
 * - That has to happen also when we are killed before. The kernel then lets the thread go on with the signal
 * that it keeps for the tracer, and a waitid that consumes the stop clears that (exit_code in
 * wait_task_stopped, kernel/exit.c). So stops are looked at with WNOWAIT only, and a thread that has exited
 * is waited for once more without it.
 * - PTRACE_SEIZE leaves no trace when we die: the kernel detaches and lets the thread run (exit_ptrace). So
 * there is no instant at which SIGKILL would leave it stopped. Never PTRACE_ATTACH (it queues a SIGSTOP),
 * never PTRACE_O_EXITKILL.
 * - SIGSTOP to pyrope itself does not last as long as a thread is held (guard.c).
 * - A thread that dies while it is ours has to be waited for, or its process hangs: execve in another thread
 * and the parent's wait both need the tracer to have done so. But a process that pyrope itself launched is
 * waited for by whoever wants its exit code, and not here.
 * - The first thread of a process that is killed may die before the others, and can be waited for after them
 *   only (delay_group_leader, kernel/exit.c). Until its tracer has done so the parent's wait does not see it
 *   (keeps_first).
 * - A thread that a signal has stopped may be held as well, for its registers: PTRACE_SEIZE turns its stop
 * into one of ours within the kernel, and PTRACE_DETACH turns it back (JOBCTL_STOP_PENDING in
 * __ptrace_unlink, kernel/ptrace.c); it executes nothing of its own meanwhile, and its parent hears of no
 * second stop.
 * - A thread that calls execve comes out of it with another tid, the one of its process, and is still ours.
 */
#include "config.h"

#include "arch/arch.h"
#include "target/guard.h"
#include "target/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NS 30000
#define SLEEP_NS 200000
/* in a row: a thread that was killed in its stop may take its time to be dead */
#define DETACH_TRIES 1000
#define INTERRUPT_TRIES 3 /* of what does not fail on its own */
#define BACK_NS 1000000   /* until a thread that was stopped by a signal is so again */

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
		SYS_semop,
		SYS_semtimedop,
		SYS_rt_sigtimedwait,
		SYS_io_getevents,
		SYS_read,
		SYS_readv,
		SYS_recvfrom,
		SYS_recvmsg,
		SYS_recvmmsg,
		SYS_accept,
		SYS_accept4,
		SYS_connect,
		SYS_write,
		SYS_writev,
		SYS_sendto,
		SYS_sendmsg,
		SYS_sendmmsg,
		SYS_msgrcv,
		SYS_msgsnd,
	};

	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
		if (numbers[i] == number)
			return true;
	}
	return false;
}

/* ---- what became of a thread that was told to stop ---- */

enum outcome {
	OUTCOME_RUNNING, /* nothing yet */
	OUTCOME_STOPPED,
	OUTCOME_GONE, /* nothing is left to detach from */
};

/* Is the process a child of pyrope? Only asked when it is dead. */
static bool is_own_child(const struct target *target)
{
	char status[4096];
	const char *field;

	if (proc_read(target->proc_fd, "status", status, sizeof(status)) < 0)
		return true; /* somebody has waited for it */
	field = status_field(status, "PPid");
	return field && strtol(field, NULL, 10) == getpid();
}

/*
 * *tid becomes the process's when the thread has called execve; *signal is what the stop is to deliver, 0:
 * nothing.
 */
static enum outcome poll_thread(struct target *target, pid_t *tid, int *signal)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)*tid, &info, WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL)) {
		if (errno != ECHILD) /* no answer; ECHILD says that nobody of this number is ours */
			return OUTCOME_RUNNING;
		if (*tid == target->pid || target_tracer(target, target->pid) != (pid_t)syscall(SYS_gettid))
			return OUTCOME_GONE;
		*tid = target->pid;
		return OUTCOME_RUNNING;
	}
	if (info.si_pid == 0)
		return OUTCOME_RUNNING;
	if (info.si_code == CLD_TRAPPED) {
		*signal = info.si_status >> 8 == PTRACE_EVENT_STOP ? 0 : info.si_status & 0xff;
		return OUTCOME_STOPPED;
	}
	if (*tid != target->pid || !is_own_child(target))
		waitpid(*tid, NULL, WNOHANG | __WALL); /* of a process its parent hears only now */
	return OUTCOME_GONE;
}

/*
 * Waits for the stop. It takes a few microseconds when the thread is on another CPU, so that going to sleep
 * for it would only prolong the time that the thread is held. After SPIN_NS it is more likely that the two of
 * us share a CPU: then we sleep in sigtimedwait until the SIGCHLD that the stop sends (blocked in every
 * thread, see start_thread in sampler.c); waitid itself knows no deadline.
 */
void pause_nap(struct target *target)
{
	const struct timespec moment = { .tv_nsec = SLEEP_NS };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	guard_begin(target->pauser->guard);
	sigtimedwait(&child, NULL, &moment);
}

static enum outcome wait_for_stop(struct target *target, pid_t *tid, int *signal, int64_t deadline_ns)
{
	const int64_t begin = monotonic_ns();

	for (;;) {
		enum outcome outcome = poll_thread(target, tid, signal);
		int64_t waited = monotonic_ns() - begin;

		if (outcome != OUTCOME_RUNNING || waited > deadline_ns)
			return outcome;
		if (waited > SPIN_NS)
			pause_nap(target);
	}
}

bool pause_pending(const struct target *target)
{
	return target->pending_count > 0;
}

struct pauser *pauser_new(void)
{
	return xcalloc(1, sizeof(struct pauser));
}

void pauser_release(struct pauser *pauser)
{
	guard_free(pauser->guard);
	if (pauser->is_guarded && pauser->schedstat_fd >= 0)
		close(pauser->schedstat_fd);
}

void pauser_free(struct pauser *pauser)
{
	if (!pauser)
		return;
	pauser_release(pauser);
	free(pauser);
}

/* For how long our thread has been ready to run and had no CPU, so far; -1: the kernel does not say. */
static int64_t own_waited_ns(const struct pauser *pauser)
{
	char text[128], *at;

	if (pauser->schedstat_fd < 0 || read_again(pauser->schedstat_fd, text, sizeof(text)) < 0)
		return -1;
	strtoull(text, &at, 10);
	return (int64_t)strtoull(at, NULL, 10);
}

void target_use_pauser(struct target *target, struct pauser *pauser)
{
	assert(!target->pending_count && !target->held_count);
	target->pauser = pauser;
}

unsigned pauser_stops(const struct pauser *pauser)
{
	return guard_interruptions(pauser->guard);
}

void pauser_forget_stop(struct pauser *pauser, unsigned stops)
{
	guard_forget(pauser->guard, stops);
}

static size_t pending_index(const struct target *target, pid_t tid)
{
	size_t index = 0;

	while (index < target->pending_count && target->pending[index].tid != tid)
		index++;
	return index;
}

static void add_pending(struct target *target, pid_t tid, bool is_late)
{
	target->pending[target->pending_count++] = (struct pending){ tid, is_late };
	target->pauser->busy++;
}

static void remove_pending(struct target *target, size_t index)
{
	target->pending[index] = target->pending[--target->pending_count];
	target->pauser->busy--;
}

/* The process's own end is not the guard's to be told: it may be pyrope's child. */
static void attach(struct target *target, pid_t tid)
{
	if (tid != target->pid)
		guard_attach(target->pauser->guard, tid);
}

/* Nothing is held any more, nor may be at any time. */
static void release_guard(struct target *target)
{
	if (!target->pauser->busy)
		guard_end(target->pauser->guard);
}

/* Lets a thread go that is late, if it has stopped. */
static void settle_one(struct target *target, size_t index)
{
	pid_t *tid = &target->pending[index].tid;

	for (int attempt = 0; attempt < DETACH_TRIES && target->pending[index].is_late; attempt++) {
		struct registers ignored;
		int signal = 0;

		switch (poll_thread(target, tid, &signal)) {
		case OUTCOME_RUNNING:
			/* a first thread that has ended before the others cannot be waited for yet */
			if (*tid != target->pid ||
				(target_task_state(target, *tid).activity != TASK_GONE &&
					target_tracer(target, *tid) == (pid_t)syscall(SYS_gettid)))
				return;
			target->keeps_first = true;
			break;
		case OUTCOME_STOPPED:
			arch_restart_system_call(*tid, &ignored);
			if (ptrace(PTRACE_DETACH, *tid, NULL, (void *)(long)signal))
				continue; /* killed in its stop: see how it ended */
			break;
		case OUTCOME_GONE:
			break;
		}
		guard_detach(target->pauser->guard, *tid);
		remove_pending(target, index);
		return;
	}
}

bool pause_keeps_first(const struct target *target)
{
	return target->keeps_first;
}

void pause_let_first_go(struct target *target)
{
	pid_t tid = target->pid;
	int ignored;

	if (target->keeps_first && poll_thread(target, &tid, &ignored) == OUTCOME_GONE)
		target->keeps_first = false;
}

void pause_settle(struct target *target, int64_t until_ns)
{
	const int64_t begin = monotonic_ns();

	pause_let_first_go(target);
	if (!target->pending_count)
		return;
	guard_begin(target->pauser->guard);
	for (;;) {
		int64_t now;

		for (size_t index = target->pending_count; index-- > 0;)
			settle_one(target, index);
		now = monotonic_ns();
		if (!target->pending_count || now >= until_ns)
			break;
		if (now - begin > SPIN_NS)
			pause_nap(target);
	}
	release_guard(target);
	pause_let_first_go(target);
}

/* ---- pauses ---- */

static enum pause_result refused(struct target *target, pid_t tid, struct error *err)
{
	int reason = errno;
	pid_t tracer;

	if (reason == ESRCH || target_task_state(target, tid).activity == TASK_GONE)
		return PAUSE_GONE; /* EPERM is also what is said of a thread that has just ended */
	tracer = target_tracer(target, tid);
	if (tracer)
		error_set(err, ERROR_PERMISSION, "cannot pause thread %d: process %d traces it already", tid,
			tracer);
	else
		permission_explain(target->pid, reason, err);
	return PAUSE_REFUSED;
}

static enum pause_result tell_thread(struct target *target, const struct pause_condition *condition,
	struct pause *pause, struct error *err)
{
	if (condition && !condition->holds(condition->context))
		return PAUSE_UNFIT;
	attach(target, pause->tid);
	if (syscall_kills(SYS_ptrace) || ptrace(PTRACE_SEIZE, pause->tid, NULL, NULL)) {
		guard_detach(target->pauser->guard, pause->tid);
		return refused(target, pause->tid, err);
	}
	pause->begin_ns = monotonic_ns();
	/*
	 * From here on there is no way back but through a stop: PTRACE_DETACH is for stopped threads. So the
	 * state is not looked at again: had it gone to sleep meanwhile, arch_restart_system_call repairs
	 * that. A thread that is too dead to be told is waited for like any other; all other failures would
	 * leave it traced, and running.
	 */
	for (int attempt = 0; attempt < INTERRUPT_TRIES; attempt++) {
		if (ptrace(PTRACE_INTERRUPT, pause->tid, NULL, NULL) == 0 || errno == ESRCH)
			break;
	}
	add_pending(target, pause->tid, false);
	return PAUSE_TOLD;
}

static enum pause_result tell(struct target *target, const struct pause_condition *condition,
	bool (*may_hold)(struct target *target, pid_t tid), struct pause *pause, struct error *err)
{
	enum pause_result result;

	pause_settle(target, 0);
	if (target->pauser->busy >= PAUSES_AT_ONCE ||
		pending_index(target, pause->tid) < target->pending_count)
		return PAUSE_TIMEOUT;
	if (!may_hold(target, pause->tid))
		return PAUSE_ASLEEP;
	if (!target->pauser->is_guarded) {
		target->pauser->guard = guard_new();
		target->pauser->schedstat_fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
		target->pauser->is_guarded = true;
	}
	/*
	 * with others the timers have been set just now, and setting them again would hold those for longer
	 */
	if (!target->pauser->busy)
		guard_begin(target->pauser->guard);
	pause->own_waited_ns = own_waited_ns(target->pauser);
	pause->own_cpu_ns = thread_cpu_ns();
	pause->own_stops = guard_interruptions(target->pauser->guard);
	result = tell_thread(target, condition, pause, err);
	if (result != PAUSE_TOLD)
		release_guard(target);
	return result;
}

static enum pause_result tell_by_script(
	struct target *target, const struct pause_condition *condition, struct pause *pause)
{
	enum pause_result result;

	pause->begin_ns = pause->stopped_ns = monotonic_ns();
	if (condition && !condition->holds(condition->context))
		return PAUSE_UNFIT;
	result = target->script->pause_begin(target->script->context, pause->tid);
	return result == PAUSE_HELD ? PAUSE_TOLD : result;
}

enum pause_result pause_tell(struct target *target, pid_t tid, const struct pause_condition *condition,
	struct pause *pause, struct error *err)
{
	*pause = (struct pause){ .target = target, .tid = tid };
	if (target->script)
		return tell_by_script(target, condition, pause);
	return tell(target, condition, task_is_running, pause, err);
}

enum pause_result pause_await(struct pause *pause, int64_t deadline_ns)
{
	struct target *target = pause->target;
	const size_t index = pending_index(target, pause->tid);
	enum outcome outcome = OUTCOME_GONE;

	if (target->script)
		return PAUSE_HELD;
	if (index < target->pending_count)
		outcome = wait_for_stop(target, &target->pending[index].tid, &pause->signal, deadline_ns);
	if (outcome == OUTCOME_RUNNING) {
		target->pending[index].is_late = true;
		return PAUSE_TIMEOUT;
	}
	if (outcome == OUTCOME_STOPPED) {
		pause->tid = target->pending[index].tid;
		pause->stopped_ns = monotonic_ns();
		target->held_count++;
		target->pauser->busy++;
		arch_restart_system_call(pause->tid, &pause->registers);
	} else {
		guard_detach(target->pauser->guard, pause->tid);
	}
	if (index < target->pending_count)
		remove_pending(target, index);
	release_guard(target);
	return outcome == OUTCOME_STOPPED ? PAUSE_HELD : PAUSE_GONE;
}

enum pause_result pause_begin(struct target *target, pid_t tid, const struct pause_condition *condition,
	int64_t deadline_ns, struct pause *pause, struct error *err)
{
	const enum pause_result result = pause_tell(target, tid, condition, pause, err);

	return result == PAUSE_TOLD ? pause_await(pause, deadline_ns) : result;
}

static bool is_stopped_in_code(struct target *target, pid_t tid)
{
	const struct task_state task = target_task_state(target, tid);

	return task_stopped_in_code(&task);
}

enum pause_result pause_begin_stopped(
	struct target *target, pid_t tid, int64_t deadline_ns, struct pause *pause, struct error *err)
{
	enum pause_result result;

	*pause = (struct pause){ .target = target, .tid = tid };
	result = tell(target, NULL, is_stopped_in_code, pause, err);
	return result == PAUSE_TOLD ? pause_await(pause, deadline_ns) : result;
}

void pause_end(struct pause *pause)
{
	struct target *target = pause->target;
	int64_t waited_ns;

	/* before, and not after: the thread that wakes up may take our CPU */
	pause->end_ns = monotonic_ns();
	if (target->script) {
		target->script->pause_end(target->script->context, pause->tid);
		return;
	}
	target->held_count--;
	target->pauser->busy--;
	if (ptrace(PTRACE_DETACH, pause->tid, NULL, (void *)(long)pause->signal)) {
		add_pending(target, pause->tid, true); /* it was killed in its stop */
		settle_one(target, target->pending_count - 1);
	} else {
		guard_detach(target->pauser->guard, pause->tid);
	}
	pause->worked_ns = thread_cpu_ns() - pause->own_cpu_ns;
	pause->waited_ns = pause->end_ns - pause->begin_ns - pause->worked_ns;
	waited_ns = own_waited_ns(target->pauser) - pause->own_waited_ns;
	/* more: the thread that was let go has taken our CPU */
	if (pause->own_waited_ns >= 0 && waited_ns >= 0 && waited_ns < pause->waited_ns)
		pause->waited_ns = waited_ns;
	if (pause->waited_ns < 0)
		pause->waited_ns = 0;
	if (pause->end_ns - pause->begin_ns > PAUSE_LONG_NS)
		pause->was_interrupted = guard_interruptions(target->pauser->guard) != pause->own_stops;
	release_guard(target);
}

bool pause_back_in_stop(
	const struct pause *pause, const struct registers *registers, uint64_t *cpu_ns, uint64_t *slices)
{
	const int64_t end_ns = monotonic_ns() + BACK_NS;

	do {
		const struct task_state task = target_task_state(pause->target, pause->tid);

		if (task_stopped_in_code(&task))
			return task.instruction_pointer == registers->pc &&
				task.stack_pointer == registers->values[register_roles.stack_pointer] &&
				target_task_schedstat(pause->target, pause->tid, cpu_ns, slices);
	} while (monotonic_ns() < end_ns);
	return false;
}

bool pause_registers(const struct pause *pause, struct registers *registers)
{
	if (!pause->registers.known)
		return arch_registers(pause->tid, registers);
	*registers = pause->registers;
	return true;
}
