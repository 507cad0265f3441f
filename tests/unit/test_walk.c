/* SPDX-License-Identifier: MIT */
/*
 * The walker on memory made up by the test, for every row of the layout table: what a healthy chain gives,
 * and that no broken one makes it loop, crash or believe.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "python/internal.h"
#include "sampling/outer_frames.h"
#include "suite.h"

#define MEMORY_BASE UINT64_C(0x7f0000001000)
#define MEMORY_BYTES (1u << 20)
#define STATE MEMORY_BASE
#define CFRAME (MEMORY_BASE + 0x4000)
#define FRAME(n) (MEMORY_BASE + 0x8000 + (raddr_t)(n)*512)
#define SHIM (MEMORY_BASE + 0x6000)
#define CODE(n) (UINT64_C(0x7e0000000000) + (raddr_t)(n)*1024)

struct fake {
	struct memory_view view;
	unsigned char bytes[MEMORY_BYTES];
	raddr_t hole; /* this page cannot be read; 0: none */
	size_t reads;
};

static struct fake fake;
static struct python python;
static struct walk walk;

static const void *fake_at(struct memory_view *view, raddr_t address, size_t length)
{
	struct fake *memory = (struct fake *)view;

	memory->reads++;
	if (address < MEMORY_BASE || address - MEMORY_BASE > MEMORY_BYTES ||
		length > MEMORY_BYTES - (address - MEMORY_BASE))
		return NULL;
	if (memory->hole && address / 4096 == memory->hole / 4096)
		return NULL;
	return memory->bytes + (address - MEMORY_BASE);
}

static void put(raddr_t address, uint64_t value, size_t length)
{
	memcpy(fake.bytes + (address - MEMORY_BASE), &value, length);
}

/* frame n is called by frame n + 1; `previous` of the outermost is what follows it */
static void put_frame(const struct layout *layout, raddr_t address, raddr_t previous, raddr_t code, int index)
{
	if (layout->frames == FRAMES_ON_HEAP) {
		put(address + layout->frame.back, previous, 8);
		put(address + layout->frame.code, code, 8);
		put(address + layout->frame.lasti, (uint64_t)index, 4);
		return;
	}
	put(address + layout->interpreter_frame.previous, previous, 8);
	put(address + layout->interpreter_frame.executable, code, 8);
	put(address + layout->interpreter_frame.instruction, code + 200 + (uint64_t)index, 8);
	put(address + layout->interpreter_frame.owner, 0, 1);
}

static void put_leaf(const struct layout *layout, raddr_t leaf)
{
	switch (layout->frames) {
	case FRAMES_ON_HEAP:
		put(STATE + layout->thread_state.frame, leaf, 8);
		break;
	case FRAMES_BY_CFRAME:
		put(STATE + layout->thread_state.cframe, CFRAME, 8);
		put(CFRAME + layout->cframe.current_frame, leaf, 8);
		break;
	case FRAMES_BY_CURRENT:
		put(STATE + layout->thread_state.current_frame, leaf, 8);
		break;
	}
}

/* A healthy chain of count frames; what ends it is a shim where the row wants one. */
static void make_chain(const struct layout *layout, int count)
{
	raddr_t end = 0;

	memset(&fake, 0, sizeof(fake));
	fake.view.at = fake_at;
	python.layout = *layout;
	if (layout->root == ROOT_SHIM) {
		put_frame(layout, SHIM, 0, CODE(99), 0);
		put(SHIM + layout->interpreter_frame.owner, layout->shim_owner, 1);
		end = SHIM;
	}
	for (int i = 0; i < count; i++)
		put_frame(layout, FRAME(i), i + 1 < count ? FRAME(i + 1) : end, CODE(i), i);
	if (count && layout->interpreter_frame.is_entry != OFFSET_NONE)
		put(FRAME(count - 1) + layout->interpreter_frame.is_entry, 1, 1);
	put_leaf(layout, count ? FRAME(0) : end);
}

