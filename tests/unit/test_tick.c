/* SPDX-License-Identifier: MIT */
/* Which threads a tick takes, by mode, of a process with two threads that a script makes up (script.h). */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "sampling/internal.h"

#include "script.h"
#include "suite.h"

#define OTHER_TID (TID + 1)
#define THIRD_TID (TID + 2)
#define INTERVAL_NS 1000000

/* Those whose thread state itself leads to the leaf, so that two threads are easily made. */
static const int versions[] = { 313, 314 };

static struct sampler sampler;
static struct watch *watch;
static int64_t now_ns;
static size_t seen; /* samples of the ticks before */
static char text[256];

static void put_thread(raddr_t state, raddr_t next, pid_t tid)
{
	const struct layout *layout = &script.python.layout;

	put(state + layout->thread_state.next, next, 8);
	put(state + layout->thread_state.interp, INTERPRETER, 8);
	put(state + layout->thread_state.thread_id, PTHREAD + (uint64_t)(tid - TID) * 0x1000, 8);
	put(state + layout->thread_state.native_thread_id, (uint64_t)tid, 8);
}

/* OTHER_STATE runs f7;f8, in a chunk of its own. */
static void put_other_chain(void)
{
	const struct layout *layout = &script.python.layout;
	const raddr_t chunk = FAR_FRAME(0) & ~UINT64_C(0xffff);

	put_frame(FAR_FRAME(0), chain_end(), 7, 10);
	put_frame(FAR_FRAME(1), FAR_FRAME(0), 8, 10);
	put(OTHER_STATE + layout->thread_state.current_frame, FAR_FRAME(1), 8);
	put(OTHER_STATE + layout->thread_state.datastack_chunk, chunk - 0x20, 8);
	put(OTHER_STATE + layout->thread_state.datastack_top, FAR_FRAME(2), 8);
	put(OTHER_STATE + layout->thread_state.datastack_top + 8, chunk + 0x8000, 8);
}

/* What a thread shows while the other one holds the GIL is known from then on. */
static void learn(raddr_t state, raddr_t holder)
{
	struct thread *thread = threads_find(&watch->threads, state);
	const struct capture *stack;
	raddr_t now;

	put_gil(holder, 1);
	ck_assert_int_eq(
		capture_stack(&watch->capturer, thread, &watch->gils[0], false, &now, &stack), CAPTURED);
	ck_assert_int_eq(stack->quality, SAMPLE_VERIFIED);
}

static void begin(int version, enum sample_mode mode)
{
	static const pid_t tids[] = { TID, OTHER_TID, THIRD_TID };

	script_begin(layout_find(version));
	put_thread(STATE, OTHER_STATE, TID);
	put_thread(OTHER_STATE, 0, OTHER_TID);
	put(INTERPRETER + script.python.layout.interpreter_state.threads_head, STATE, 8);
	put_chain((const int[]){ 0, 1, 2, -1 });
	put_other_chain();
	script.tids = tids;
	script.tid_count = ARRAY_LENGTH(tids);
	sampler = (struct sampler){ .options = { .interval_ns = INTERVAL_NS,
					    .pause = PAUSE_AUTO,
					    .max_depth = 1000,
					    .mode = mode } };
	watch = watch_new(&sampler, &script.python, NULL, NULL);
	watch_housekeeping(watch);
	ck_assert_uint_eq(watch->gil_count, 1);
	ck_assert(watch_refresh(watch));
	ck_assert_uint_eq(watch->threads.count, 2);
	put_frame(FRAME(2), FRAME(1), 3, 10);
	learn(STATE, OTHER_STATE);
	put_frame(FRAME(2), FRAME(1), 2, 10);
	learn(STATE, OTHER_STATE);
	put_frame(FAR_FRAME(1), FAR_FRAME(0), 9, 10);
	learn(OTHER_STATE, STATE);
	put_frame(FAR_FRAME(1), FAR_FRAME(0), 8, 10);
	learn(OTHER_STATE, STATE);
	put_gil(0, 1);
	now_ns = 0;
	seen = 0;
}

static void end(void)
{
	watch_free(watch);
	script_end();
}

