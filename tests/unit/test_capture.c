/* SPDX-License-Identifier: MIT */
/*
 * How one stack is taken, of a thread whose memory changes while it is read. Each case is one that some check
 * of the sampler is there for: a sample never shows calls that were not.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "sampling/batch.h"
#include "sampling/capture.h"
#include "sampling/stop.h"
#include "script.h"
#include "suite.h"

static struct capturer capturer;
static struct sampling_statistics statistics;
static struct thread *thread;
static struct gil gil;
static raddr_t holder;
static const struct capture *taken;
static char text[256];

/* Those whose frames lie on the data stack. */
static const int versions[] = { 311, 312, 313, 314 };

static void begin(int version, enum pause_policy pause)
{
	const struct sampling_options options = { .interval_ns = 1000000, .pause = pause, .max_depth = 1000 };
	const struct python_thread identity = { .state = STATE,
		.interpreter = INTERPRETER,
		.pthread_id = PTHREAD,
		.tid = TID,
		.recorded_tid = TID };

	script_begin(layout_find(version));
	statistics = (struct sampling_statistics){ 0 };
	capturer_init(&capturer, &script.python, &options, &statistics);
	thread = thread_new(&identity, capturer.reader.state_bytes);
	ck_assert_uint_eq(python_list_gils(&script.python, &gil, 1), 1);
}

static void end(void)
{
	thread_free(thread);
	capturer_release(&capturer);
	script_end();
}

/* The frames that were taken, outermost first, without lines. */
static const char *shown(void)
{
	text[0] = '\0';
	for (size_t i = 0; i < taken->count; i++) {
		strcat(text, i ? ";" : "");
		strcat(text, taken->frames[i].code->function->name);
	}
	return text;
}

static enum capture_result capture_one(void)
{
	return capture_stack(&capturer, thread, &gil, false, &holder, &taken);
}

/* The thread waits for the GIL, which another one has held all the time: that stack is known from then on. */
static void learn(const int *codes)
{
	put_chain(codes);
	put_gil(OTHER_STATE, 7);
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_int_eq(taken->quality, SAMPLE_VERIFIED);
	put_gil(STATE, 8);
}

/* ---- looks ---- */

START_TEST(test_waits_for_gil)
{
	begin(versions[_i], PAUSE_AUTO);
	put_chain((const int[]){ 0, 1, 2, -1 });
	put_gil(OTHER_STATE, 7);
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_str_eq(shown(), "f0;f1;f2");
	ck_assert_int_eq(taken->frames[0].line, 101);
	ck_assert_int_eq(taken->frames[2].line, 301);
	ck_assert_int_eq(taken->quality, SAMPLE_VERIFIED);
	ck_assert_uint_eq(holder, OTHER_STATE);
	ck_assert_uint_eq(script.pauses, 0);
	end();
}
END_TEST

/* The same calls, and the innermost one has gone on to the next line. */
START_TEST(test_next_line)
{
	begin(versions[_i], PAUSE_AUTO);
	learn((const int[]){ 0, 1, 2, -1 });
	ck_assert_int_eq(taken->frames[2].line, 301);
	put_gil(OTHER_STATE, 9);
	/* its code objects are old enough not to be checked each time */
	for (size_t i = 0; i < taken->count; i++)
		taken->frames[i].code->is_settled = true;
	ck_assert_int_eq(capture_one(), CAPTURED);
	put_frame(FRAME(2), FRAME(1), 2, 20);
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_str_eq(shown(), "f0;f1;f2");
	ck_assert_int_eq(taken->frames[1].line, 201);
	ck_assert_int_eq(taken->frames[2].line, 302);
	end();
}
END_TEST

/*
 * Behind the thread state that was read: the frames of f0;f1;f2 have been popped, and f0;f3;f4 pushed in
 * their place.
 */
static void swap_leaf(raddr_t address)
{
	if (address >= FRAME(2) && address < FRAME(3))
		put_chain((const int[]){ 0, 3, 4, -1 });
}

/*
 * A mixture of two moments, in each snapshot anew: the stop shows what is, and the mixture is never
 * believed.
 */
