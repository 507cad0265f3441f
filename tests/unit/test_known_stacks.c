/* SPDX-License-Identifier: MIT */
/* Which stacks are believed, and after what. */
#include "config.h"

#include <check.h>
#include <string.h>

#include "sampling/known_stacks.h"
#include "suite.h"

static struct known_stacks known_stacks;
static struct function functions[8];
static struct code codes[ARRAY_LENGTH(functions)];
static struct resolved_frame stack[4];

/* Is what a stop shows believed? The innermost frame is at this instruction, 0: it has executed none. */
static bool stop(const struct resolved_frame *frames, size_t count, uint64_t instruction, int64_t cpu_ns)
{
	const struct sighting now = { known_stacks_sighting(frames, count), instruction, instruction == 0 },
			      none = { 0 };

	return known_stacks_add_stopped(&known_stacks, frames, count, &now, &none, cpu_ns);
}

/* As a snapshot makes them of frames with code and line. */
static void chain(struct resolved_frame *frames, size_t count)
{
	for (size_t i = 0; i < count; i++)
		frames[i].path = known_stacks_path(
			i ? frames[i - 1].path : hash_seed(), frames[i].code->function->id, frames[i].line);
}

static void set_line(size_t index, int line)
{
	stack[index].line = line;
	chain(stack, ARRAY_LENGTH(stack));
}

static void setup(void)
{
	memset(&known_stacks, 0, sizeof(known_stacks));
	for (size_t i = 0; i < ARRAY_LENGTH(codes); i++) {
		functions[i].id = i + 1;
		codes[i].function = &functions[i];
	}
	for (size_t i = 0; i < ARRAY_LENGTH(stack); i++)
		stack[i] = (struct resolved_frame){ .code = &codes[i], .line = 10 + (int)i };
	chain(stack, ARRAY_LENGTH(stack));
}

static void teardown(void)
{
	known_stacks_release(&known_stacks);
}

START_TEST(test_itself_and_its_beginnings)
{
	struct resolved_frame inner[3] = { stack[1], stack[2], stack[3] };

	chain(inner, 3);
	ck_assert(!known_stacks_has(&known_stacks, stack, 4));
	known_stacks_add(&known_stacks, stack, 4);
	for (size_t count = 0; count <= 4; count++)
		ck_assert(known_stacks_has(&known_stacks, stack, count));
	ck_assert(!known_stacks_has(&known_stacks, inner, 3));
}
END_TEST

/* However long the beginning is that is known. */
START_TEST(test_known_prefix_of_any_length)
{
	for (size_t known = 0; known <= 4; known++) {
		known_stacks_release(&known_stacks);
		memset(&known_stacks, 0, sizeof(known_stacks));
		known_stacks_add(&known_stacks, stack, known);
		for (size_t count = 0; count <= 4; count++)
			ck_assert_uint_eq(known_stacks_prefix(&known_stacks, stack, count),
				count < known ? count : known);
	}
}
END_TEST

START_TEST(test_mixtures_are_not_believed)
{
	struct resolved_frame other[3] = { stack[0], { .code = &codes[5], .line = 11 },
		{ .code = &codes[6], .line = 12 } };
	struct resolved_frame mixture[3] = { stack[0], stack[1], other[2] };
	struct resolved_frame line[2] = { stack[0], { .code = stack[1].code, .line = 99 } };

	chain(other, 3);
	chain(mixture, 3);
	chain(line, 2);
	known_stacks_add(&known_stacks, stack, 3);
	known_stacks_add(&known_stacks, other, 3);
	ck_assert(!known_stacks_has(&known_stacks, mixture, 3));
	ck_assert_uint_eq(known_stacks_prefix(&known_stacks, mixture, 3), 2);
	ck_assert(!known_stacks_has(&known_stacks, line, 2));
	ck_assert_uint_eq(known_stacks_prefix(&known_stacks, line, 2), 1);
}
END_TEST