/* What the next tick adds: "TID:f0;f1 TID:f7", in the order in which threads were taken. */
static const char *tick(void)
{
	const struct batch *batch = &watch->filling;

	now_ns += INTERVAL_NS;
	ck_assert(watch_take_samples(watch, now_ns));
	text[0] = '\0';
	for (; seen < batch->count; seen++) {
		const struct batch_sample *sample = &batch->samples[seen];
		const size_t behind =
			seen + 1 < batch->count ? batch->samples[seen + 1].first_frame : batch->frame_count;

		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%d:", text[0] ? " " : "",
			sample->sample.tid ? (int)(sample->sample.tid - TID) : -1);
		for (size_t i = sample->first_frame; i < behind; i++) {
			strcat(text, i > sample->first_frame ? ";" : "");
			strcat(text, batch->frames[i].function->name);
		}
	}
	return text;
}

/* ---- who holds the GIL ---- */

START_TEST(test_holder)
{
	begin(versions[_i], MODE_GIL);
	script.task.activity = TASK_SLEEPING;
	script.task.syscall_number = 202;
	ck_assert_str_eq(tick(), "-1:(idle)");
	put_gil(STATE, 2);
	ck_assert_str_eq(tick(), "0:f0;f1;f2");
	put_gil(OTHER_STATE, 4);
	ck_assert_str_eq(tick(), "1:f7;f8");
	put_gil(0, 5);
	ck_assert_str_eq(tick(), "-1:(idle)");
	end();
}
END_TEST

/* The lock is read in the same snapshot as the frames, and has another holder by then than before. */
static void hand_over(raddr_t address)
{
	if (address < GIL || address >= GIL + 256)
		return;
	put_gil(OTHER_STATE, 4);
	script.before = NULL;
}

START_TEST(test_changes_hands)
{
	begin(versions[_i], MODE_GIL);
	put_gil(STATE, 2);
	ck_assert_str_eq(tick(), "0:f0;f1;f2");
	script.before = hand_over;
	ck_assert_str_eq(tick(), "1:f7;f8");
	ck_assert_ptr_null(script.before);
	end();
}
END_TEST

/* One that the list of threads does not have yet. */
START_TEST(test_new_thread)
{
	begin(versions[_i], MODE_GIL);
	put(STATE + script.python.layout.thread_state.next, 0, 8);
	ck_assert(watch_refresh(watch));
	put_gil(STATE, 2);
	ck_assert_str_eq(tick(), "0:f0;f1;f2");
	ck_assert_uint_eq(watch->threads.count, 1);
	put(STATE + script.python.layout.thread_state.next, OTHER_STATE, 8);
	put_gil(OTHER_STATE, 4);
	ck_assert_str_eq(tick(), "1:f7;f8");
	ck_assert_uint_eq(watch->threads.count, 2);
	end();
}
END_TEST

/* Its thread state belongs to another thread by now: that is listed, and taken. */
START_TEST(test_state_of_another)
{
	begin(versions[_i], MODE_GIL);
	put_gil(OTHER_STATE, 2);
	ck_assert_str_eq(tick(), "1:f7;f8");
	put_thread(OTHER_STATE, 0, THIRD_TID);
	ck_assert_str_eq(tick(), "2:f7;f8");
	end();
}
END_TEST

/* The lock says that a thread holds it that is in no list. */
START_TEST(test_holder_unknown)
{
	begin(versions[_i], MODE_GIL);
	put_gil(MEMORY_BASE + 0x7000, 2);
	ck_assert_str_eq(tick(), "-1:(failed)");
	end();
}
END_TEST

/* ---- every thread ---- */

START_TEST(test_every_thread)
{
	begin(versions[_i], MODE_WALL);
	put_gil(STATE, 2);
	ck_assert_str_eq(tick(), "0:f0;f1;f2 1:f7;f8");
	end();
}
END_TEST

/*
 * What stands still is not read again: while the GIL has not changed hands, only its holder can have run. The
 * other one's frames are changed behind its back to see that.
 */
