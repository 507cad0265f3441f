/* SPDX-License-Identifier: MIT */
/*
 * Trace events ("Trace Event Format", of Chromium's catapult project), for chrome://tracing, Perfetto,
 * DevTools and speedscope. Each call is a B and an E event. They nest strictly: where the stack changes, what
 * ends does so from the leaf on, and only then begins what is new, from the root on. What stays is not
 * written again. Both have the arguments: by them speedscope tells two calls apart where one ends when the
 * other begins. Times are microseconds.
 */
#include "config.h"

#include "output/format.h"
#include "output/json.h"
#include "output/shown.h"
#include "output/timeline.h"

#include <stdlib.h>

/* A process of another file may have the same number; Linux has none above 2^22. */
#define PID_STEP 10000000
#define START_NS INT64_C(1000000000) /* DevTools takes an event at 0 for none */

struct writer {
	struct timeline *timeline;
	struct json json;
	struct buffer texts;   /* of the events of each frame, what is the same in all of them */
	size_t *texts_at;      /* by frame: where it stands; one more, for the end */
	struct buffer ids;     /* of the thread's events, up to the time */
	uint32_t *open, *next; /* nodes, the root's first */
	size_t depth, open_capacity, next_capacity;
	int64_t pid;
	pid_t tid;
};

static void render_frames(struct writer *writer)
{
	const struct output_options *options = writer->timeline->options;
	const struct stacks *stacks = &writer->timeline->stacks;
	struct buffer *texts = &writer->texts;

	writer->texts_at = xcalloc(stacks->frame_count + 1, sizeof(*writer->texts_at));
	for (size_t i = 0; i < stacks->frame_count; i++) {
		const struct stack_frame *frame = &stacks->frames[i];
		const char *file = function_file(frame->function, options);

		writer->texts_at[i] = texts->length;
		buffer_printf(
			texts, ",\"cat\":\"%s\",\"name\":", category_names[frame_category(frame->function)]);
		buffer_append_json(texts, function_name(frame->function));
		if (*file) {
			buffer_append_string(texts, ",\"args\":{\"file\":");
			buffer_append_json(texts, file);
			if (frame->line > 0 && !options->no_lines)
				buffer_printf(texts, ",\"line\":%d", frame->line);
			buffer_append_char(texts, '}');
		}
		buffer_append_char(texts, '}');
	}
	writer->texts_at[stacks->frame_count] = texts->length;
}

static void write_event(struct writer *writer, bool begins, int64_t time_ns, uint32_t node)
{
	const size_t *text = &writer->texts_at[writer->timeline->stacks.nodes[node].frame];
	struct json *json = &writer->json;

	json_next(json);
	json_put(json, begins ? "{\"ph\":\"B\"" : "{\"ph\":\"E\"");
	buffer_append(&json->text, writer->ids.data, writer->ids.length);
	json_put_thousandths(json, START_NS + time_ns);
	buffer_append(&json->text, writer->texts.data + text[0], text[1] - text[0]);
}

/* Are the calls at this depth the same one? Without lines those at two lines of a function are. */
static bool is_same_call(const struct writer *writer, uint32_t a, uint32_t b)
{
	const struct stacks *stacks = &writer->timeline->stacks;

	return a == b ||
		(writer->timeline->options->no_lines &&
			stacks->frames[stacks->nodes[a].frame].function ==
				stacks->frames[stacks->nodes[b].frame].function);
}

static void change_stack(struct writer *writer, int64_t time_ns, uint32_t node)
{
	const struct stack_node *nodes = writer->timeline->stacks.nodes;
	size_t depth = 0, same = 0;

	for (uint32_t at = node; at; at = nodes[at].parent)
		depth++;
	array_reserve(&writer->next, &writer->next_capacity, depth + 1, sizeof(*writer->next));
	array_reserve(&writer->open, &writer->open_capacity, depth + 1, sizeof(*writer->open));
	for (size_t i = depth; i-- > 0; node = nodes[node].parent)
		writer->next[i] = node;
	while (same < depth && same < writer->depth &&
		is_same_call(writer, writer->open[same], writer->next[same]))
		same++;
	while (writer->depth > same)
		write_event(writer, false, time_ns, writer->open[--writer->depth]);
	for (; writer->depth < depth; writer->depth++) {
		writer->open[writer->depth] = writer->next[writer->depth];
		write_event(writer, true, time_ns, writer->open[writer->depth]);
	}
}

