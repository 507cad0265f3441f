/* SPDX-License-Identifier: MIT */
/* The prediction of where a thread's frames lie: ranges that are added, merged and found again. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sampling/snapshot.h"
#include "suite.h"

static struct thread *thread;

static void setup(void)
{
	const struct python_thread identity = { .state = 0x1000 };

	thread = thread_new(&identity, 64);
}

static void teardown(void)
{
	thread_free(thread);
}

START_TEST(test_ranges_stay_sorted)
{
	thread_add_range(thread, 0x50000, 100);
	thread_add_range(thread, 0x10000, 100);
	thread_add_range(thread, 0x30000, 100);
	ck_assert_uint_eq(thread->range_count, 3);
	ck_assert_uint_eq(thread->bytes, 300);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(thread->ranges[i].start, 0x10000 + 0x20000 * i);
		ck_assert_uint_eq(thread->ranges[i].offset, 100 * i);
	}
}
END_TEST

START_TEST(test_neighbours_become_one)
{
	thread_add_range(thread, 0x10000, 100);
	thread_add_range(thread, 0x10000 + 600, 100); /* near enough */
	ck_assert_uint_eq(thread->range_count, 1);
	ck_assert_uint_eq(thread->ranges[0].length, 700);
	thread_add_range(thread, 0x20000, 8);
	ck_assert_uint_eq(thread->range_count, 2);
	thread_add_range(thread, 0x10000, 0x10000); /* reaches from the one to the other */
	ck_assert_uint_eq(thread->range_count, 1);
	ck_assert_uint_eq(thread->ranges[0].start, 0x10000);
	ck_assert_uint_eq(thread->ranges[0].length, 0x10008);
}
END_TEST

/* Room for a chain of 100,000 frames in 10 MB. */
static void make_room(void)
{
	const size_t count = 100000;

	thread_add_range(thread, 0x10000, 10 << 20);
	array_reserve(&thread->walk.frames, &thread->walk.capacity, count, sizeof(*thread->walk.frames));
	array_reserve(&thread->frames, &thread->frame_capacity, count, sizeof(*thread->frames));
	array_reserve(&thread->memo, &thread->memo_capacity, count, sizeof(*thread->memo));
	thread->walk.count = thread->frame_count = count;
	thread->is_kept = true;
}

START_TEST(test_room_is_given_back)
{
	make_room();
	thread_fit(thread, 100000);
	ck_assert_uint_eq(thread->range_count, 1);
	ck_assert_uint_ge(thread->copy_capacity, 10 << 20);
	ck_assert_uint_eq(thread->frame_count, 100000);
	thread_fit(thread, 100); /* the sample has no more */
	ck_assert_uint_eq(thread->range_count + thread->copy_capacity + thread->frame_capacity, 0);
	ck_assert_uint_eq(thread->memo_capacity + thread->walk.capacity + thread->walk.count, 0);
	ck_assert_uint_eq(thread->frame_count, 0);
	ck_assert(!thread->is_kept);
	thread_add_range(thread, 0x10000, 100);
	thread_fit(thread, 0); /* so little is kept */
	ck_assert_uint_eq(thread->range_count, 1);
}
END_TEST

/* A thread that sleeps keeps what it showed, and nothing that only a snapshot needs. */
START_TEST(test_rest)
{
	thread_add_range(thread, 0x10000, 100);
	thread_add_range(thread, 0x20000, 100);
	array_reserve(&thread->walk.frames, &thread->walk.capacity, 3, sizeof(*thread->walk.frames));
	array_reserve(&thread->frames, &thread->frame_capacity, 2, sizeof(*thread->frames));
	array_reserve(&thread->memo, &thread->memo_capacity, 3, sizeof(*thread->memo));
	thread->walk.count = 3;
	thread->frame_count = 2;
	thread->memo[2].line = 7;
	thread_rest(thread);
	ck_assert_uint_eq(thread->copy_capacity, 0);
	ck_assert_uint_eq(thread->range_capacity, 2);
	ck_assert_uint_eq(thread->walk.capacity, 3);
	ck_assert_uint_eq(thread->frame_capacity, 2);
	ck_assert_uint_eq(thread->memo_capacity, 3);
	ck_assert_int_eq(thread->memo[2].line, 7);
	ck_assert_uint_eq(thread->range_count, 2);
	thread_rest(thread);
	thread_add_range(thread, 0x30000, 100);
	ck_assert_uint_ge(thread->copy_capacity, 300);
}
END_TEST

START_TEST(test_range_below)
{
	thread_add_range(thread, 0x20000, 16);
	thread_add_range(thread, 0x20000 - 32, 16);
	ck_assert_uint_eq(thread->range_count, 1);
	ck_assert_uint_eq(thread->ranges[0].start, 0x20000 - 32);
	ck_assert_uint_eq(thread->ranges[0].length, 48);
}
END_TEST

