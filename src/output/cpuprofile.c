/* SPDX-License-Identifier: MIT */
/*
 * The CPU profile of Chrome's DevTools (Profiler.Profile in the protocol of DevTools): a tree of calls, and
 * which of its nodes ended the stack at each sample. It knows one thread. So where there are several, each
 * has a node below the root, and they stand one behind the other.
 *
 * A sample lasts until the next one. Readers leave out what the last one lasts, so there is one more. What
 * DevTools calls "(idle)" is the time in which nothing was sampled, too. A startTime of 0 makes DevTools show
 * an empty profile.
 */
#include "config.h"

#include "output/format.h"
#include "output/json.h"
#include "output/shown.h"
#include "output/timeline.h"

#include <stdlib.h>
#include <string.h>

#define START_US 1000000
#define ROOT_NODE 0
#define IDLE_NODE 1

/* What a node is called: a function by its row, or one of these. */
#define IS_TRACK (UINT32_C(1) << 31) /* with its number */
#define IS_IDLE UINT32_MAX

/* Ticks that end in a line of a node. */
struct line_ticks {
	uint32_t node;
	int line;
	uint64_t ticks;
};

struct writer {
	struct timeline *timeline;
	struct json json;
	struct function_rows functions;
	uint32_t *row_of_frame; /* by frame of the timeline */
	/*
	 * whatever their lines; the frames are rows, the counts ticks that end there. An id is one more
	 * than the number
	 */
	struct stacks calls;
	struct found {
		uint32_t track; /* one more than its number; 0: none yet */
		uint32_t node;
	} * found;       /* by node of the timeline: what it was in the track that was read last */
	uint64_t *ticks; /* by node of the timeline, of the track that is being read */
	struct line_ticks *lines;
	size_t line_count, line_capacity;
	uint32_t *path;
	size_t path_capacity;
};

/* ---- the tree ---- */

static uint32_t root_of(const struct writer *writer, size_t track)
{
	return writer->timeline->thread_count > 1 ? (uint32_t)(IDLE_NODE + 1 + track) : ROOT_NODE;
}

/* The node of a stack below that of its track. Those of its callers are kept for the next stacks. */
static uint32_t node_of(struct writer *writer, size_t track, uint32_t stack)
{
	const struct stack_node *nodes = writer->timeline->stacks.nodes;
	uint32_t node = root_of(writer, track), at = stack;
	size_t depth = 0;

	if (stack == TIMELINE_NO_STACK)
		return IDLE_NODE;
	for (; at && writer->found[at].track != track + 1; at = nodes[at].parent) {
		array_reserve(&writer->path, &writer->path_capacity, depth + 1, sizeof(*writer->path));
		writer->path[depth++] = at;
	}
	if (at)
		node = writer->found[at].node;
	while (depth) {
		at = writer->path[--depth];
		node = stacks_child(&writer->calls, node, writer->row_of_frame[nodes[at].frame]);
		writer->found[at] = (struct found){ (uint32_t)track + 1, node };
	}
	return node;
}

/* Time without ticks counts as so many, for readers share out all time by them. */
static uint64_t ticks_of(const struct writer *writer, const struct timeline_span *span)
{
	return (uint64_t)(span->end_ns - span->start_ns) / (uint64_t)writer->timeline->options->interval_ns;
}

/* Ticks of a node go to the lines in which they end. */
static void take_lines(struct writer *writer, size_t track)
{
	const struct stacks *stacks = &writer->timeline->stacks;

	for (uint32_t i = 1; i < stacks->node_count; i++) {
		const int line = stacks->frames[stacks->nodes[i].frame].line;
		const uint64_t ticks = writer->ticks[i];

		writer->ticks[i] = 0;
		if (!ticks || line <= 0 || writer->timeline->options->no_lines)
			continue;
		array_reserve(&writer->lines, &writer->line_capacity, writer->line_count + 1,
			sizeof(*writer->lines));
		writer->lines[writer->line_count++] =
			(struct line_ticks){ node_of(writer, track, i), line, ticks };
	}
}