static enum walk_status do_walk(size_t max_frames)
{
	return python_walk(&python, &fake.view, STATE, max_frames, &walk);
}

static const struct layout *row(int index)
{
	return layout_rows()[index];
}

static int row_count(void)
{
	int count = 0;

	while (layout_rows()[count])
		count++;
	return count;
}

START_TEST(test_chain)
{
	make_chain(row(_i), 5);
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	ck_assert_uint_eq(walk.count, 5);
	for (int i = 0; i < 5; i++) {
		ck_assert_uint_eq(walk.frames[i].address, FRAME(i));
		ck_assert_uint_eq(walk.frames[i].code, CODE(i));
	}
	ck_assert_uint_eq(walk.leaf, FRAME(0));
	ck_assert_uint_eq(walk.root, row(_i)->root == ROOT_SHIM ? SHIM : FRAME(4));
}
END_TEST

/*
 * What a call of the evaluation loop finds in its CFrame before it has written there: a frame that nothing
 * links to the thread.
 */
static void put_loose(const struct layout *layout, uint8_t owner)
{
	const raddr_t outer = CFRAME + 64;

	put(CFRAME + layout->cframe.previous, outer, 8);
	put(outer + layout->cframe.current_frame, FRAME(0), 8);
	put_frame(layout, FRAME(20), 0, CODE(20), 0);
	put(FRAME(20) + layout->interpreter_frame.owner, owner, 1);
	put_leaf(layout, FRAME(20));
}

START_TEST(test_call_without_frame_yet)
{
	const struct layout *layout = row(_i);

	if (layout->frames != FRAMES_BY_CFRAME)
		return;
	make_chain(layout, 5);
	put_loose(layout, layout->generator_owner);
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	ck_assert_uint_eq(walk.count, 5);
	ck_assert_uint_eq(walk.leaf, FRAME(0));
	ck_assert_uint_eq(walk.pointer, CFRAME + layout->cframe.current_frame);
	/*
	 * nothing has been written there yet, or it is a frame that has been popped: where the next one
	 * will be
	 */
	put(CFRAME + layout->cframe.current_frame, 0, 8);
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	ck_assert_uint_eq(walk.count, 5);
	put_leaf(layout, FRAME(21));
	put_frame(layout, FRAME(21), FRAME(0), CODE(21), 0);
	put(STATE + layout->thread_state.datastack_chunk, FRAME(19), 8);
	put(STATE + layout->thread_state.datastack_top, FRAME(21), 8);
	put(STATE + layout->thread_state.datastack_top + 8, FRAME(40), 8);
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	ck_assert_uint_eq(walk.count, 5);
	/* the thread is getting another chunk, below: chunk and top are that one's, the limit is not yet */
	put(STATE + layout->thread_state.datastack_chunk, FRAME(21) - 20000, 8);
	put(STATE + layout->thread_state.datastack_top, FRAME(21) - 19000, 8);
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	ck_assert_uint_eq(walk.count, 6);
	put(STATE + layout->thread_state.datastack_chunk, FRAME(19), 8);
	put(STATE + layout->thread_state.datastack_top, FRAME(22), 8);
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	ck_assert_uint_eq(walk.count, 6);
	put_leaf(layout, FRAME(20));
	/* without a caller it is the outermost frame itself, where a row knows no better */
	put(CFRAME + 64 + layout->cframe.current_frame, 0, 8);
	ck_assert_int_eq(do_walk(100), layout->root == ROOT_SHIM ? WALK_BROKEN : WALK_WHOLE);
	ck_assert_uint_eq(walk.count, 1);
	/*
	 * 3.11: a thread's outermost frame may be any function (a greenlet's): that chain is whole as it is
	 */
	make_chain(layout, 5);
	put_loose(layout, 0);
	if (layout->interpreter_frame.is_entry != OFFSET_NONE)
		put(FRAME(20) + layout->interpreter_frame.is_entry, 1, 1);
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	ck_assert_uint_eq(walk.count, layout->root == ROOT_SHIM ? 5 : 1);
}
END_TEST