START_TEST(test_not_read_again)
{
	begin(versions[_i], MODE_WALL);
	put_gil(STATE, 2);
	tick();
	put_frame(FAR_FRAME(1), FAR_FRAME(0), 9, 10);
	put_frame(FRAME(2), FRAME(1), 3, 10);
	script.pauses = 0;
	ck_assert_str_eq(tick(), "0:f0;f1;f3 1:f7;f8");
	put_gil(STATE, 4);
	ck_assert_str_eq(tick(), "0:f0;f1;f3 1:f7;f9");
	end();
}
END_TEST

/*
 * Nobody has the GIL. Whoever had it last may have taken it again meanwhile and let it go: that changes
 * neither the switch number nor the last holder. The other one cannot have run.
 */
START_TEST(test_last_holder_read_again)
{
	begin(versions[_i], MODE_WALL);
	put_gil(0, 2);
	ck_assert_str_eq(tick(), "0:f0;f1;f2 1:f7;f8");
	put_frame(FAR_FRAME(1), FAR_FRAME(0), 9, 10);
	put_frame(FRAME(2), FRAME(1), 3, 10);
	ck_assert_str_eq(tick(), "0:f0;f1;f3 1:f7;f8");
	end();
}
END_TEST

/*
 * CPython sets the last holder before it counts the switch: with the number of before, another last holder
 * says that the GIL has changed hands, and the one before may have run until then.
 */
START_TEST(test_switch_not_counted_yet)
{
	begin(versions[_i], MODE_WALL);
	put_gil(STATE, 2);
	ck_assert_str_eq(tick(), "0:f0;f1;f2 1:f7;f8");
	put_frame(FRAME(2), FRAME(1), 3, 10);
	put_gil(OTHER_STATE, 2);
	ck_assert_str_eq(tick(), "0:f0;f1;f3 1:f7;f8");
	end();
}
END_TEST

/* Nobody has the GIL, and both sleep: with -x there is nothing to take. */
START_TEST(test_all_asleep)
{
	begin(versions[_i], MODE_CPU);
	script.task = (struct task_state){ .activity = TASK_SLEEPING, .syscall_number = 202 };
	ck_assert_str_eq(tick(), "-1:(idle)");
	end();
}
END_TEST

START_TEST(test_on_cpu)
{
	begin(versions[_i], MODE_CPU);
	put_gil(STATE, 2);
	ck_assert_str_eq(tick(), "0:f0;f1;f2 1:f7;f8");
	end();
}
END_TEST

/* ---- how many are held ---- */

#define HELD_THREADS 3
#define HELD_TICKS 3000

static bool is_python(const void *context, pid_t tid)
{
	(void)context;
	(void)tid;
	return false;
}

/*
 * Threads that have to be held, in many ticks of which each has time for so many of them: how many ticks the
 * samples stand for, in all and of each thread.
 */
static uint64_t weigh_held(size_t affordable, size_t threads, uint64_t weights[HELD_THREADS])
{
	const struct batch *batch = &watch->filling;
	uint64_t sum = 0;

	memset(weights, 0, HELD_THREADS * sizeof(*weights));
	for (int i = 0; i < HELD_TICKS; i++) {
		now_ns += INTERVAL_NS;
		watch->held_cost_ns = INTERVAL_NS / 10 / (int64_t)affordable;
		batch_clear(&watch->filling);
		ck_assert(watch_take_samples(watch, now_ns));
		ck_assert_uint_le(batch->count, affordable);
		for (size_t j = 0; j < batch->count; j++) {
			weights[batch->samples[j].sample.tid - TID] += batch->samples[j].sample.weight;
			sum += batch->samples[j].sample.weight;
		}
	}
	ck_assert_uint_eq(watch->statistics.spared, (threads - affordable) * HELD_TICKS);
	return sum;
}

static void check_share(uint64_t weight, uint64_t expected)
{
	ck_assert_msg(weight > expected * 8 / 10 && weight < expected * 12 / 10, "%llu for %llu",
		(unsigned long long)weight, (unsigned long long)expected);
}

/*
 * Threads without Python that compute: those that are held stand for the others, and each of them in its
 * turn.
 */
