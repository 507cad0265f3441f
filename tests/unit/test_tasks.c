/* SPDX-License-Identifier: MIT */
/* What is asked of the kernel about one thread. */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <unistd.h>

#include "../child.h"
#include "suite.h"

/*
 * A thread that is being started has no tid yet, and is asked for as thread 0. That is no thread, and the
 * answer must not come from descriptor 0, which is pyrope's own standard input or whatever file was opened
 * when that was closed.
 */
START_TEST(test_no_thread)
{
	struct child child = child_start(4096);
	uint64_t first, second;
	int ends[2], kept = dup(0);
	char byte = 'x';

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(write(ends[1], &byte, 1), 1);
	close(ends[1]);
	ck_assert_int_eq(dup2(ends[0], 0), 0);
	ck_assert(!target_task_schedstat(child.target, 0, &first, &second));
	ck_assert(!target_task_sched(child.target, 0, &first, &second));
	ck_assert_int_eq(target_task_state(child.target, 0).activity, TASK_GONE);
	ck_assert_int_eq(target_task_cpu(child.target, 0), -1);
	ck_assert_msg(fcntl(0, F_GETFD) >= 0, "descriptor 0 was closed");
	ck_assert_msg(read(0, &byte, 1) == 1, "descriptor 0 was read");
	/* and of a thread that there is, the answer is its own */
	ck_assert(target_task_schedstat(child.target, child.pid, &first, &second));
	dup2(kept, 0);
	close(kept);
	close(ends[0]);
	child_end(&child);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, test_no_thread);
}

int main(void)
{
	return suite_run("tasks", add_tests);
}
