/* SPDX-License-Identifier: MIT */
/* Flame graphs before they are drawn: what a frame is, what is left out, and that no sample is lost by it. */
#include "config.h"

#include "output/svg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "samples.h"
#include "suite.h"

#define LIBRARY "/usr/lib/python3.11/"

static struct functions *functions;
static struct profile *profile;
static struct output_options options;
static struct flame flame;

static void setup(void)
{
	functions = functions_new();
	profile = profile_new(functions, GROUP_NONE, 10000000);
	profile_count_gil(profile);
	options = (struct output_options){ .short_paths = true };
}

static void teardown(void)
{
	flame_release(&flame);
	profile_free(profile);
	functions_free(functions);
}

/* "(gc)": a marker; "sqrt@libm.so.6": native; "main@/srv/app.py:3" */
static const struct function *function_of(char *text, int *line)
{
	struct function like = { .kind = FUNCTION_MARKER, .file = "", .name = text };
	char *file = strchr(text, '@'), *colon;

	*line = 0;
	if (file) {
		*file++ = '\0';
		colon = strrchr(file, ':');
		like.file = file;
		like.kind = colon ? FUNCTION_PYTHON : FUNCTION_NATIVE;
		if (colon) {
			*colon = '\0';
			*line = (int)strtol(colon + 1, NULL, 10);
		}
	}
	return functions_intern(functions, &like);
}

static void add(const char *stack, uint64_t weight, enum thread_state state)
{
	struct made_up made_up;
	char *copy = xstrdup(stack), *rest = copy, *frame;
	const struct event event = { .kind = EVENT_SAMPLE, .weight = weight, .sample = &made_up.sample };

	made_up_begin(&made_up, 0, 1);
	made_up.sample.state = state;
	while (*copy && (frame = strsep(&rest, ";"))) {
		int line;
		const struct function *function = function_of(frame, &line);

		made_up_push(&made_up, function, line);
	}
	profile_add(profile, &event);
	free(copy);
}

/* A line for each frame, its callees below it: name:line total/self/gil */
static char *drawn(void)
{
	struct buffer text = { 0 };

	flame_release(&flame);
	flame_init(&flame, profile, &options);
	buffer_append_string(&text, "");
	for (size_t i = 0; i < flame.frame_count; i++) {
		const struct flame_frame *frame = &flame.frames[i];
		const struct flame_name *name = &flame.names[frame->name];

		ck_assert(i == 0 || frame->parent < i);
		ck_assert(frame->start >= flame.frames[frame->parent].start);
		ck_assert(frame->start + frame->total <=
			flame.frames[frame->parent].start + flame.frames[frame->parent].total);
		buffer_printf(&text, "%*s%s:%d %d/%d/%d\n", (int)frame->depth, "", name->function->name,
			name->line, (int)frame->total, (int)frame->self, (int)frame->gil);
	}
	return text.data;
}

static void expect(const char *expected)
{
	char *text = drawn();

	ck_assert_str_eq(text, expected);
	free(text);
}

/* ---- kinds ---- */

