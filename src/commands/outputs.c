/* SPDX-License-Identifier: MIT */
/*
 * One run, several files: a tee over the formats, and the rescue of a profile that its file could not take.
 */
#include "config.h"

#include "commands/outputs.h"
#include "commands/terminal.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pyrope/web.h"

/* Of a terminal: what stays for the lines around a table, and what a table has at least. */
#define ROWS_KEPT 13
#define ROWS_LEAST 10
#define MEGABYTE 1000000

/* ---- events ---- */

/* What a user looks for is a function: not a marker, nor what is none of the program's. */
static void count_self(struct outputs *outputs, const struct event *event)
{
	const struct sample *sample = event->sample;
	const size_t old = outputs->self_capacity;
	size_t count = sample->frame_count;
	uint32_t id;

	if (sample->quality == SAMPLE_IDLE || sample->quality == SAMPLE_PARTIAL ||
		sample->quality == SAMPLE_FAILED)
		return;
	while (count && sample->frames[count - 1].function->kind == FUNCTION_MARKER)
		count--;
	if (!count)
		return;
	id = sample->frames[count - 1].function->id;
	array_reserve(&outputs->self, &outputs->self_capacity, (size_t)id + 1, sizeof(*outputs->self));
	memset(outputs->self + old, 0, (outputs->self_capacity - old) * sizeof(*outputs->self));
	outputs->self[id] += event->weight;
}

static void count_shown(struct outputs *outputs, const struct event *event)
{
	const struct sample *sample = event->sample;

	outputs->counts.samples += event->weight;
	if (sample->quality != SAMPLE_IDLE)
		return;
	outputs->counts.idle += event->weight;
	if (sample->frame_count && sample->frames[0].function == outputs->waits_cpu)
		outputs->counts.waits_cpu += event->weight;
}

/* To those that want all of it, or what is shown of every thread, or what is shown. */
static int hand_to(
	struct outputs *outputs, const struct event *event, enum output_needs needs, struct error *err)
{
	for (size_t i = 0; i < outputs->count; i++) {
		const struct output *output = &outputs->list[i];

		if (output->sink && output->format->needs == needs &&
			sink_take(output->sink, event, err) != 0)
			return -1;
	}
	return 0;
}

static int take_shown(struct sink *sink, const struct event *event, struct error *err)
{
	struct outputs *outputs = (struct outputs *)sink;

	if (event->kind == EVENT_SAMPLE) {
		count_shown(outputs, event);
		count_self(outputs, event);
		if (outputs->profile)
			profile_add(outputs->profile, event);
	} else if (outputs->profile) {
		profile_note(outputs->profile, event);
	}
	return hand_to(outputs, event, NEEDS_TIME, err);
}

static int take_threads(struct sink *sink, const struct event *event, struct error *err)
{
	struct outputs *outputs = (struct outputs *)((char *)sink - offsetof(struct outputs, threads));

	return hand_to(outputs, event, NEEDS_THREADS, err);
}

void outputs_watch(struct outputs *outputs, struct sink *watcher)
{
	outputs->watcher = watcher;
	outputs->needs_all = true;
}

int outputs_take(struct outputs *outputs, const struct event *event, struct error *err)
{
	if (outputs->sources)
		sources_take(outputs->sources, event);
	if (outputs->watcher && sink_take(outputs->watcher, event, err) != 0)
		return -1;
	if (hand_to(outputs, event, NEEDS_ALL, err) != 0 ||
		(outputs->threads_filter && sink_take(filter_sink(outputs->threads_filter), event, err) != 0))
		return -1;
	return sink_take(filter_sink(outputs->filter), event, err);
}

void outputs_filter(struct outputs *outputs, const struct filter_options *options)
{
	struct filter_options threads = *options;

	outputs->waits_cpu = functions_marker(outputs->functions, "(waiting for a CPU)");
	outputs->filter = filter_new(options, outputs->functions, &outputs->shown);
	threads.mode = MODE_WALL;
	threads.exclude_idle = false;
	for (size_t i = 0; i < outputs->count && !outputs->threads_filter; i++)
		if (outputs->list[i].format->needs == NEEDS_THREADS)
			outputs->threads_filter = filter_new(&threads, outputs->functions, &outputs->threads);
}

/* ---- what the command line says ---- */

struct output_options output_options_of(const struct options *options, enum sample_mode mode)
{
	return (struct output_options){
		.no_lines = options->no_lines,
		.by = options->by,
		.sort = options->sort,
		.tree = options->tree,
		.inverted = options->inverted,
		.all_frames = options->all_frames,
		.colour_by = options->colour_by,
		.least_part = options->least_part,
		.title = options->title,
		.token_file = options->token_file,
		.has_limit = options->has_limit,
		.limit = options->limit,
		.groups = options->groups,
		.per_thread = mode == MODE_WALL || mode == MODE_CPU,
		.is_cpu = mode == MODE_CPU,
	};
}