static void always_swap(raddr_t address)
{
	if (address >= STATE && address < STATE + 256)
		put_chain((const int[]){ 0, 1, 2, -1 });
	swap_leaf(address);
}

static void stand_in_second(void)
{
	put_chain((const int[]){ 0, 3, 4, -1 });
}

/*
 * In each snapshot another thread holds the GIL when it begins and when it ends, but this one had it in
 * between.
 */
static void swap_leaf_and_gil(raddr_t address)
{
	static uint64_t switches = 10;

	if (address >= STATE && address < STATE + 256)
		put_chain((const int[]){ 0, 1, 2, -1 });
	if (address < FRAME(2) || address >= FRAME(3))
		return;
	put_chain((const int[]){ 0, 3, 4, -1 });
	put_gil(OTHER_STATE, switches += 2);
}

START_TEST(test_ran_between)
{
	begin(versions[_i], PAUSE_AUTO);
	learn((const int[]){ 0, 3, 4, -1 });
	learn((const int[]){ 0, 1, 2, -1 });
	put_gil(OTHER_STATE, 7);
	script.before = swap_leaf_and_gil;
	script.at_pause = stand_in_second;
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(capture_one(), CAPTURED);
		ck_assert_str_ne(shown(), "f0;f1;f4");
	}
	end();
}
END_TEST

/*
 * It takes the GIL while it is read. The switch may be counted after the thread is named as the holder, and
 * on some processors be seen after the thread's first frames.
 */
static void swap_leaf_and_take_gil(raddr_t address)
{
	static bool has_taken; /* in this snapshot, which reads the GIL first and last */
	static uint64_t switches = 10;

	if (address == gil.address && !has_taken) {
		put_chain((const int[]){ 0, 1, 2, -1 });
		put_gil(OTHER_STATE, switches += 2);
	} else if (address == gil.address) {
		has_taken = false;
	} else if (address >= FRAME(2) && address < FRAME(3)) {
		put_chain((const int[]){ 0, 3, 4, -1 });
		put_gil(STATE, switches);
		has_taken = true;
	}
}

START_TEST(test_takes_gil)
{
	begin(versions[_i], PAUSE_AUTO);
	learn((const int[]){ 0, 3, 4, -1 });
	learn((const int[]){ 0, 1, 2, -1 });
	put_gil(OTHER_STATE, 7);
	script.before = swap_leaf_and_take_gil;
	script.at_pause = stand_in_second;
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(capture_one(), CAPTURED);
		ck_assert_msg(strcmp(shown(), "f0;f1;f4") != 0 || taken->quality == SAMPLE_UNVERIFIED,
			"%s is believed", text);
	}
	end();
}
END_TEST

START_TEST(test_torn)
{
	begin(versions[_i], PAUSE_AUTO);
	learn((const int[]){ 0, 1, 2, -1 });
	script.before = always_swap;
	script.at_pause = stand_in_second;
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(capture_one(), CAPTURED);
		shown();
		ck_assert_msg(strcmp(text, "f0;f1;f2") == 0 || strcmp(text, "f0;f3;f4") == 0 ||
				strcmp(text, "f0;f1") == 0 || strcmp(text, "f0;f3") == 0 ||
				strcmp(text, "f0") == 0 || taken->count == 0 ||
				taken->quality == SAMPLE_UNVERIFIED,
			"%s is believed", text);
		ck_assert_str_ne(text, "f0;f1;f4");
	}
	end();
}
END_TEST

/*
 * The call that the thread state led to has returned when its frame is read, and the memory is used for
 * something else. Where snapshots have been hard, what leads to the leaf is read again behind the frames.
 */
static void return_from_call(raddr_t address)
{
	if (address < FRAME(3) || address >= FRAME(4))
		return;
	memset(script.bytes + (FRAME(3) - MEMORY_BASE), 0x5a, 256);
	put_leaf(FRAME(2));
	script.before = NULL;
}

