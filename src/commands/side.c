/* SPDX-License-Identifier: MIT */
/* Runs as they are read, and what speaks against comparing them. */
#include "config.h"

#include "commands/side.h"
#include "commands/input.h"
#include "commands/outputs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FEW_SAMPLES 100
#define LOST_PERCENT 5

const char *const side_names[2] = { "before", "after" };

/* ---- reading ---- */

/* Made when the run has said what mode it is of, and before its first sample. */
static void make_filter(struct run_input *input, const struct event *event)
{
	const struct options *options = input->options;
	const bool is_run = event->kind == EVENT_BEGIN;
	struct filter_options filter = filter_options_of(
		options, options->has_mode || !is_run ? options->mode : sample_mode_find(event->run->mode));

	filter.selects = is_run;
	if (input->every_thread) {
		filter.mode = MODE_WALL;
		filter.exclude_idle = false;
	}
	input->filter = filter_new(&filter, input->functions, input->next);
}

int run_input_take(struct run_input *input, const struct event *event, struct error *err)
{
	struct circumstances *circumstances = input->circumstances;

	if (event->kind == EVENT_PROCESS) {
		roots_add_list(input->roots, event->process->roots);
		if (!circumstances->python[0])
			snprintf(circumstances->python, sizeof(circumstances->python), "%s",
				event->process->version);
	}
	if (event->kind == EVENT_BEGIN && !circumstances->is_known) {
		circumstances->is_known = true;
		circumstances->interval_ns = event->run->interval_ns;
		snprintf(circumstances->mode, sizeof(circumstances->mode), "%s", event->run->mode);
	}
	if (!input->filter)
		make_filter(input, event);
	return sink_take(filter_sink(input->filter), event, err);
}

int run_input_finish(struct run_input *input, struct error *err)
{
	return input->filter ? sink_finish(filter_sink(input->filter), err) : 0;
}

void run_input_release(struct run_input *input)
{
	filter_free(input->filter);
	input->filter = NULL;
}

struct file_sink {
	struct sink sink;
	struct run_input *input;
};

static int take(struct sink *sink, const struct event *event, struct error *err)
{
	return run_input_take(((struct file_sink *)sink)->input, event, err);
}

int run_input_read(struct run_input *input, const char *path, bool *damaged, struct error *err)
{
	struct file_sink file = { { .take = take }, input };
	int fd = input_open(path, err), result;

	if (fd < 0)
		return -1;
	result = input_read(fd, path, input->functions, &file.sink, damaged, err);
	if (result == 0)
		result = run_input_finish(input, err);
	run_input_release(input);
	return result;
}

int side_count(struct side *side, const struct series *series, const char *path, struct error *err)
{
	if (!series_samples(series))
		return error_set(err, ERROR_UNSUPPORTED, "'%.256s' has no sample to compare", path);
	side->samples += series_samples(series);
	side->missed += series_missed(series);
	side->lacks_time |= !series_has_time(series);
	return 0;
}

/* ---- what cannot be compared ---- */

/* What speaks against it, appended as sentences; "": nothing. */
static void find_obstacles(const struct side sides[2], const struct options *options, struct buffer *text)
{
	const struct circumstances *before = &sides[0].circumstances, *after = &sides[1].circumstances;

	buffer_append_string(text, "");
	for (size_t i = 0; i < 2; i++) {
		const struct side *side = &sides[i];

		if (side->samples < FEW_SAMPLES)
			buffer_printf(text, "%s has %" PRIu64 " samples, which is too few; ", side_names[i],
				side->samples);
		if (side->missed * 100 > (side->samples + side->missed) * LOST_PERCENT)
			buffer_printf(text, "%s has lost %.0f %% of its samples; ", side_names[i],
				100.0 * (double)side->missed / (double)(side->samples + side->missed));
	}
	if (!options->has_mode && before->is_known && after->is_known &&
		strcmp(before->mode, after->mode) != 0)
		buffer_printf(text, "before is of --mode=%s and after of --mode=%s: name one for both; ",
			before->mode, after->mode);
	if (text->length)
		text->length -= 2;
	buffer_append(text, "", 0);
}

static size_t minor_length(const char *version)
{
	const char *dot = strchr(version, '.');

	return dot ? (size_t)(dot - version) + 1 + strspn(dot + 1, "0123456789") : strlen(version);
}

/* What has to be known when the table is read. */
void sides_tell(const struct side sides[2], bool are_times)
{
	const struct circumstances *before = &sides[0].circumstances, *after = &sides[1].circumstances;
	const size_t length = minor_length(before->python);

	if (!are_times && before->is_known && after->is_known && before->interval_ns != after->interval_ns)
		fprintf(stderr,
			"pyrope: the two were sampled at other intervals (%g and %g ms): shares are "
			"compared, not times\n",
			(double)before->interval_ns / 1e6, (double)after->interval_ns / 1e6);
	if (before->python[0] && after->python[0] &&
		(length != minor_length(after->python) ||
			strncmp(before->python, after->python, length) != 0))
		fprintf(stderr,
			"pyrope: the two ran on Python %s and %s: what functions are called there may "
			"differ, and shows as new and gone\n",
			before->python, after->python);
	if (sides[0].lacks_time || sides[1].lacks_time)
		fprintf(stderr,
			"pyrope: collapsed stacks have no time, nor has pprof: intervals take the samples "
			"for independent, "
			"and are too small\n");
}

int sides_check(const struct side sides[2], const struct options *options, struct error *err)
{
	struct buffer obstacles = { 0 };
	int result = 0;

	find_obstacles(sides, options, &obstacles);
	if (obstacles.length && !options->force)
		result = error_set(err, ERROR_UNSUPPORTED,
			"these cannot be compared: %.*s (--force compares all the same)",
			(int)obstacles.length, obstacles.data);
	buffer_release(&obstacles);
	return result;
}
