/* SPDX-License-Identifier: MIT */
/* Native and Python frames in one list: what stands where, and that nothing is lost. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "native/unwind/merge.h"
#include "suite.h"

#define BASE UINT64_C(0x7000)
#define FRAME_BYTES 64

static struct native_frame natives[16];
static struct raw_frame pythons[16];
static struct anchor anchor_list[16];
static bool evaluates[16];
static unsigned char stack[sizeof(natives) / sizeof(natives[0]) * FRAME_BYTES];

static struct walk walk;
static struct anchors anchors;
static struct native_copy copy;
static struct merge_input input;
static struct native_merged merged;

/* Native frame i owns FRAME_BYTES from BASE + i * FRAME_BYTES on; Python frame i is at 0x100000 + 256 * i. */
static void setup(void)
{
	memset(stack, 0, sizeof(stack));
	memset(evaluates, 0, sizeof(evaluates));
	for (size_t i = 0; i < ARRAY_LENGTH(natives); i++) {
		natives[i] = (struct native_frame){ .pc = 0x400000 + i,
			.stack_pointer = BASE + i * FRAME_BYTES,
			.end = BASE + (i + 1) * FRAME_BYTES };
		pythons[i] = (struct raw_frame){ .address = 0x100000 + 256 * i };
	}
	copy = (struct native_copy){ .start = BASE, .length = sizeof(stack), .bytes = stack };
	walk = (struct walk){ .frames = pythons };
	anchors = (struct anchors){ .list = anchor_list };
	merged.count = 0;
	merged.truncated = false;
	input = (struct merge_input){ .frames = natives,
		.whole = true,
		.walk = &walk,
		.anchors = &anchors,
		.has_anchors = true,
		.evaluates = evaluates,
		.copy = &copy };
}

static void teardown(void)
{
	native_merged_release(&merged);
}

static void anchor(size_t native, size_t begin, size_t end)
{
	anchor_list[anchors.count++] = (struct anchor){ BASE + native * FRAME_BYTES + 16, begin, end };
}

/* "n0 p0 p1 n2": the merged list, innermost first; "~" is the marker. */
static const char *text(void)
{
	static char out[512];
	size_t length = 0;

	out[0] = '\0';
	for (size_t i = 0; i < merged.count; i++) {
		const struct merged_frame *frame = &merged.frames[i];
		const char *space = i ? " " : "";

		if (frame->kind == MERGED_TRUNCATED)
			length += (size_t)snprintf(out + length, sizeof(out) - length, "%s~", space);
		else
			length += (size_t)snprintf(out + length, sizeof(out) - length, "%s%c%zu", space,
				frame->kind == MERGED_PYTHON ? 'p' : 'n', frame->index);
	}
	return out;
}

static size_t run(size_t native_count, size_t python_count)
{
	input.frame_count = native_count;
	walk.count = python_count;
	return merge_frames(&input, &merged);
}

START_TEST(test_calls_between)
{
	anchor(1, 0, 2);
	anchor(4, 2, 3);
	ck_assert_uint_eq(run(6, 3), 0);
	ck_assert_str_eq(text(), "n0 p0 p1 n2 n3 p2 n5");
	ck_assert(!merged.truncated);
}
END_TEST

/* The innermost call has no anchor yet, or announces itself without a frame. */
START_TEST(test_call_being_entered)
{
	anchor(2, 0, 1);
	ck_assert_uint_eq(run(4, 1), 0);
	ck_assert_str_eq(text(), "n0 n1 p0 n3");
	setup();
	anchor(0, 0, 0);
	anchor(2, 0, 1);
	ck_assert_uint_eq(run(4, 1), 0);
	ck_assert_str_eq(text(), "n0 n1 p0 n3");
}
END_TEST

/* One call may be being entered or left, and not while another one is that called it. */
START_TEST(test_contradictions)
{
	evaluates[1] = evaluates[4] = evaluates[7] = true;
	input.frame_count = 9;
	anchor(7, 0, 1);
	ck_assert(merge_contradicts(&input, 0)); /* two without an anchor */
	evaluates[1] = false;
	ck_assert(!merge_contradicts(&input, 0)); /* one */
	ck_assert(!merge_contradicts(&input, 1));
	evaluates[1] = true;
	anchors.count = 0;
	anchor(4, 0, 1);
	anchor(7, 1, 2);
	ck_assert(!merge_contradicts(&input, 0));
	/* who is being entered has not been called by anybody */
	anchor_list[0].end = anchor_list[1].begin = 0;
	ck_assert(merge_contradicts(&input, 0));
	evaluates[1] = false;
	ck_assert(!merge_contradicts(&input, 0)); /* it is being left itself */
	evaluates[1] = true;
	anchors.count = 0; /* it is being left, and what is cleared for that calls Python */
	anchor(1, 0, 1);
	anchor(4, 1, 1);
	anchor(7, 1, 2);
	ck_assert(!merge_contradicts(&input, 0));
	anchors.count = 0; /* calls of other greenlets, and frames without a call */
	anchor(1, 0, 1);
	ck_assert(!merge_contradicts(&input, 0));
	ck_assert(merge_contradicts(&input, 1));
}
END_TEST

/* 3.10: the anchor has gone, the frame is linked still. */
START_TEST(test_call_being_left)
{
	anchor(2, 1, 2);
	ck_assert_uint_eq(run(4, 2), 0);
	ck_assert_str_eq(text(), "p0 n0 n1 p1 n3");
}
END_TEST

START_TEST(test_outer_end_is_missing)
{
	input.whole = false;
	anchor(1, 0, 1);
	anchor(9, 1, 3);
	ck_assert_uint_eq(run(3, 3), 0);
	ck_assert_str_eq(text(), "n0 p0 n2 ~ p1 p2");
	ck_assert(merged.truncated);
}
END_TEST

