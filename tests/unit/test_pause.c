/* SPDX-License-Identifier: MIT */
/*
 * An execve waits until all other threads have gone, a traced one until its tracer has waited for it; and a tracer that asks
 * for one more thread waits for the execve. Neither may wait for ever.
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
} *shared;

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
	if (pthread_create(&threads[0], NULL, burn, NULL) || pthread_create(&threads[1], NULL, exec_when_told, NULL))
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

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, block_child_signal, NULL);
	tcase_add_test(tests, test_exec);
}

int main(void)
{
	return suite_run("pause", add_tests);
}