struct filter_options filter_options_of(const struct options *options, enum sample_mode mode)
{
	struct filter_options filter = options->filter;

	filter.mode = mode;
	filter.exclude_idle = options->exclude_idle;
	filter.mark_gc = options->mark_gc;
	filter.mark_syscalls = options->mark_syscalls;
	filter.pid = options->pid;
	return filter;
}

/* ---- opening ---- */

static bool is_stdout(const char *path)
{
	return !path || strcmp(path, "-") == 0;
}

/* What is sent is a recording, unless its name ends in what names another format. */
static const struct output_format *format_of_url(const char *url)
{
	char *path = xstrndup(url, strcspn(url, "?#"));
	const struct output_format *format = output_format_of_path(path);

	free(path);
	return format ? format : output_format_find("recording");
}

static const struct output_format *format_of(const char *path)
{
	const struct output_format *format = path ? output_format_of_path(path) : NULL;

	if (path && web_is_url(path))
		return format_of_url(path);
	if (!format && is_stdout(path) && isatty(STDOUT_FILENO))
		format = output_format_find("table");
	return format ? format : output_formats[0];
}

static void choose_options(struct output *output, enum path_choice path_choice)
{
	output->options.short_paths =
		path_choice == PATHS_SHORT || (path_choice == PATHS_OF_FORMAT && output->format->for_eyes);
	if (is_stdout(output->path) && isatty(STDOUT_FILENO) && output->format->for_eyes) {
		const size_t rows = terminal_rows(STDOUT_FILENO);

		output->options.columns = terminal_columns(STDOUT_FILENO);
		output->options.rows = rows > ROWS_KEPT + ROWS_LEAST ? rows - ROWS_KEPT : ROWS_LEAST;
	}
	if (output->options.has_limit)
		output->options.rows = output->options.limit;
}

/* A server makes all other formats of these: enum web_kind. The last two are collapsed stacks, too. */
static int server_takes(const struct output *output, struct error *err)
{
	static const char *const names[] = { "recording", "pprof", "collapsed", "flamechart", "log" };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (strcmp(output->format->name, names[i]) == 0)
			return 0;
	return error_set(err, ERROR_USAGE,
		"cannot send '%s': pyrope serve takes recordings, collapsed stacks and pprof, and makes "
		"the format '%s' of them: leave it out here",
		output->path, output->format->name);
}

/* What goes to a server is a temporary file until it is whole. */
static int open_file(struct output *output, struct error *err)
{
	const char *const *endings = output->format->extensions;

	if (!output->path || !web_is_url(output->path))
		return output_open(&output->file, output->path, err);
	if (server_takes(output, err) != 0)
		return -1;
	if (web_push_check(output->path, output->options.token_file, err) != 0)
		return -1;
	return output_open_rescue(&output->file, &output->local, endings ? endings[0] : ".txt", err);
}

static int open_one(struct outputs *outputs, const char *path, const struct output_format *format,
	enum path_choice path_choice, struct functions *functions, struct error *err)
{
	struct output *output = &outputs->list[outputs->count];

	for (size_t i = 0; path && i < outputs->count; i++) {
		if (strcmp(outputs->list[i].path, path) == 0)
			return error_set(
				err, ERROR_USAGE, "'%s' is to be written twice: leave one -o out", path);
	}
	*output = (struct output){
		.path = path, .format = format ? format : format_of(path), .options = outputs->options
	};
	choose_options(output, path_choice);
	if (open_file(output, err) != 0)
		return -1;
	outputs->count++;
	if (output->format->is_compressed || (path && output_path_is_compressed(path)))
		output_compress(output->file);
	outputs->needs_all |= output->format->needs == NEEDS_ALL || output->format->needs == NEEDS_THREADS;
	outputs->says_threads |= output->format->says_threads;
	if (output->format->needs != NEEDS_COUNTS)
		output->sink = output->format->open(output->file, &output->options);
	else if (!outputs->profile)
		outputs->profile =
			profile_new(functions, outputs->options.groups, outputs->options.interval_ns);
	if (outputs->profile && outputs->options.colour_by == COLOUR_BY_GIL)
		profile_count_gil(outputs->profile);
	return 0;
}

void outputs_open_none(
	struct outputs *outputs, const struct output_options *options, struct functions *functions)
{
	*outputs = (struct outputs){ .shown = { .take = take_shown },
		.threads = { .take = take_threads },
		.functions = functions,
		.options = *options };
}

