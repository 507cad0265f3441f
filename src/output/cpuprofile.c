/* SPDX-License-Identifier: MIT */
/*
 * The CPU profile of Chrome's DevTools (Profiler.Profile in the protocol of DevTools): a tree of calls, and which of its nodes ended the stack at
 * each sample. It knows one thread. So where there are several, each has a node below the root, and they stand one behind the other.
 *
 * A sample lasts until the next one. Readers leave out what the last one lasts, so there is one more. What DevTools calls "(idle)" is the
 * time in which nothing was sampled, too. A startTime of 0 makes DevTools show an empty profile.
 */
#include "config.h"

#include "output/format.h"
#include "output/json.h"
#include "output/shown.h"
#include "output/timeline.h"

#include <stdlib.h>
#include <string.h>

#define START_US 1000000
#define IDLE_NODE 2 /* the root is 1 */

/* Calls of functions, whatever their lines. */
struct call_node {
	uint32_t parent;
	const struct function *function; /* NULL: of a track */
	size_t track;
	uint64_t ticks;                     /* that end here */
	uint32_t first_child, next_sibling; /* 0: none */
};

/* Ticks that end in a line of a node. */
struct line_ticks {
	uint32_t node;
	int line;
	uint64_t ticks;
};

struct writer {
	struct timeline *timeline;
	struct json json;
	struct call_node *nodes; /* by id; 0 is not used */
	size_t count, capacity;
	struct u64_map by_call;  /* parent << 32 | id of the function -> node */
	struct u64_map by_stack; /* track << 32 | node of the timeline -> node */
	struct line_ticks *lines;
	size_t line_count, line_capacity;
	struct u64_map by_line; /* node << 32 | line -> index */
	uint32_t *path;
	size_t path_capacity;
};

/* ---- the tree ---- */

static uint32_t add_node(
	struct writer *writer, uint32_t parent, const struct function *function, size_t track)
{
	const uint32_t node = (uint32_t)writer->count;

	array_reserve(&writer->nodes, &writer->capacity, writer->count + 1, sizeof(*writer->nodes));
	writer->nodes[writer->count++] = (struct call_node){ .parent = parent,
		.function = function,
		.track = track,
		.next_sibling = parent ? writer->nodes[parent].first_child : 0 };
	if (parent)
		writer->nodes[parent].first_child = node;
	return node;
}

static uint32_t child_of(struct writer *writer, uint32_t parent, const struct function *function)
{
	const uint64_t key = (uint64_t)parent << 32 | function->id,
		       *known = u64_map_get(&writer->by_call, key);
	uint32_t node;

	if (known)
		return (uint32_t)*known;
	node = add_node(writer, parent, function, 0);
	u64_map_put(&writer->by_call, key, node);
	return node;
}

/* The node of a stack below that of its track. */
static uint32_t node_of(struct writer *writer, size_t track, uint32_t root, uint32_t stack)
{
	const struct stacks *stacks = &writer->timeline->stacks;
	const uint64_t *known;
	uint32_t node = root;
	size_t depth = 0;

	if (stack == TIMELINE_NO_STACK)
		return IDLE_NODE;
	known = u64_map_get(&writer->by_stack, (uint64_t)track << 32 | stack);
	if (known)
		return (uint32_t)*known;
	for (uint32_t at = stack; at; at = stacks->nodes[at].parent) {
		array_reserve(&writer->path, &writer->path_capacity, depth + 1, sizeof(*writer->path));
		writer->path[depth++] = stacks->nodes[at].frame;
	}
	while (depth)
		node = child_of(writer, node, stacks->frames[writer->path[--depth]].function);
	u64_map_put(&writer->by_stack, (uint64_t)track << 32 | stack, node);
	return node;
}

static void count_line(struct writer *writer, uint32_t node, uint32_t stack, uint64_t ticks)
{
	const struct stacks *stacks = &writer->timeline->stacks;
	const int line = stack ? stacks->frames[stacks->nodes[stack].frame].line : 0;
	const uint64_t key = (uint64_t)node << 32 | (uint32_t)line,
		       *known = u64_map_get(&writer->by_line, key);

	writer->nodes[node].ticks += ticks;
	if (line <= 0 || writer->timeline->options->no_lines)
		return;
	if (known) {
		writer->lines[*known].ticks += ticks;
		return;
	}
	array_reserve(&writer->lines, &writer->line_capacity, writer->line_count + 1, sizeof(*writer->lines));
	writer->lines[writer->line_count] = (struct line_ticks){ node, line, ticks };
	u64_map_put(&writer->by_line, key, writer->line_count++);
}

