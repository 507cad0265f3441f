/* SPDX-License-Identifier: MIT */
/*
 * An execve waits until all other threads have gone, a traced one until its tracer has waited for it; and a
 * tracer that asks for one more thread waits for the execve. A parent hears of its child's end when a tracer
 * has waited for the first thread. None of them may wait for ever. And a thread is told to stop only while
 * the condition holds that it is stopped under.
 */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyrope/target.h"
#include "suite.h"

#define DEADLINE_NS INT64_C(60000000000)

static struct shared {
	atomic_int burns, execs; /* thread ids */
	atomic_bool go_on;
	/* what the parent of the one that is killed hears; is its other thread held? */
	atomic_int child, heard, holds;
} * shared;

static void *burn(void *ignored)
{
	atomic_store(&shared->burns, (int)syscall(SYS_gettid));
	for (;;)
		;
	return ignored;
}

static void *exec_when_told(void *ignored)
{
	atomic_store(&shared->execs, (int)syscall(SYS_gettid));
	while (!atomic_load(&shared->go_on))
		usleep(1000);
	execl("/bin/sleep", "sleep", "1000", (char *)NULL);
	_exit(127);
	return ignored;
}

static void run_child(void)
{
	pthread_t threads[2];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pthread_create(&threads[0], NULL, burn, NULL) ||
		pthread_create(&threads[1], NULL, exec_when_told, NULL))
		_exit(1);
	for (;;)
		pause();
}

static bool is_sleep(pid_t pid)
{
	char path[64], name[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(name, sizeof(name), file))
		name[0] = '\0';
	fclose(file);
	return strcmp(name, "sleep\n") == 0;
}

static void check_time(int64_t begin_ns)
{
	ck_assert_int_lt(monotonic_ns() - begin_ns, DEADLINE_NS);
	usleep(1000);
}

START_TEST(test_exec)
{
	const int64_t begin_ns = monotonic_ns();
	struct error err = { 0 };
	struct target *target;
	struct pause pause;
	pid_t child;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	child = fork();
	if (child == 0)
		run_child();
	while (!atomic_load(&shared->burns) || !atomic_load(&shared->execs))
		check_time(begin_ns);
	ck_assert_msg(target_open(&target, child, &err) == 0, "%s", err.message);
	while (pause_tell(target, shared->burns, NULL, &pause, &err) == PAUSE_ASLEEP)
		check_time(begin_ns);
	if (pause_pending(target)) { /* else nothing can be traced here: an emulator */
		atomic_store(&shared->go_on, true);
		while (target_task_state(target, shared->burns).activity != TASK_GONE)
			check_time(begin_ns);
		ptrace(PTRACE_SEIZE, child, NULL, NULL); /* it is refused; it must come back */
		while (!is_sleep(child))
			check_time(begin_ns);
		ck_assert_int_eq(pause_await(&pause, 1000000), PAUSE_GONE);
		ck_assert(!pause_pending(target));
	}
	target_close(target);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	munmap(shared, sizeof(*shared));
}
END_TEST

static void block_child_signal(void)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD); /* pause_await waits for it */
	sigprocmask(SIG_BLOCK, &child, NULL);
}

/* Its child burns in two threads. */
static void run_parent(void)
{
	pthread_t thread;
	int status;
	pid_t child = fork();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (child == 0) {
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
		if (pthread_create(&thread, NULL, burn, NULL))
			_exit(1);
		for (;;)
			;
	}
	atomic_store(&shared->child, child);
	if (waitpid(child, &status, 0) == child)
		atomic_store(&shared->heard, status);
	_exit(0);
}

/* Traces a thread, and does not wait for it when it ends: until we end, the process has it still. */
static void run_holder(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	atomic_store(&shared->holds, ptrace(PTRACE_SEIZE, shared->burns, NULL, NULL) ? -1 : 1);
	while (!atomic_load(&shared->go_on))
		usleep(1000);
	_exit(0);
}

