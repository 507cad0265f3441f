/* SPDX-License-Identifier: MIT */
/*
 * What pyflame prints with --flamechart (PrintFramesTS in its src/prober.cc), for its utils/flame-chart-json
 * and what else was written for it: before each stack a line with the time, in microseconds since the epoch.
 * A frame ends in a semicolon, the last one too, by which that converter tells which one is the last; only
 * (idle) and (failed) stand alone.
 */
#include "config.h"

#include "output/format.h"

#include <stdlib.h>

struct timestamps {
	struct sink sink;
	struct output_file *file;             /* borrowed */
	const struct output_options *options; /* borrowed */
	int64_t offset_ns; /* from the clock of the events to the wall clock; each source has its own */
	struct buffer text, line;
};

static void write_stack(struct timestamps *timestamps, int64_t time_ns)
{
	struct buffer *line = &timestamps->line;

	buffer_clear(line);
	buffer_append_int(line, (time_ns + timestamps->offset_ns) / 1000);
	buffer_append_char(line, '\n');
	buffer_append(line, timestamps->text.data, timestamps->text.length);
	output_write(timestamps->file, line->data, line->length);
}

static int take(struct sink *sink, const struct event *event, struct error *err)
{
	struct timestamps *timestamps = (struct timestamps *)sink;
	const struct sample *sample = event->sample;
	bool alone;

	(void)err;
	if (event->kind == EVENT_BEGIN)
		timestamps->offset_ns = event->run->realtime_ns - event->time_ns;
	if (event->kind != EVENT_SAMPLE)
		return 0;
	alone = sample->quality == SAMPLE_IDLE || sample->quality == SAMPLE_FAILED;
	buffer_clear(&timestamps->text);
	stack_append(&timestamps->text, sample, timestamps->options);
	buffer_append_string(&timestamps->text, alone ? "\n" : ";\n");
	/* One of many equal ticks in a row is as good as another; they are evenly spread. */
	for (uint64_t i = 0; i < event->weight; i++) {
		double part = event->weight > 1 ? (double)i / (double)(event->weight - 1) : 0;

		write_stack(timestamps,
			event->time_ns + (int64_t)((double)(event->last_ns - event->time_ns) * part));
	}
	return 0;
}

static void release(struct sink *sink)
{
	struct timestamps *timestamps = (struct timestamps *)sink;

	buffer_release(&timestamps->text);
	buffer_release(&timestamps->line);
	free(timestamps);
}

static struct sink *open_timestamps(struct output_file *file, const struct output_options *options)
{
	struct timestamps *timestamps = xcalloc(1, sizeof(*timestamps));

	timestamps->sink = (struct sink){ .take = take, .free = release };
	timestamps->file = file;
	timestamps->options = options;
	timestamps->offset_ns = options->epoch_ns;
	return &timestamps->sink;
}

static const char *const extensions[] = { ".timestamps", NULL };

const struct output_format output_timestamps = {
	.name = "timestamps",
	.extensions = extensions,
	.description = "each stack with the time before it, as pyflame --flamechart printed it",
	.viewer = "flame-chart-json < %s > profile.cpuprofile",
	.needs = NEEDS_TIME,
	.untimed = UNTIMED_REFUSED,
	.open = open_timestamps,
};
