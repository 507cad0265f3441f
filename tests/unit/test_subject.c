/* SPDX-License-Identifier: MIT */
/* The prediction of where a thread's frames lie: ranges that are added, merged and found again. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sampling/look.h"
#include "suite.h"

static struct subject *subject;

static void setup(void)
{
	const struct python_thread thread = { .state = 0x1000 };

	subject = subject_new(&thread, 64);
}

static void teardown(void)
{
	subject_free(subject);
}

START_TEST(test_ranges_stay_sorted)
{
	subject_add_range(subject, 0x50000, 100);
	subject_add_range(subject, 0x10000, 100);
	subject_add_range(subject, 0x30000, 100);
	ck_assert_uint_eq(subject->range_count, 3);
	ck_assert_uint_eq(subject->bytes, 300);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(subject->ranges[i].start, 0x10000 + 0x20000 * i);
		ck_assert_uint_eq(subject->ranges[i].offset, 100 * i);
	}
}
END_TEST

START_TEST(test_neighbours_become_one)
{
	subject_add_range(subject, 0x10000, 100);
	subject_add_range(subject, 0x10000 + 600, 100); /* near enough */
	ck_assert_uint_eq(subject->range_count, 1);
	ck_assert_uint_eq(subject->ranges[0].length, 700);
	subject_add_range(subject, 0x20000, 8);
	ck_assert_uint_eq(subject->range_count, 2);
	subject_add_range(subject, 0x10000, 0x10000); /* reaches from the one to the other */
	ck_assert_uint_eq(subject->range_count, 1);
	ck_assert_uint_eq(subject->ranges[0].start, 0x10000);
	ck_assert_uint_eq(subject->ranges[0].length, 0x10008);
}
END_TEST

/* Room for a chain of 100,000 frames in 10 MB. */
static void make_room(void)
{
	const size_t count = 100000;

	subject_add_range(subject, 0x10000, 10 << 20);
	array_reserve(&subject->walk.frames, &subject->walk.capacity, count, sizeof(*subject->walk.frames));
	array_reserve(&subject->frames, &subject->frame_capacity, count, sizeof(*subject->frames));
	array_reserve(&subject->memo, &subject->memo_capacity, count, sizeof(*subject->memo));
	subject->walk.count = subject->frame_count = count;
	subject->is_kept = true;
}

START_TEST(test_room_is_given_back)
{
	make_room();
	subject_fit(subject, 100000);
	ck_assert_uint_eq(subject->range_count, 1);
	ck_assert_uint_ge(subject->copy_capacity, 10 << 20);
	ck_assert_uint_eq(subject->frame_count, 100000);
	subject_fit(subject, 100); /* the sample has no more */
	ck_assert_uint_eq(subject->range_count + subject->copy_capacity + subject->frame_capacity, 0);
	ck_assert_uint_eq(subject->memo_capacity + subject->walk.capacity + subject->walk.count, 0);
	ck_assert_uint_eq(subject->frame_count, 0);
	ck_assert(!subject->is_kept);
	subject_add_range(subject, 0x10000, 100);
	subject_fit(subject, 0); /* so little is kept */
	ck_assert_uint_eq(subject->range_count, 1);
}
END_TEST

/* A thread that sleeps keeps what it showed, and nothing that only a look needs. */
START_TEST(test_rest)
{
	subject_add_range(subject, 0x10000, 100);
	subject_add_range(subject, 0x20000, 100);
	array_reserve(&subject->walk.frames, &subject->walk.capacity, 3, sizeof(*subject->walk.frames));
	array_reserve(&subject->frames, &subject->frame_capacity, 2, sizeof(*subject->frames));
	array_reserve(&subject->memo, &subject->memo_capacity, 3, sizeof(*subject->memo));
	subject->walk.count = 3;
	subject->frame_count = 2;
	subject->memo[2].line = 7;
	subject_rest(subject);
	ck_assert_uint_eq(subject->copy_capacity, 0);
	ck_assert_uint_eq(subject->range_capacity, 2);
	ck_assert_uint_eq(subject->walk.capacity, 3);
	ck_assert_uint_eq(subject->frame_capacity, 2);
	ck_assert_uint_eq(subject->memo_capacity, 3);
	ck_assert_int_eq(subject->memo[2].line, 7);
	ck_assert_uint_eq(subject->range_count, 2);
	subject_rest(subject);
	subject_add_range(subject, 0x30000, 100);
	ck_assert_uint_ge(subject->copy_capacity, 300);
}
END_TEST

