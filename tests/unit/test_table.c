/* SPDX-License-Identifier: MIT */
/* The table of functions, lines, files, modules and the tree of calls, to the byte. */
#include "config.h"

#include "pyrope/output.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "samples.h"
#include "suite.h"

static struct functions *functions;
static struct profile *profile;
static const char *const roots[] = { "/srv/", NULL };

static void add(const char *stack, uint64_t weight, pid_t tid, enum thread_state state)
{
	struct made_up made_up;
	char *copy = xstrdup(stack), *rest = copy, *frame;
	struct event event = { .kind = EVENT_SAMPLE, .weight = weight, .sample = &made_up.sample };

	made_up_begin(&made_up, 0, tid);
	made_up.sample.pid = tid < 10 ? 100 : 101;
	made_up.sample.state = state;
	while ((frame = strsep(&rest, " "))) {
		char *file = strsep(&frame, ":"), *name = strsep(&frame, ":"), *first = strsep(&frame, ":");
		struct function like = { .kind = FUNCTION_PYTHON, .file = file, .name = name };

		if (!name)
			like = (struct function){ .kind = FUNCTION_MARKER, .file = "", .name = file };
		else if (!first)
			like.kind = FUNCTION_NATIVE;
		else
			like.first_line = (int)strtol(first, NULL, 10);
		made_up_push(&made_up, functions_intern(functions, &like),
			first ? (int)strtol(frame, NULL, 10) : 0);
	}
	if (strstr(stack, "(partial)"))
		made_up.sample.quality = SAMPLE_PARTIAL;
	if (strstr(stack, "(idle)")) {
		made_up.sample.quality = SAMPLE_IDLE;
		made_up.sample.tid = 0;
	}
	profile_add(profile, &event);
	free(copy);
}

static void setup(void)
{
	functions = functions_new();
	profile = profile_new(functions, GROUP_NONE, 10000000);
	add("/srv/app.py:main:1:3 /x/lib/python3.9/json/__init__.py:loads:10:12 "
	    "/x/lib/python3.9/json/decoder.py:decode:20:21",
		5, 1, THREAD_HOLDS_GIL);
	add("/srv/app.py:main:1:3 /x/lib/python3.9/json/__init__.py:loads:10:13 "
	    "/x/lib/python3.9/json/decoder.py:decode:20:22",
		15, 1, THREAD_HOLDS_GIL);
	add("/srv/app.py:main:1:4 /srv/app.py:walk:6:7 /srv/app.py:walk:6:7 libm.so.6:sqrt", 30, 2,
		THREAD_RUNNING);
	add("/srv/app.py:main:1:4 /srv/app.py:walk:6:8", 20, 2, THREAD_HOLDS_GIL);
	add("/srv/app.py:main:1:4 (partial)", 10, 11, THREAD_HOLDS_GIL);
	add("(idle)", 20, 0, THREAD_UNKNOWN);
	profile_note(profile, &(struct event){ .kind = EVENT_MISSED, .missed = 3 });
}

static void teardown(void)
{
	profile_free(profile);
	functions_free(functions);
}

#define HEAD "100 samples: 10.0% (partial), 20.0% (idle)\n\n"
#define FOOT \
	"\n3 threads of 2 processes: 50.0% holds-gil, 30.0% running\n3 ticks missed, 10 samples partial\n"