int outputs_open(struct outputs *outputs, const char *const *paths, size_t count,
	const struct output_format *format, const struct output_options *options,
	enum path_choice path_choice, struct functions *functions, struct sources *sources, struct error *err)
{
	outputs_open_none(outputs, options, functions);
	outputs->sources = sources;
	if (sources)
		outputs->options.sources = sources_texts(sources);
	if (count == 0)
		return open_one(outputs, NULL, format, path_choice, functions, err);
	for (size_t i = 0; i < count; i++) {
		if (open_one(outputs, paths[i], format, path_choice, functions, err) != 0)
			return -1;
	}
	return 0;
}

void outputs_release(struct outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++) {
		sink_free(outputs->list[i].sink);
		output_close(outputs->list[i].file);
		if (outputs->list[i].local)
			unlink(outputs->list[i].local);
		free(outputs->list[i].local);
		free(outputs->list[i].sent);
	}
	profile_free(outputs->profile);
	filter_free(outputs->filter);
	filter_free(outputs->threads_filter);
	sources_free(outputs->sources);
	free(outputs->self);
	*outputs = (struct outputs){ .count = 0 };
}

bool outputs_stream_to_stdout(const struct outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++) {
		const struct output *output = &outputs->list[i];

		if (output->sink && is_stdout(output->path))
			return true;
	}
	return false;
}

int outputs_flush(struct outputs *outputs, struct error *err)
{
	for (size_t i = 0; i < outputs->count; i++) {
		const struct output *output = &outputs->list[i];

		if (output->sink &&
			(sink_flush(output->sink, err) != 0 || output_flush(output->file, err) != 0))
			return -1;
	}
	return 0;
}

/* The output failed, but the profile is still here: to a place for temporary files with it. */
static void rescue(const struct outputs *outputs, const struct output *output, struct error *err)
{
	const char *const *endings = output->format->extensions;
	struct output_file *file = NULL;
	struct error ignored = { 0 };
	char *path;

	if (output_open_rescue(&file, &path, endings ? endings[0] : ".txt", &ignored) != 0)
		return;
	output->format->write(outputs->profile, &output->options, file);
	if (output_commit(file, &ignored) == 0) {
		size_t length = strlen(err->message);

		snprintf(err->message + length, sizeof(err->message) - length,
			": the profile is in '%s' instead", path);
	} else {
		unlink(path);
	}
	output_close(file);
	free(path);
}

/* A page that is given too long a file says no more than that it failed. */
static void warn_of_size(const struct output *output)
{
	const uint64_t bytes = output_bytes(output->file), limit = output->format->reader_bytes;

	if (limit && bytes > limit)
		fprintf(stderr,
			"pyrope: '%.256s' has %llu MB, and browsers read %llu MB: leave a part out (--from, "
			"--to, --thread), or name another format\n",
			is_stdout(output->path) ? "standard output" : output->path,
			(unsigned long long)(bytes / MEGABYTE), (unsigned long long)(limit / MEGABYTE));
}

/* One that the server does not take stays where it is, and the error names the place. */
static int send_one(struct output *output, struct error *err)
{
	size_t length;

	if (web_push(output->path, output->options.token_file, output->local, &output->sent, err) == 0)
		return 0;
	length = strlen(err->message);
	snprintf(err->message + length, sizeof(err->message) - length, ": the profile is in '%s' instead",
		output->local);
	free(output->local);
	output->local = NULL;
	return -1;
}

static int finish_one(struct outputs *outputs, struct output *output, struct error *err)
{
	if (!output->sink)
		output->format->write(outputs->profile, &output->options, output->file);
	else if (sink_finish(output->sink, err) != 0)
		return -1;
	if (output_commit(output->file, err) == 0) {
		warn_of_size(output);
		return output->local ? send_one(output, err) : 0;
	}
	if (err->kind != ERROR_GONE && !output->sink)
		rescue(outputs, output, err);
	return -1;
}

int outputs_finish(struct outputs *outputs, struct error *err)
{
	int result = outputs->filter ? sink_finish(filter_sink(outputs->filter), err) : 0;

	if (result == 0 && outputs->threads_filter)
		result = sink_finish(filter_sink(outputs->threads_filter), err);
	for (size_t i = 0; i < outputs->count; i++) {
		struct error own = { 0 };

		if (finish_one(outputs, &outputs->list[i], &own) == 0)
			continue;
		/* a reader that had enough says less than a file that could not be written */
		if (result == 0 || err->kind == ERROR_GONE)
			*err = own;
		result = -1;
	}
	return result;
}