static void read_track(struct writer *writer, size_t track)
{
	struct timeline *timeline = writer->timeline;
	struct timeline_reader reader = timeline_read(timeline, &timeline->threads[track]);
	struct timeline_span span;

	while (timeline_next(&reader, &span)) {
		const uint32_t node = node_of(writer, track, span.stack);
		const uint64_t ticks = ticks_of(writer, &span);

		writer->calls.nodes[node].count += ticks;
		if (span.stack != TIMELINE_NO_STACK)
			writer->ticks[span.stack] += ticks;
	}
	timeline_end(&reader);
	take_lines(writer, track);
}

static void build_tree(struct writer *writer)
{
	struct timeline *timeline = writer->timeline;
	const struct stacks *stacks = &timeline->stacks;

	function_rows_init(&writer->functions, stacks);
	writer->row_of_frame = xcalloc(stacks->frame_count + 1, sizeof(*writer->row_of_frame));
	for (size_t i = 0; i < stacks->frame_count; i++)
		writer->row_of_frame[i] =
			(uint32_t)function_row(&writer->functions, stacks->frames[i].function);
	writer->found = xcalloc(stacks->node_count, sizeof(*writer->found));
	writer->ticks = xcalloc(stacks->node_count, sizeof(*writer->ticks));
	stacks_init(&writer->calls);
	stacks_child(&writer->calls, ROOT_NODE, IS_IDLE);
	for (size_t i = 0; timeline->thread_count > 1 && i < timeline->thread_count; i++)
		stacks_child(&writer->calls, ROOT_NODE, IS_TRACK | (uint32_t)i);
	for (size_t i = 0; i < timeline->thread_count; i++)
		read_track(writer, i);
	free(writer->ticks);
}

/* ---- its bytes ---- */

static void write_call_frame(struct writer *writer, uint32_t node)
{
	const uint32_t name = writer->calls.nodes[node].frame;
	const struct function *function =
		node > IDLE_NODE && !(name & IS_TRACK) ? writer->functions.list[name] : NULL;
	struct json *json = &writer->json;
	struct buffer label = { 0 };

	if (!function && node > IDLE_NODE)
		timeline_label(&label, writer->timeline, &writer->timeline->threads[name & ~IS_TRACK]);
	json_put(json, ",\"callFrame\":{\"functionName\":");
	buffer_append_json(&json->text,
		function                    ? function_name(function)
			: node == ROOT_NODE ? "(root)"
			: node == IDLE_NODE ? "(idle)"
					    : label.data);
	json_put(json, ",\"scriptId\":\"0\",\"url\":");
	buffer_append_json(&json->text, function ? function_file(function, writer->timeline->options) : "");
	json_put(json, ",\"lineNumber\":"); /* from 0; -1: there is none */
	buffer_append_int(&json->text, function && function->first_line > 0 ? function->first_line - 1 : -1);
	json_put(json, ",\"columnNumber\":-1}");
	buffer_release(&label);
}

static int compare_lines(const void *left, const void *right)
{
	const struct line_ticks *a = left, *b = right;

	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	return (a->line > b->line) - (a->line < b->line);
}

/* A line comes several times where callers have called from several lines. */
static size_t write_lines(struct writer *writer, uint32_t node, size_t at)
{
	const struct line_ticks *lines = writer->lines;
	struct json *json = &writer->json;
	const char *before = ",\"positionTicks\":[";

	if (at == writer->line_count || lines[at].node != node)
		return at;
	while (at < writer->line_count && lines[at].node == node) {
		const int line = lines[at].line;
		uint64_t ticks = 0;

		for (; at < writer->line_count && lines[at].node == node && lines[at].line == line; at++)
			ticks += lines[at].ticks;
		json_put(json, before);
		json_put(json, "{\"line\":");
		buffer_append_int(&json->text, line);
		json_put(json, ",\"ticks\":");
		json_put_uint(json, ticks);
		json_put(json, "}");
		before = ",";
	}
	json_put(json, "]");
	return at;
}