static void write_name(struct writer *writer, const char *event, const char *name)
{
	json_next(&writer->json);
	buffer_printf(&writer->json.text,
		"{\"ph\":\"M\",\"pid\":%lld,\"tid\":%d,\"ts\":0,\"name\":\"%s\",\"args\":{\"name\":",
		(long long)writer->pid, (int)writer->tid, event);
	buffer_append_json(&writer->json.text, name);
	json_put(&writer->json, "}}");
}

static int64_t pid_of(const struct timeline_process *process)
{
	return process->pid + (process->source > 1 ? (int64_t)(process->source - 1) * PID_STEP : 0);
}

static void write_thread(struct writer *writer, const struct timeline_thread *thread)
{
	const struct timeline_process *process = &writer->timeline->processes[thread->process];
	struct timeline_reader reader = timeline_read(writer->timeline, thread);
	struct timeline_span span = { .end_ns = 0 };

	writer->pid = pid_of(process);
	writer->tid = thread->tid;
	write_name(writer, "process_name", *process->name ? process->name : "Python");
	write_name(writer, "thread_name",
		process->pid ? timeline_thread_name(writer->timeline, thread) : "samples");
	buffer_clear(&writer->ids);
	buffer_printf(
		&writer->ids, ",\"pid\":%lld,\"tid\":%d,\"ts\":", (long long)writer->pid, (int)writer->tid);
	while (timeline_next(&reader, &span))
		change_stack(writer, span.start_ns, span.stack);
	change_stack(writer, span.end_ns, TIMELINE_NO_STACK);
	timeline_end(&reader);
}

static void write_counters(struct writer *writer, const struct timeline_process *process)
{
	struct spool_cursor cursor = spool_begin(&writer->timeline->spool, &process->counters);
	const struct timeline_counters *counters;

	while ((counters = spool_next(&cursor))) {
		const int64_t time_ns = counters->time_ns - writer->timeline->first_ns;

		json_next(&writer->json);
		buffer_printf(&writer->json.text,
			"{\"ph\":\"C\",\"pid\":%lld,\"name\":\"Resident memory\",\"ts\":",
			(long long)pid_of(process));
		json_put_thousandths(&writer->json, START_NS + (time_ns > 0 ? time_ns : 0));
		json_put(&writer->json, ",\"args\":{\"bytes\":");
		json_put_uint(&writer->json, counters->resident_bytes);
		json_put(&writer->json, "}}");
	}
	spool_end(&cursor);
}

static void write_trace(struct timeline *timeline)
{
	struct writer writer = { .timeline = timeline, .json.file = timeline->file };

	render_frames(&writer);
	json_begin(&writer.json, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":");
	for (size_t i = 0; i < timeline->thread_count; i++)
		write_thread(&writer, &timeline->threads[i]);
	for (size_t i = 0; i < timeline->process_count; i++)
		write_counters(&writer, &timeline->processes[i]);
	json_put(&writer.json, "]}\n");
	json_release(&writer.json);
	buffer_release(&writer.texts);
	buffer_release(&writer.ids);
	free(writer.texts_at);
	free(writer.open);
	free(writer.next);
}

static struct sink *open_trace(struct output_file *file, const struct output_options *options)
{
	return timeline_open(file, options, TIMELINE_THREADS, write_trace);
}

static const char *const extensions[] = { ".trace.json", ".trace.json.gz", NULL };

const struct output_format output_trace = {
	.name = "trace",
	.extensions = extensions,
	.description = "trace events: calls over time, for Perfetto, chrome://tracing and speedscope",
	.viewer = "open %s at https://ui.perfetto.dev (it stays on this machine)",
	.says_threads = true,
	.needs = NEEDS_TIME,
	.untimed = UNTIMED_IN_A_ROW,
	.reader_bytes = READER_STRING_BYTES,
	.open = open_trace,
};