START_TEST(test_leaf_behind)
{
	size_t reads;

	begin(versions[_i], PAUSE_AUTO);
	learn((const int[]){ 0, 1, 2, -1 });
	learn((const int[]){ 0, 1, 2, 5, -1 });
	thread->hardness = HARD_ALWAYS;
	script.reads = 0;
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_str_eq(shown(), "f0;f1;f2;f5");
	reads = script.reads;
	script.before = return_from_call;
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_ptr_null(script.before);
	ck_assert_str_eq(shown(), "f0;f1;f2");
	ck_assert_int_eq(taken->quality, SAMPLE_VERIFIED);
	ck_assert_uint_eq(script.reads, 2 * reads);
	end();
}
END_TEST

/* ---- outer frames ---- */

static size_t broken_reads; /* before the snapshot */

/* After the first read the thread is elsewhere. */
static void move_on(raddr_t address)
{
	(void)address;
	if (script.reads > broken_reads + 1)
		stand_in_second();
}

static void break_leaf(void)
{
	put(FRAME(2) + script.python.layout.interpreter_frame.previous, 0x5a5a, 8);
}

/*
 * f0;f1;f2 and f0;f3;f4 are known, and where their frames lie. Then the leaf of f0;f1;f2 is broken when it is
 * read, and a moment later f0;f3;f4 is there: its own moment is f0;f1.
 */
static void begin_broken(int version)
{
	begin(version, PAUSE_AUTO);
	for (int round = 0; round < 2; round++) {
		learn((const int[]){ 0, 3, 4, -1 });
		learn((const int[]){ 0, 1, 2, -1 });
		for (size_t i = 0; i < taken->count; i++)
			taken->frames[i].code->is_settled = true;
		break_leaf();
		if (round == 0)
			ck_assert_int_eq(capture_one(), CAPTURED);
	}
	ck_assert_ptr_nonnull(thread->outer);
	script.at_pause = stand_in_second;
	script.before = move_on;
	broken_reads = script.reads;
}

START_TEST(test_outer_frames)
{
	begin_broken(versions[_i]);
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_str_eq(shown(), "f0;f1");
	ck_assert_int_eq(taken->quality, SAMPLE_PARTIAL);
	end();
}
END_TEST

/* Where f1 lay, a frame lies that is called by another one: then only f0 is known of that moment. */
START_TEST(test_outer_reused)
{
	begin_broken(versions[_i]);
	put_frame(FRAME(1), FAR_FRAME(3), 5, 10);
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_str_eq(shown(), "f0;f3;f4");
	end();
}
END_TEST

/* The frame of f1 has been popped; its words are still there, in the free part of the data stack. */
START_TEST(test_outer_popped)
{
	begin_broken(versions[_i]);
	put(STATE + script.python.layout.thread_state.datastack_top, FRAME(1), 8);
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_str_eq(shown(), "f0;f3;f4");
	end();
}
END_TEST

/*
 * The thread moves to another chunk of the data stack between two samples: its frames lie where none was
 * before.
 */
START_TEST(test_other_chunk)
{
	begin(versions[_i], PAUSE_AUTO);
	learn((const int[]){ 0, 1, 2, -1 });
	put_frame(FAR_FRAME(0), FRAME(2), 5, 10);
	put_frame(FAR_FRAME(1), FAR_FRAME(0), 6, 10);
	put_leaf(FAR_FRAME(1));
	put_gil(OTHER_STATE, 9);
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_str_eq(shown(), "f0;f1;f2;f5;f6");
	ck_assert_int_eq(taken->quality, SAMPLE_VERIFIED);
	end();
}
END_TEST

/*
 * While it is looked at: the frame that the thread state led to has been popped, and its memory is free for
 * anything.
 */
static void leave_chunk(raddr_t address)
{
	if (address >= FAR_FRAME(0) && address < FAR_FRAME(2)) {
		memset(script.bytes + (FAR_FRAME(0) - MEMORY_BASE), 0x5a, 0x1000);
		put_chain((const int[]){ 0, 1, 2, -1 });
		script.before = NULL;
	}
}

