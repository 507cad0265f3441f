/* SPDX-License-Identifier: MIT */
/* What is shown of three ticks of three threads, with each of the filter's options. */
#include "config.h"

#include "pyrope/filter.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "suite.h"

#define MS INT64_C(1000000)
#define START_NS (INT64_C(5000) * 1000 * MS)

static struct functions *functions;

/* ---- a sink that writes down what it is given ---- */

struct notes {
	struct sink sink;
	struct buffer text;
	int fails_at; /* the event that it refuses, from 1; 0: none */
	int count;
};

static const char quality_letters[SAMPLE_QUALITIES + 1] = "vp?ufi";

/* "MS[-MS]xWEIGHT TID QUALITY frame;frame"; of what is left out the time, the weight and the thread. */
static int note(struct sink *sink, const struct event *event, struct error *err)
{
	struct notes *notes = (struct notes *)sink;
	struct buffer *text = &notes->text;

	if (++notes->count == notes->fails_at)
		return error_set(err, ERROR_SYSTEM, "refused");
	if (event->kind == EVENT_EXIT)
		buffer_append_string(text, "exit\n");
	if (event->kind != EVENT_SAMPLE && event->kind != EVENT_LEFT_OUT)
		return 0;
	buffer_append_int(text, (event->time_ns - START_NS) / MS);
	if (event->last_ns != event->time_ns)
		buffer_append_int(text, -(event->last_ns - START_NS) / MS);
	buffer_printf(text, "x%d %d ", (int)event->weight, event->sample->tid);
	if (event->kind == EVENT_LEFT_OUT) {
		buffer_append_string(text, "-\n");
		return 0;
	}
	buffer_append_char(text, quality_letters[event->sample->quality]);
	for (size_t i = 0; i < event->sample->frame_count; i++)
		buffer_printf(text, "%c%s", i ? ';' : ' ', event->sample->frames[i].function->name);
	buffer_append_char(text, '\n');
	return 0;
}

/* ---- the script ---- */

static const struct function *function(const char *name)
{
	const struct function like = { .kind = *name == '(' ? FUNCTION_MARKER : FUNCTION_PYTHON,
		.file = *name == '(' ? "" : "app.py",
		.name = name };

	return functions_intern(functions, &like);
}

struct thread {
	pid_t tid;
	enum thread_state state;
	const char *frames[4];
	long call; /* 1 more than it; 0: none */
	bool is_collecting;
	enum sample_quality quality;
};

struct moment {
	int64_t ms, last_ms;
	uint64_t weight;
	struct thread threads[3];
};

/*
 * One works while another computes without the GIL; nobody does for five ticks; one waits for the GIL of
 * another.
 */
static const struct moment moments[] = {
	{ 10, 10, 1,
		{ { 1, THREAD_HOLDS_GIL, { "main", "work" }, 0, false, SAMPLE_VERIFIED },
			{ 2, THREAD_SLEEPING, { "loop", "wait" }, 1, false, SAMPLE_VERIFIED },
			{ 3, THREAD_RUNNING, { "loop", "hash" }, 0, false, SAMPLE_PAUSED } } },
	{ 20, 60, 5,
		{ { 1, THREAD_SLEEPING, { "main", "poll" }, SYS_ppoll + 1, false, SAMPLE_VERIFIED },
			{ 2, THREAD_SLEEPING, { "loop", "wait" }, 1, false, SAMPLE_VERIFIED },
			{ 3, THREAD_WAITS_CPU, { "loop", "hash" }, 0, false, SAMPLE_VERIFIED } } },
	{ 70, 70, 1,
		{ { 1, THREAD_SLEEPING, { "main", "poll" }, SYS_ppoll + 1, false, SAMPLE_VERIFIED },
			{ 2, THREAD_WAITS_GIL, { "loop", "wait", "(partial)" }, 0, false, SAMPLE_PARTIAL },
			{ 3, THREAD_HOLDS_GIL, { "loop", "work" }, 0, true, SAMPLE_VERIFIED } } },
};

static bool holder_is_off_cpu;