/* Time without ticks counts as so many, for readers share out all time by them. */
static uint64_t ticks_of(const struct writer *writer, const struct timeline_span *span)
{
	return (uint64_t)(span->end_ns - span->start_ns) / (uint64_t)writer->timeline->options->interval_ns;
}

static uint32_t root_of(const struct writer *writer, size_t track)
{
	return writer->timeline->thread_count > 1 ? (uint32_t)(IDLE_NODE + 1 + track) : 1;
}

static void build_tree(struct writer *writer)
{
	struct timeline *timeline = writer->timeline;

	add_node(writer, 0, NULL, 0);
	add_node(writer, 0, NULL, 0);
	add_node(writer, 1, NULL, 0);
	for (size_t i = 0; timeline->thread_count > 1 && i < timeline->thread_count; i++)
		add_node(writer, 1, NULL, i);
	for (size_t i = 0; i < timeline->thread_count; i++) {
		struct timeline_reader reader = timeline_read(timeline, &timeline->threads[i]);
		struct timeline_span span;

		while (timeline_next(&reader, &span))
			count_line(writer, node_of(writer, i, root_of(writer, i), span.stack), span.stack,
				ticks_of(writer, &span));
		timeline_end(&reader);
	}
}

/* ---- its bytes ---- */

static void write_call_frame(struct writer *writer, uint32_t node)
{
	const struct function *function = writer->nodes[node].function;
	struct json *json = &writer->json;
	struct buffer label = { 0 };

	if (!function && node > IDLE_NODE)
		timeline_label(
			&label, writer->timeline, &writer->timeline->threads[writer->nodes[node].track]);
	json_put(json, ",\"callFrame\":{\"functionName\":");
	buffer_append_json(&json->text,
		function                    ? function_name(function)
			: node == 1         ? "(root)"
			: node == IDLE_NODE ? "(idle)"
					    : label.data);
	json_put(json, ",\"scriptId\":\"0\",\"url\":");
	buffer_append_json(&json->text, function ? function_file(function, writer->timeline->options) : "");
	/* from 0; -1: there is none */
	buffer_printf(&json->text, ",\"lineNumber\":%d,\"columnNumber\":-1}",
		function && function->first_line > 0 ? function->first_line - 1 : -1);
	buffer_release(&label);
}

static int compare_lines(const void *left, const void *right)
{
	const struct line_ticks *a = left, *b = right;

	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	return (a->line > b->line) - (a->line < b->line);
}

static size_t write_lines(struct writer *writer, uint32_t node, size_t at)
{
	struct json *json = &writer->json;
	const char *before = ",\"positionTicks\":[";

	if (at == writer->line_count || writer->lines[at].node != node)
		return at;
	for (; at < writer->line_count && writer->lines[at].node == node; at++) {
		json_put(json, before);
		buffer_printf(&json->text, "{\"line\":%d,\"ticks\":%llu}", writer->lines[at].line,
			(unsigned long long)writer->lines[at].ticks);
		before = ",";
	}
	json_put(json, "]");
	return at;
}

static void write_nodes(struct writer *writer)
{
	struct json *json = &writer->json;
	size_t line = 0;

	if (writer->line_count)
		qsort(writer->lines, writer->line_count, sizeof(*writer->lines), compare_lines);
	json_begin(json, "{\"nodes\":");
	for (uint32_t i = 1; i < writer->count; i++) {
		const char *before = ",\"children\":[";

		json_next(json);
		buffer_printf(&json->text, "{\"id\":%u", (unsigned)i);
		write_call_frame(writer, i);
		buffer_printf(&json->text, ",\"hitCount\":%llu", (unsigned long long)writer->nodes[i].ticks);
		for (uint32_t child = writer->nodes[i].first_child; child;
			child = writer->nodes[child].next_sibling) {
			json_put(json, before);
			json_put_uint(json, child);
			before = ",";
		}
		if (writer->nodes[i].first_child)
			json_put(json, "]");
		line = write_lines(writer, i, line);
		json_put(json, "}");
	}
	json_put(json, "]");
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
				json_put_uint(
					&writer->json, node_of(writer, i, root_of(writer, i), span.stack));
			last_us = now_us;
			end_us = (track_ns + span.end_ns) / 1000;
		}
		track_ns += span.end_ns;
		timeline_end(&reader);
	}
	json_next(&writer->json);
	buffer_append_int(&writer->json.text, times ? end_us - last_us : IDLE_NODE);
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
	free(writer.nodes);
	free(writer.lines);
	free(writer.path);
	u64_map_release(&writer.by_call);
	u64_map_release(&writer.by_stack);
	u64_map_release(&writer.by_line);
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
	.needs = NEEDS_TIME,
	.untimed = UNTIMED_IN_A_ROW,
	.open = open_cpuprofile,
};