START_TEST(test_leaves_chunk)
{
	begin(versions[_i], PAUSE_AUTO);
	learn((const int[]){ 0, 1, 2, -1 });
	put_frame(FAR_FRAME(0), FRAME(2), 5, 10);
	put_leaf(FAR_FRAME(0));
	put_gil(OTHER_STATE, 9);
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_str_eq(shown(), "f0;f1;f2;f5");
	put_gil(STATE, 10);
	script.before = leave_chunk;
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_str_eq(shown(), "f0;f1;f2");
	ck_assert_ptr_null(script.before);
	end();
}
END_TEST

/* Another code object has taken the address of one that is known. */
START_TEST(test_code_replaced)
{
	begin(versions[_i], PAUSE_AUTO);
	learn((const int[]){ 0, 1, 2, -1 });
	put_code(1, "other", 7, 77);
	put_gil(OTHER_STATE, 9);
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_str_eq(shown(), "f0;other;f2");
	ck_assert_int_eq(taken->frames[1].line, 8);
	end();
}
END_TEST

/*
 * It does so behind the frames that were read, of a code object that was met before them: the snapshot
 * cannot tell which one it was.
 */
static void replace_code(raddr_t address)
{
	if (address >= CODE(1) && address < CODE(2)) {
		put_code(1, "other", 7, 77);
		put_chain((const int[]){ 0, 5, 6, -1 });
		script.before = NULL;
	}
}

START_TEST(test_code_freed_while_read)
{
	begin(versions[_i], PAUSE_AUTO);
	learn((const int[]){ 0, 1, 2, -1 });
	put_gil(OTHER_STATE, 9);
	script.before = replace_code;
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_ptr_null(script.before);
	ck_assert_ptr_null(strstr(shown(), "other"));
	end();
}
END_TEST

/* The thread has ended, and its state belongs to another one. */
START_TEST(test_foreign)
{
	begin(versions[_i], PAUSE_AUTO);
	learn((const int[]){ 0, 1, 2, -1 });
	put(STATE + script.python.layout.thread_state.native_thread_id, TID + 1, 8);
	ck_assert_int_eq(capture_one(), CAPTURE_FOREIGN);
	end();
}
END_TEST

START_TEST(test_other_holder)
{
	begin(versions[_i], PAUSE_AUTO);
	put_chain((const int[]){ 0, -1 });
	put_gil(OTHER_STATE, 1);
	ck_assert_int_eq(capture_stack(&capturer, thread, &gil, true, &holder, &taken), CAPTURE_OTHER);
	ck_assert_uint_eq(holder, OTHER_STATE);
	put_gil(0, 2);
	ck_assert_int_eq(capture_stack(&capturer, thread, &gil, true, &holder, &taken), CAPTURE_OTHER);
	ck_assert_uint_eq(holder, 0);
	end();
}
END_TEST

/* ---- sleep ---- */

START_TEST(test_asleep)
{
	begin(versions[_i], PAUSE_AUTO);
	put_chain((const int[]){ 0, 1, 2, -1 });
	put_gil(0, 7);
	script.task = (struct task_state){ .activity = TASK_SLEEPING, .syscall_number = 202 };
	script.cpu_ns = 1000;
	script.slices = 5;
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_str_eq(shown(), "f0;f1;f2");
	ck_assert_int_eq(taken->quality == SAMPLE_VERIFIED || taken->quality == SAMPLE_PAUSED, 1);
	ck_assert_uint_eq(script.pauses, 0);
	end();
}
END_TEST

/* The kernel adds up the time of a slice when it ends, and counts the slice when it begins. */
static void run_slice(void)
{
	script.slices++;
}

static void run_on(void)
{
	script.cpu_ns += 50000;
}

/* It seems to sleep whenever it is asked, but has run in between: what was read may be a mixture. */
START_TEST(test_woke_up)
{
	begin(versions[_i / 2], PAUSE_AUTO);
	put_gil(0, 7);
	script.task = (struct task_state){ .activity = TASK_SLEEPING, .syscall_number = 202 };
	script.pause = PAUSE_ASLEEP;
	script.before = always_swap;
	script.before_schedstat = _i % 2 ? run_slice : run_on;
	put_chain((const int[]){ 0, 1, 2, -1 });
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(capture_one(), CAPTURED);
		ck_assert_msg(strcmp(shown(), "f0;f1;f4") != 0 || taken->quality == SAMPLE_UNVERIFIED,
			"%s is believed", text);
	}
	end();
}
END_TEST