START_TEST(test_gap)
{
	natives[1].end -= 8;
	anchor(2, 0, 1);
	ck_assert_uint_eq(run(4, 1), 0);
	ck_assert_str_eq(text(), "n0 n1 ~ p0 n3");
	ck_assert(merged.truncated);
}
END_TEST

/* Several gaps are one mark, at the innermost. */
START_TEST(test_gaps)
{
	natives[1].end -= 8;
	natives[3].end -= 8;
	input.whole = false;
	anchor(2, 0, 1);
	ck_assert_uint_eq(run(5, 1), 0);
	ck_assert_str_eq(text(), "n0 n1 ~ p0 n3 n4");
	ck_assert(merged.truncated);
}
END_TEST

/* An anchor on another stack, or below this one, takes no frame with it. */
START_TEST(test_anchors_elsewhere)
{
	anchor_list[anchors.count++] = (struct anchor){ 0x10, 0, 1 };
	anchor(1, 1, 2);
	anchor_list[anchors.count++] = (struct anchor){ UINT64_MAX - 4, 2, 3 };
	ck_assert_uint_eq(run(3, 3), 1);
	ck_assert_str_eq(text(), "p0 n0 p1 n2 p2");
}
END_TEST

/* ---- without anchors ---- */

static void hold_in_slot(size_t native, size_t python)
{
	memcpy(stack + native * FRAME_BYTES + 24, &pythons[python].address, 8);
}

static void hold_in_register(size_t native, size_t python)
{
	natives[native].saved[2] = pythons[python].address;
	natives[native].saved_known = 1u << 2;
}

START_TEST(test_frames_in_slots_and_registers)
{
	input.has_anchors = false;
	evaluates[1] = evaluates[4] = true;
	hold_in_slot(1, 0);
	hold_in_register(4, 1);
	hold_in_register(3, 1); /* who calls the loop has the frame as well */
	ck_assert_uint_eq(run(6, 2), 0);
	ck_assert_str_eq(text(), "n0 p0 n2 n3 p1 n5");
}
END_TEST

START_TEST(test_entered_without_frame)
{
	input.has_anchors = false;
	evaluates[0] = evaluates[2] = true;
	hold_in_slot(2, 0);
	ck_assert_uint_eq(run(4, 1), 0);
	ck_assert_str_eq(text(), "n0 n1 p0 n3");
}
END_TEST

/* A chain that begins further in than the native stack. */
START_TEST(test_outer_calls_hold_none)
{
	input.has_anchors = false;
	evaluates[0] = evaluates[2] = evaluates[4] = true;
	hold_in_slot(0, 0);
	hold_in_slot(2, 1);
	hold_in_slot(4, 7);
	ck_assert_uint_eq(run(5, 2), 0);
	ck_assert_str_eq(text(), "p0 n1 p1 n3 n4");
}
END_TEST

START_TEST(test_outer_end_is_missing_without_anchors)
{
	input.has_anchors = false;
	input.whole = false;
	evaluates[0] = evaluates[2] = true;
	hold_in_slot(0, 0);
	hold_in_slot(2, 1);
	ck_assert_uint_eq(run(3, 4), 0);
	ck_assert_str_eq(text(), "p0 n1 p1 ~ p2 p3");
}
END_TEST

START_TEST(test_no_python)
{
	input.walk = NULL;
	ck_assert_uint_eq(run(2, 0), 0);
	ck_assert_str_eq(text(), "n0 n1");
	input.whole = false;
	merged.count = 0;
	run(2, 0);
	ck_assert_str_eq(text(), "n0 n1 ~");
}
END_TEST

static uint64_t random_number(void)
{
	static uint64_t state = 20;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Whatever the anchors say, each Python frame is there once, in order. */
START_TEST(test_nothing_is_lost)
{
	for (int round = 0; round < 20000; round++) {
		size_t next = 0, python_count = random_number() % 12, end = 0;

		setup();
		input.has_anchors = random_number() % 2;
		input.whole = random_number() % 2;
		for (size_t i = random_number() % 8; i-- > 0;) {
			size_t begin = end;

			end += random_number() % 3;
			end = end < python_count ? end : python_count;
			anchor_list[anchors.count++] =
				(struct anchor){ BASE + random_number() % (16 * FRAME_BYTES),
					random_number() % 4 ? begin : 0, end };
		}
		for (size_t i = 0; i < 16; i++) {
			evaluates[i] = random_number() % 2;
			if (random_number() % 2)
				hold_in_slot(i, random_number() % 12);
		}
		run(random_number() % 16, python_count);
		for (size_t i = 0; i < merged.count; i++) {
			if (merged.frames[i].kind == MERGED_PYTHON)
				ck_assert_uint_eq(merged.frames[i].index, next++);
		}
		ck_assert_uint_eq(next, python_count);
	}
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_calls_between);
	tcase_add_test(tests, test_call_being_entered);
	tcase_add_test(tests, test_contradictions);
	tcase_add_test(tests, test_call_being_left);
	tcase_add_test(tests, test_outer_end_is_missing);
	tcase_add_test(tests, test_gap);
	tcase_add_test(tests, test_gaps);
	tcase_add_test(tests, test_anchors_elsewhere);
	tcase_add_test(tests, test_frames_in_slots_and_registers);
	tcase_add_test(tests, test_entered_without_frame);
	tcase_add_test(tests, test_outer_calls_hold_none);
	tcase_add_test(tests, test_outer_end_is_missing_without_anchors);
	tcase_add_test(tests, test_no_python);
	tcase_add_test(tests, test_nothing_is_lost);
}

int main(void)
{
	return suite_run("merge", add_tests);
}
