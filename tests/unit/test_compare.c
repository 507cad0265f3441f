/* SPDX-License-Identifier: MIT */
/*
 * The comparison of runs, on programs that are made up: their functions run for random times, in a course of
 * modes that last for seconds, as servers and jobs do. Equal programs must seldom be told apart, and a
 * function that became slower must be found. PYROPE_TEST_SCALE multiplies the pairs; docs/statistics.md has
 * the numbers of a long run.
 */
#include "config.h"

#include "pyrope/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/internal.h"
#include "suite.h"

#define FUNCTIONS 30
#define INTERVAL_NS 10000000
#define SECONDS 60
#define SECOND_NS INT64_C(1000000000)

static struct functions *functions;
static const struct function *named[FUNCTIONS];
static uint64_t state = 1;

static double uniform(void)
{
	return (double)(hash_u64(state++) >> 11) / 9007199254740992.0;
}

static double exponential(double mean)
{
	return -mean * log(1 - uniform());
}

static char *name_of(const struct function *function, int line, const void *context)
{
	(void)line;
	(void)context;
	return xstrdup(function->name);
}

static void setup(void)
{
	functions = functions_new();
	for (int i = 0; i < FUNCTIONS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%d", i);
		named[i] = functions_intern(functions,
			&(struct function){
				.kind = FUNCTION_PYTHON, .name = name, .file = "x.py", .first_line = i + 1 });
	}
}

static void teardown(void)
{
	functions_free(functions);
}

static void give(struct series *series, int64_t time_ns, const struct function *leaf, uint64_t weight)
{
	const struct sample_frame frames[] = { { named[0], 1 }, { leaf, 2 }, { leaf, 3 } };
	const struct sample sample = {
		.process_name = "", .thread_name = "", .frames = frames, .frame_count = 3, .weight = weight
	};
	const struct event event = { .kind = EVENT_SAMPLE,
		.time_ns = time_ns,
		.sample = &sample,
		.weight = weight,
		.last_ns = time_ns + (int64_t)(weight - 1) * INTERVAL_NS };
	struct error err;

	ck_assert_int_eq(sink_take(series_sink(series), &event, &err), 0);
}

/*
 * What a program is: how long a call of each function takes on average, and how much of the time it has in
 * either mode. A steady one calls them all in order, and each call takes the same time, but for a thirtieth.
 */
struct program {
	double call_ns[FUNCTIONS], share[2][FUNCTIONS];
	double mode_ns; /* how long a mode lasts; 0: there is one only; STEADY */
};

#define STEADY (-1e6)

static struct program program_new(double mode_ns)
{
	struct program program = { .mode_ns = mode_ns };

	for (int i = 1; i < FUNCTIONS; i++) {
		program.call_ns[i] = 1e6 * (1 + i % 7) * (1 + i % 3);
		program.share[0][i] = program.share[1][i] = 0.8 / (FUNCTIONS - 2) * (i % 5 + 1) / 3;
		if (mode_ns > 0) /* what is called much in one mode is called little in the other one */
			program.share[i % 2][i] *= 0.3;
	}
	program.call_ns[1] = 8e6;
	for (int i = 1; mode_ns < 0 && i < FUNCTIONS;
		i++) /* a round takes 150 ms, a fifth of it function 1 */
		program.call_ns[i] = i == 1 ? 30e6 : 120e6 / (FUNCTIONS - 2);
	return program;
}

static int choose(const struct program *program, int mode, double first)
{
	double sum = 0, at;
	int chosen = 1;

	if (uniform() < first)
		return 1;
	for (int i = 2; i < FUNCTIONS; i++)
		sum += program->share[mode][i] / program->call_ns[i];
	at = uniform() * sum;
	for (int i = 2; i < FUNCTIONS && at >= 0; at -= program->share[mode][i] / program->call_ns[i], i++)
		chosen = i;
	return chosen;
}

/*
 * Runs the program for so long, and samples it at a random point of each interval. first: how many of the
 * calls are of function 1.
 */
static struct series *run(struct keys *keys, const struct program *program, double first)
{
	struct series *series = series_new(keys, COMPARE_SELF);
	int64_t now_ns = SECOND_NS, until_ns = now_ns + SECONDS * SECOND_NS, tick = 0;
	double mode_until = (double)now_ns + exponential(program->mode_ns), call_end = (double)now_ns;
	int mode = 0, running = 1;