/* ---- stops ---- */

static size_t half_pushed_stops;

/*
 * f5 has been pushed and has executed nothing, and its link leads to the caller of the frame that was there
 * before: to f0 and not to f1. In later stops it is linked, and has gone on.
 */
static void stop_half_pushed(void)
{
	const int unit = script.python.layout.instruction == INSTRUCTION_POINTER ? 0 : -1;

	script.cpu_ns += 100000;
	put_chain((const int[]){ 0, 1, 5, -1 });
	if (script.pauses <= half_pushed_stops)
		put_frame(FRAME(2), FRAME(0), 5, unit);
	else
		put_frame(FRAME(2), FRAME(1), 5, 12);
}

START_TEST(test_half_pushed)
{
	begin(versions[_i], PAUSE_AUTO);
	learn((const int[]){ 0, 1, 2, -1 });
	half_pushed_stops = 1;
	script.at_pause = stop_half_pushed;
	for (int i = 0; i < 10; i++) {
		put_chain((const int[]){ 0, 1, 5, -1 });
		script.before = NULL;
		ck_assert_int_eq(capture_one(), CAPTURED);
		ck_assert_str_ne(shown(), "f0;f5");
	}
	ck_assert_uint_gt(script.pauses, half_pushed_stops);
	ck_assert_str_eq(shown(), "f0;f1;f5");
	/* and what was seen in one stop alone is no stack that is known */
	put_frame(FRAME(2), FRAME(0), 5, 10);
	script.pause = PAUSE_TIMEOUT;
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_msg(
		strcmp(shown(), "f0;f5") != 0 || taken->quality == SAMPLE_UNVERIFIED, "%s is believed", text);
	end();
}
END_TEST

static void stand_in_third(void)
{
	script.cpu_ns += 100000;
	put_chain((const int[]){ 0, 3, 6, -1 });
	put_frame(FRAME(2), FRAME(1), 6, 12);
}

/* A stop shows what no snapshot has: the sample belongs to the snapshot, and is what is certain of that. */
START_TEST(test_stop_of_another_moment)
{
	begin(versions[_i], PAUSE_AUTO);
	learn((const int[]){ 0, 1, 2, -1 });
	learn((const int[]){ 0, 3, -1 });
	put_chain((const int[]){ 0, 1, 6, -1 });
	script.at_pause = stand_in_third;
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_ptr_null(strstr(shown(), "f3"));
	end();
}
END_TEST

/*
 * A chain that ends where no chain of the thread has ended so far is one that is just being linked. (From
 * 3.12 on a shim says it.)
 */
static void stop_without_callers(void)
{
	script.cpu_ns += 100000;
	put_frame(FRAME(1), script.pauses > 1 ? FRAME(0) : 0, 7, 12);
	put_frame(FRAME(2), FRAME(1), 8, 12);
	put_leaf(FRAME(2));
}

START_TEST(test_other_root)
{
	begin(311, PAUSE_AUTO);
	learn((const int[]){ 0, 1, 2, -1 });
	script.at_pause = stop_without_callers;
	script.before = NULL;
	stop_without_callers();
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert_msg(strncmp(shown(), "f7", 2) != 0 || taken->quality == SAMPLE_UNVERIFIED,
		"%s is believed at once", text);
	end();
}
END_TEST

/*
 * It has let go of the GIL since it was looked at, or of its thread state where there is no GIL, and may
 * have begun a call that is not to be disturbed.
 */