/*
 * 3.11: what Python calls is the innermost frame before it is linked to its caller, and where the caller's
 * address will be there may be none.
 */
START_TEST(test_call_torn)
{
	const struct layout *layout = row(_i);

	if (layout->interpreter_frame.is_entry == OFFSET_NONE)
		return;
	make_chain(layout, 5);
	put(CFRAME + layout->cframe.previous, CFRAME + 64, 8);
	put(CFRAME + 64 + layout->cframe.current_frame, FRAME(3), 8);
	put_frame(layout, FRAME(20), 0, CODE(20), 0);
	put_leaf(layout, FRAME(20));
	ck_assert_int_eq(do_walk(100), WALK_BROKEN);
	put_frame(layout, FRAME(20), FRAME(0), CODE(20), 0);
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	ck_assert_uint_eq(walk.count, 6);
	/* nor may what is taken where the call has no frame yet end so */
	put_loose(layout, layout->generator_owner);
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	put_frame(layout, FRAME(0), 0, CODE(0), 0);
	ck_assert_int_eq(do_walk(100), WALK_BROKEN);
}
END_TEST

/*
 * The words of the innermost call have to agree with what the call around it says of its own innermost
 * frame.
 */
START_TEST(test_leaf_is_linked)
{
	const struct layout *layout = row(_i);
	const raddr_t outer = CFRAME + 64;
	const bool has_shims = layout->root == ROOT_SHIM;

	make_chain(layout, 5);
	if (layout->frames != FRAMES_BY_CFRAME) {
		ck_assert_int_eq(do_walk(100), WALK_WHOLE);
		ck_assert(python_leaf_is_linked(&python, &fake.view, &walk));
		return;
	}
	put(CFRAME + layout->cframe.previous, outer, 8);
	if (has_shims) {
		put_frame(layout, SHIM + 256, FRAME(3), CODE(99), 0);
		put(SHIM + 256 + layout->interpreter_frame.owner, layout->shim_owner, 1);
		put_frame(layout, FRAME(2), SHIM + 256, CODE(2), 2);
	} else {
		put(FRAME(2) + layout->interpreter_frame.is_entry, 1, 1);
	}
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	for (int caller = 0; caller < 5; caller++) {
		put(outer + layout->cframe.current_frame, FRAME(caller), 8);
		/* FRAME(0): the innermost call has no frame yet, and its caller's were taken */
		ck_assert_int_eq(
			python_leaf_is_linked(&python, &fake.view, &walk), caller == 0 || caller == 3);
	}
	/* a frame that the chain does not have at all, and none */
	put(outer + layout->cframe.current_frame, FRAME(20), 8);
	ck_assert(!python_leaf_is_linked(&python, &fake.view, &walk));
	put(outer + layout->cframe.current_frame, 0, 8);
	ck_assert(!python_leaf_is_linked(&python, &fake.view, &walk));
	/* not even who called it is there yet, but whatever lay there before */
	put(outer + layout->cframe.current_frame, FRAME(3), 8);
	ck_assert(python_leaf_is_linked(&python, &fake.view, &walk));
	put(CFRAME + layout->cframe.previous, 1, 8);
	ck_assert(!python_leaf_is_linked(&python, &fake.view, &walk));
	put(CFRAME + layout->cframe.previous, UINT64_C(1) << 60, 8);
	ck_assert(!python_leaf_is_linked(&python, &fake.view, &walk));
}
END_TEST

/*
 * A call that is being left has nothing but its shim; the first call of a thread or greenlet is called by
 * nobody of its own.
 */