/* By node: the callee that was met last, and the one before it below the same caller; 0: there is none. */
struct callees {
	uint32_t last, before;
};

static void write_nodes(struct writer *writer)
{
	const struct stacks *calls = &writer->calls;
	struct callees *callees = xcalloc(calls->node_count, sizeof(*callees));
	struct json *json = &writer->json;
	size_t line = 0;

	for (uint32_t i = 1; i < calls->node_count; i++) {
		callees[i].before = callees[calls->nodes[i].parent].last;
		callees[calls->nodes[i].parent].last = i;
	}
	if (writer->line_count)
		qsort(writer->lines, writer->line_count, sizeof(*writer->lines), compare_lines);
	json_begin(json, "{\"nodes\":");
	for (uint32_t i = 0; i < calls->node_count; i++) {
		const char *before = ",\"children\":[";

		json_next(json);
		json_put(json, "{\"id\":");
		json_put_uint(json, (uint64_t)i + 1);
		write_call_frame(writer, i);
		json_put(json, ",\"hitCount\":");
		json_put_uint(json, calls->nodes[i].count);
		for (uint32_t callee = callees[i].last; callee; callee = callees[callee].before) {
			json_put(json, before);
			json_put_uint(json, (uint64_t)callee + 1);
			before = ",";
		}
		if (callees[i].last)
			json_put(json, "]");
		line = write_lines(writer, i, line);
		json_put(json, "}");
	}
	json_put(json, "]");
	free(callees);
	free(writer->lines);
}

/* ---- samples ---- */

/* The nodes, or how long the one before lasted. Returns how long all of them last, in microseconds. */
static int64_t write_samples(struct writer *writer, bool times)
{
	struct timeline *timeline = writer->timeline;
	int64_t end_us = 0, last_us = 0, track_ns = 0;

	for (size_t i = 0; i < timeline->thread_count; i++) {
		struct timeline_reader reader = timeline_read(timeline, &timeline->threads[i]);
		struct timeline_span span = { .end_ns = 0 };

		while (timeline_next(&reader, &span)) {
			const int64_t now_us = (track_ns + span.start_ns) / 1000;

			json_next(&writer->json);
			if (times)
				buffer_append_int(&writer->json.text, now_us - last_us);
			else
				json_put_uint(&writer->json, (uint64_t)node_of(writer, i, span.stack) + 1);
			last_us = now_us;
			end_us = (track_ns + span.end_ns) / 1000;
		}
		track_ns += span.end_ns;
		timeline_end(&reader);
	}
	json_next(&writer->json);
	buffer_append_int(&writer->json.text, times ? end_us - last_us : IDLE_NODE + 1);
	return end_us;
}

static void write_cpuprofile(struct timeline *timeline)
{
	struct writer writer = { .timeline = timeline, .json.file = timeline->file };
	int64_t end_us;

	build_tree(&writer);
	write_nodes(&writer);
	json_begin(&writer.json, ",\"samples\":");
	end_us = write_samples(&writer, false);
	json_begin(&writer.json, "],\"timeDeltas\":");
	write_samples(&writer, true);
	buffer_printf(&writer.json.text, "],\"startTime\":%d,\"endTime\":%lld}\n", START_US,
		(long long)(START_US + end_us));
	json_release(&writer.json);
	function_rows_release(&writer.functions);
	stacks_release(&writer.calls);
	free(writer.row_of_frame);
	free(writer.found);
	free(writer.path);
}

static struct sink *open_cpuprofile(struct output_file *file, const struct output_options *options)
{
	return timeline_open(file, options, TIMELINE_PROCESSES, write_cpuprofile);
}

static const char *const extensions[] = { ".cpuprofile", NULL };

const struct output_format output_cpuprofile = {
	.name = "cpuprofile",
	.extensions = extensions,
	.description = "a tree of calls over time, for Chrome's DevTools and speedscope",
	.viewer = "load %s in the Performance panel of Chrome's DevTools",
	.says_threads = true,
	.needs = NEEDS_TIME,
	.untimed = UNTIMED_IN_A_ROW,
	.open = open_cpuprofile,
};