	for (; now_ns < until_ns; tick++) {
		now_ns = SECOND_NS + tick * INTERVAL_NS + (int64_t)(uniform() * INTERVAL_NS);
		while (call_end < (double)now_ns) {
			if (program->mode_ns > 0 && call_end > mode_until) {
				mode = !mode;
				mode_until = call_end + exponential(program->mode_ns);
			}
			if (program->mode_ns < 0) {
				running = running % (FUNCTIONS - 1) + 1;
				call_end += program->call_ns[running] * (1 + (uniform() - 0.5) / 15);
			} else {
				running = choose(program, mode, first);
				call_end += exponential(program->call_ns[running]);
			}
		}
		give(series, now_ns, named[running], 1);
	}
	return series;
}

static int pairs(void)
{
	const char *scale = getenv("PYROPE_TEST_SCALE");

	return 20 * (scale ? (int)strtol(scale, NULL, 10) : 1);
}

struct outcome {
	int any, found; /* pairs in which any change was reported; in which that of function 1 was */
};

struct two_sides {
	struct runs sides[2];
};

static struct two_sides sides_of(struct series **runs)
{
	return (struct two_sides){ { { &runs[0], 1 }, { &runs[1], 1 } } };
}

/*
 * slower: how much longer function 1 takes in the second program. seconds: NULL, or what is compared are
 * times.
 */
static struct outcome play_pairs(int count, double mode_ns, double slower, const double seconds[2])
{
	struct outcome outcome = { 0, 0 };

	for (int i = 0; i < count; i++) {
		struct keys *keys = keys_new(name_of, NULL);
		struct program before = program_new(mode_ns), after = before;
		struct series *runs[2];
		struct comparison comparison;
		bool any = false, found = false;

		after.call_ns[1] *= slower;
		runs[0] = run(keys, &before, 0.2);
		runs[1] = run(keys, &after, 0.2);
		compare(keys_count(keys), NULL, sides_of(runs).sides, seconds, &comparison);
		for (size_t j = 0; j < comparison.count; j++) {
			const bool reported = comparison.changes[j].verdict != CHANGE_NONE &&
				comparison.changes[j].verdict != CHANGE_RARE;

			any |= reported;
			found |= reported && strcmp(keys_text(keys, comparison.changes[j].key), "f1") == 0;
		}
		outcome.any += any;
		outcome.found += found;
		comparison_release(&comparison);
		series_free(runs[0]);
		series_free(runs[1]);
		keys_free(keys);
	}
	return outcome;
}

/*
 * How many milliseconds a mode lasts. What takes random times is known as well as so many samples can tell.
 */
static const double mode_ms[] = { STEADY / 1e6, 0, 50, 300, 2000 };

START_TEST(equal_programs_are_seldom_told_apart)
{
	const int count = pairs();
	const struct outcome outcome = play_pairs(count, mode_ms[_i] * 1e6, 1, NULL);

	fprintf(stderr, "# modes of %.0f ms: %d of %d equal pairs reported\n", mode_ms[_i], outcome.any,
		count);
	ck_assert_int_le(outcome.any, 1 + count / 20);
}
END_TEST

/* The same pairs, as times of a run. */
START_TEST(equal_times_are_seldom_told_apart)
{
	static const double seconds[2] = { SECONDS, SECONDS };
	const int count = pairs();
	const struct outcome outcome = play_pairs(count, mode_ms[_i] * 1e6, 1, seconds);

	fprintf(stderr, "# modes of %.0f ms: %d of %d equal pairs reported, as times\n", mode_ms[_i],
		outcome.any, count);
	ck_assert_int_le(outcome.any, 1 + count / 20);
}
END_TEST

/* All of it takes twice as long for the same work: no share changes, each time does. */
START_TEST(what_all_became_slower_is_found_in_times)
{
	static const double seconds[2] = { SECONDS, 2 * SECONDS };
	const struct outcome outcome = play_pairs(5, mode_ms[_i] * 1e6, 1, seconds);

	ck_assert_int_eq(outcome.found, 5);
}
END_TEST

