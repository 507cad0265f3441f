/* SPDX-License-Identifier: MIT */
/*
 * A profile in, expected bytes out: the cases of tests/golden, each in all the ways to write it. With
 * UPDATE_GOLDEN set, what comes out is written there instead; read the difference before it is committed.
 */
#include "config.h"

#include "pyrope/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "samples.h"
#include "suite.h"

#define INTERVAL_NS 10000000
#define FUNCTIONS 256

static const char *const names[] = { "empty", "plain", "names", "time", "threads" };

static const struct way {
	const char *name;
	bool flamechart;
	unsigned groups;
	bool no_lines;
	bool per_thread;
} ways[] = {
	{ .name = "collapsed" },
	{ .name = "no_lines.collapsed", .no_lines = true },
	{ .name = "grouped.collapsed", .groups = GROUP_PROCESS | GROUP_THREAD },
	{ .name = "flamechart", .flamechart = true },
	{ .name = "no_lines.flamechart", .flamechart = true, .no_lines = true },
	{ .name = "threads.flamechart", .flamechart = true, .groups = GROUP_THREAD, .per_thread = true },
};

static char *golden_path(const char *name, const char *extension)
{
	const char *top = getenv("top_srcdir");

	return xasprintf("%s/tests/golden/%s.%s", top ? top : ".", name, extension);
}

static void read_file(const char *path, struct buffer *text)
{
	FILE *file = fopen(path, "re");
	char bytes[4096];
	size_t count;

	buffer_append_string(text, "");
	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	while ((count = fread(bytes, 1, sizeof(bytes), file)) > 0)
		buffer_append(text, bytes, count);
	fclose(file);
}

/* ---- reading samples ---- */

static struct function functions[FUNCTIONS];
static size_t function_count;

static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (*text != '\\') {
			*to++ = *text;
			continue;
		}
		text++;
		*to++ = *text == 'n' ? '\n' : *text == 't' ? '\t' : *text == 'p' ? '|' : '\\';
	}
	*to = '\0';
}

/* The function of this file and name; equal ones are one. The texts live as long as the line. */
static const struct function *function_of(enum function_kind kind, const char *file, const char *name)
{
	for (size_t i = 0; i < function_count; i++)
		if (strcmp(functions[i].file, file) == 0 && strcmp(functions[i].name, name) == 0)
			return &functions[i];
	ck_assert_uint_lt(function_count, FUNCTIONS);
	functions[function_count] =
		(struct function){ .id = function_count + 1, .kind = kind, .file = file, .name = name };
	return &functions[function_count++];
}

static void push_frame(struct made_up *made_up, char *text)
{
	char *name, *line;

	if (text[0] == '(') {
		made_up_push(made_up, function_of(FUNCTION_MARKER, "", text), 0);
		return;
	}
	name = strchr(text, '|');
	ck_assert_ptr_nonnull(name);
	*name++ = '\0';
	line = strchr(name, '|');
	ck_assert_ptr_nonnull(line);
	*line++ = '\0';
	unescape(text);
	unescape(name);
	made_up_push(made_up, function_of(FUNCTION_PYTHON, text, name), (int)strtol(line, NULL, 10));
}

struct written {
	struct profile *profile;
	struct flamechart *flamechart;
};

static void add_line(const struct written *written, char *line)
{
	struct made_up made_up;
	char *fields = line;
	int64_t time_ns = strtoll(strsep(&fields, "\t"), NULL, 10) * 1000;
	pid_t tid = (pid_t)strtol(strsep(&fields, "\t"), NULL, 10);
	bool skip = false;

	made_up_begin(&made_up, time_ns, tid);
	made_up.sample.thread_name = strsep(&fields, "\t");
	while (fields) {
		char *frame = strsep(&fields, "\t");

		if (strcmp(frame, "skip") == 0)
			skip = true;
		else
			push_frame(&made_up, frame);
	}
	if (written->flamechart && skip)
		flamechart_skip(written->flamechart, &made_up.sample);
	else if (written->flamechart)
		flamechart_add(written->flamechart, &made_up.sample);
	else if (!skip)
		profile_add(written->profile, &made_up.sample);
}