/* The innermost frame of a stopped thread may be half pushed: one stop is not enough for it. */
START_TEST(test_one_stop_proves_the_callers)
{
	ck_assert(!stop(stack, 4, 8, 1000000));
	ck_assert(known_stacks_has(&known_stacks, stack, 3));
	ck_assert(!known_stacks_has(&known_stacks, stack, 4));
	set_line(3, 77);                        /* the same function at another line: a second sighting */
	ck_assert(!stop(stack, 4, 8, 1000100)); /* it has not run since: the same stop */
	ck_assert(stop(stack, 4, 8, 2000000));
	ck_assert(known_stacks_has(&known_stacks, stack, 4));
	set_line(3, 13);
	ck_assert(!known_stacks_has(&known_stacks, stack, 4));
}
END_TEST

/* What is half pushed shows the same stale words each time: two stops far apart are no evidence. */
START_TEST(test_stops_far_apart)
{
	struct resolved_frame other = { .code = &codes[5], .line = 1 };

	chain(&other, 1);
	ck_assert(!stop(stack, 4, 8, 1000000));
	for (int i = 0; i < 64; i++)
		stop(&other, 1, 8, 2000000 + i * 1000000);
	ck_assert(!stop(stack, 4, 8, 90000000));
	for (int i = 0; i < 63; i++)
		stop(&other, 1, 8, 91000000 + i * 1000000);
	ck_assert(stop(stack, 4, 8, 190000000));
}
END_TEST

START_TEST(test_the_look_before_counts)
{
	const struct sighting before = { known_stacks_sighting(stack, 4), 8, false };
	struct sighting now = before;

	/* at the same instruction it may not have run since, and the stop may be the same moment */
	ck_assert(!known_stacks_add_stopped(&known_stacks, stack, 4, &now, &before, 1000));
	now.instruction = 10;
	ck_assert(known_stacks_add_stopped(&known_stacks, stack, 4, &now, &before, 1001));
	ck_assert(known_stacks_has(&known_stacks, stack, 4));
}
END_TEST

/* What has executed nothing may be linked to whoever was there before. */
START_TEST(test_fresh)
{
	const struct sighting before = { known_stacks_sighting(stack, 4), 8, false };
	const struct sighting now = { known_stacks_sighting(stack, 4), 0, true };

	ck_assert(!known_stacks_add_stopped(&known_stacks, stack, 4, &now, &before, 1000000));
	ck_assert(!stop(stack, 4, 0, 2000000));
	ck_assert(!stop(stack, 4, 0, 3000000));
	ck_assert(!known_stacks_has(&known_stacks, stack, 4));
	ck_assert(known_stacks_has(&known_stacks, stack, 3));
	ck_assert(stop(stack, 4, 0, 4000000));
	ck_assert(known_stacks_has(&known_stacks, stack, 4));
}
END_TEST

/* Once it has been seen at work its call is known, and those of its callers are. */
START_TEST(test_fresh_of_a_known_call)
{
	ck_assert(!stop(stack, 4, 8, 1000000));
	ck_assert(stop(stack, 4, 8, 2000000));
	for (size_t count = 1; count <= 4; count++) {
		set_line(count - 1, 1);
		ck_assert(!known_stacks_has(&known_stacks, stack, count));
		ck_assert(stop(stack, count, 0, 2000001 + (int64_t)count));
		ck_assert(known_stacks_has(&known_stacks, stack, count));
		set_line(count - 1, 9 + (int)count);
	}
}
END_TEST

START_TEST(test_another_caller_line_is_another_sighting)
{
	stop(stack, 4, 8, 1000000);
	set_line(2, 50);
	ck_assert(!stop(stack, 4, 8, 2000000));
	ck_assert(!known_stacks_has(&known_stacks, stack, 4));
}
END_TEST

START_TEST(test_doubts)
{
	for (uint64_t i = 0; i < 3; i++)
		ck_assert_uint_eq(known_stacks_doubt(&known_stacks, stack, 2, 4), i);
	ck_assert_uint_eq(known_stacks_doubts(&known_stacks, stack, 2, 4), 3);
	/* asking how often is not asking */
	ck_assert_uint_eq(known_stacks_doubts(&known_stacks, stack, 2, 4), 3);
	set_line(2, 50); /* a caller at another line */
	ck_assert_uint_eq(known_stacks_doubt(&known_stacks, stack, 2, 4), 0);
	ck_assert_uint_eq(known_stacks_doubt(&known_stacks, stack, 2, 3), 0);
	set_line(2, 51); /* the innermost frame goes on */
	ck_assert_uint_eq(known_stacks_doubt(&known_stacks, stack, 2, 3), 1);
}
END_TEST

