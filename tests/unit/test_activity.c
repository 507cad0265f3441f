/* SPDX-License-Identifier: MIT */
/*
 * Is a thread on a CPU or does it wait for one, by what /proc says: here a folder of files that a test
 * writes.
 */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../child.h"
#include "sampling/activity.h"
#include "suite.h"
#include "target/internal.h"

#define TID 7
#define TICK_NS INT64_C(2000000)

static struct child child;
static struct activity activity;
static struct activity_tick now;
static char folder[] = "/tmp/test_activity.XXXXXX";
static uint64_t cpu_ns, slices, switches;

static void write_file(const char *name, const char *text)
{
	int fd = openat(child.target->proc_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	const size_t length = strlen(text);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, length), (ssize_t)length);
	close(fd);
}

static void begin(void)
{
	int fd;

	child = child_start(4096);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	fd = open(folder, O_RDONLY | O_DIRECTORY);
	ck_assert_int_ge(fd, 0);
	dup2(fd, child.target->proc_fd);
	close(fd);
	ck_assert_int_eq(mkdirat(child.target->proc_fd, "task", 0700), 0);
	ck_assert_int_eq(mkdirat(child.target->proc_fd, "task/7", 0700), 0);
}

static void end(void)
{
	static const char *const names[] = { "task/7/schedstat", "task/7/sched", "task/7/syscall",
		"task/7/stat" };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		unlinkat(child.target->proc_fd, names[i], 0);
	unlinkat(child.target->proc_fd, "task/7", AT_REMOVEDIR);
	unlinkat(child.target->proc_fd, "task", AT_REMOVEDIR);
	rmdir(folder);
	child_end(&child);
}

static void write_schedstat(void)
{
	char text[64];

	snprintf(text, sizeof(text), "%llu 0 %llu\n", (unsigned long long)cpu_ns, (unsigned long long)slices);
	write_file("task/7/schedstat", text);
}

/* The next tick's look. letter: as /proc/PID/stat has it. */
static enum thread_state snapshot_take(char letter)
{
	char text[512];

	now = (struct activity_tick){
		.now_ns = now.now_ns + TICK_NS, .has_displaced = true, .displaced_exec_ns = UINT64_MAX
	};
	write_schedstat();
	snprintf(text, sizeof(text),
		"python (7, #threads: 1)\nse.exec_start  :  1.000000\nnr_switches  :  %llu\n",
		(unsigned long long)switches);
	write_file("task/7/sched", text);
	write_file("task/7/syscall",
		letter == 'R' ? "running\n" : "202 0x0 0x0 0x0 0x0 0x0 0x0 0x7ff0 0x7ff8\n");
	snprintf(text, sizeof(text), "7 (python) %c 1 1 1 0 -1 0\n", letter);
	write_file("task/7/stat", text);
	return activity_look(&activity, child.target, TID, &now);
}

/* It is given a CPU; counted: as the kernel counts it. */
static void arrive(bool counted)
{
	slices += counted;
}

static void leave(void)
{
	switches++;
	cpu_ns += TICK_NS;
}

START_TEST(test_plain)
{
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(snapshot_take('S'), THREAD_SLEEPING);
		ck_assert_int_eq(snapshot_take('R'), THREAD_WAITS_CPU);
		arrive(true);
		ck_assert_int_eq(snapshot_take('R'), THREAD_RUNNING);
		leave();
		ck_assert_int_eq(snapshot_take('R'), THREAD_WAITS_CPU);
		arrive(true);
		ck_assert_int_eq(snapshot_take('R'), THREAD_RUNNING);
		leave();
	}
}
END_TEST

/* The kernel has not counted one arrival. When the thread sleeps next that is learned. */
START_TEST(test_lost_then_asleep)
{
	ck_assert_int_eq(snapshot_take('S'), THREAD_SLEEPING);
	for (int i = 0; i < 5; i++) {
		arrive(false);
		leave();
		arrive(true);
		leave();
		now.now_ns += INT64_C(100000000);
		ck_assert_int_eq(snapshot_take('S'), THREAD_SLEEPING);
		arrive(true);
		ck_assert_int_eq(snapshot_take('R'), THREAD_RUNNING);
		leave();
		ck_assert_int_eq(snapshot_take('R'), THREAD_WAITS_CPU);
	}
}
END_TEST

/* It has run without being counted: nobody may say that it has slept. */
START_TEST(test_lost_is_no_sleep)
{
	ck_assert_int_eq(snapshot_take('S'), THREAD_SLEEPING);
	ck_assert(activity_sleeps_still(&activity, child.target, TID));
	arrive(false);
	leave();
	write_schedstat();
	ck_assert(!activity_sleeps_still(&activity, child.target, TID));
}
END_TEST

/* It does not sleep any more: that it is on a CPU most of the time cannot be hidden for long. */
START_TEST(test_lost_then_busy)
{
	int running = 0;

	ck_assert_int_eq(snapshot_take('S'), THREAD_SLEEPING);
	arrive(false);
	for (int i = 0; i < 100; i++) {
		running += snapshot_take('R') == THREAD_RUNNING;
		leave();
		arrive(true);
	}
	ck_assert_msg(running >= 80, "running at %d looks of 100", running);
}
END_TEST

/* One that is on a CPU for a tenth of its time, and never at a snapshot, waits. */
START_TEST(test_waits)
{
	ck_assert_int_eq(snapshot_take('S'), THREAD_SLEEPING);
	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(snapshot_take('R'), THREAD_WAITS_CPU);
		arrive(true);
		switches++;
		cpu_ns += TICK_NS / 10;
	}
}
END_TEST

/* One snapshot at a thread that leaves its CPU in the middle of it says nothing about the others. */
START_TEST(test_leaves_in_a_snapshot)
{
	arrive(true);
	ck_assert_int_eq(snapshot_take('R'), THREAD_RUNNING);
	switches++; /* seen already, when the time is not */
	ck_assert_int_eq(snapshot_take('R'), THREAD_WAITS_CPU);
	cpu_ns += TICK_NS;
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(snapshot_take('R'), THREAD_WAITS_CPU);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, begin, end);
	tcase_add_test(tests, test_plain);
	tcase_add_test(tests, test_lost_then_asleep);
	tcase_add_test(tests, test_lost_is_no_sleep);
	tcase_add_test(tests, test_lost_then_busy);
	tcase_add_test(tests, test_waits);
	tcase_add_test(tests, test_leaves_in_a_snapshot);
}

int main(void)
{
	return suite_run("activity", add_tests);
}