static int play_moment(struct sink *sink, const struct moment *moment, struct error *err)
{
	static const char *const names[] = { "", "MainThread", "worker-1", "worker-2" };

	for (size_t i = 0; i < ARRAY_LENGTH(moment->threads); i++) {
		const struct thread *thread = &moment->threads[i];
		struct sample_frame frames[4];
		struct sample sample = { .pid = 100,
			.tid = thread->tid,
			.process_name = "python3",
			.state = thread->state,
			.thread_name = names[thread->tid],
			.syscall_number = thread->call - 1,
			.frames = frames,
			.is_collecting = thread->is_collecting,
			.is_off_cpu = holder_is_off_cpu && thread->state == THREAD_HOLDS_GIL,
			.quality = thread->quality,
			.time_ns = START_NS + moment->ms * MS };
		const struct event event = { .kind = EVENT_SAMPLE,
			.pid = 100,
			.sample = &sample,
			.time_ns = sample.time_ns,
			.last_ns = START_NS + moment->last_ms * MS,
			.weight = moment->weight,
			.stack_key = 7 };

		for (; sample.frame_count < 4 && thread->frames[sample.frame_count]; sample.frame_count++)
			frames[sample.frame_count] =
				(struct sample_frame){ function(thread->frames[sample.frame_count]), 0 };
		if (sink_take(sink, &event, err) != 0)
			return -1;
	}
	return 0;
}

static int play(struct sink *sink, int64_t start_ns, bool free_threaded, struct error *err)
{
	const struct run_info run = { .interval_ns = 10 * MS };
	const struct process_info process = { .free_threaded = free_threaded };
	const struct event begin = { .kind = EVENT_BEGIN, .time_ns = start_ns, .run = &run };
	const struct event begins = {
		.kind = EVENT_PROCESS, .time_ns = start_ns, .pid = 100, .process = &process
	};
	const struct event ends = { .kind = EVENT_EXIT, .time_ns = start_ns + 100 * MS, .pid = 100 };

	if (sink_take(sink, &begin, err) != 0 || sink_take(sink, &begins, err) != 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LENGTH(moments); i++)
		if (play_moment(sink, &moments[i], err) != 0)
			return -1;
	return sink_take(sink, &ends, err);
}

static struct notes notes_new(void)
{
	return (struct notes){ .sink = { .take = note } };
}

static void setup(void)
{
	functions = functions_new();
}

static void teardown(void)
{
	functions_free(functions);
}

/* ---- the cases ---- */

#define FIRST "10x1 1 v main;work\n"
#define FIRST_HASH "10x1 3 p loop;hash\n"
/* nobody is shown, and one waits for a CPU */
#define IDLE "20-60x5 0 i (waiting for a CPU)\n"
#define LAST "70x1 3 v loop;work\n"
#define STATE(name) (1u << THREAD_##name)