START_TEST(test_let_go_before_stop)
{
	struct error err = { 0 };
	struct pause pause;

	begin(versions[_i], PAUSE_AUTO);
	learn((const int[]){ 0, 1, 2, -1 });
	ck_assert_int_eq(capture_one(), CAPTURED);
	ck_assert(capturer.is_holder);
	put_gil(0, 9);
	capturer_pause(&capturer, thread);
	ck_assert_uint_eq(script.pauses, 0);
	ck_assert_int_eq(capturer_tell_to_stop(&capturer, thread, &pause, &err), PAUSE_UNFIT);
	put_gil(OTHER_STATE, 10);
	capturer_pause(&capturer, thread);
	ck_assert_uint_eq(script.pauses, 0);
	put_gil(STATE, 11);
	capturer_pause(&capturer, thread);
	ck_assert_uint_eq(script.pauses, 1);
	/* one that had no GIL when it was looked at is stopped whatever it does */
	capturer.is_holder = false;
	put_gil(0, 12);
	capturer_pause(&capturer, thread);
	ck_assert_uint_eq(script.pauses, 2);
	ck_assert(!script.is_held);
	end();
}
END_TEST

START_TEST(test_detached_before_stop)
{
	struct error err = { 0 };
	struct pause pause;
	raddr_t status;

	begin(314, PAUSE_AUTO);
	status = STATE + script.python.layout.thread_state.status;
	capturer.gil = NULL;
	capturer.is_holder = true;
	put(status, ~THREAD_STATUS_ACTIVE, 4);
	ck_assert_int_eq(capturer_tell_to_stop(&capturer, thread, &pause, &err), PAUSE_UNFIT);
	ck_assert_uint_eq(script.pauses, 0);
	capturer.is_holder = false;
	ck_assert_int_eq(capturer_tell_to_stop(&capturer, thread, &pause, &err), PAUSE_TOLD);
	pause_end(&pause);
	capturer.is_holder = true;
	put(status, THREAD_STATUS_ACTIVE, 4);
	ck_assert_int_eq(capturer_tell_to_stop(&capturer, thread, &pause, &err), PAUSE_TOLD);
	ck_assert(script.is_held);
	ck_assert_int_eq(pause_await(&pause, 0), PAUSE_HELD);
	pause_end(&pause);
	ck_assert(!script.is_held);
	end();
}
END_TEST

/* ---- calls that go on, where pauses are used up ---- */

static int went_on;

/* The innermost frame is elsewhere in f5 at each snapshot. */
static void go_on(raddr_t address)
{
	if (address < STATE || address >= STATE + 256)
		return;
	put_chain((const int[]){ 0, 1, 5, -1 });
	put_frame(FRAME(2), FRAME(1), 5, 10 + went_on++ % 7);
}

/* The same, but when the sample begins it has executed nothing. */
static void go_on_from_start(raddr_t address)
{
	const int unit = script.python.layout.instruction == INSTRUCTION_POINTER ? 0 : -1;

	if (address >= STATE && address < STATE + 256 && went_on++ < 4)
		put_frame(FRAME(2), FRAME(1), 5, unit);
	else
		go_on(address);
}

/* The same, but f6 was called in between, seldom. */
static void go_on_and_return(raddr_t address)
{
	go_on(address);
	if (address >= STATE && address < STATE + 256 && went_on % 11 == 0)
		put_chain((const int[]){ 0, 1, 6, -1 });
}

/*
 * Samples of f0;f1;f5 that are not proven, and may not be paused, until one is verified; how many there
 * were.
 */
static int samples_until_verified(int version, void (*before)(raddr_t address), int limit)
{
	int samples = 0;

	begin(version, PAUSE_AUTO);
	learn((const int[]){ 0, 1, 2, -1 });
	capturer.charged_ns = INT64_MAX / 2;
	put_chain((const int[]){ 0, 1, 5, -1 });
	script.before = before;
	do {
		samples++;
		went_on = 0;
		ck_assert_int_eq(capture_one(), CAPTURED);
	} while (taken->quality != SAMPLE_VERIFIED && samples < limit);
	ck_assert_uint_eq(script.pauses, 0);
	ck_assert_uint_eq(statistics.seen_going_on, taken->quality == SAMPLE_VERIFIED);
	ck_assert_str_eq(shown(), taken->quality == SAMPLE_VERIFIED ? "f0;f1;f5" : "f0;f1");
	end();
	return samples;
}