static const struct {
	const char *frame;
	enum frame_kind kind;
	bool is_bootstrap;
} kinds[] = {
	{ "main@/srv/app.py:1", KIND_OWN, false },
	{ "f@<string>:1", KIND_OWN, false },
	{ "f@/srv/runpy.py:1", KIND_OWN, false },
	{ "f@/srv/some.sock.py:1", KIND_OWN, false },
	{ "get@/v/lib/python3.11/site-packages/requests/api.py:1", KIND_LIBRARY, false },
	{ "load@/usr/lib/python3/dist-packages/yaml/loader.py:1", KIND_LIBRARY, false },
	{ "run@/v/lib/python3.11/site-packages/runpy.py:1", KIND_LIBRARY, false },
	{ "dumps@" LIBRARY "json/__init__.py:1", KIND_STANDARD, false },
	{ "run@" LIBRARY "threading.py:1", KIND_STANDARD, false },
	{ "Thread._bootstrap@" LIBRARY "threading.py:1", KIND_STANDARD, true },
	{ "_bootstrap_inner@" LIBRARY "threading.py:1", KIND_STANDARD, true },
	{ "__bootstrap@/usr/lib/python2.7/threading.py:1", KIND_STANDARD, true },
	{ "_bootstrap@/srv/threading.py:1", KIND_OWN, false },
	{ "_run_code@<frozen runpy>:1", KIND_STANDARD, true },
	{ "_run_code@" LIBRARY "runpy.py:1", KIND_STANDARD, true },
	{ "_find_and_load@<frozen importlib._bootstrap>:1", KIND_STANDARD, true },
	{ "exec_module@<frozen importlib._bootstrap_external>:1", KIND_STANDARD, true },
	{ "import_module@" LIBRARY "importlib/__init__.py:1", KIND_STANDARD, true },
	{ "version@" LIBRARY "importlib/metadata/__init__.py:1", KIND_STANDARD, false },
	{ "sqrt@libm.so.6", KIND_NATIVE, false },
	{ "read@libc.so.6:0", KIND_NATIVE, false }, /* of collapsed stacks */
	{ "do_idle_[k]@", KIND_KERNEL, false },
	{ "(syscall read)", KIND_KERNEL, false },
	{ "(gc)", KIND_GC, false },
	{ "(idle)", KIND_IDLE, false },
	{ "(partial)", KIND_PARTIAL, false },
	{ "process 12 \"python3\"", KIND_OTHER, false },
	{ "(running without the GIL)", KIND_NATIVE, false },
};

START_TEST(test_kind)
{
	char *text = xstrdup(kinds[_i].frame);
	int line;
	const struct function *function = function_of(text, &line);

	ck_assert_int_eq(frame_kind(function), kinds[_i].kind);
	ck_assert_int_eq(frame_is_bootstrap(function), kinds[_i].is_bootstrap);
	free(text);
}
END_TEST

/* ---- frames ---- */

START_TEST(test_frames)
{
	expect("all:0 0/0/0\n");
	add("main@/a.py:1;b@/a.py:5", 3, THREAD_HOLDS_GIL);
	add("main@/a.py:1;b@/a.py:6", 4, THREAD_RUNNING);
	add("main@/a.py:1", 1, THREAD_HOLDS_GIL);
	add("(idle)", 2, THREAD_SLEEPING);
	add("", 5, THREAD_HOLDS_GIL);
	expect("all:0 15/0/0\n ?:0 5/5/5\n (idle):0 2/2/0\n main:1 8/1/1\n  b:5 3/3/3\n  b:6 4/4/0\n");
	options.no_lines = true;
	expect("all:0 15/0/0\n ?:0 5/5/5\n (idle):0 2/2/0\n main:0 8/1/1\n  b:0 7/7/3\n");
}
END_TEST

/* Without lines, what several lines call is below one frame, and is one, too. */
START_TEST(test_merges_deeply)
{
	options.no_lines = true;
	add("m@/a.py:1;f@/a.py:2;g@/a.py:3;h@/a.py:4", 1, THREAD_RUNNING);
	add("m@/a.py:2;f@/a.py:3;g@/a.py:4;h@/a.py:5", 2, THREAD_RUNNING);
	add("m@/a.py:3;f@/a.py:4;a@/a.py:4;h@/a.py:5", 4, THREAD_RUNNING);
	add("m@/a.py:3;f@/b.py:4", 8, THREAD_RUNNING);
	expect("all:0 15/0/0\n m:0 15/0/0\n  f:0 7/0/0\n   a:0 4/0/0\n    h:0 4/4/0\n   g:0 3/0/0\n    h:0 "
	       "3/3/0\n  f:0 8/8/0\n");
}
END_TEST

/*
 * A frame that leads to others goes, but never where a sample ends in it, or in something else that it has
 * called.
 */
