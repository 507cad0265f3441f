/* SPDX-License-Identifier: MIT */
/*
 * The file format of speedscope (src/lib/file-format-spec.ts of jlfwong/speedscope): one sampled profile for
 * each thread, whose samples are stacks from the root to the leaf and whose weights are nanoseconds. A sample
 * without frames is idle or not known.
 */
#include "config.h"

#include "output/format.h"
#include "output/json.h"
#include "output/shown.h"
#include "output/timeline.h"

#include <stdlib.h>

struct writer {
	struct timeline *timeline;
	struct json json;
	uint32_t *path; /* frames, the leaf first */
	size_t path_capacity;
};

static void write_frames(struct writer *writer)
{
	const struct output_options *options = writer->timeline->options;
	const struct stacks *stacks = &writer->timeline->stacks;
	struct json *json = &writer->json;

	json_begin(json, ",\"shared\":{\"frames\":");
	for (size_t i = 0; i < stacks->frame_count; i++) {
		const struct stack_frame *frame = &stacks->frames[i];
		const char *file = function_file(frame->function, options);

		json_next(json);
		json_put(json, "{\"name\":");
		buffer_append_json(&json->text, function_name(frame->function));
		if (*file) {
			json_put(json, ",\"file\":");
			buffer_append_json(&json->text, file);
		}
		if (frame->line > 0 && !options->no_lines) {
			json_put(json, ",\"line\":");
			buffer_append_int(&json->text, frame->line);
		}
		json_put(json, "}");
	}
	json_put(json, "]}");
}

static void write_stack(struct writer *writer, uint32_t node)
{
	const struct stack_node *nodes = writer->timeline->stacks.nodes;
	struct json *json = &writer->json;
	size_t depth = 0;

	for (; node; node = nodes[node].parent) {
		array_reserve(&writer->path, &writer->path_capacity, depth + 1, sizeof(*writer->path));
		writer->path[depth++] = nodes[node].frame;
	}
	json_next(json);
	json_put(json, "[");
	while (depth) {
		json_put_uint(json, writer->path[--depth]);
		if (depth)
			buffer_append_char(&json->text, ',');
	}
	json_put(json, "]");
}

static void write_samples(struct writer *writer, const struct timeline_thread *thread)
{
	struct timeline_reader reader = timeline_read(writer->timeline, thread);
	struct timeline_span span;
	int64_t end_ns = 0;

	json_begin(&writer->json, ",\"unit\":\"nanoseconds\",\"startValue\":0,\"samples\":");
	while (timeline_next(&reader, &span))
		write_stack(writer, span.stack);
	timeline_end(&reader);
	reader = timeline_read(writer->timeline, thread);
	json_begin(&writer->json, "],\"weights\":");
	while (timeline_next(&reader, &span)) {
		json_next(&writer->json);
		buffer_append_int(&writer->json.text, span.end_ns - span.start_ns);
		end_ns = span.end_ns;
	}
	timeline_end(&reader);
	json_put(&writer->json, "],\"endValue\":");
	buffer_append_int(&writer->json.text, end_ns);
	json_put(&writer->json, "}");
}

static void write_profile(struct writer *writer, const struct timeline_thread *thread)
{
	struct buffer name = { 0 };

	timeline_label(&name, writer->timeline, thread);
	json_next(&writer->json);
	json_put(&writer->json, "{\"type\":\"sampled\",\"name\":");
	buffer_append_json(&writer->json.text, name.data);
	write_samples(writer, thread);
	writer->json.is_first = false;
	buffer_release(&name);
}

/* What is shown first: the thread with the most samples, and not the one that stands for nobody's time. */
static size_t active_profile(const struct timeline *timeline)
{
	size_t best = 0;

	for (size_t i = 1; i < timeline->thread_count; i++) {
		const struct timeline_thread *thread = &timeline->threads[i],
					     *other = &timeline->threads[best];

		if ((thread->tid != 0) != (other->tid != 0) ? thread->tid != 0 : thread->ticks > other->ticks)
			best = i;
	}
	return best;
}

static void write_speedscope(struct timeline *timeline)
{
	struct writer writer = { .timeline = timeline, .json.file = timeline->file };
	struct json *json = &writer.json;

	json_put(json,
		"{\"$schema\":\"https://www.speedscope.app/"
		"file-format-schema.json\",\"exporter\":\"pyrope " PACKAGE_VERSION "\",\"name\":");
	buffer_append_json(&json->text, timeline->arguments ? timeline->arguments : "pyrope");
	json_put(json, ",\"activeProfileIndex\":");
	json_put_uint(json, active_profile(timeline));
	write_frames(&writer);
	json_begin(json, ",\"profiles\":");
	for (size_t i = 0; i < timeline->thread_count; i++)
		write_profile(&writer, &timeline->threads[i]);
	if (!timeline->thread_count) /* the reader wants one */
		json_put(json,
			"{\"type\":\"sampled\",\"name\":\"no "
			"samples\",\"unit\":\"nanoseconds\",\"startValue\":0,\"endValue\":0,"
			"\"samples\":[],\"weights\":[]}");
	json_put(json, "]}\n");
	json_release(json);
	free(writer.path);
}

static struct sink *open_speedscope(struct output_file *file, const struct output_options *options)
{
	return timeline_open(file, options, TIMELINE_THREADS, write_speedscope);
}

static const char *const extensions[] = { ".speedscope.json", NULL };

const struct output_format output_speedscope = {
	.name = "speedscope",
	.extensions = extensions,
	.description = "threads over time, for speedscope",
	.viewer = "open %s at https://www.speedscope.app (it stays on this machine)",
	.says_threads = true,
	.needs = NEEDS_TIME,
	.untimed = UNTIMED_IN_A_ROW,
	.open = open_speedscope,
};