START_TEST(test_bytes)
{
	thread_add_range(thread, 0x10000, 100);
	thread_add_range(thread, 0x20000, 100);
	memset(thread->copy, 'a', 100);
	memset(thread->copy + 100, 'b', 100);
	ck_assert_int_eq(*(const char *)thread_bytes(thread, 0x10000, 100), 'a');
	ck_assert_int_eq(*(const char *)thread_bytes(thread, 0x20000 + 99, 1), 'b');
	ck_assert_ptr_null(thread_bytes(thread, 0x20000 + 99, 2));
	ck_assert_ptr_null(thread_bytes(thread, 0x20000 - 1, 1));
	ck_assert_ptr_null(thread_bytes(thread, 0x10000, 101));
	ck_assert_ptr_null(thread_bytes(thread, 0x20000, SIZE_MAX));
	ck_assert_ptr_null(thread_bytes(thread, UINT64_MAX, 8));
}
END_TEST

/*
 * A whole chain with its frames at these addresses has been found so many times; each snapshot may drop
 * what is of no use.
 */
static void snapshot_times(int times, raddr_t first, raddr_t second)
{
	thread->walk.count = thread->walk.group_count = 0;
	for (int i = 0; i < (second ? 2 : 1); i++) {
		array_reserve(&thread->walk.frames, &thread->walk.capacity, thread->walk.count + 1,
			sizeof(*thread->walk.frames));
		thread->walk.frames[thread->walk.count++] =
			(struct raw_frame){ .address = i ? second : first };
	}
	for (int i = 0; i < times; i++) {
		thread_mark_ranges(thread);
		thread_drop_ranges(thread);
	}
}

START_TEST(test_useless_ranges)
{
	thread_add_range(thread, 0x10000, 100);
	thread_add_range(thread, 0x20000, 100);
	snapshot_times(40, 0x10000, 0x20010);
	ck_assert_uint_eq(thread->range_count, 2);
	/* where a broken chain led, once */
	thread_add_range(thread, 0x18000, 100);
	snapshot_times(65, 0x10000, 0x20010);
	ck_assert_uint_eq(thread->range_count, 2);
	ck_assert_ptr_null(thread_range_of(thread, 0x18000));
	ck_assert_uint_eq(thread_range_of(thread, 0x20063)->offset, 100);
	ck_assert_uint_eq(thread->bytes, 200);
	/* what was of use is kept for longer than that, and not for ever */
	snapshot_times(500, 0x10000, 0);
	ck_assert_uint_eq(thread->range_count, 2);
	snapshot_times(1100, 0x10000, 0);
	ck_assert_uint_eq(thread->range_count, 1);
	/* one that grows is as useful as it was */
	thread_add_range(thread, 0x10000 + 200, 100);
	snapshot_times(40, 0x10000, 0);
	ck_assert_uint_eq(thread->ranges[0].length, 300);
}
END_TEST

/* A shim is not in the list of frames. */
START_TEST(test_ranges_of_shims)
{
	thread_add_range(thread, 0x10000, 100);
	thread_add_range(thread, 0x20000, 100);
	array_reserve(&thread->walk.groups, &thread->walk.group_capacity, 1, sizeof(*thread->walk.groups));
	thread->walk.groups[0] = (struct walk_group){ .shim = 0x20008 };
	thread->walk.group_count = 1;
	for (int i = 0; i < 100; i++) {
		thread_mark_ranges(thread);
		thread_drop_ranges(thread);
	}
	ck_assert_uint_eq(thread->range_count, 1);
	ck_assert_ptr_nonnull(thread_range_of(thread, 0x20000));
}
END_TEST

/* What is to be believed from now on has all its code objects checked by the snapshot itself. */
START_TEST(test_new_stacks_are_checked)
{
	struct code codes[2] = { { .address = 0x1000 }, { .address = 0x2000 } };

	array_reserve(&thread->frames, &thread->frame_capacity, 4, sizeof(*thread->frames));
	for (int i = 0; i < 4; i++)
		thread->frames[i] = (struct resolved_frame){ .code = &codes[i / 3], .line = i };
	thread->frame_count = 4;
	ck_assert(!snapshot_has_checked(thread));
	ck_assert_uint_eq(thread->checked_count, 2);
	ck_assert(snapshot_has_checked(thread));
	thread->checked_count = 1;
	thread_mark_checked(thread);
	ck_assert(!snapshot_has_checked(thread));
	thread->frame_count = 0;
	ck_assert(snapshot_has_checked(thread));
}
END_TEST

/*
 * Only those are checked again and again that have changed hands and are still there; another thread's list
 * is another one.
 */