START_TEST(test_leaf_of_ends)
{
	const struct layout *layout = row(_i);
	const raddr_t outer = CFRAME + 64;

	make_chain(layout, 5);
	if (layout->frames != FRAMES_BY_CFRAME)
		return;
	put(CFRAME + layout->cframe.previous, outer, 8);
	if (layout->root != ROOT_SHIM)
		put(FRAME(4) + layout->interpreter_frame.is_entry, 1, 1);
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	ck_assert(python_leaf_is_linked(&python, &fake.view, &walk));
	put(outer + layout->cframe.current_frame, FRAME(20), 8);
	ck_assert(python_leaf_is_linked(&python, &fake.view, &walk)); /* another greenlet's */
	if (layout->root != ROOT_SHIM)
		return;
	for (raddr_t shim = SHIM + 256; shim <= SHIM + 512; shim += 256) {
		put_frame(layout, shim, shim == SHIM + 256 ? SHIM + 512 : FRAME(3), CODE(99), 0);
		put(shim + layout->interpreter_frame.owner, layout->shim_owner, 1);
	}
	put_frame(layout, FRAME(2), SHIM + 256, CODE(2), 2);
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	put(outer + layout->cframe.current_frame, SHIM + 512, 8);
	ck_assert(python_leaf_is_linked(&python, &fake.view, &walk));
	put(outer + layout->cframe.current_frame, SHIM, 8);
	ck_assert(!python_leaf_is_linked(&python, &fake.view, &walk));
}
END_TEST

/* What has not executed anything stands before its first instruction, or from 3.13 on at it. */
START_TEST(test_fresh)
{
	const struct layout *layout = row(_i);
	const struct code code = { .instructions = CODE(1), .unit_count = 10 };
	struct raw_frame frame = { .instruction = (uint64_t)-1 };
	uint64_t step = 1;

	make_chain(layout, 1);
	if (layout->frames != FRAMES_ON_HEAP) {
		const bool stands_before = layout->instruction == INSTRUCTION_POINTER_LAST;

		frame.instruction = CODE(1) - (stands_before ? 2 : 0);
		step = 2;
	}
	ck_assert(python_frame_is_fresh(&python, &code, &frame));
	frame.instruction += step;
	ck_assert(!python_frame_is_fresh(&python, &code, &frame));
	frame.instruction += step;
	ck_assert(!python_frame_is_fresh(&python, &code, &frame));
}
END_TEST

START_TEST(test_no_frames)
{
	const struct layout *layout = row(_i);

	make_chain(layout, 0);
	if (layout->frames == FRAMES_BY_CFRAME) {
		/*
		 * only the thread's own CFrame may be without a frame, or that of a greenlet which has no
		 * data stack either
		 */
		put(STATE + layout->thread_state.datastack_chunk, FRAME(0), 8);
		put(CFRAME + layout->cframe.previous, CFRAME + 64, 8);
		ck_assert_int_eq(do_walk(100), WALK_BROKEN);
		put(STATE + layout->thread_state.datastack_chunk, 0, 8);
		ck_assert_int_eq(do_walk(100), WALK_WHOLE);
		/* the thread's own is further out wherever it lies */
		put(CFRAME + layout->cframe.previous, STATE + layout->thread_state.size - 24, 8);
		ck_assert_int_eq(do_walk(100), WALK_WHOLE);
		put(CFRAME + layout->cframe.previous, CFRAME - 64, 8);
		ck_assert_int_eq(do_walk(100), WALK_BROKEN);
		put(CFRAME + layout->cframe.previous, 0, 8);
		ck_assert_int_eq(do_walk(100), WALK_BROKEN);
		put(STATE + layout->thread_state.cframe, STATE + layout->thread_state.size - 24, 8);
	}
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	ck_assert_uint_eq(walk.count, 0);
}
END_TEST

START_TEST(test_tagged_pointers)
{
	const struct layout *layout = row(_i);

	if (!layout->pointer_tag_mask)
		return;
	make_chain(layout, 2);
	put_frame(layout, FRAME(0), FRAME(1), CODE(0) | 1, 0);
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	ck_assert_uint_eq(walk.frames[0].code, CODE(0));
}
END_TEST