START_TEST(test_held_native_threads)
{
	uint64_t weights[HELD_THREADS], sum;
	const size_t affordable = (size_t)_i + 1;

	begin(versions[0], MODE_CPU);
	put(INTERPRETER + script.python.layout.interpreter_state.threads_head, 0, 8);
	ck_assert(watch_refresh(watch));
	native_threads_refresh(&watch->native_threads, script.python.target, is_python, NULL);
	ck_assert_uint_eq(watch->native_threads.count, HELD_THREADS);
	sum = weigh_held(affordable, HELD_THREADS, weights);
	if (HELD_THREADS % affordable == 0)
		ck_assert_uint_eq(sum, HELD_THREADS * HELD_TICKS);
	for (size_t i = 0; i < HELD_THREADS; i++)
		check_share(weights[i], HELD_TICKS);
	end();
}
END_TEST

/* The same of two threads with Python that run without the GIL, whose native frames are wanted. */
START_TEST(test_held_threads)
{
	static char never_looked_into;
	uint64_t weights[HELD_THREADS];

	begin(versions[_i], MODE_CPU);
	watch->options.native = (struct native *)&never_looked_into;
	put_gil(0, 2);
	put(GIL + script.python.layout.gil_runtime_state.last_holder, MEMORY_BASE + 0x7000, 8);
	ck_assert_uint_eq(weigh_held(1, 2, weights), 2 * HELD_TICKS);
	check_share(weights[0], HELD_TICKS);
	check_share(weights[1], HELD_TICKS);
	watch->options.native = NULL;
	end();
}
END_TEST

/* ---- the clock of a watch ---- */

/* The sampler had no CPU for a hundred intervals: they are missed, and the next tick is one to come. */
START_TEST(test_missed)
{
	int64_t before_ns;

	begin(versions[_i], MODE_GIL);
	before_ns = monotonic_ns();
	watch_begin(watch, before_ns - 100 * INTERVAL_NS, before_ns - 100 * INTERVAL_NS);
	ck_assert_uint_eq(watch->number, 0);
	watch->housekeeping_ns = before_ns;
	ck_assert(watch_tick(watch, before_ns));
	ck_assert_uint_ge(watch->number, 100);
	ck_assert_uint_eq(watch->statistics.missed_ticks, watch->number - 1);
	ck_assert_int_ge(watch->due_ns, before_ns);
	end();
}
END_TEST

/* The run ends before the sampler has a CPU again. */
START_TEST(test_miss_rest)
{
	begin(versions[_i], MODE_GIL);
	watch_begin(watch, 1000, 1000 + 3 * INTERVAL_NS);
	ck_assert_uint_eq(watch->number, 3);
	watch_miss_rest(watch, 1000 + 10 * INTERVAL_NS);
	ck_assert_uint_eq(watch->statistics.missed_ticks, 7);
	watch_miss_rest(watch, 1000 + 10 * INTERVAL_NS);
	ck_assert_uint_eq(watch->statistics.missed_ticks, 7);
	end();
}
END_TEST

static void add_tests(TCase *tests)
{
	const int count = ARRAY_LENGTH(versions);

	tcase_add_loop_test(tests, test_holder, 0, count);
	tcase_add_loop_test(tests, test_changes_hands, 0, count);
	tcase_add_loop_test(tests, test_new_thread, 0, count);
	tcase_add_loop_test(tests, test_state_of_another, 0, count);
	tcase_add_loop_test(tests, test_holder_unknown, 0, count);
	tcase_add_loop_test(tests, test_every_thread, 0, count);
	tcase_add_loop_test(tests, test_not_read_again, 0, count);
	tcase_add_loop_test(tests, test_last_holder_read_again, 0, count);
	tcase_add_loop_test(tests, test_switch_not_counted_yet, 0, count);
	tcase_add_loop_test(tests, test_all_asleep, 0, count);
	tcase_add_loop_test(tests, test_on_cpu, 0, count);
	tcase_add_loop_test(tests, test_held_native_threads, 0, HELD_THREADS);
	tcase_add_loop_test(tests, test_held_threads, 0, count);
	tcase_add_loop_test(tests, test_missed, 0, count);
	tcase_add_loop_test(tests, test_miss_rest, 0, count);
}

int main(void)
{
	return suite_run("tick", add_tests);
}