START_TEST(test_range_below)
{
	subject_add_range(subject, 0x20000, 16);
	subject_add_range(subject, 0x20000 - 32, 16);
	ck_assert_uint_eq(subject->range_count, 1);
	ck_assert_uint_eq(subject->ranges[0].start, 0x20000 - 32);
	ck_assert_uint_eq(subject->ranges[0].length, 48);
}
END_TEST

START_TEST(test_bytes)
{
	subject_add_range(subject, 0x10000, 100);
	subject_add_range(subject, 0x20000, 100);
	memset(subject->copy, 'a', 100);
	memset(subject->copy + 100, 'b', 100);
	ck_assert_int_eq(*(const char *)subject_bytes(subject, 0x10000, 100), 'a');
	ck_assert_int_eq(*(const char *)subject_bytes(subject, 0x20000 + 99, 1), 'b');
	ck_assert_ptr_null(subject_bytes(subject, 0x20000 + 99, 2));
	ck_assert_ptr_null(subject_bytes(subject, 0x20000 - 1, 1));
	ck_assert_ptr_null(subject_bytes(subject, 0x10000, 101));
	ck_assert_ptr_null(subject_bytes(subject, 0x20000, SIZE_MAX));
	ck_assert_ptr_null(subject_bytes(subject, UINT64_MAX, 8));
}
END_TEST

/* A whole chain with its frames at these addresses has been found so many times; each look may drop what is of no use. */
static void look_times(int times, raddr_t first, raddr_t second)
{
	subject->walk.count = subject->walk.group_count = 0;
	for (int i = 0; i < (second ? 2 : 1); i++) {
		array_reserve(&subject->walk.frames, &subject->walk.capacity, subject->walk.count + 1,
			sizeof(*subject->walk.frames));
		subject->walk.frames[subject->walk.count++] = (struct raw_frame){ .address = i ? second : first };
	}
	for (int i = 0; i < times; i++) {
		subject_mark_ranges(subject);
		subject_drop_ranges(subject);
	}
}

START_TEST(test_useless_ranges)
{
	subject_add_range(subject, 0x10000, 100);
	subject_add_range(subject, 0x20000, 100);
	look_times(40, 0x10000, 0x20010);
	ck_assert_uint_eq(subject->range_count, 2);
	/* where a broken chain led, once */
	subject_add_range(subject, 0x18000, 100);
	look_times(65, 0x10000, 0x20010);
	ck_assert_uint_eq(subject->range_count, 2);
	ck_assert_ptr_null(subject_range_of(subject, 0x18000));
	ck_assert_uint_eq(subject_range_of(subject, 0x20063)->offset, 100);
	ck_assert_uint_eq(subject->bytes, 200);
	/* what was of use is kept for longer than that, and not for ever */
	look_times(500, 0x10000, 0);
	ck_assert_uint_eq(subject->range_count, 2);
	look_times(1100, 0x10000, 0);
	ck_assert_uint_eq(subject->range_count, 1);
	/* one that grows is as useful as it was */
	subject_add_range(subject, 0x10000 + 200, 100);
	look_times(40, 0x10000, 0);
	ck_assert_uint_eq(subject->ranges[0].length, 300);
}
END_TEST

/* A shim is not in the list of frames. */
START_TEST(test_ranges_of_shims)
{
	subject_add_range(subject, 0x10000, 100);
	subject_add_range(subject, 0x20000, 100);
	array_reserve(&subject->walk.groups, &subject->walk.group_capacity, 1, sizeof(*subject->walk.groups));
	subject->walk.groups[0] = (struct walk_group){ .shim = 0x20008 };
	subject->walk.group_count = 1;
	for (int i = 0; i < 100; i++) {
		subject_mark_ranges(subject);
		subject_drop_ranges(subject);
	}
	ck_assert_uint_eq(subject->range_count, 1);
	ck_assert_ptr_nonnull(subject_range_of(subject, 0x20000));
}
END_TEST

/* What is to be believed from now on has all its code objects checked by the look itself. */
START_TEST(test_new_stacks_are_checked)
{
	struct code codes[2] = { { .address = 0x1000 }, { .address = 0x2000 } };

	array_reserve(&subject->frames, &subject->frame_capacity, 4, sizeof(*subject->frames));
	for (int i = 0; i < 4; i++)
		subject->frames[i] = (struct resolved_frame){ .code = &codes[i / 3], .line = i };
	subject->frame_count = 4;
	ck_assert(!look_has_checked(subject));
	ck_assert_uint_eq(subject->checked_count, 2);
	ck_assert(look_has_checked(subject));
	subject->checked_count = 1;
	subject_mark_checked(subject);
	ck_assert(!look_has_checked(subject));
	subject->frame_count = 0;
	ck_assert(look_has_checked(subject));
}
END_TEST