START_TEST(test_self_pointing)
{
	make_chain(row(_i), 3);
	put_frame(row(_i), FRAME(1), FRAME(1), CODE(1), 0);
	ck_assert_int_eq(do_walk(100000), WALK_BROKEN);
	ck_assert_uint_lt(fake.reads, 100);
}
END_TEST

START_TEST(test_loop)
{
	make_chain(row(_i), 50);
	put_frame(row(_i), FRAME(49), FRAME(7), CODE(49), 0);
	ck_assert_int_eq(do_walk(100000), WALK_BROKEN);
	ck_assert_uint_lt(fake.reads, 1000);
}
END_TEST

START_TEST(test_unmapped)
{
	make_chain(row(_i), 40);
	fake.hole = FRAME(30);
	ck_assert_int_eq(do_walk(100), WALK_MISS);
	ck_assert_uint_eq(walk.miss_address / 4096, fake.hole / 4096);
	fake.hole = STATE;
	ck_assert_int_eq(do_walk(100), WALK_MISS);
	ck_assert_uint_eq(walk.miss_address, STATE);
}
END_TEST

START_TEST(test_garbage_pointers)
{
	static const raddr_t garbage[] = { 1, 7, 0xfff, UINT64_MAX, UINT64_MAX - 7, 0x4141414141414141,
		1ull << 63 };

	for (size_t i = 0; i < ARRAY_LENGTH(garbage); i++) {
		enum walk_status status;

		make_chain(row(_i), 3);
		put_frame(row(_i), FRAME(1), garbage[i], CODE(1), 0);
		status = do_walk(100);
		ck_assert(status == WALK_BROKEN || status == WALK_MISS);
		make_chain(row(_i), 3);
		put_leaf(row(_i), garbage[i]);
		status = do_walk(100);
		ck_assert(status == WALK_BROKEN || status == WALK_MISS);
	}
}
END_TEST

START_TEST(test_no_code)
{
	make_chain(row(_i), 3);
	put_frame(row(_i), FRAME(1), FRAME(2), 0, 0);
	ck_assert_int_eq(do_walk(100), WALK_BROKEN);
}
END_TEST

START_TEST(test_cut)
{
	make_chain(row(_i), 50);
	ck_assert_int_eq(do_walk(20), WALK_CUT);
	ck_assert_uint_eq(walk.count, 20);
	ck_assert_uint_eq(walk.frames[0].code, CODE(0)); /* the innermost ones are kept */
}
END_TEST

/* A generator that is being resumed is not linked yet: its chain ends in its middle. */
START_TEST(test_ends_in_middle)
{
	const bool frame_tells =
		row(_i)->root == ROOT_SHIM || row(_i)->interpreter_frame.is_entry != OFFSET_NONE;

	make_chain(row(_i), 5);
	put_frame(row(_i), FRAME(2), 0, CODE(2), 0);
	ck_assert_int_eq(do_walk(100), frame_tells ? WALK_BROKEN : WALK_WHOLE);
	/* where nothing in the frame tells, the place of the end does */
	ck_assert_uint_eq(walk.root, FRAME(2));
}
END_TEST

/* ---- what is left of a chain that is broken further in ---- */

static struct outer_frames outer;

/* A chain of five that was whole when it was learned. */
static void learn_chain(const struct layout *layout)
{
	memset(&outer, 0, sizeof(outer));
	make_chain(layout, 5);
	for (int i = 0; layout->frames == FRAMES_ON_HEAP && i < 5; i++)
		put(FRAME(i), 1, 8); /* ob_refcnt */
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	outer_frames_learn(&outer, &python, &fake.view, &walk);
}

