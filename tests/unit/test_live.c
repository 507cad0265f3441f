/* SPDX-License-Identifier: MIT */
/* What pyrope top shows for given events: the model, the rows of each view, keys, and the screen as text. */
#include "config.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live/state.h"

#include "suite.h"

#define MS INT64_C(1000000)
#define START_NS (INT64_C(5000) * 1000 * MS)

static struct functions *functions;
static struct live *live;
static int64_t now_ns;

static const struct function *function(const char *name)
{
	const struct function like = {
		.kind = FUNCTION_PYTHON, .name = name, .file = "/app/app.py", .first_line = 3
	};

	return functions_intern(functions, &like);
}

static void give(struct event *event)
{
	struct error err = { 0 };

	event->time_ns = event->last_ns = now_ns;
	ck_assert_int_eq(sink_take(live_sink(live), event, &err), 0);
}

static void add_process(pid_t pid)
{
	const struct process_info info = {
		.name = "python3", .command_line = "python3 app.py", .version = "3.11.7", .roots = ""
	};
	struct event event = { .kind = EVENT_PROCESS, .pid = pid, .process = &info };

	give(&event);
}

/* "outer;inner": one tick of the thread. */
static void add_sample(pid_t pid, pid_t tid, enum thread_state state, const char *stack)
{
	struct sample_frame frames[16];
	struct sample sample = { .pid = pid,
		.tid = tid,
		.process_name = "python3",
		.thread_name = tid == pid ? "MainThread" : "worker",
		.state = state,
		.syscall_number = -1,
		.time_ns = now_ns,
		.frames = frames };
	struct event event = { .kind = EVENT_SAMPLE, .pid = pid, .sample = &sample, .weight = 1 };
	char copy[256], *at = copy, *name;

	snprintf(copy, sizeof(copy), "%s", stack);
	while ((name = strsep(&at, ";"))) {
		frames[sample.frame_count].function = function(name);
		frames[sample.frame_count++].line = 7;
	}
	give(&event);
}

static void set_up(void)
{
	const struct live_options options = {
		.interval_ns = 10 * MS, .mode = MODE_ACTIVE, .has_native = true, .file = "pyrope.svg"
	};

	functions = functions_new();
	live = live_new(&options, functions);
	now_ns = START_NS;
	add_process(100);
}

static void tear_down(void)
{
	live_free(live);
	functions_free(functions);
}

/* Ten seconds: the main thread has the GIL, three quarters in b; a worker sleeps. */
static void ten_seconds(void)
{
	for (int i = 0; i < 1000; i++) {
		add_sample(100, 100, THREAD_HOLDS_GIL, i % 4 ? "main;a;b" : "main;a;c");
		add_sample(100, 101, THREAD_SLEEPING, "main;wait");
		now_ns += 10 * MS;
	}
	model_advance(live->model, now_ns);
	live_count(live);
}

static const struct row *row_of(const char *name)
{
	for (size_t i = 0; i < live->rows.count; i++)
		if (strcmp(live->rows.list[i].function->name, name) == 0)
			return &live->rows.list[i];
	return NULL;
}

static void press(const char *keys)
{
	while (*keys)
		live_press(live, (unsigned char)*keys++);
}

/* The screen as text. */
static const char *screen(size_t columns, size_t rows)
{
	static struct buffer text;

	canvas_begin(&live->canvas, columns, rows);
	live_draw(live);
	buffer_clear(&text);
	canvas_append(&live->canvas, &text);
	return text.data ? text.data : "";
}

static void assert_shows(const char *part)
{
	const char *text = screen(80, 24);

	ck_assert_msg(strstr(text, part) != NULL, "the screen has no '%s':\n%s", part, text);
}

static void assert_near(double value, double expected)
{
	ck_assert_msg(
		value > expected * 0.97 && value < expected * 1.03, "%f instead of %f", value, expected);
}

START_TEST(test_functions)
{
	ten_seconds();
	ck_assert_uint_eq(live->rows.count, 4);
	ck_assert_str_eq(live->rows.list[0].function->name, "b");
	ck_assert_uint_eq(row_of("b")->self[ALL], 7500 * MS);
	ck_assert_uint_eq(row_of("c")->self[ALL], 2500 * MS);
	ck_assert_uint_eq(row_of("a")->self[ALL], 0);
	ck_assert_uint_eq(row_of("a")->total[ALL], 10000 * MS);
	assert_near((double)row_of("b")->self[RECENT] / live->rows.recent_ns, 0.75);
	assert_near(live->rows.recent_ns, 5e9);
	ck_assert_ptr_null(row_of("wait"));
	press("m");
	ck_assert_ptr_null(row_of("wait"));
	press("m");
	ck_assert_uint_eq(row_of("wait")->self[ALL], 10000 * MS);
	ck_assert_uint_eq(row_of("main")->total[ALL], 20000 * MS);
}
END_TEST

