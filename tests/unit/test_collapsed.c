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
#include <sys/resource.h>
#include <unistd.h>

#include "output/flamechart.h"
#include "samples.h"
#include "suite.h"

#define INTERVAL_NS 10000000

static const char *const names[] = { "empty", "plain", "names", "time", "threads", "order", "paths" };

static const char *const roots[] = { "/srv/", "/srv/app/", NULL };

static const struct way {
	const char *name; /* its ending is the format */
	struct output_options options;
} ways[] = {
	{ .name = "collapsed" },
	{ .name = "no_lines.collapsed", .options.no_lines = true },
	{ .name = "grouped.collapsed", .options.groups = GROUP_PROCESS | GROUP_THREAD },
	{ .name = "short.collapsed", .options = { .short_paths = true, .roots = roots } },
	{ .name = "table" },
	{ .name = "narrow.table",
		.options = { .columns = 40, .rows = 3, .short_paths = true, .roots = roots } },
	{ .name = "flamechart" },
	{ .name = "no_lines.flamechart", .options.no_lines = true },
	{ .name = "threads.flamechart", .options = { .groups = GROUP_THREAD, .per_thread = true } },
	{ .name = "callgrind" },
	{ .name = "no_lines.callgrind", .options.no_lines = true },
	{ .name = "firefox", .options.epoch_ns = 1700000000000000000 },
	{ .name = "speedscope" },
	{ .name = "cpuprofile" },
	{ .name = "no_lines.cpuprofile", .options = { .no_lines = true, .per_thread = true } },
	{ .name = "trace", .options.epoch_ns = 1700000000000000000 },
	{ .name = "no_lines.trace", .options.no_lines = true },
	{ .name = "log" },
	{ .name = "timestamps", .options.epoch_ns = 1700000000000000000 },
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

static struct functions *functions;

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

static const struct function *function_of(enum function_kind kind, const char *file, const char *name)
{
	const int first_line = kind == FUNCTION_MARKER ? 0 : 7;

	return functions_intern(functions,
		&(struct function){ .kind = kind, .file = file, .name = name, .first_line = first_line });
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
	struct sink *sink;
};

static void give(struct sink *sink, enum event_kind kind, const struct sample *sample)
{
	const struct event event = { .kind = kind,
		.time_ns = sample->time_ns,
		.sample = sample,
		.weight = 1,
		.last_ns = sample->time_ns };
	struct error err = { 0 };

	ck_assert_int_eq(sink_take(sink, &event, &err), 0);
}

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
	if (made_up.sample.frame_count == 1 && strcmp(made_up.frames[0].function->name, "(idle)") == 0)
		made_up.sample.quality = SAMPLE_IDLE;
	if (written->sink)
		give(written->sink, skip ? EVENT_LEFT_OUT : EVENT_SAMPLE, &made_up.sample);
	else if (!skip)
		made_up_add(written->profile, &made_up);
}

/* ---- comparing ---- */

static void write_way(const struct way *way, char *samples, const char *path)
{
	const char *ending = strrchr(way->name, '.');
	const struct output_format *format = output_format_find(ending ? ending + 1 : way->name);
	struct output_options options = way->options;
	struct written written = { 0 };
	struct output_file *file;
	struct error err = { 0 };

	options.interval_ns = INTERVAL_NS;
	functions = functions_new();
	ck_assert_msg(output_open(&file, path, &err) == 0, "%s", err.message);
	if (format->needs != NEEDS_COUNTS)
		written.sink = format->open(file, &options);
	else
		written.profile = profile_new(functions, options.groups, INTERVAL_NS);
	while (samples && *samples)
		add_line(&written, strsep(&samples, "\n"));
	if (written.sink)
		ck_assert_int_eq(sink_finish(written.sink, &err), 0);
	else
		format->write(written.profile, &options, file);
	ck_assert_msg(output_commit(file, &err) == 0, "%s", err.message);
	output_close(file);
	sink_free(written.sink);
	profile_free(written.profile);
	functions_free(functions);
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
		ck_assert((output_formats[i]->needs == NEEDS_COUNTS) == (output_formats[i]->write != NULL));
		ck_assert((output_formats[i]->needs != NEEDS_COUNTS) == (output_formats[i]->open != NULL));
		ck_assert(output_formats[i]->description[0] != '\0');
		ck_assert_ptr_nonnull(strstr(output_formats[i]->viewer, "%s"));
	}
}
END_TEST

static const struct {
	const char *path, *format; /* NULL: none */
} endings[] = {
	{ "a.txt", "collapsed" },
	{ "b/a.b.collapsed", "collapsed" },
	{ ".txt", NULL }, /* a hidden file without an ending */
	{ "atxt", NULL },
	{ "a.TXT", NULL },
	{ "", NULL },
	{ "a.txt.gz", NULL },
	{ "a.table", "table" },
	{ "a.timestamps", "timestamps" },
	{ "a.callgrind", "callgrind" },
	{ "a.pstats", "pstats" },
	{ "a.prof", "pstats" },
	{ "a.firefox.json", "firefox" },
	{ "a.firefox.json.gz", "firefox" },
	{ "a.speedscope.json", "speedscope" },
	{ "a.json", NULL },
	{ "a.pb.gz", "pprof" },
	{ "a.pb", NULL },
	{ "a.cpuprofile", "cpuprofile" },
	{ "a.trace.json", "trace" },
	{ "a.trace.json.gz", "trace" },
};