START_TEST(test_goes_on)
{
	/* the first one, unless something else has the CPU */
	ck_assert_int_lt(samples_until_verified(versions[_i], go_on, 10000), 10000);
}
END_TEST

/* One that stands still, or that shows another call meanwhile, is no evidence. */
START_TEST(test_stands_still)
{
	ck_assert_int_eq(samples_until_verified(versions[_i], NULL, 50), 50);
	ck_assert_int_eq(taken->quality, SAMPLE_PARTIAL);
}
END_TEST

/* Its callers may be those of the call that was there before. */
START_TEST(test_has_just_begun)
{
	ck_assert_int_eq(samples_until_verified(versions[_i], go_on_from_start, 50), 50);
	ck_assert_int_eq(taken->quality, SAMPLE_PARTIAL);
}
END_TEST

START_TEST(test_calls_another)
{
	ck_assert_int_eq(samples_until_verified(versions[_i], go_on_and_return, 50), 50);
	ck_assert_int_eq(taken->quality, SAMPLE_PARTIAL);
}
END_TEST

/* ---- batches ---- */

static struct doubt_markers markers;

static void add_to_batch(struct batch *batch, bool is_cut)
{
	const struct sample sample = { .quality = taken->quality, .weight = 3 };

	batch_add(batch, &sample);
	if (is_cut)
		batch_add_frame(batch, python_marker(&script.python, "(truncated)"), 0);
	for (size_t i = 0; i < taken->count; i++)
		batch_add_code(batch, &taken->frames[i]);
	statistics.by_quality[taken->quality] += 3;
}

static void mark_doubts(void)
{
	markers.partial = python_marker(&script.python, "(partial)");
	markers.failed = python_marker(&script.python, "(failed)");
}

static const char *batch_shown(const struct batch *batch, size_t index)
{
	const struct batch_sample *sample = &batch->samples[index];

	text[0] = '\0';
	for (size_t i = 0; i < sample->sample.frame_count; i++) {
		strcat(text, i ? ";" : "");
		strcat(text, batch->frames[sample->first_frame + i].function->name);
	}
	return text;
}

/* Settled code is not checked by each snapshot: a batch is, before it is handed over. */
static void settle(void)
{
	for (size_t i = 0; i < taken->count; i++) {
		taken->frames[i].code->is_settled = true;
		taken->frames[i].is_checked = false;
	}
}

START_TEST(test_batch)
{
	struct batch batch = { .mark = 1 };

	begin(versions[_i], PAUSE_AUTO);
	mark_doubts();
	learn((const int[]){ 0, 1, 2, -1 });
	settle();
	add_to_batch(&batch, false);
	batch_confirm(&batch, &capturer.reader, &markers, &statistics);
	ck_assert_str_eq(batch_shown(&batch, 0), "f0;f1;f2");
	ck_assert_uint_eq(statistics.by_quality[SAMPLE_PARTIAL], 0);
	batch_clear(&batch);
	add_to_batch(&batch, false);
	put_code(1, "other", 7, 77);
	batch_confirm(&batch, &capturer.reader, &markers, &statistics);
	ck_assert_str_eq(batch_shown(&batch, 0), "f0;(partial)");
	ck_assert_int_eq(batch.samples[0].sample.quality, SAMPLE_PARTIAL);
	ck_assert_uint_eq(statistics.by_quality[SAMPLE_PARTIAL], 3);
	ck_assert_uint_eq(statistics.by_quality[SAMPLE_VERIFIED], 3);
	batch_clear(&batch);
	/* of two samples, the snapshot of one has checked it */
	learn((const int[]){ 0, 1, 2, -1 });
	settle();
	add_to_batch(&batch, false);
	for (size_t i = 0; i < taken->count; i++)
		taken->frames[i].is_checked = true;
	add_to_batch(&batch, false);
	put_code(1, "third", 7, 78);
	batch_confirm(&batch, &capturer.reader, &markers, &statistics);
	ck_assert_str_eq(batch_shown(&batch, 0), "f0;(partial)");
	ck_assert_str_eq(batch_shown(&batch, 1), "f0;other;f2");
	batch_release(&batch);
	end();
}
END_TEST