/* A function that calls itself counts once. */
START_TEST(test_recursion)
{
	add_sample(100, 100, THREAD_HOLDS_GIL, "main;r;r;r");
	add_sample(100, 100, THREAD_HOLDS_GIL, "main;r;x;r");
	live_count(live);
	ck_assert_uint_eq(row_of("r")->total[ALL], 20 * MS);
	ck_assert_uint_eq(row_of("r")->self[ALL], 20 * MS);
	ck_assert_uint_eq(row_of("x")->total[ALL], 10 * MS);
	press("2");
	ck_assert_uint_eq(row_of("r")->total[ALL], 20 * MS);
	ck_assert_int_eq(row_of("r")->line, 7);
}
END_TEST

/* What was busy a minute ago is in the seconds of all, and not in the recent ones. */
START_TEST(test_window)
{
	ten_seconds();
	for (int i = 0; i < 2000; i++) {
		add_sample(100, 100, THREAD_HOLDS_GIL, "main;late");
		now_ns += 10 * MS;
	}
	model_advance(live->model, now_ns);
	live_count(live);
	ck_assert_uint_eq(row_of("b")->self[RECENT], 0);
	ck_assert_uint_eq(row_of("b")->self[ALL], 7500 * MS);
	assert_near((double)row_of("late")->self[RECENT] / live->rows.recent_ns, 1);
	press("ww");
	ck_assert_int_eq(live->seconds, 60);
	ck_assert_uint_eq(row_of("b")->self[RECENT], 7500 * MS);
	press("w");
	ck_assert_int_eq(live->seconds, 1);
}
END_TEST

START_TEST(test_sort)
{
	ten_seconds();
	press("o");
	ck_assert_uint_eq(live->rows.list[0].total[RECENT], live->rows.list[1].total[RECENT]);
	assert_shows("by total");
	press("OO");
	assert_shows("by name");
	ck_assert_str_eq(live->rows.list[0].function->name, "a");
	press("i");
	ck_assert_str_eq(live->rows.list[0].function->name, "main");
	assert_shows("reversed");
}
END_TEST

START_TEST(test_tree)
{
	ten_seconds();
	press("3");
	/* main and a have one child each, and are open */
	ck_assert_uint_eq(live->rows.count, 4);
	ck_assert_str_eq(live->rows.list[2].function->name, "b");
	ck_assert_uint_eq(live->rows.list[2].depth, 2);
	press("\r");
	ck_assert_uint_eq(live->rows.count, 1);
	press("\r");
	ck_assert_uint_eq(live->rows.count, 4);
	press("jj");
	live_press(live, LIVE_KEY_LEFT);
	ck_assert_uint_eq(live->selected, 1);
	live_press(live, LIVE_KEY_LEFT);
	ck_assert_uint_eq(live->rows.count, 2);
	live_press(live, LIVE_KEY_RIGHT);
	ck_assert_uint_eq(live->rows.count, 4);
	live_press(live, LIVE_KEY_HOME);
	press("*");
	ck_assert_uint_eq(live->rows.count, 1);
	press("*");
	ck_assert_uint_eq(live->rows.count, 4);
	press("fc$\r");
	ck_assert_uint_eq(row_of("main")->total[ALL], 2500 * MS);
	ck_assert_ptr_null(row_of("b"));
}
END_TEST