START_TEST(test_checks_are_forgotten)
{
	const struct python_thread identity = { .state = 0x2000 };
	struct thread *other = thread_new(&identity, 64);
	struct code codes[3] = { { .address = 0x1000, .is_volatile = true },
		{ .address = 0x2000, .is_settled = true }, { .address = 0x3000, .is_volatile = true } };

	for (size_t i = 0; i < ARRAY_LENGTH(codes); i++)
		thread_check_code(thread, &codes[i]);
	thread_check_code(thread, &codes[1]);
	ck_assert_uint_eq(thread->checked_count, 3);
	array_reserve(&thread->frames, &thread->frame_capacity, 2, sizeof(*thread->frames));
	thread->frames[0] = (struct resolved_frame){ .code = &codes[0], .line = 1 };
	thread->frames[1] = (struct resolved_frame){ .code = &codes[1], .line = 1 };
	thread->frame_count = 2;
	thread_prune_checked(thread);
	ck_assert_uint_eq(thread->checked_count, 1);
	ck_assert_ptr_eq(thread->checked[0], &codes[0]);
	ck_assert(thread_checks_code(thread, &codes[0]));
	ck_assert(!thread_checks_code(thread, &codes[1]));
	ck_assert(!thread_checks_code(thread, &codes[2]));
	thread_check_code(other, &codes[0]);
	thread_mark_checked(thread);
	thread_check_code(thread, &codes[0]);
	ck_assert_uint_eq(thread->checked_count, 1);
	thread_free(other);
}
END_TEST

START_TEST(test_hardness)
{
	unsigned before;

	for (int i = 0; i < 1000; i++)
		thread_count_snapshot(thread, false);
	ck_assert_uint_eq(thread->hardness, 0);
	for (int i = 0; i < 1000; i++) {
		thread_count_snapshot(thread, true);
		ck_assert_uint_le(thread->hardness, HARD_ALWAYS);
	}
	ck_assert_uint_gt(thread->hardness, HARD_ALWAYS * 9 / 10);
	before = thread->hardness;
	for (int i = 0; i < 200; i++)
		thread_count_snapshot(thread, false);
	ck_assert_uint_lt(thread->hardness, before / 10);
}
END_TEST

START_TEST(test_wrapping_range)
{
	thread_add_range(thread, UINT64_MAX - 10, 100);
	ck_assert_uint_eq(thread->range_count, 0);
}
END_TEST

/* Those near each other are read in one piece; one far away takes their place. */
START_TEST(test_pointers)
{
	ck_assert_uint_eq(thread->pointers_length, 0);
	thread_add_pointer(thread, 0x7ff000, 16);
	ck_assert_uint_eq(thread->pointers, 0x7ff000);
	ck_assert_uint_eq(thread->pointers_length, 16);
	thread_add_pointer(thread, 0x7ff000 - 800, 16);
	thread_add_pointer(thread, 0x7ff000 + 400, 16);
	thread_add_pointer(thread, 0x7ff000, 16);
	ck_assert_uint_eq(thread->pointers, 0x7ff000 - 800);
	ck_assert_uint_eq(thread->pointers_length, 1216);
	ck_assert_uint_ge(thread->pointer_capacity, 1216);
	thread_add_pointer(thread, 0x7ff000 - 800 + POINTER_WINDOW - 16, 16);
	ck_assert_uint_eq(thread->pointers_length, POINTER_WINDOW);
	thread_add_pointer(thread, 0x7ff000 - 800 + POINTER_WINDOW - 8, 16);
	ck_assert_uint_eq(thread->pointers, 0x7ff000 - 800 + POINTER_WINDOW - 8);
	ck_assert_uint_eq(thread->pointers_length, 16);
}
END_TEST

/* Random ranges: always sorted, disjoint, and everything that was added is found. */
START_TEST(test_random)
{
	static raddr_t starts[500];
	static size_t lengths[500];
	uint64_t random = 42;

	for (int i = 0; i < 500; i++) {
		random = hash_u64(random);
		starts[i] = 0x100000 + random % 0x400000;
		lengths[i] = 1 + (random >> 40) % 300;
		thread_add_range(thread, starts[i], lengths[i]);
		for (size_t j = 1; j < thread->range_count; j++)
			ck_assert_uint_lt(thread->ranges[j - 1].start + thread->ranges[j - 1].length,
				thread->ranges[j].start);
	}
	for (int i = 0; i < 500; i++)
		ck_assert_ptr_nonnull(thread_bytes(thread, starts[i], lengths[i]));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_ranges_stay_sorted);
	tcase_add_test(tests, test_neighbours_become_one);
	tcase_add_test(tests, test_room_is_given_back);
	tcase_add_test(tests, test_rest);
	tcase_add_test(tests, test_range_below);
	tcase_add_test(tests, test_bytes);
	tcase_add_test(tests, test_useless_ranges);
	tcase_add_test(tests, test_new_stacks_are_checked);
	tcase_add_test(tests, test_checks_are_forgotten);
	tcase_add_test(tests, test_hardness);
	tcase_add_test(tests, test_ranges_of_shims);
	tcase_add_test(tests, test_wrapping_range);
	tcase_add_test(tests, test_pointers);
	tcase_add_test(tests, test_random);
}

int main(void)
{
	return suite_run("subject", add_tests);
}
