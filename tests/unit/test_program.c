/* SPDX-License-Identifier: MIT */
/* Which program a process runs, and whether it is still in its parent's memory. */
#include "config.h"

#include <check.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyrope/session.h"
#include "suite.h"

#define DEADLINE_NS INT64_C(60000000000)
#define SLEEP "/bin/sleep"

static struct shared {
	atomic_int go_on, child;
} * shared;

static void setup(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
}

static void check_time(int64_t begin_ns)
{
	ck_assert_int_lt(monotonic_ns() - begin_ns, DEADLINE_NS);
	usleep(1000);
}

static void wait_for_word(void)
{
	while (!atomic_load(&shared->go_on))
		usleep(1000);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static bool is_file(struct program program, const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && program.device == status.st_dev && program.inode == status.st_ino;
}

static bool is_unknown(struct program program)
{
	return !program.device && !program.inode;
}

START_TEST(test_exec_is_another_program)
{
	const int64_t begin_ns = monotonic_ns();
	const pid_t child = fork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		wait_for_word();
		execl(SLEEP, "sleep", "1000", (char *)NULL);
		_exit(127);
	}
	ck_assert(is_file(program_of(child), "/proc/self/exe"));
	atomic_store(&shared->go_on, 1);
	while (is_file(program_of(child), "/proc/self/exe"))
		check_time(begin_ns);
	ck_assert(is_file(program_of(child), SLEEP));
	end(child);
	ck_assert(is_unknown(program_of(child)));
}
END_TEST

/* One that has ended, and has not been waited for, runs nothing. */
START_TEST(test_zombie)
{
	const pid_t child = fork();
	siginfo_t info;

	if (child == 0)
		_exit(0);
	ck_assert_int_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	ck_assert(is_unknown(program_of(child)));
	ck_assert(!shares_memory(getpid(), child));
	waitpid(child, NULL, 0);
}
END_TEST

START_TEST(test_nobody)
{
	ck_assert(is_unknown(program_of(0)));
	ck_assert(is_unknown(program_of(-1)));
	ck_assert(is_unknown(program_of(INT32_MAX)));
	ck_assert(!shares_memory(getpid(), INT32_MAX));
}
END_TEST

static int sleep_or_exec(void *exec)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	atomic_store(&shared->child, getpid());
	wait_for_word();
	if (exec)
		execl(SLEEP, "sleep", "1000", (char *)NULL);
	_exit(1);
}

/* As vfork does it: the child is in its parent's memory until it executes another program. */
START_TEST(test_memory_of_the_parent)
{
	static char stack[65536] __attribute__((aligned(16)));
	const int64_t begin_ns = monotonic_ns();
	pid_t forked, cloned;

	if (!shares_memory(getpid(), getpid()))
		return; /* kcmp is not to be had: nothing is known */
	if (getenv("PYROPE_TEST_EMULATOR"))
		return; /* qemu-user knows no clone but fork, vfork and those of threads */
	forked = fork();
	if (forked == 0)
		sleep_or_exec(NULL);
	ck_assert(!shares_memory(getpid(), forked));
	cloned = clone(sleep_or_exec, stack + sizeof(stack), CLONE_VM | SIGCHLD, &forked);
	ck_assert_int_gt(cloned, 0);
	ck_assert(shares_memory(getpid(), cloned));
	ck_assert(!shares_memory(forked, cloned));
	atomic_store(&shared->go_on, 1);
	while (shares_memory(getpid(), cloned))
		check_time(begin_ns);
	ck_assert(is_file(program_of(cloned), SLEEP));
	end(forked);
	end(cloned);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_test(tests, test_exec_is_another_program);
	tcase_add_test(tests, test_zombie);
	tcase_add_test(tests, test_nobody);
	tcase_add_test(tests, test_memory_of_the_parent);
}

int main(void)
{
	return suite_run("program", add_tests);
}