/* ---- comparing ---- */

static void write_way(const struct way *way, char *samples, const char *path)
{
	struct output_options text = { .no_lines = way->no_lines };
	struct flamechart_options options = {
		.text = text, .groups = way->groups, .per_thread = way->per_thread, .interval_ns = INTERVAL_NS
	};
	struct written written = { 0 };
	struct output_file *file;
	struct error err = { 0 };

	function_count = 0;
	ck_assert_msg(output_open(&file, path, &err) == 0, "%s", err.message);
	if (way->flamechart)
		written.flamechart = flamechart_new(file, &options);
	else
		written.profile = profile_new(way->groups, INTERVAL_NS);
	while (samples && *samples)
		add_line(&written, strsep(&samples, "\n"));
	if (way->flamechart)
		flamechart_finish(written.flamechart);
	else
		output_format_find("collapsed")->write(written.profile, &text, file);
	ck_assert_msg(output_commit(file, &err) == 0, "%s", err.message);
	output_close(file);
	flamechart_free(written.flamechart);
	profile_free(written.profile);
}

START_TEST(test_golden)
{
	const char *name = names[(size_t)_i / ARRAY_LENGTH(ways)];
	const struct way *way = &ways[(size_t)_i % ARRAY_LENGTH(ways)];
	char *samples_path = golden_path(name, "samples"), *expected_path = golden_path(name, way->name);
	char *path = xasprintf("test_collapsed.%d.out", (int)getpid());
	struct buffer samples = { 0 }, expected = { 0 }, got = { 0 };

	read_file(samples_path, &samples);
	write_way(way, samples.data, getenv("UPDATE_GOLDEN") ? expected_path : path);
	read_file(expected_path, &expected);
	if (!getenv("UPDATE_GOLDEN")) {
		read_file(path, &got);
		unlink(path);
		ck_assert_msg(
			strcmp(got.data, expected.data) == 0, "%s.%s is\n%s", name, way->name, got.data);
	}
	buffer_release(&samples);
	buffer_release(&expected);
	buffer_release(&got);
	free(samples_path);
	free(expected_path);
	free(path);
}
END_TEST

START_TEST(test_format_table)
{
	ck_assert_ptr_null(output_format_find("nothing"));
	for (size_t i = 0; output_formats[i]; i++) {
		ck_assert_ptr_eq(output_format_find(output_formats[i]->name), output_formats[i]);
		ck_assert(output_formats[i]->extension[0] == '.');
		ck_assert(output_formats[i]->description[0] != '\0');
	}
}
END_TEST

/* Memory does not grow with the run: many stacks, and threads that come and go. */
START_TEST(test_flamechart_is_flat)
{
	struct flamechart_options options = { .per_thread = true, .interval_ns = INTERVAL_NS };
	struct output_file *file;
	struct flamechart *flamechart;
	struct error err = { 0 };
	struct made_up made_up;

	ck_assert_int_eq(output_open(&file, "/dev/null", &err), 0);
	flamechart = flamechart_new(file, &options);
	for (int i = 0; i < 200000; i++) {
		struct function function = {
			.id = (uint64_t)i, .kind = FUNCTION_PYTHON, .file = "f", .name = "n"
		};

		made_up_begin(&made_up, (int64_t)i * INTERVAL_NS, 1000 + i / 10);
		made_up_push(&made_up, &function, i);
		flamechart_add(flamechart, &made_up.sample);
	}
	flamechart_finish(flamechart);
	ck_assert_uint_le(flamechart_streams(flamechart), 256);
	flamechart_free(flamechart);
	output_close(file);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, test_golden, 0, ARRAY_LENGTH(names) * ARRAY_LENGTH(ways));
	tcase_add_test(tests, test_format_table);
	tcase_add_test(tests, test_flamechart_is_flat);
}

int main(void)
{
	return suite_run("collapsed", add_tests);
}