static const struct {
	const char *what;
	struct filter_options options;
	bool free_threaded;
	int kept, idle;
	const char *wanted;
} cases[] = {
	{ "gil", { .mode = MODE_GIL, .selects = true }, false, 7, 0, FIRST IDLE LAST "exit\n" },
	{ "gil without one", { .mode = MODE_GIL, .selects = true }, true, 8, 0,
		FIRST FIRST_HASH IDLE LAST "exit\n" },
	{ "active", { .mode = MODE_ACTIVE, .selects = true }, false, 8, 0,
		FIRST FIRST_HASH IDLE LAST "exit\n" },
	{ "cpu", { .mode = MODE_CPU, .selects = true }, false, 8, 0, FIRST FIRST_HASH IDLE LAST "exit\n" },
	{ "without idle", { .mode = MODE_GIL, .selects = true, .exclude_idle = true }, false, 2, 5,
		FIRST "20-60x5 0 -\n" LAST "exit\n" },
	{ "wall", { .mode = MODE_WALL, .selects = true }, false, 21, 0,
		FIRST "10x1 2 v loop;wait\n" FIRST_HASH
		      "20-60x5 1 v main;poll\n20-60x5 2 v loop;wait\n20-60x5 3 v loop;hash\n"
		      "70x1 1 v main;poll\n70x1 2 ? loop;wait;(partial)\n" LAST "exit\n" },
	{ "wall without sleepers", { .mode = MODE_WALL, .selects = true, .exclude_idle = true }, false, 9, 12,
		FIRST "10x1 2 -\n" FIRST_HASH "20-60x5 1 -\n20-60x5 2 -\n20-60x5 3 v loop;hash\n"
		      "70x1 1 -\n70x1 2 ? loop;wait;(partial)\n" LAST "exit\n" },
	{ "what comes is selected already", { .mode = MODE_GIL }, false, 21, 0,
		FIRST "10x1 2 v loop;wait\n" FIRST_HASH
		      "20-60x5 1 v main;poll\n20-60x5 2 v loop;wait\n20-60x5 3 v loop;hash\n"
		      "70x1 1 v main;poll\n70x1 2 ? loop;wait;(partial)\n" LAST "exit\n" },
	{ "from", { .mode = MODE_GIL, .selects = true, .has_from = true, .from_ns = 70 * MS }, false, 1, 0,
		"10x1 1 -\n10x1 2 -\n10x1 3 -\n20-60x5 1 -\n20-60x5 2 -\n20-60x5 3 -\n" LAST "exit\n" },
	{ "to", { .mode = MODE_GIL, .selects = true, .has_to = true, .to_ns = 20 * MS }, false, 1, 0,
		FIRST "exit\n" },
	{ "from and to amid equal ticks",
		{ .mode = MODE_GIL,
			.selects = true,
			.has_from = true,
			.from_ns = 30 * MS,
			.has_to = true,
			.to_ns = 55 * MS },
		false, 3, 0,
		"10x1 1 -\n10x1 2 -\n10x1 3 -\n"
		"20x1 1 -\n20x1 2 -\n20x1 3 -\n30-50x3 0 i (waiting for a CPU)\nexit\n" },
	{ "nothing is between",
		{ .mode = MODE_GIL,
			.selects = true,
			.has_from = true,
			.from_ns = 32 * MS,
			.has_to = true,
			.to_ns = 38 * MS },
		false, 0, 0, "10x1 1 -\n10x1 2 -\n10x1 3 -\n20-30x2 1 -\n20-30x2 2 -\n20-30x2 3 -\nexit\n" },
	{ "a process", { .mode = MODE_GIL, .selects = true, .pid = 100 }, false, 7, 0,
		FIRST IDLE LAST "exit\n" },
	{ "another process", { .mode = MODE_WALL, .selects = true, .pid = 101 }, false, 0, 0,
		"10x1 1 -\n10x1 2 -\n10x1 3 -\n20-60x5 1 -\n20-60x5 2 -\n20-60x5 3 -\n70x1 1 -\n70x1 2 "
		"-\n70x1 3 -\nexit\n" },
	{ "a thread", { .mode = MODE_WALL, .selects = true, .thread = "^Main" }, false, 7, 0,
		FIRST "10x1 2 -\n10x1 3 -\n20-60x5 1 v main;poll\n20-60x5 2 -\n20-60x5 3 -\n"
		      "70x1 1 v main;poll\n70x1 2 -\n70x1 3 -\nexit\n" },
	{ "a thread's GIL", { .mode = MODE_GIL, .selects = true, .thread = "1$" }, false, 7, 0,
		"10x1 1 -\n10x1 3 -\n10x1 0 i (idle)\n20-60x5 1 -\n20-60x5 3 -\n20-60x5 0 i (idle)\n"
		"70x1 1 -\n70x1 3 -\n70x1 0 i (idle)\nexit\n" },
	{ "the GIL of a thread that computes without it",
		{ .mode = MODE_GIL, .selects = true, .thread = "2$" }, false, 7, 0,
		"10x1 1 -\n10x1 2 -\n10x1 0 i (idle)\n20-60x5 1 -\n20-60x5 2 -\n" IDLE
		"70x1 1 -\n70x1 2 -\n" LAST "exit\n" },
	{ "states", { .mode = MODE_WALL, .selects = true, .states = STATE(WAITS_GIL) | STATE(WAITS_CPU) },
		false, 6, 0,
		"10x1 1 -\n10x1 2 -\n10x1 3 -\n20-60x5 1 -\n20-60x5 2 -\n20-60x5 3 v loop;hash\n"
		"70x1 1 -\n70x1 2 ? loop;wait;(partial)\n70x1 3 -\nexit\n" },
	{ "only", { .mode = MODE_GIL, .selects = true, .only = "app\\.py:work$" }, false, 2, 0,
		FIRST "20-60x5 0 -\n" LAST "exit\n" },
	{ "a file alone", { .mode = MODE_GIL, .selects = true, .only = "^app.py:" }, false, 2, 0,
		FIRST "20-60x5 0 -\n" LAST "exit\n" },
	{ "hide", { .mode = MODE_GIL, .selects = true, .hide = "main|waiting" }, false, 1, 0,
		"10x1 1 -\n20-60x5 0 -\n" LAST "exit\n" },
	{ "hide wins", { .mode = MODE_GIL, .selects = true, .only = "work", .hide = "loop" }, false, 1, 0,
		FIRST "20-60x5 0 -\n70x1 3 -\nexit\n" },
	{ "focus", { .mode = MODE_GIL, .selects = true, .focus = ":work" }, false, 2, 0,
		"10x1 1 v work\n20-60x5 0 -\n70x1 3 v work\nexit\n" },
	{ "focus on the outermost", { .mode = MODE_GIL, .selects = true, .focus = "main|work" }, false, 2, 0,
		FIRST "20-60x5 0 -\n70x1 3 v work\nexit\n" },
	{ "collecting", { .mode = MODE_GIL, .selects = true, .mark_gc = true }, false, 7, 0,
		FIRST IDLE "70x1 3 v loop;work;(gc)\nexit\n" },
	{ "system calls", { .mode = MODE_WALL, .selects = true, .mark_syscalls = true, .thread = "Main" },
		false, 7, 0,
		FIRST "10x1 2 -\n10x1 3 -\n20-60x5 1 v main;poll;(syscall ppoll)\n20-60x5 2 -\n20-60x5 3 -\n"
		      "70x1 1 v main;poll;(syscall ppoll)\n70x1 2 -\n70x1 3 -\nexit\n" },
	{ "both after the focus",
		{ .mode = MODE_GIL,
			.selects = true,
			.mark_gc = true,
			.mark_syscalls = true,
			.focus = "work" },
		false, 2, 0, "10x1 1 v work\n20-60x5 0 -\n70x1 3 v work;(gc)\nexit\n" },
	{ "an expression that is none", { .mode = MODE_GIL, .selects = true, .only = "(" }, false, 7, 0,
		FIRST IDLE LAST "exit\n" },
};