START_TEST(test_threads_and_processes)
{
	add_process(200);
	for (int i = 0; i < 300; i++) {
		add_sample(200, 200, i % 2 ? THREAD_WAITS_GIL : THREAD_HOLDS_GIL, "main;other");
		add_sample(100, 100, THREAD_HOLDS_GIL, "main;b");
		now_ns += 10 * MS;
	}
	model_advance(live->model, now_ns);
	live_count(live);
	press("4");
	ck_assert_uint_eq(live->rows.count, 2);
	ck_assert_uint_eq(live->rows.list[0].self[ALL], 3000 * MS);
	ck_assert_uint_eq(live->rows.list[1].states[THREAD_WAITS_GIL], 1500 * MS);
	assert_shows("MainThread");
	press("j\r");
	assert_shows("only thread 200");
	ck_assert_ptr_nonnull(row_of("other"));
	ck_assert_ptr_null(row_of("b"));
	live_press(live, LIVE_KEY_ESCAPE);
	ck_assert_ptr_nonnull(row_of("b"));
	press("5");
	ck_assert_uint_eq(live->rows.count, 2);
	assert_shows("2 processes  2 threads");
	press("\r");
	ck_assert_int_eq(live->view, VIEW_THREADS);
	ck_assert_uint_eq(live->rows.count, 1);
}
END_TEST

START_TEST(test_search_and_filter)
{
	ten_seconds();
	press("/:c\r");
	ck_assert_str_eq(live->rows.list[live->selected].function->name, "c");
	press("/nowhere\r");
	assert_shows("not found: nowhere");
	press("f:(a|b)$\r");
	ck_assert_uint_eq(live->rows.count, 2);
	assert_shows("filter: :(a|b)$");
	press("f");
	live_press(live, 'u' & 0x1f);
	press("(\r");
	ck_assert_uint_eq(live->rows.count, 2);
	live_press(live, LIVE_KEY_ESCAPE);
	ck_assert_uint_eq(live->rows.count, 4);
	press("fzzz\r");
	assert_shows("nothing matches the filter");
}
END_TEST

START_TEST(test_requests)
{
	ten_seconds();
	press("+");
	ck_assert_int_eq(live->request.wish, LIVE_RATE);
	ck_assert_int_eq(live->request.interval_ns, 5 * MS);
	press("--");
	ck_assert_int_eq(live->request.interval_ns, 20 * MS);
	press("N");
	ck_assert_int_eq(live->request.wish, LIVE_NATIVE);
	ck_assert(live->request.native);
	press("d");
	ck_assert_int_eq(live->request.wish, LIVE_DUMP);
	press("s");
	assert_shows("write to file: pyrope.svg");
	live_press(live, LIVE_KEY_ERASE);
	press("_\r");
	ck_assert_int_eq(live->request.wish, LIVE_SAVE);
	ck_assert_str_eq(live->request.path, "pyrope.sv_");
	press("q");
	ck_assert_int_eq(live->request.wish, LIVE_QUIT);
	press("?");
	assert_shows("pyrope top: keys");
	press("x");
	assert_shows("functions");
}
END_TEST

/* Time that was not sampled on purpose is none in which nothing was done. */
START_TEST(test_pause_and_reset)
{
	ten_seconds();
	model_pause(live->model, now_ns);
	now_ns += 60000 * MS;
	model_advance(live->model, now_ns);
	assert_near(model_all_ns(live->model), 10e9);
	model_resume(live->model, now_ns);
	live_count(live);
	assert_near((double)row_of("b")->self[RECENT] / live->rows.recent_ns, 0.75);
	press("r");
	ck_assert_uint_eq(live->rows.count, 0);
	add_sample(100, 100, THREAD_HOLDS_GIL, "main;after");
	live_count(live);
	ck_assert_uint_eq(row_of("after")->self[ALL], 10 * MS);
	press("p");
	assert_shows("PAUSED");
	ck_assert_int_eq(live->request.wish, LIVE_PAUSE);
}
END_TEST

/* The time that a tick stands for is that of its process when it was taken. */
START_TEST(test_rate)
{
	struct run_info run = {
		.version = "", .arguments = "", .machine = "", .mode = "active", .interval_ns = 20 * MS
	};
	struct event event = { .kind = EVENT_BEGIN, .run = &run };

	add_sample(100, 100, THREAD_HOLDS_GIL, "main;b");
	give(&event);
	add_process(100);
	add_sample(100, 100, THREAD_HOLDS_GIL, "main;b");
	live_count(live);
	ck_assert_uint_eq(row_of("b")->self[ALL], 30 * MS);
}
END_TEST