/* What its own snapshot has checked is true whatever comes later. */
START_TEST(test_batch_checked)
{
	struct batch batch = { .mark = 1 };

	begin(versions[_i], PAUSE_AUTO);
	mark_doubts();
	learn((const int[]){ 0, 1, 2, -1 });
	learn((const int[]){ 0, 1, 2, -1 });
	for (size_t i = 0; i < taken->count; i++)
		ck_assert(taken->frames[i].is_checked);
	add_to_batch(&batch, false);
	put_code(1, "other", 7, 77);
	batch_confirm(&batch, &capturer.reader, &markers, &statistics);
	ck_assert_str_eq(batch_shown(&batch, 0), "f0;f1;f2");
	batch_release(&batch);
	end();
}
END_TEST

/* Where the outermost frame is in doubt nothing is left, whether its callers are missing or not. */
START_TEST(test_batch_nothing_left)
{
	struct batch batch = { .mark = 1 };

	begin(versions[_i], PAUSE_AUTO);
	mark_doubts();
	learn((const int[]){ 0, 1, 2, -1 });
	settle();
	add_to_batch(&batch, false);
	add_to_batch(&batch, true);
	put_code(0, "other", 7, 77);
	batch_confirm(&batch, &capturer.reader, &markers, &statistics);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_str_eq(batch_shown(&batch, i), "(failed)");
		ck_assert_int_eq(batch.samples[i].sample.quality, SAMPLE_FAILED);
	}
	ck_assert_uint_eq(statistics.by_quality[SAMPLE_FAILED], 6);
	ck_assert_uint_eq(statistics.by_quality[SAMPLE_PARTIAL], 0);
	batch_release(&batch);
	end();
}
END_TEST

static void add_tests(TCase *tests)
{
	const int count = (int)ARRAY_LENGTH(versions);

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, test_waits_for_gil, 0, count);
	tcase_add_loop_test(tests, test_next_line, 0, count);
	tcase_add_loop_test(tests, test_ran_between, 0, count);
	tcase_add_loop_test(tests, test_takes_gil, 0, count);
	tcase_add_loop_test(tests, test_torn, 0, count);
	tcase_add_loop_test(tests, test_leaf_behind, 0, count);
	tcase_add_loop_test(tests, test_outer_frames, 0, count);
	tcase_add_loop_test(tests, test_outer_reused, 0, count);
	tcase_add_loop_test(tests, test_outer_popped, 0, count);
	tcase_add_loop_test(tests, test_other_chunk, 0, count);
	tcase_add_loop_test(tests, test_leaves_chunk, 0, count);
	tcase_add_loop_test(tests, test_code_replaced, 0, count);
	tcase_add_loop_test(tests, test_code_freed_while_read, 0, count);
	tcase_add_loop_test(tests, test_foreign, 0, count);
	tcase_add_loop_test(tests, test_other_holder, 0, count);
	tcase_add_loop_test(tests, test_asleep, 0, count);
	tcase_add_loop_test(tests, test_woke_up, 0, 2 * count);
	tcase_add_loop_test(tests, test_half_pushed, 0, count);
	tcase_add_loop_test(tests, test_goes_on, 0, count);
	tcase_add_loop_test(tests, test_stands_still, 0, count);
	tcase_add_loop_test(tests, test_has_just_begun, 0, count);
	tcase_add_loop_test(tests, test_calls_another, 0, count);
	tcase_add_loop_test(tests, test_stop_of_another_moment, 0, count);
	tcase_add_test(tests, test_other_root);
	tcase_add_loop_test(tests, test_let_go_before_stop, 0, count);
	tcase_add_test(tests, test_detached_before_stop);
	tcase_add_loop_test(tests, test_batch, 0, count);
	tcase_add_loop_test(tests, test_batch_checked, 0, count);
	tcase_add_loop_test(tests, test_batch_nothing_left, 0, count);
}

int main(void)
{
	return suite_run("take", add_tests);
}