START_TEST(test_a_known_call_at_another_line)
{
	struct resolved_frame elsewhere[2] = { stack[0], stack[1] }, caller[2] = { stack[0], stack[1] };
	bool is_only;

	elsewhere[1].line = 99;
	chain(elsewhere, 2);
	ck_assert(!known_stacks_has_call(&known_stacks, elsewhere, 2, &is_only) && !is_only);
	known_stacks_add(&known_stacks, stack, 2);
	ck_assert(!known_stacks_has(&known_stacks, elsewhere, 2));
	ck_assert(known_stacks_has_call(&known_stacks, elsewhere, 2, &is_only) && is_only);
	known_stacks_add(&known_stacks, elsewhere, 2);
	ck_assert(known_stacks_has_call(&known_stacks, stack, 2, &is_only) && is_only);
	/* the same function from another line: a line of it may be of either call */
	caller[0].line = 98;
	chain(caller, 2);
	ck_assert(!known_stacks_has_call(&known_stacks, caller, 2, &is_only));
	known_stacks_add(&known_stacks, caller, 2);
	ck_assert(known_stacks_has_call(&known_stacks, caller, 2, &is_only) && !is_only);
	ck_assert(known_stacks_has_call(&known_stacks, stack, 2, &is_only) && !is_only);
	ck_assert(!known_stacks_has_call(&known_stacks, stack, 0, &is_only));
}
END_TEST

START_TEST(test_roots)
{
	struct resolved_frame root = stack[0];

	ck_assert(known_stacks_has_root(&known_stacks, &stack[1])); /* who would know better */
	known_stacks_add(&known_stacks, stack, 3);
	root.line = 99;
	ck_assert(known_stacks_has_root(&known_stacks, &root));
	ck_assert(!known_stacks_has_root(&known_stacks, &stack[1]));
	ck_assert(!known_stacks_has_root(&known_stacks, &stack[2]));
}
END_TEST

/* A program that has ever new stacks: what is known is forgotten, and learned anew. */
START_TEST(test_memory_is_bounded)
{
	const size_t limit = 1u << 18;
	bool is_only;

	for (size_t i = 0; i < 2 * limit; i++) {
		functions[3].id = 100 + (uint32_t)i;
		set_line(2, 100 + (int)i);
		known_stacks_doubt(&known_stacks, stack, 2, 4);
		stop(stack, 4, 8, 1000000);
		known_stacks_add(&known_stacks, stack, 4);
		ck_assert_uint_le(known_stacks.paths.count, limit + 16);
		ck_assert_uint_le(known_stacks.callers.count, limit + 16);
		ck_assert_uint_le(known_stacks.sighted.count, limit + 16);
		ck_assert_uint_le(known_stacks.doubts.count, limit + 16);
	}
	ck_assert(known_stacks_has(&known_stacks, stack, 4));
	/* whose callers were forgotten may have been called from anywhere */
	ck_assert(known_stacks_has_call(&known_stacks, stack, 4, &is_only) && !is_only);
}
END_TEST

START_TEST(test_no_frames)
{
	ck_assert(stop(stack, 0, 8, 0));
	ck_assert(known_stacks_has(&known_stacks, stack, 0));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_itself_and_its_beginnings);
	tcase_add_test(tests, test_known_prefix_of_any_length);
	tcase_add_test(tests, test_mixtures_are_not_believed);
	tcase_add_test(tests, test_one_stop_proves_the_callers);
	tcase_add_test(tests, test_stops_far_apart);
	tcase_add_test(tests, test_the_look_before_counts);
	tcase_add_test(tests, test_fresh);
	tcase_add_test(tests, test_fresh_of_a_known_call);
	tcase_add_test(tests, test_another_caller_line_is_another_sighting);
	tcase_add_test(tests, test_doubts);
	tcase_add_test(tests, test_a_known_call_at_another_line);
	tcase_add_test(tests, test_roots);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, test_memory_is_bounded);
	tcase_add_test(tests, test_no_frames);
}

int main(void)
{
	return suite_run("proof", add_tests);
}