START_TEST(times_are_shares_of_the_seconds)
{
	static const double seconds[2] = { 60, 30 };
	struct keys *keys = keys_new(name_of, NULL);
	const struct program program = program_new(0);
	struct series *runs[2] = { run(keys, &program, 0.2), run(keys, &program, 0.2) };
	struct comparison times, shares;

	compare(keys_count(keys), NULL, sides_of(runs).sides, seconds, &times);
	comparison_sort(&times);
	compare(keys_count(keys), NULL, sides_of(runs).sides, NULL, &shares);
	ck_assert_uint_eq(times.count, shares.count);
	for (size_t i = 0; i < times.count; i++)
		for (size_t j = 0; j < shares.count; j++)
			if (times.changes[i].key == shares.changes[j].key) {
				ck_assert_double_eq_tol(
					times.changes[i].before, 60 * shares.changes[j].before, 1e-9);
				ck_assert_double_eq_tol(
					times.changes[i].after, 30 * shares.changes[j].after, 1e-9);
				ck_assert_double_le(times.changes[i].low,
					times.changes[i].after - times.changes[i].before);
			}
	comparison_release(&times);
	comparison_release(&shares);
	series_free(runs[0]);
	series_free(runs[1]);
	keys_free(keys);
}
END_TEST

START_TEST(what_became_slower_is_found)
{
	static const double slower[] = { 1.1, 1.25, 1.5 };

	for (size_t i = 0; i < ARRAY_LENGTH(slower); i++) {
		const int count = pairs();
		const struct outcome outcome = play_pairs(count, mode_ms[_i] * 1e6, slower[i], NULL);

		fprintf(stderr, "# modes of %.0f ms, %.2f times slower: found in %d of %d pairs\n",
			mode_ms[_i], slower[i], outcome.found, count);
		if (slower[i] > 1.4)
			ck_assert_int_ge(outcome.found, count - count / 20);
		else if (mode_ms[_i] < 0)
			ck_assert_int_ge(outcome.found, count - count / 10);
		else if (slower[i] > 1.2)
			ck_assert_int_ge(outcome.found, count / 3);
	}
}
END_TEST

/* A tree of frames: 0 calls 1 and 3, and 1 calls 2. Of samples at 2, the frames 2, 1 and 0 have them. */
START_TEST(nested_keys_have_what_ends_in_them)
{
	static const uint32_t places[] = { 2, 3, 2, 1 }, ends[] = { 4, 3, 3, 4 };
	static const double expected[] = { 500, 400, 300, 100 };
	struct series *series = series_new(NULL, COMPARE_SELF);
	struct estimates estimates;

	for (uint32_t i = 0; i < 500; i++) {
		const uint32_t key = i % 5 == 4 ? 0 : i % 5; /* as often: 0 twice, 1, 2 and 3 */
		const struct event event = {
			.kind = EVENT_SAMPLE, .time_ns = SECOND_NS + i * INTERVAL_NS, .weight = 1
		};

		series_add(series, &event, &key, 1);
	}
	estimate((struct runs){ &series, 1 }, 4, &(struct key_nesting){ places, ends }, &estimates);
	for (size_t i = 0; i < ARRAY_LENGTH(expected); i++)
		ck_assert(estimates.totals[i] == expected[i]);
	ck_assert(estimates.spreads[2].is_steady);
	estimates_release(&estimates);
	series_free(series);
}
END_TEST

/* ---- the bootstrap, computed and drawn ---- */

#define BINS 300
#define DRAWS 20000

/* Key 0 is often there, key 1 seldom, key 2 twice in a row. */
static struct series *course_of_three(void)
{
	struct series *series = series_new(NULL, COMPARE_SELF);

	for (uint32_t i = 0; i < 5 * BINS; i++) {
		const struct event event = { .kind = EVENT_SAMPLE,
			.time_ns = SECOND_NS + i * 2000000 + i / 400 % 2 * 1000,
			.weight = 1 + i / 500 };
		const uint32_t key = i == 700 || i == 701 ? 2 : i % 97 == 0 ? 1 : 0;

		series_add(series, &event, &key, i / 20 % 2 || key ? 1 : 0);
	}
	return series;
}

/* The variance over many draws of what they have of the key more than `share` of their samples. */
static double drawn_variance(struct series *series, uint32_t key, size_t block, double share)
{
	size_t count;
	const struct entry *entries = series_entries(series, &count);
	double course[BINS_LIMIT] = { 0 }, sum = 0, squares = 0;

	for (size_t i = 0; i < series->bin_count; i++)
		course[i] = -share * (double)series->bins[i];
	for (size_t i = 0; i < count; i++)
		if (entries[i].key == key)
			course[entries[i].bin] += (double)entries[i].count;
	for (int draw = 0; draw < DRAWS; draw++) {
		double own = 0;

		for (size_t drawn = 0; drawn < series->bin_count;) {
			const size_t start = (size_t)(uniform() * (double)series->bin_count);

			for (size_t i = 0; i < block && drawn < series->bin_count; i++, drawn++)
				own += course[(start + i) % series->bin_count];
		}
		sum += own;
		squares += own * own;
	}
	return squares / DRAWS - sum / DRAWS * (sum / DRAWS);
}