START_TEST(each_option_shows_what_it_says)
{
	struct notes notes = notes_new();
	struct filter *filter = filter_new(&cases[_i].options, functions, &notes.sink);
	struct error err = { 0 };

	ck_assert_int_eq(play(filter_sink(filter), START_NS, cases[_i].free_threaded, &err), 0);
	ck_assert_int_eq(sink_finish(filter_sink(filter), &err), 0);
	ck_assert_msg(strcmp(notes.text.data, cases[_i].wanted) == 0, "%s: wanted\n%s, got\n%s",
		cases[_i].what, cases[_i].wanted, notes.text.data);
	ck_assert_msg(filter_kept(filter) == (uint64_t)cases[_i].kept &&
			filter_idle(filter) == (uint64_t)cases[_i].idle,
		"%s: %d samples and %d idle ones", cases[_i].what, (int)filter_kept(filter),
		(int)filter_idle(filter));
	filter_free(filter);
	buffer_release(&notes.text);
}
END_TEST

/* In the mode of the GIL a tick at which nobody holds it is not idle when one computes without it. */
START_TEST(who_runs_without_the_gil_is_not_idle)
{
	static const struct moment moment = { 10, 30, 3,
		{ { 1, THREAD_SLEEPING, { "main", "poll" }, SYS_ppoll + 1, false, SAMPLE_VERIFIED },
			{ 2, THREAD_RUNNING, { "loop", "hash" }, 0, false, SAMPLE_VERIFIED },
			{ 3, THREAD_WAITS_CPU, { "loop", "hash" }, 0, false, SAMPLE_VERIFIED } } };
	struct notes notes = notes_new();
	const struct filter_options options = { .mode = MODE_GIL, .selects = true, .exclude_idle = true };
	struct filter *filter = filter_new(&options, functions, &notes.sink);
	struct error err = { 0 };

	ck_assert_int_eq(play_moment(filter_sink(filter), &moment, &err), 0);
	ck_assert_int_eq(sink_finish(filter_sink(filter), &err), 0);
	ck_assert_str_eq(notes.text.data, "10-30x3 0 v (running without the GIL)\n");
	ck_assert_uint_eq(filter_idle(filter), 0);
	filter_free(filter);
	buffer_release(&notes.text);
}
END_TEST

static const struct {
	enum sample_mode mode;
	long call;
	const char *wanted;
} off_cpu[] = {
	{ MODE_CPU, 0, "10x1 0 i (waiting for a CPU)\n" },
	{ MODE_CPU, SYS_flock + 1, "10x1 0 i (idle)\n" },
	{ MODE_ACTIVE, 0, "10x1 1 v main;work\n" },
	{ MODE_GIL, SYS_flock + 1, "10x1 1 v main;work\n" },
};