START_TEST(test_leading_frames)
{
	add("_bootstrap@" LIBRARY "threading.py:1;_bootstrap_inner@" LIBRARY "threading.py:2;run@" LIBRARY
	    "threading.py:3;w@/a.py:4",
		3, THREAD_RUNNING);
	add("_bootstrap@" LIBRARY "threading.py:1;_bootstrap_inner@" LIBRARY "threading.py:2", 1,
		THREAD_RUNNING);
	add("_bootstrap@" LIBRARY "threading.py:1;_bootstrap_inner@" LIBRARY "threading.py:2;read@libc.so.6",
		2, THREAD_RUNNING);
	add("m@/a.py:1;_find_and_load@<frozen importlib._bootstrap>:9;m@/b.py:1", 4, THREAD_RUNNING);
	expect("all:0 10/0/0\n _bootstrap_inner:2 3/1/0\n  read:0 2/2/0\n m:1 4/0/0\n  m:1 4/4/0\n run:3 "
	       "3/0/0\n  w:4 3/3/0\n");
	options.all_frames = true;
	expect("all:0 10/0/0\n _bootstrap:1 6/0/0\n  _bootstrap_inner:2 6/1/0\n   read:0 2/2/0\n   run:3 "
	       "3/0/0\n    w:4 3/3/0\n"
	       " m:1 4/0/0\n  _find_and_load:9 4/0/0\n   m:1 4/4/0\n");
}
END_TEST

START_TEST(test_least_part)
{
	add("m@/a.py:1;f@/a.py:2;g@/a.py:3", 80, THREAD_RUNNING);
	add("m@/a.py:1;f@/a.py:2;h@/a.py:3;i@/a.py:4", 9, THREAD_HOLDS_GIL);
	add("m@/a.py:1;f@/a.py:2;z@/a.py:3", 8, THREAD_RUNNING);
	add("k@/a.py:1", 3, THREAD_RUNNING);
	options.least_part = 0.1;
	expect("all:0 100/0/0\n (left out):0 3/3/0\n m:1 97/0/0\n  f:2 97/0/0\n   (left out):0 17/17/9\n   "
	       "g:3 80/80/0\n");
	ck_assert_uint_eq(flame.left_out, 4);
}
END_TEST

/*
 * Of more frames than a picture has, those with the fewest samples are one below their caller, and no
 * sample is lost.
 */
START_TEST(test_too_many_frames)
{
	enum { LIMIT = 400000, FUNCTIONS = 5, LINES = 84000 };
	const struct function *called[FUNCTIONS];
	struct made_up made_up;
	uint64_t total = 0, lost = 0;
	char name[] = "f0@/a.py:1";
	int ignored;

	for (int i = 0; i < FUNCTIONS; i++) {
		strcpy(name, "f0@/a.py:1");
		name[1] = (char)('0' + i);
		called[i] = function_of(name, &ignored);
	}
	for (int i = 0; i < FUNCTIONS * LINES; i++) {
		const struct event event = {
			.kind = EVENT_SAMPLE, .weight = i % 100 ? 2 : 1, .sample = &made_up.sample
		};

		made_up_begin(&made_up, 0, 1);
		made_up.sample.state = i % 2 ? THREAD_HOLDS_GIL : THREAD_RUNNING;
		made_up_push(&made_up, called[0], 1);
		made_up_push(&made_up, called[i % FUNCTIONS], i);
		profile_add(profile, &event);
		total += event.weight;
	}
	flame_init(&flame, profile, &options);
	ck_assert_uint_eq(flame.frame_count, LIMIT + 1);
	ck_assert_uint_eq(flame.left_out, FUNCTIONS * LINES + 2 - LIMIT);
	ck_assert_uint_eq(flame.frames[0].total, total);
	ck_assert_str_eq(flame.names[flame.frames[2].name].function->name, "(left out)");
	/* all that have one sample, the others last of those with two, every second of them with the GIL */
	ck_assert_uint_eq(flame.frames[2].total,
		FUNCTIONS * LINES / 100 + 2 * (flame.left_out - FUNCTIONS * LINES / 100));
	ck_assert_uint_gt(flame.frames[2].gil, 0);
	for (size_t i = 0; i < flame.frame_count; i++)
		total -= flame.frames[i].self;
	ck_assert_uint_eq(total, 0);
	for (size_t node = 1; node < profile_stacks(profile)->node_count; node++)
		lost += flame.frames[flame.frame_of[node]].total < profile_stacks(profile)->nodes[node].count;
	ck_assert_uint_eq(lost, 0);
}
END_TEST

/* ---- which ones are kept ---- */

