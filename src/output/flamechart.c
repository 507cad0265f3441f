/* SPDX-License-Identifier: MIT */
/*
 * The stream of --flamechart. Each stack is written when the next one begins, so memory holds one stack for
 * each thread that is being sampled and nothing else, however long the run is.
 *
 * A stack's time is the difference of two positions on one axis of microseconds that begins at the first
 * sample, so that rounding never adds up. What takes less than a microsecond on that axis is not written.
 */
#include "config.h"

#include "output/flamechart.h"
#include "output/format.h"

#include <stdlib.h>
#include <string.h>

/*
 * Ticks fall at random points of their intervals, so two samples are up to two intervals apart. What is more
 * than GAP_INTERVALS apart has ticks missing in between. A busy machine misses some all the time, and the
 * stack before is the best guess for so short a while; a gap that can be seen in a chart is one that must be
 * seen.
 */
#define GAP_INTERVALS 4
#define GAP_NS INT64_C(100000000)
/* A stream of a thread that has been silent for so long is the stream of a thread that has ended. */
#define SILENT_NS INT64_C(1000000000)

struct step {
	uint32_t function; /* its id */
	int line;
};

/* What goes on now in one thread (or, with one stack a tick, in the process). */
struct stream {
	bool used;
	bool open; /* has a stack that is not written yet */
	pid_t tid;
	int64_t start_ns, last_ns;
	struct buffer text;
	struct step *steps;
	size_t step_count, step_capacity;
};

struct flamechart {
	struct sink sink;
	struct output_file *file;
	const struct output_options *options;
	bool started;
	int64_t origin_ns;
	struct stream *streams;
	size_t stream_count, stream_capacity;
	struct u64_map by_tid; /* tid -> index of its stream */
	struct buffer text;
	struct buffer line;
};

/* ---- writing ---- */

static int64_t position_us(const struct flamechart *flamechart, int64_t time_ns)
{
	return (time_ns - flamechart->origin_ns) / 1000;
}

static void write_span(struct flamechart *flamechart, const char *text, int64_t start_ns, int64_t end_ns)
{
	int64_t microseconds = position_us(flamechart, end_ns) - position_us(flamechart, start_ns);

	if (microseconds <= 0)
		return;
	buffer_clear(&flamechart->line);
	buffer_append_string(&flamechart->line, text);
	buffer_append_char(&flamechart->line, ' ');
	buffer_append_int(&flamechart->line, microseconds);
	buffer_append_char(&flamechart->line, '\n');
	output_write(flamechart->file, flamechart->line.data, flamechart->line.length);
}

static void close_stream(struct flamechart *flamechart, struct stream *stream, int64_t end_ns)
{
	if (stream->open)
		write_span(flamechart, stream->text.data, stream->start_ns, end_ns);
	stream->open = false;
}

static bool has_gap(const struct flamechart *flamechart, const struct stream *stream, int64_t now_ns)
{
	int64_t span_ns = now_ns - stream->last_ns;

	return span_ns > GAP_NS && span_ns / GAP_INTERVALS > flamechart->options->interval_ns;
}

/*
 * The stack that is open ends where the next one begins, or, where ticks are missing, after the interval it
 * stands for.
 */
static void end_stack(struct flamechart *flamechart, struct stream *stream, int64_t now_ns)
{
	int64_t end_ns = now_ns;

	if (stream->open && has_gap(flamechart, stream, now_ns)) {
		end_ns = stream->last_ns + flamechart->options->interval_ns;
		/*
		 * Of a thread among others it is not known whether ticks were missed or it just was not
		 * there.
		 */
		if (!flamechart->options->per_thread) {
			close_stream(flamechart, stream, end_ns);
			write_span(flamechart, "(missed)", end_ns, now_ns);
		}
	}
	close_stream(flamechart, stream, end_ns);
}

/* ---- streams ---- */

/* Ends the streams of threads that are gone; their places are used again. Returns a free place, or NULL. */
static struct stream *retire_streams(struct flamechart *flamechart, int64_t now_ns)
{
	struct stream *place = NULL;

	u64_map_clear(&flamechart->by_tid);
	for (size_t i = 0; i < flamechart->stream_count; i++) {
		struct stream *stream = &flamechart->streams[i];

		if (stream->used && now_ns - stream->last_ns > SILENT_NS &&
			has_gap(flamechart, stream, now_ns)) {
			end_stack(flamechart, stream, now_ns);
			stream->used = false;
		}
		if (stream->used)
			u64_map_put(&flamechart->by_tid, (uint64_t)stream->tid, i);
		else
			place = stream;
	}
	return place;
}

static struct stream *stream_of(struct flamechart *flamechart, const struct sample *sample)
{
	pid_t tid = flamechart->options->per_thread ? sample->tid : 0;
	const uint64_t *known = u64_map_get(&flamechart->by_tid, (uint64_t)tid);
	struct stream *stream;