START_TEST(variance_is_that_of_endless_draws)
{
	static const size_t lengths[] = { 1, 7, 30 }; /* the second one does not divide the bins */
	struct series *series = course_of_three();
	struct courses courses;

	courses_init(&courses, series, 3, NULL);
	ck_assert_uint_eq(series->bin_count, BINS);
	for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
		struct draw draw;

		draw_init(&draw, series, lengths[i]);
		for (uint32_t key = 0; key < 3; key++)
			for (int is_time = 0; is_time < 2; is_time++) {
				const double share = is_time ? 0 : 0.1 / (1 + key);
				double sum;
				const double computed = draw_variance(&draw, &courses, key, share, &sum),
					     drawn = drawn_variance(series, key, lengths[i], share);

				ck_assert_msg(fabs(computed - drawn) < 0.06 * drawn,
					"key %u, blocks of %zu, share %g: %g computed, %g drawn", key,
					lengths[i], share, computed, drawn);
			}
	}
	courses_release(&courses);
	series_free(series);
}
END_TEST

/*
 * Samples that name their stacks are counted like those that do not, also when more stacks come than there
 * is room for.
 */
START_TEST(stacks_with_keys_are_counted_like_others)
{
	struct keys *keys = keys_new(name_of, NULL);
	struct series *series[2] = { series_new(keys, COMPARE_TOTAL), series_new(keys, COMPARE_TOTAL) };
	struct error err;

	for (uint32_t i = 0; i < 60000; i++) {
		const uint32_t stack = i / 3 % 20 ? i / 3 % 7 : i;
		const struct sample_frame frames[] = { { named[0], 1 }, { named[1 + stack % 5], 2 },
			{ named[1 + stack % 29], 3 } };
		const struct sample sample = {
			.process_name = "", .thread_name = "", .frames = frames, .frame_count = 2 + stack % 2
		};
		struct event event = { .kind = EVENT_SAMPLE,
			.time_ns = SECOND_NS + i * INTERVAL_NS,
			.sample = &sample,
			.weight = 1 + i % 2,
			.last_ns = SECOND_NS + i * INTERVAL_NS };

		for (size_t j = 0; j < 2; j++) {
			event.stack_key = j ? 1 + stack : 0;
			ck_assert_int_eq(sink_take(series_sink(series[j]), &event, &err), 0);
		}
	}
	for (size_t j = 0; j < 2; j++)
		series_end(series[j]);
	ck_assert_uint_eq(series[0]->entry_count, series[1]->entry_count);
	ck_assert_mem_eq(series[0]->bins, series[1]->bins, sizeof(series[0]->bins));
	for (size_t i = 0; i < series[0]->entry_count; i++) {
		ck_assert_uint_eq(series[0]->entries[i].bin, series[1]->entries[i].bin);
		ck_assert_uint_eq(series[0]->entries[i].key, series[1]->entries[i].key);
		ck_assert_uint_eq(series[0]->entries[i].count, series[1]->entries[i].count);
	}
	series_free(series[0]);
	series_free(series[1]);
	keys_free(keys);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 600);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, nested_keys_have_what_ends_in_them);
	tcase_add_test(tests, variance_is_that_of_endless_draws);
	tcase_add_test(tests, stacks_with_keys_are_counted_like_others);
	tcase_add_loop_test(tests, equal_programs_are_seldom_told_apart, 0, ARRAY_LENGTH(mode_ms));
	tcase_add_loop_test(tests, equal_times_are_seldom_told_apart, 0, ARRAY_LENGTH(mode_ms));
	tcase_add_loop_test(tests, what_all_became_slower_is_found_in_times, 0, ARRAY_LENGTH(mode_ms));
	tcase_add_test(tests, times_are_shares_of_the_seconds);
	tcase_add_loop_test(tests, what_became_slower_is_found, 0, ARRAY_LENGTH(mode_ms));
}

int main(void)
{
	return suite_run("compare", add_tests);
}