/* Only those are checked again and again that have changed hands and are still there; another subject's list is another one. */
START_TEST(test_checks_are_forgotten)
{
	const struct python_thread thread = { .state = 0x2000 };
	struct subject *other = subject_new(&thread, 64);
	struct code codes[3] = { { .address = 0x1000, .is_volatile = true },
		{ .address = 0x2000, .is_settled = true },
		{ .address = 0x3000, .is_volatile = true } };

	for (size_t i = 0; i < ARRAY_LENGTH(codes); i++)
		subject_check_code(subject, &codes[i]);
	subject_check_code(subject, &codes[1]);
	ck_assert_uint_eq(subject->checked_count, 3);
	array_reserve(&subject->frames, &subject->frame_capacity, 2, sizeof(*subject->frames));
	subject->frames[0] = (struct resolved_frame){ .code = &codes[0], .line = 1 };
	subject->frames[1] = (struct resolved_frame){ .code = &codes[1], .line = 1 };
	subject->frame_count = 2;
	subject_prune_checked(subject);
	ck_assert_uint_eq(subject->checked_count, 1);
	ck_assert_ptr_eq(subject->checked[0], &codes[0]);
	ck_assert(subject_checks_code(subject, &codes[0]));
	ck_assert(!subject_checks_code(subject, &codes[1]));
	ck_assert(!subject_checks_code(subject, &codes[2]));
	subject_check_code(other, &codes[0]);
	subject_mark_checked(subject);
	subject_check_code(subject, &codes[0]);
	ck_assert_uint_eq(subject->checked_count, 1);
	subject_free(other);
}
END_TEST

START_TEST(test_hardness)
{
	unsigned before;

	for (int i = 0; i < 1000; i++)
		subject_count_look(subject, false);
	ck_assert_uint_eq(subject->hardness, 0);
	for (int i = 0; i < 1000; i++) {
		subject_count_look(subject, true);
		ck_assert_uint_le(subject->hardness, HARD_ALWAYS);
	}
	ck_assert_uint_gt(subject->hardness, HARD_ALWAYS * 9 / 10);
	before = subject->hardness;
	for (int i = 0; i < 200; i++)
		subject_count_look(subject, false);
	ck_assert_uint_lt(subject->hardness, before / 10);
}
END_TEST

START_TEST(test_wrapping_range)
{
	subject_add_range(subject, UINT64_MAX - 10, 100);
	ck_assert_uint_eq(subject->range_count, 0);
}
END_TEST

/* Those near each other are read in one piece; one far away takes their place. */
START_TEST(test_pointers)
{
	ck_assert_uint_eq(subject->pointers_length, 0);
	subject_add_pointer(subject, 0x7ff000, 16);
	ck_assert_uint_eq(subject->pointers, 0x7ff000);
	ck_assert_uint_eq(subject->pointers_length, 16);
	subject_add_pointer(subject, 0x7ff000 - 800, 16);
	subject_add_pointer(subject, 0x7ff000 + 400, 16);
	subject_add_pointer(subject, 0x7ff000, 16);
	ck_assert_uint_eq(subject->pointers, 0x7ff000 - 800);
	ck_assert_uint_eq(subject->pointers_length, 1216);
	ck_assert_uint_ge(subject->pointer_capacity, 1216);
	subject_add_pointer(subject, 0x7ff000 - 800 + POINTER_WINDOW - 16, 16);
	ck_assert_uint_eq(subject->pointers_length, POINTER_WINDOW);
	subject_add_pointer(subject, 0x7ff000 - 800 + POINTER_WINDOW - 8, 16);
	ck_assert_uint_eq(subject->pointers, 0x7ff000 - 800 + POINTER_WINDOW - 8);
	ck_assert_uint_eq(subject->pointers_length, 16);
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
		subject_add_range(subject, starts[i], lengths[i]);
		for (size_t j = 1; j < subject->range_count; j++)
			ck_assert_uint_lt(subject->ranges[j - 1].start + subject->ranges[j - 1].length,
				subject->ranges[j].start);
	}
	for (int i = 0; i < 500; i++)
		ck_assert_ptr_nonnull(subject_bytes(subject, starts[i], lengths[i]));
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