	if (known)
		return &flamechart->streams[*known];
	stream = retire_streams(flamechart, sample->time_ns);
	if (!stream) {
		array_reserve(&flamechart->streams, &flamechart->stream_capacity,
			flamechart->stream_count + 1, sizeof(*flamechart->streams));
		stream = &flamechart->streams[flamechart->stream_count++];
		memset(stream, 0, sizeof(*stream));
	}
	stream->used = true;
	stream->open = false;
	stream->tid = tid;
	u64_map_put(&flamechart->by_tid, (uint64_t)tid, (uint64_t)(stream - flamechart->streams));
	return stream;
}

/* ---- stacks ---- */

static bool same_steps(const struct stream *stream, const struct sample *sample)
{
	if (stream->step_count != sample->frame_count)
		return false;
	for (size_t i = 0; i < sample->frame_count; i++)
		if (stream->steps[i].function != sample->frames[i].function->id ||
			stream->steps[i].line != sample->frames[i].line)
			return false;
	return true;
}

static void keep_steps(struct stream *stream, const struct sample *sample)
{
	array_reserve(&stream->steps, &stream->step_capacity, sample->frame_count, sizeof(*stream->steps));
	for (size_t i = 0; i < sample->frame_count; i++)
		stream->steps[i] = (struct step){ sample->frames[i].function->id, sample->frames[i].line };
	stream->step_count = sample->frame_count;
}

static bool same_text(const struct buffer *a, const struct buffer *b)
{
	return a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

static void start(struct flamechart *flamechart, const struct sample *sample)
{
	if (!flamechart->started)
		flamechart->origin_ns = sample->time_ns;
	flamechart->started = true;
}

static void add_sample(struct flamechart *flamechart, const struct sample *sample, int64_t last_ns)
{
	struct stream *stream;
	bool goes_on;

	start(flamechart, sample);
	stream = stream_of(flamechart, sample);
	goes_on = stream->open && !has_gap(flamechart, stream, sample->time_ns);
	/* With groups, the same frames may be those of another thread. */
	if (!goes_on || flamechart->options->groups || !same_steps(stream, sample)) {
		buffer_clear(&flamechart->text);
		stack_append(&flamechart->text, sample, flamechart->options);
		if (!goes_on || !same_text(&stream->text, &flamechart->text)) {
			struct buffer text = stream->text;

			end_stack(flamechart, stream, sample->time_ns);
			stream->text = flamechart->text;
			flamechart->text = text;
			stream->start_ns = sample->time_ns;
			stream->open = true;
		}
		keep_steps(stream, sample);
	}
	stream->last_ns = last_ns;
}

static void leave_out(struct flamechart *flamechart, const struct sample *sample, int64_t last_ns)
{
	struct stream *stream;

	start(flamechart, sample);
	stream = stream_of(flamechart, sample);
	end_stack(flamechart, stream, sample->time_ns);
	stream->last_ns = last_ns;
}

static void close_all(struct flamechart *flamechart)
{
	for (size_t i = 0; i < flamechart->stream_count; i++) {
		struct stream *stream = &flamechart->streams[i];

		close_stream(flamechart, stream, stream->last_ns + flamechart->options->interval_ns);
	}
}

/* ---- the sink ---- */

static int take(struct sink *sink, const struct event *event, struct error *err)
{
	struct flamechart *flamechart = (struct flamechart *)sink;

	(void)err;
	if (event->kind == EVENT_SAMPLE)
		add_sample(flamechart, event->sample, event->last_ns);
	else if (event->kind == EVENT_LEFT_OUT)
		leave_out(flamechart, event->sample, event->last_ns);
	else if (event->kind == EVENT_MARK)
		close_all(flamechart); /* sampling is off: nothing is missed */
	return 0;
}

static int finish(struct sink *sink, struct error *err)
{
	struct flamechart *flamechart = (struct flamechart *)sink;

	(void)err;
	close_all(flamechart);
	return 0;
}

static void release(struct sink *sink)
{
	struct flamechart *flamechart = (struct flamechart *)sink;

	for (size_t i = 0; i < flamechart->stream_count; i++) {
		buffer_release(&flamechart->streams[i].text);
		free(flamechart->streams[i].steps);
	}
	free(flamechart->streams);
	u64_map_release(&flamechart->by_tid);
	buffer_release(&flamechart->text);
	buffer_release(&flamechart->line);
	free(flamechart);
}

size_t flamechart_streams(const struct sink *sink)
{
	return ((const struct flamechart *)sink)->stream_count;
}

static struct sink *open_flamechart(struct output_file *file, const struct output_options *options)
{
	struct flamechart *flamechart = xcalloc(1, sizeof(*flamechart));

	flamechart->sink = (struct sink){ .take = take, .finish = finish, .free = release };
	flamechart->file = file;
	flamechart->options = options;
	return &flamechart->sink;
}

const struct output_format output_flamechart = {
	.name = "flamechart",
	.description = "stacks in order of time with their microseconds, for flamegraph.pl --flamechart",
	.viewer = "flamegraph.pl --flamechart %s > flamechart.svg",
	.needs = NEEDS_TIME,
	.untimed = UNTIMED_REFUSED,
	.open = open_flamechart,
};