static const struct {
	struct output_options options;
	const char *wanted;
} cases[] = {
	{ { .roots = roots },
		HEAD "   self   total  function  file:line\n"
		     "  30.0%   30.0%  sqrt      libm.so.6\n"
		     "  20.0%   50.0%  walk      /srv/app.py:6\n"
		     "  20.0%   20.0%  decode    /x/lib/python3.9/json/decoder.py:20\n"
		     "   0.0%   80.0%  main      /srv/app.py:1\n"
		     "   0.0%   20.0%  loads     /x/lib/python3.9/json/__init__.py:10\n" FOOT },
	{ { .roots = roots, .short_paths = true, .by = BY_LINE },
		HEAD "   self   total  function  file:line\n"
		     "  30.0%   30.0%  sqrt      libm.so.6\n"
		     "  20.0%   20.0%  walk      app.py:8\n"
		     "  15.0%   15.0%  decode    json/decoder.py:22\n"
		     "   5.0%    5.0%  decode    json/decoder.py:21\n"
		     "   0.0%   60.0%  main      app.py:4\n"
		     "   0.0%   30.0%  walk      app.py:7\n"
		     "   0.0%   20.0%  main      app.py:3\n"
		     "   0.0%   15.0%  loads     json/__init__.py:13\n"
		     "   0.0%    5.0%  loads     json/__init__.py:12\n" FOOT },
	{ { .roots = roots, .short_paths = true, .by = BY_FILE },
		HEAD "   self   total  file\n"
		     "  30.0%   30.0%  libm.so.6\n"
		     "  20.0%   80.0%  app.py\n"
		     "  20.0%   20.0%  json/decoder.py\n"
		     "   0.0%   20.0%  json/__init__.py\n" FOOT },
	{ { .roots = roots, .by = BY_MODULE, .sort = SORT_TOTAL },
		HEAD "   self   total  module\n"
		     "  20.0%   80.0%  app\n"
		     "  30.0%   30.0%  libm.so.6\n"
		     "  20.0%   20.0%  json.decoder\n"
		     "   0.0%   20.0%  json\n" FOOT },
	{ { .roots = roots, .by = BY_MODULE, .sort = SORT_NAME, .has_limit = true, .rows = 2 },
		HEAD "   self   total  module\n"
		     "  20.0%   80.0%  app\n"
		     "   0.0%   20.0%  json\n"
		     "and 2 more: --limit=0 shows all\n" FOOT },
	{ { .roots = roots, .short_paths = true, .tree = true },
		HEAD "   self   total  function  file:line\n"
		     "   0.0%   80.0%  main      app.py:1\n"
		     "  20.0%   50.0%  - walk    app.py:6\n"
		     "   0.0%   30.0%    walk    app.py:6\n"
		     "  30.0%   30.0%    sqrt    libm.so.6\n"
		     "   0.0%   20.0%  - loads   json/__init__.py:10\n"
		     "  20.0%   20.0%    decode  json/decoder.py:20\n" FOOT },
	{ { .roots = roots, .short_paths = true, .tree = true, .by = BY_LINE, .rows = 5 },
		HEAD "   self   total  function  file:line\n"
		     "   0.0%   60.0%  - main    app.py:4\n"
		     "   0.0%   30.0%    walk    app.py:7\n"
		     "   0.0%   30.0%    walk    app.py:7\n"
		     "  30.0%   30.0%    sqrt    libm.so.6\n"
		     "   0.0%   20.0%  - main    app.py:3\n"
		     "and 5 more: -o FILE.table has all\n" FOOT },
	{ { .roots = roots, .short_paths = true, .tree = true, .columns = 36, .sort = SORT_NAME },
		"100 samples: 10.0% (partial), 20.0..\n\n"
		"   self   total  function  file:line\n"
		"   0.0%   80.0%  main      app.py:1\n"
		"   0.0%   20.0%  - loads   .._.py:10\n"
		"  20.0%   20.0%    decode  ..r.py:20\n"
		"  20.0%   50.0%  - walk    app.py:6\n"
		"   0.0%   30.0%    walk    app.py:6\n"
		"  30.0%   30.0%    sqrt    libm.so.6\n"
		"\n3 threads of 2 processes: 50.0% ho..\n3 ticks missed, 10 samples partial\n" },
};

static char *written(const struct output_options *options)
{
	const struct output_format *format = output_format_find("table");
	static char text[1 << 16];
	char name[] = "/tmp/pyrope-table-XXXXXX";
	struct output_file *file = NULL;
	struct error err = { 0 };
	int fd = mkstemp(name);
	ssize_t length;

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_msg(output_open(&file, name, &err) == 0, "%s", err.message);
	format->write(profile, options, file);
	ck_assert_msg(output_commit(file, &err) == 0, "%s", err.message);
	output_close(file);
	fd = open(name, O_RDONLY);
	length = read(fd, text, sizeof(text) - 1);
	ck_assert_int_ge(length, 0);
	text[length] = '\0';
	close(fd);
	unlink(name);
	return text;
}

START_TEST(each_table_says_what_it_should)
{
	const char *text = written(&cases[_i].options);

	ck_assert_msg(strcmp(text, cases[_i].wanted) == 0, "wanted\n%s, got\n%s", cases[_i].wanted, text);
}
END_TEST

/* A recursion is as deep as its program likes. */
START_TEST(a_deep_stack_is_no_trouble)
{
	const struct function *deep =
		functions_intern(functions, &(struct function){ .file = "d.py", .name = "deep" });
	const size_t depth = 100000;
	struct sample_frame *frames = xcalloc(depth, sizeof(*frames));
	struct made_up made_up;
	const struct event event = { .kind = EVENT_SAMPLE, .weight = 1000, .sample = &made_up.sample };
	const struct output_options options = { .tree = true, .rows = 100 };

	for (size_t i = 0; i < depth; i++)
		frames[i] = (struct sample_frame){ deep, 0 };
	made_up_begin(&made_up, 0, 1);
	made_up.sample.frames = frames;
	made_up.sample.frame_count = depth;
	profile_add(profile, &event);
	ck_assert_ptr_ne(strstr(written(&options), "and 99906 more"), NULL);
	free(frames);
}
END_TEST

START_TEST(an_empty_profile_has_no_rows)
{
	const struct output_options options = { .tree = _i != 0 };

	profile_free(profile);
	profile = profile_new(functions, GROUP_NONE, 10000000);
	ck_assert_str_eq(written(&options), "0 samples\n");
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, each_table_says_what_it_should, 0, ARRAY_LENGTH(cases));
	tcase_add_test(tests, a_deep_stack_is_no_trouble);
	tcase_add_loop_test(tests, an_empty_profile_has_no_rows, 0, 2);
}

int main(void)
{
	return suite_run("table", add_tests);
}