START_TEST(test_header)
{
	struct process_counters counters = { .user_ns = 0, .resident_bytes = 123400000 };
	struct event event = { .kind = EVENT_COUNTERS, .pid = 100, .counters = &counters };
	struct event ended = { .kind = EVENT_EXIT, .pid = 100, .status = 9 };

	for (int i = 0; i < 10; i++) {
		for (int j = 0; j < 100; j++) {
			add_sample(100, 100, THREAD_HOLDS_GIL, "main;b");
			add_sample(100, 101, THREAD_WAITS_GIL, "main;w");
			now_ns += 10 * MS;
		}
		counters.user_ns += 500 * MS;
		give(&event);
	}
	live_count(live);
	assert_shows("1 process  2 threads  200 samples/s");
	assert_shows("CPU 50 %  GIL held 100 %  waited for 100 %  GC 0 %  memory 123.4 MB");
	assert_shows("CPU, last minute");
	live->canvas.is_unicode = setlocale(LC_CTYPE, "C.UTF-8") != NULL;
	if (live->canvas.is_unicode)
		assert_shows("\u2584\u2584\u2584");
	live->canvas.is_unicode = false;
	assert_shows("----");
	give(&ended);
	assert_shows("0 processes  1 gone  0 threads");
}
END_TEST

START_TEST(test_any_size)
{
	ten_seconds();
	for (size_t columns = 0; columns <= 140; columns += 7) {
		for (size_t rows = 0; rows <= 30; rows++) {
			for (int view = 0; view < VIEWS; view++) {
				live_press(live, (uint32_t)('1' + view));
				ck_assert_uint_le(strlen(screen(columns, rows)), (columns * 4 + 1) * rows);
			}
			press("?");
			screen(columns, rows);
			press("x/");
			screen(columns, rows);
			live_press(live, LIVE_KEY_ESCAPE);
		}
	}
}
END_TEST

/* Whatever a name is made of, it takes the columns that it takes, and no more than there are. */
START_TEST(test_hostile_names)
{
	const struct function like = { .kind = FUNCTION_PYTHON,
		.name = "\u5bbd\u5b57e\u0301\x1b[2J\x07\xff\u202e",
		.file = "\x1b[31m.py" };
	const struct sample_frame frame = { .function = functions_intern(functions, &like), .line = 1 };
	struct sample sample = { .pid = 100,
		.tid = 100,
		.process_name = "",
		.thread_name = "\x1b]0;x\x07",
		.state = THREAD_HOLDS_GIL,
		.frame_count = 1,
		.frames = &frame };
	struct event event = { .kind = EVENT_SAMPLE, .pid = 100, .sample = &sample, .weight = 1 };
	const char *text;

	give(&event);
	live_count(live);
	live->canvas.is_unicode = setlocale(LC_CTYPE, "C.UTF-8") != NULL;
	text = screen(80, 24);
	ck_assert_ptr_null(strchr(text, '\x1b'));
	ck_assert_ptr_null(strchr(text, '\x07'));
	if (live->canvas.is_unicode)
		ck_assert_ptr_nonnull(strstr(text, "\u5bbd\u5b57e\u0301?[2J"));
	live->canvas.is_unicode = false;
	ck_assert_ptr_nonnull(strstr(screen(80, 24), "??e??[2J"));
	press("4");
	ck_assert_ptr_null(strchr(screen(80, 24), '\x1b'));
}
END_TEST

/* More stacks than are kept: all begins anew, and goes on. */
START_TEST(test_too_much)
{
	char stack[64];

	for (int i = 0; i < 70000 && !live->model->forgotten; i++)
		add_sample(100, 1000 + i, THREAD_HOLDS_GIL, "main");
	ck_assert_uint_eq(live->model->forgotten, 1);
	snprintf(stack, sizeof(stack), "main;after");
	add_sample(100, 100, THREAD_HOLDS_GIL, stack);
	live_count(live);
	assert_shows("counting began anew");
	ck_assert_ptr_nonnull(row_of("after"));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, test_functions);
	tcase_add_test(tests, test_recursion);
	tcase_add_test(tests, test_window);
	tcase_add_test(tests, test_sort);
	tcase_add_test(tests, test_tree);
	tcase_add_test(tests, test_threads_and_processes);
	tcase_add_test(tests, test_search_and_filter);
	tcase_add_test(tests, test_requests);
	tcase_add_test(tests, test_pause_and_reset);
	tcase_add_test(tests, test_rate);
	tcase_add_test(tests, test_header);
	tcase_add_test(tests, test_any_size);
	tcase_add_test(tests, test_hostile_names);
	tcase_add_test(tests, test_too_much);
}

int main(void)
{
	return suite_run("live", add_tests);
}