/* Who holds the GIL may wait for a CPU, or sleep in a call that keeps it. */
START_TEST(cpu_time_is_not_that_of_the_gil)
{
	const struct moment moment = { 10, 10, 1,
		{ { 1, THREAD_HOLDS_GIL, { "main", "work" }, off_cpu[_i].call, false, SAMPLE_VERIFIED },
			{ 2, THREAD_SLEEPING, { "loop", "wait" }, 1, false, SAMPLE_VERIFIED },
			{ 3, THREAD_WAITS_GIL, { "loop", "wait" }, 1, false, SAMPLE_VERIFIED } } };
	struct notes notes = notes_new();
	const struct filter_options options = { .mode = off_cpu[_i].mode, .selects = true };
	struct filter *filter = filter_new(&options, functions, &notes.sink);
	struct error err = { 0 };

	holder_is_off_cpu = true;
	ck_assert_int_eq(play_moment(filter_sink(filter), &moment, &err), 0);
	ck_assert_int_eq(sink_finish(filter_sink(filter), &err), 0);
	holder_is_off_cpu = false;
	ck_assert_str_eq(notes.text.data, off_cpu[_i].wanted);
	filter_free(filter);
	buffer_release(&notes.text);
}
END_TEST

/* Nothing says that a tick is over but what follows it, or the end. */
START_TEST(the_last_tick_is_not_lost)
{
	struct notes notes = notes_new();
	const struct filter_options options = { .mode = MODE_GIL, .selects = true };
	struct filter *filter = filter_new(&options, functions, &notes.sink);
	struct error err = { 0 };

	ck_assert_int_eq(play_moment(filter_sink(filter), &moments[1], &err), 0);
	ck_assert_uint_eq(notes.text.length, 0);
	ck_assert_int_eq(sink_finish(filter_sink(filter), &err), 0);
	ck_assert_str_eq(notes.text.data, IDLE);
	ck_assert_int_eq(sink_finish(filter_sink(filter), &err), 0);
	ck_assert_str_eq(notes.text.data, IDLE);
	filter_free(filter);
	buffer_release(&notes.text);
}
END_TEST

/* Several files: each has its own beginning. */
START_TEST(each_source_has_its_own_time)
{
	struct notes notes = notes_new();
	const struct filter_options options = {
		.mode = MODE_GIL, .selects = true, .has_to = true, .to_ns = 15 * MS
	};
	struct filter *filter = filter_new(&options, functions, &notes.sink);
	struct error err = { 0 };

	ck_assert_int_eq(play(filter_sink(filter), START_NS, false, &err), 0);
	ck_assert_int_eq(play(filter_sink(filter), START_NS + 60 * MS, false, &err), 0);
	ck_assert_int_eq(sink_finish(filter_sink(filter), &err), 0);
	/* the second time all is before what its file calls the beginning, or within 15 ms of it */
	ck_assert_uint_eq(filter_kept(filter), 1 + 7);
	filter_free(filter);
	buffer_release(&notes.text);
}
END_TEST

/* Whichever event the sink behind refuses: the filter says so, and nothing crashes. */
START_TEST(a_refusal_is_passed_on)
{
	const struct filter_options options = { .mode = MODE_GIL,
		.selects = true,
		.has_from = true,
		.from_ns = 30 * MS,
		.has_to = true,
		.to_ns = 55 * MS };

	for (int at = 1;; at++) {
		struct notes notes = notes_new();
		struct filter *filter = filter_new(&options, functions, &notes.sink);
		struct error err = { 0 };
		int result;

		notes.fails_at = at;
		result = play(filter_sink(filter), START_NS, false, &err);
		if (notes.count >= at)
			ck_assert_int_eq(result, -1);
		filter_free(filter);
		buffer_release(&notes.text);
		if (notes.count < at)
			break;
		ck_assert_int_lt(at, 100);
	}
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, each_option_shows_what_it_says, 0, ARRAY_LENGTH(cases));
	tcase_add_test(tests, the_last_tick_is_not_lost);
	tcase_add_test(tests, who_runs_without_the_gil_is_not_idle);
	tcase_add_loop_test(tests, cpu_time_is_not_that_of_the_gil, 0, ARRAY_LENGTH(off_cpu));
	tcase_add_test(tests, each_source_has_its_own_time);
	tcase_add_test(tests, a_refusal_is_passed_on);
}

int main(void)
{
	return suite_run("filter", add_tests);
}