/* The outermost frames are found, and no more. */
static void check_trunk(size_t count)
{
	outer_frames_find(&outer, &python, &fake.view, fake.bytes + (STATE - MEMORY_BASE), &walk);
	ck_assert_uint_eq(walk.count, count);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(walk.frames[i].address, FRAME(5 - count + i));
}

START_TEST(test_trunk)
{
	const struct layout *layout = row(_i);

	learn_chain(layout);
	check_trunk(5);
	put_leaf(layout, 0); /* whatever the thread state says */
	check_trunk(5);
	put_frame(layout, FRAME(1), 0, CODE(1), 0);
	check_trunk(3);
	put_frame(layout, FRAME(3), FRAME(4), 0, 0);
	check_trunk(1);
	fake.hole = FRAME(4);
	check_trunk(0);
}
END_TEST

START_TEST(test_trunk_of_other_calls)
{
	const struct layout *layout = row(_i);

	learn_chain(layout);
	/* another function in the place of the third: what it calls is not known */
	put_frame(layout, FRAME(10), FRAME(3), CODE(10), 0);
	put(FRAME(10), 1, layout->frames == FRAMES_ON_HEAP ? 8 : 0);
	put_leaf(layout, FRAME(10));
	ck_assert_int_eq(do_walk(100), WALK_WHOLE);
	outer_frames_learn(&outer, &python, &fake.view, &walk);
	put_frame(layout, FRAME(2), 0, CODE(2), 0);
	outer_frames_find(&outer, &python, &fake.view, fake.bytes + (STATE - MEMORY_BASE), &walk);
	ck_assert_uint_eq(walk.count, 3);
	ck_assert_uint_eq(walk.frames[0].address, FRAME(10));
	/* both say that they are called there: it cannot be told which one is */
	put_frame(layout, FRAME(2), FRAME(3), CODE(2), 0);
	check_trunk(2);
}
END_TEST

START_TEST(test_trunk_of_free_frames)
{
	const struct layout *layout = row(_i);

	learn_chain(layout);
	if (layout->frames == FRAMES_ON_HEAP) {
		put(FRAME(2), 0, 8);
	} else {
		put(STATE + layout->thread_state.datastack_chunk, FRAME(2), 8);
		put(STATE + layout->thread_state.datastack_top, FRAME(2), 8);
		put(STATE + layout->thread_state.datastack_top + 8, FRAME(3), 8);
	}
	check_trunk(2);
}
END_TEST

static void add_tests(TCase *tests)
{
	const int rows = row_count();

	tcase_add_loop_test(tests, test_chain, 0, rows);
	tcase_add_loop_test(tests, test_call_without_frame_yet, 0, rows);
	tcase_add_loop_test(tests, test_call_torn, 0, rows);
	tcase_add_loop_test(tests, test_leaf_is_linked, 0, rows);
	tcase_add_loop_test(tests, test_fresh, 0, rows);
	tcase_add_loop_test(tests, test_leaf_of_ends, 0, rows);
	tcase_add_loop_test(tests, test_no_frames, 0, rows);
	tcase_add_loop_test(tests, test_tagged_pointers, 0, rows);
	tcase_add_loop_test(tests, test_self_pointing, 0, rows);
	tcase_add_loop_test(tests, test_loop, 0, rows);
	tcase_add_loop_test(tests, test_unmapped, 0, rows);
	tcase_add_loop_test(tests, test_garbage_pointers, 0, rows);
	tcase_add_loop_test(tests, test_no_code, 0, rows);
	tcase_add_loop_test(tests, test_cut, 0, rows);
	tcase_add_loop_test(tests, test_ends_in_middle, 0, rows);
	tcase_add_loop_test(tests, test_trunk, 0, rows);
	tcase_add_loop_test(tests, test_trunk_of_other_calls, 0, rows);
	tcase_add_loop_test(tests, test_trunk_of_free_frames, 0, rows);
}

int main(void)
{
	int result;

	result = suite_run("walk", add_tests);
	walk_release(&walk);
	return result;
}