static const struct {
	uint64_t totals[8];
	size_t count, limit;
	const char *kept;
} choices[] = {
	{ { 9, 5, 5, 5, 2 }, 5, 5, "11111" },
	{ { 9, 5, 5, 5, 2 }, 5, 3, "11100" }, /* of equal ones the first */
	{ { 9, 2, 5, 5, 5 }, 5, 4, "10111" },
	{ { 3, 3, 3, 3 }, 4, 1, "1000" },
	{ { 900000, 70000, 80000, 70000, 1 }, 5, 3, "11100" }, /* more than what is counted one by one */
	{ { 900000, 70000, 80000, 65536, 1 }, 5, 4, "11110" },
	{ { 900000, 70000, 7, 8, 7 }, 5, 4, "11110" },
};

START_TEST(test_keep_largest)
{
	struct flame_frame frames[8] = { 0 };
	const struct flame some = { .frames = frames, .frame_count = choices[_i].count };
	bool is_kept[8];

	for (size_t i = 0; i < some.frame_count; i++)
		frames[i].total = choices[_i].totals[i];
	flame_keep_largest(&some, choices[_i].limit, is_kept);
	for (size_t i = 0; i < some.frame_count; i++)
		ck_assert_msg(is_kept[i] == (choices[_i].kept[i] == '1'), "%d: the one at %zu", _i, i);
}
END_TEST

/* ---- two profiles ---- */

/* The stack is in both profiles, the samples of each are counted by its node. */
START_TEST(test_frame_of)
{
	const struct stacks *stacks = profile_stacks(profile);
	uint64_t self[16] = { 0 };

	options.no_lines = true;
	options.least_part = 0.1;
	add("_bootstrap@" LIBRARY "threading.py:1;m@/a.py:1;f@/a.py:2", 20, THREAD_RUNNING);
	add("m@/a.py:9;f@/a.py:3", 30, THREAD_RUNNING);
	add("m@/a.py:9;rare@/a.py:3;rarer@/a.py:5", 2, THREAD_RUNNING);
	add("m@/a.py:9;seldom@/a.py:3", 3, THREAD_RUNNING);
	add("", 40, THREAD_RUNNING);
	flame_init(&flame, profile, &options);
	for (size_t node = 0; node < stacks->node_count; node++) {
		ck_assert_uint_lt(flame.frame_of[node], flame.frame_count);
		self[flame.frame_of[node]] += stacks->nodes[node].count;
	}
	for (size_t i = 0; i < flame.frame_count; i++)
		ck_assert_uint_eq(self[i], flame.frames[i].self);
}
END_TEST

static const struct {
	double before, after;
	enum verdict_of_change verdict;
	char shade;
} changes[] = {
	{ 0.1, 0.9, CHANGE_NONE, 'f' },
	{ 0, 0.001, CHANGE_RARE, 'f' },
	{ 0.2, 0.21, CHANGE_MORE, 'g' },
	{ 0.2, 0.23, CHANGE_MORE, 'h' },
	{ 0.2, 0.26, CHANGE_MORE, 'i' },
	{ 0.2, 0.31, CHANGE_MORE, 'j' },
	{ 0.2, 0.41, CHANGE_MORE, 'k' },
	{ 0, 0.2, CHANGE_NEW, 'k' },
	{ 0.21, 0.2, CHANGE_LESS, 'e' },
	{ 0.23, 0.2, CHANGE_LESS, 'd' },
	{ 0.26, 0.2, CHANGE_LESS, 'c' },
	{ 0.31, 0.2, CHANGE_LESS, 'b' },
	{ 0.41, 0.2, CHANGE_LESS, 'a' },
	{ 0.2, 0, CHANGE_GONE, 'a' },
};

START_TEST(test_shade)
{
	const struct change change = {
		.before = changes[_i].before, .after = changes[_i].after, .verdict = changes[_i].verdict
	};

	ck_assert_int_eq(svg_change_shade(&change), changes[_i].shade);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 120); /* 400,000 frames, where the machine is busy */
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, test_kind, 0, ARRAY_LENGTH(kinds));
	tcase_add_test(tests, test_frames);
	tcase_add_test(tests, test_merges_deeply);
	tcase_add_test(tests, test_leading_frames);
	tcase_add_test(tests, test_least_part);
	tcase_add_test(tests, test_too_many_frames);
	tcase_add_loop_test(tests, test_keep_largest, 0, ARRAY_LENGTH(choices));
	tcase_add_test(tests, test_frame_of);
	tcase_add_loop_test(tests, test_shade, 0, ARRAY_LENGTH(changes));
}

int main(void)
{
	return suite_run("svg", add_tests);
}