/* The first thread is killed in a pause and dies before the other one does. */
START_TEST(test_killed)
{
	const int64_t begin_ns = monotonic_ns();
	enum pause_result result;
	struct error err = { 0 };
	struct target *target;
	struct pause pause;
	pid_t parent, holder;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	parent = fork();
	if (parent == 0)
		run_parent();
	while (!atomic_load(&shared->burns) || !atomic_load(&shared->child))
		check_time(begin_ns);
	holder = fork();
	if (holder == 0)
		run_holder();
	while (!atomic_load(&shared->holds))
		check_time(begin_ns);
	ck_assert_msg(target_open(&target, shared->child, &err) == 0, "%s", err.message);
	do {
		check_time(begin_ns);
		result = pause_begin(target, shared->child, NULL, 1000000000, &pause, &err);
	} while (result == PAUSE_ASLEEP || result == PAUSE_TIMEOUT);
	if (result == PAUSE_HELD && shared->holds > 0) { /* else nothing can be traced here */
		kill(shared->child, SIGKILL);
		while (target_task_state(target, shared->child).activity != TASK_GONE)
			check_time(begin_ns);
		pause_end(&pause);
		pause_settle(target, 0);
		ck_assert(!pause_pending(target));
		ck_assert(pause_keeps_first(target));
		ck_assert_int_eq(shared->heard, 0);
		atomic_store(&shared->go_on, true);
		while (!atomic_load(&shared->heard)) {
			pause_settle(target, 0);
			check_time(begin_ns);
		}
		ck_assert_int_eq(shared->heard, SIGKILL);
		ck_assert(!pause_keeps_first(target));
	}
	target_close(target);
	if (!shared->heard)
		kill(shared->child, SIGKILL);
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	waitpid(parent, NULL, 0);
	munmap(shared, sizeof(*shared));
}
END_TEST

/* ---- the condition ---- */

/* What was seen when the condition was asked. */
struct asked {
	struct target *target;
	pid_t tid;
	bool holds; /* the answer */
	int times;
	pid_t tracer;
};

static bool ask(void *context)
{
	struct asked *asked = context;

	asked->times++;
	asked->tracer = target_tracer(asked->target, asked->tid);
	return asked->holds;
}

static pid_t fork_child(bool burns)
{
	const pid_t child = fork();

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (!burns)
			pause();
	}
}

static void end_child(struct target *target, pid_t child)
{
	target_close(target);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* It is asked last of all, and of a thread that nobody traces: what does not hold leaves no trace of us. */
START_TEST(test_condition)
{
	const int64_t begin_ns = monotonic_ns();
	const pid_t child = fork_child(true);
	struct asked asked = { .tid = child };
	const struct pause_condition condition = { ask, &asked };
	enum pause_result result;
	struct error err = { 0 };
	struct pause pause, another;

	ck_assert_msg(target_open(&asked.target, child, &err) == 0, "%s", err.message);
	while ((result = pause_tell(asked.target, child, &condition, &pause, &err)) == PAUSE_ASLEEP)
		check_time(begin_ns);
	ck_assert_int_eq(result, PAUSE_UNFIT);
	ck_assert_int_eq(asked.times, 1);
	ck_assert_int_eq(asked.tracer, 0);
	ck_assert_int_eq(target_tracer(asked.target, child), 0);
	ck_assert(!pause_pending(asked.target));

	asked.holds = true;
	while ((result = pause_tell(asked.target, child, &condition, &pause, &err)) == PAUSE_ASLEEP)
		check_time(begin_ns);
	ck_assert_int_eq(asked.times, 2);
	ck_assert_int_eq(asked.tracer, 0);
	if (result == PAUSE_TOLD) { /* else nothing can be traced here: an emulator */
		ck_assert_int_eq(pause_tell(asked.target, child, &condition, &another, &err), PAUSE_TIMEOUT);
		ck_assert_int_eq(asked.times, 2);
		while ((result = pause_await(&pause, 1000000000)) == PAUSE_TIMEOUT)
			check_time(begin_ns);
		ck_assert_int_eq(result, PAUSE_HELD);
		pause_end(&pause);
	} else {
		ck_assert_int_eq(result, PAUSE_REFUSED);
	}
	end_child(asked.target, child);
}
END_TEST

/* One that sleeps is not stopped anyway: its condition, which may have changed since, is not asked. */
START_TEST(test_condition_of_sleeper)
{
	const int64_t begin_ns = monotonic_ns();
	const pid_t child = fork_child(false);
	struct asked asked = { .tid = child, .holds = true };
	const struct pause_condition condition = { ask, &asked };
	struct error err = { 0 };
	struct pause pause;

	ck_assert_msg(target_open(&asked.target, child, &err) == 0, "%s", err.message);
	while (target_task_state(asked.target, child).activity != TASK_SLEEPING)
		check_time(begin_ns);
	ck_assert_int_eq(pause_tell(asked.target, child, &condition, &pause, &err), PAUSE_ASLEEP);
	ck_assert_int_eq(asked.times, 0);
	ck_assert_int_eq(target_tracer(asked.target, child), 0);
	end_child(asked.target, child);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, block_child_signal, NULL);
	tcase_add_test(tests, test_exec);
	tcase_add_test(tests, test_killed);
	tcase_add_test(tests, test_condition);
	tcase_add_test(tests, test_condition_of_sleeper);
}

int main(void)
{
	return suite_run("pause", add_tests);
}