START_TEST(test_endings)
{
	const struct output_format *format = output_format_of_path(endings[_i].path);

	ck_assert_str_eq(format ? format->name : "", endings[_i].format ? endings[_i].format : "");
}
END_TEST

static const struct {
	const char *file, *shown;
} paths[] = {
	{ "/usr/lib/python3.11/json/__init__.py", "json/__init__.py" },
	{ "/usr/lib64/python3.13t/re/_parser.py", "re/_parser.py" },
	{ "/usr/lib/python2.7/os.py", "os.py" },
	{ "/usr/lib/python311.zip/os.py", "os.py" },
	{ "/usr/lib/python3/dist-packages/yaml/loader.py", "yaml/loader.py" },
	{ "/v/lib/python3.11/site-packages/django/db/x.py", "django/db/x.py" },
	{ "/v/lib/python3.11/site-packages/foo-1.0.egg/foo/x.py", "foo/x.py" },
	{ "/v/site-packages/pip/_vendor/site-packages/x.py", "x.py" },
	{ "/srv/app/views/home.py", "views/home.py" }, /* the longest root */
	{ "/srv/other/home.py", "other/home.py" },
	{ "/srvapp/home.py", "/srvapp/home.py" }, /* no root, but for that of all files */
	{ "/srv/app/", "app/" },
	{ "/libs/python/x.py", "/libs/python/x.py" },
	{ "/usr/lib/python3/x.py", "x.py" },
	{ "/usr/lib/Python3/x.py", "/usr/lib/Python3/x.py" },
	{ "/lib/pythonx/x.py", "/lib/pythonx/x.py" },
	{ "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>" },
	{ "app.py", "app.py" },
	{ "/", "/" },
	{ "", "" },
};

START_TEST(test_short_path)
{
	static const char *const own[] = { "/srv/", "/srv/app/", NULL };

	ck_assert_str_eq(short_path(paths[_i].file, own), paths[_i].shown);
	ck_assert_str_eq(short_path(paths[4].file, NULL), paths[4].shown);
}
END_TEST

/* Memory does not grow with the run: many stacks, and threads that come and go. */
START_TEST(test_flamechart_is_flat)
{
	const struct output_options options = { .per_thread = true, .interval_ns = INTERVAL_NS };
	struct output_file *file;
	struct sink *flamechart;
	struct error err = { 0 };
	struct made_up made_up;

	ck_assert_int_eq(output_open(&file, "/dev/null", &err), 0);
	flamechart = output_format_find("flamechart")->open(file, &options);
	for (int i = 0; i < 200000; i++) {
		struct function function = {
			.id = (uint64_t)i, .kind = FUNCTION_PYTHON, .file = "f", .name = "n"
		};

		made_up_begin(&made_up, (int64_t)i * INTERVAL_NS, 1000 + i / 10);
		made_up_push(&made_up, &function, i);
		give(flamechart, EVENT_SAMPLE, &made_up.sample);
	}
	ck_assert_int_eq(sink_finish(flamechart, &err), 0);
	ck_assert_uint_le(flamechart_streams(flamechart), 256);
	sink_free(flamechart);
	output_close(file);
}
END_TEST

static size_t peak_bytes(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (size_t)usage.ru_maxrss << 10;
}

/* A line that is longer than memory: 300 MB of it here. */
START_TEST(test_long_line_is_not_kept)
{
	enum { NAME_BYTES = 1 << 20, DEPTH = 300 };
	const struct output_options options = { .interval_ns = INTERVAL_NS };
	char *name = xmalloc(NAME_BYTES + 1);
	struct sample_frame frames[DEPTH];
	const struct sample sample = { .process_name = "",
		.thread_name = "",
		.frames = frames,
		.frame_count = DEPTH,
		.quality = SAMPLE_VERIFIED };
	const struct event event = { .kind = EVENT_SAMPLE, .sample = &sample, .weight = 1 };
	struct functions *table = functions_new();
	struct profile *profile = profile_new(table, GROUP_NONE, INTERVAL_NS);
	struct output_file *file;
	struct error err = { 0 };
	size_t before;

	memset(name, 'x', NAME_BYTES);
	name[NAME_BYTES] = '\0';
	for (size_t i = 0; i < DEPTH; i++)
		frames[i] = (struct sample_frame){
			functions_intern(table,
				&(struct function){ .kind = FUNCTION_PYTHON, .name = name, .file = "f" }),
			1
		};
	profile_add(profile, &event);
	ck_assert_int_eq(output_open(&file, "/dev/null", &err), 0);
	before = peak_bytes();
	output_format_find("collapsed")->write(profile, &options, file);
	ck_assert_uint_eq(output_bytes(file), DEPTH * (NAME_BYTES + strlen("f::1;")) + strlen(" 1\n") - 1);
	ck_assert_uint_le(peak_bytes() - before, 100u << 20);
	output_close(file);
	profile_free(profile);
	functions_free(table);
	free(name);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, test_golden, 0, ARRAY_LENGTH(names) * ARRAY_LENGTH(ways));
	tcase_add_test(tests, test_format_table);
	tcase_add_loop_test(tests, test_endings, 0, ARRAY_LENGTH(endings));
	tcase_add_loop_test(tests, test_short_path, 0, ARRAY_LENGTH(paths));
	tcase_add_test(tests, test_flamechart_is_flat);
	tcase_add_test(tests, test_long_line_is_not_kept);
}

int main(void)
{
	return suite_run("collapsed", add_tests);
}
