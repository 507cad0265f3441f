/* SPDX-License-Identifier: MIT */
/*
 * What a report has of the run, for src/output/html/data.js, which reads it in the same order: one line of
 * JSON that says what there is, and behind it numbers of 7 bits a byte (LEB128): frames, stacks as a tree,
 * the runs of equal samples of each thread, what each process has used up. Times are microseconds since the
 * first one of all, each as the distance from the one before. Through gzip and base64, piece by piece: a long
 * run takes no memory here.
 */
#include "config.h"

#include "output/gzip.h"
#include "output/html.h"
#include "output/kind.h"
#include "output/shown.h"

#include "pyrope/leb128.h"

#include <string.h>

#define FLUSH_BYTES 65536
#define NS_PER_US 1000
/* The first byte of a run: its state in the lowest bits, and these. */
#define RUN_COLLECTS 8
#define RUN_IS_GAP 16 /* nothing is known from here on; only its start follows */
#define RUN_END 32    /* of the thread */

struct data {
	struct timeline *timeline;
	struct gzip *gzip;
	struct buffer text;   /* to be packed */
	struct buffer packed; /* to be written: less than three bytes wait for more */
	struct buffer letters;
	struct function_rows functions;
};

/* ---- gzip and base64 ---- */

static void append_base64(struct buffer *text, const unsigned char *bytes, size_t length)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < length; i += 3) {
		const size_t left = length - i;
		const unsigned group = (unsigned)bytes[i] << 16 |
			(left > 1 ? (unsigned)bytes[i + 1] : 0U) << 8 | (left > 2 ? bytes[i + 2] : 0U);
		const char four[4] = { digits[group >> 18], digits[group >> 12 & 63],
			left > 1 ? digits[group >> 6 & 63] : '=', left > 2 ? digits[group & 63] : '=' };

		buffer_append(text, four, sizeof(four));
	}
}

static void write_packed(struct data *data, size_t length)
{
	const size_t rest = data->packed.length - length;

	if (!length)
		return;
	append_base64(&data->letters, (const unsigned char *)data->packed.data, length);
	output_write(data->timeline->file, data->letters.data, data->letters.length);
	buffer_clear(&data->letters);
	memmove(data->packed.data, data->packed.data + length, rest);
	data->packed.length = rest;
}

static void take_packed(void *context, const void *bytes, size_t length)
{
	struct data *data = context;

	buffer_append(&data->packed, bytes, length);
	write_packed(data, data->packed.length - data->packed.length % 3);
}

static void flush(struct data *data, size_t least)
{
	if (data->text.length < least)
		return;
	gzip_append(data->gzip, data->text.data, data->text.length);
	buffer_clear(&data->text);
}

static void put(struct data *data, const char *text)
{
	buffer_append_string(&data->text, text);
}

static void put_number(struct data *data, uint64_t number)
{
	leb128_append(&data->text, number);
	flush(data, FLUSH_BYTES);
}

/* ---- the line of JSON ---- */

static int64_t since_first_us(const struct data *data, int64_t time_ns)
{
	return time_ns > data->timeline->first_ns ? (time_ns - data->timeline->first_ns) / NS_PER_US : 0;
}

static void put_text(struct data *data, const char *key, const char *text)
{
	buffer_printf(&data->text, ",\"%s\":", key);
	buffer_append_json(&data->text, text);
	flush(data, FLUSH_BYTES);
}

static void put_integer(struct data *data, const char *key, int64_t number)
{
	buffer_printf(&data->text, ",\"%s\":%lld", key, (long long)number);
}

static const char *shown_mode(const struct output_options *options)
{
	if (options->is_cpu)
		return "cpu";
	return options->per_thread ? "wall" : "awake";
}

static void put_run(struct data *data)
{
	const struct timeline *timeline = data->timeline;
	const struct output_options *options = timeline->options;

	put(data, "{\"format\":1");
	put_text(data, "pyrope", PACKAGE_VERSION);
	put_text(data, "title", options->title ? options->title : "");
	put_text(data, "arguments", timeline->arguments ? timeline->arguments : "");
	put_text(data, "machine", timeline->machine ? timeline->machine : "");
	put_text(data, "shown", shown_mode(options));
	put_integer(data, "cpus", timeline->cpus);
	put_integer(data, "interval", options->interval_ns / NS_PER_US);
	put_integer(data, "start", timeline->arguments ? timeline->first_ns / NS_PER_US : 0);
	put_integer(data, "length",
		timeline->has_begin ? since_first_us(data, timeline->last_ns + options->interval_ns) : 0);
	put_integer(data, "missed", (int64_t)timeline->missed);
	put_integer(data, "has_state", timeline->has_state);
	put_integer(data, "no_lines", options->no_lines);
	put(data, ",\"qualities\":[");
	for (size_t i = 0; i < SAMPLE_QUALITIES; i++)
		buffer_printf(
			&data->text, "%s%llu", i ? "," : "", (unsigned long long)timeline->qualities[i]);
	put(data, "]");
}

static size_t count_counters(struct data *data, const struct timeline_process *process)
{
	struct spool_cursor cursor = spool_begin(&data->timeline->spool, &process->counters);
	size_t count = 0;

	while (spool_next(&cursor))
		count++;
	spool_end(&cursor);
	return count;
}

/* Without those that only say that nothing is known. */
static size_t count_runs(struct data *data, const struct timeline_thread *thread)
{
	struct spool_cursor cursor = spool_begin(&data->timeline->spool, &thread->runs);
	const struct timeline_run *run;
	size_t count = 0;

	while ((run = spool_next(&cursor)))
		count += run->weight > 0;
	spool_end(&cursor);
	return count;
}

static void put_processes(struct data *data)
{
	const struct timeline *timeline = data->timeline;

	put(data, ",\"processes\":[");
	for (size_t i = 0; i < timeline->process_count; i++) {
		const struct timeline_process *process = &timeline->processes[i];

		buffer_printf(&data->text, "%s{\"pid\":%d", i ? "," : "", (int)process->pid);
		put_integer(data, "source", process->source);
		put_text(data, "name", process->name);
		put_text(data, "version", process->version);
		put(data, "}");
	}
	put(data, "],\"threads\":[");
	for (size_t i = 0; i < timeline->thread_count; i++) {
		const struct timeline_thread *thread = &timeline->threads[i];

		buffer_printf(&data->text, "%s{\"tid\":%d", i ? "," : "", (int)thread->tid);
		put_integer(data, "process", (int64_t)thread->process);
		put_integer(data, "runs", (int64_t)count_runs(data, thread));
		put_text(data, "name", timeline_thread_name(timeline, thread));
		put(data, "}");
	}
	put(data, "]");
}

/* Of each: name, file as it is shown, the whole path where that is another, first line, kind. */
static void put_functions(struct data *data)
{
	put(data, ",\"kinds\":[");
	for (size_t i = 0; i < FRAME_KINDS; i++) {
		put(data, i ? "," : "");
		buffer_append_json(&data->text, frame_kind_names[i]);
	}
	put(data, "],\"functions\":[");
	for (size_t i = 0; i < data->functions.count; i++) {
		const struct function *function = data->functions.list[i];
		const char *file = function_file(function, data->timeline->options);

		put(data, i ? ",[" : "[");
		buffer_append_json(&data->text, function_name(function));
		put(data, ",");
		buffer_append_json(&data->text, file);
		put(data, ",");
		buffer_append_json(&data->text, strcmp(file, function->file) == 0 ? "" : function->file);
		buffer_printf(&data->text, ",%d,%d]", function->first_line, (int)frame_kind(function));
		flush(data, FLUSH_BYTES);
	}
	put(data, "]");
}

/* Of the files of these functions alone: path, text. */
static void put_sources(struct data *data)
{
	const struct source_texts *sources = data->timeline->options->sources;
	const char *before = "";

	put(data, ",\"sources\":[");
	for (size_t i = 0; sources && i < sources->count; i++) {
		size_t j = 0;

		while (j < data->functions.count &&
			strcmp(data->functions.list[j]->file, sources->list[i].path) != 0)
			j++;
		if (j == data->functions.count)
			continue;
		put(data, before);
		before = ",";
		put(data, "[");
		buffer_append_json(&data->text, sources->list[i].path);
		put(data, ",");
		buffer_append_json(&data->text, sources->list[i].text);
		put(data, "]");
		flush(data, FLUSH_BYTES);
	}
	put(data, "]");
}

/* ---- numbers ---- */

static void put_stacks(struct data *data)
{
	const struct stacks *stacks = &data->timeline->stacks;

	put_number(data, stacks->frame_count);
	for (size_t i = 0; i < stacks->frame_count; i++) {
		const struct stack_frame *frame = &stacks->frames[i];

		put_number(data, function_row(&data->functions, frame->function));
		put_number(data, frame->line > 0 ? (uint64_t)frame->line : 0);
	}
	put_number(data, stacks->node_count);
	for (size_t i = 1; i < stacks->node_count; i++) { /* node 0 is the empty stack */
		put_number(data, i - stacks->nodes[i].parent);
		put_number(data, stacks->nodes[i].frame);
	}
}

/* Times of one list: never before the one before, whatever a file says. */
static uint64_t step(int64_t *before_us, int64_t time_us)
{
	const int64_t by = time_us > *before_us ? time_us - *before_us : 0;

	*before_us += by;
	return (uint64_t)by;
}

static void put_thread(struct data *data, const struct timeline_thread *thread)
{
	struct spool_cursor cursor = spool_begin(&data->timeline->spool, &thread->runs);
	const struct timeline_run *run;
	int64_t before_us = 0;

	while ((run = spool_next(&cursor))) {
		const bool is_gap = run->weight == 0;

		put_number(data, is_gap ? RUN_IS_GAP : run->state | (run->is_collecting ? RUN_COLLECTS : 0U));
		put_number(data, step(&before_us, since_first_us(data, run->start_ns)));
		if (is_gap)
			continue;
		put_number(data, step(&before_us, since_first_us(data, run->last_ns)));
		put_number(data, run->weight);
		put_number(data, run->stack);
	}
	put_number(data, RUN_END);
	spool_end(&cursor);
}

static void put_counters(struct data *data, const struct timeline_process *process)
{
	struct spool_cursor cursor;
	const struct timeline_counters *counters;
	int64_t before_us = 0, cpu_us = 0;

	put_number(data, count_counters(data, process));
	cursor = spool_begin(&data->timeline->spool, &process->counters);
	while ((counters = spool_next(&cursor))) {
		put_number(data, step(&before_us, since_first_us(data, counters->time_ns)));
		put_number(data, step(&cpu_us, (int64_t)(counters->cpu_ns / NS_PER_US)));
		put_number(data, counters->resident_bytes / 1024);
	}
	spool_end(&cursor);
}

void html_write_data(struct timeline *timeline)
{
	struct data data = { .timeline = timeline };

	data.gzip = gzip_new(take_packed, &data);
	function_rows_init(&data.functions, &timeline->stacks);
	put_run(&data);
	put_processes(&data);
	put_functions(&data);
	put_sources(&data);
	put(&data, "}\n");
	put_stacks(&data);
	for (size_t i = 0; i < timeline->thread_count; i++)
		put_thread(&data, &timeline->threads[i]);
	for (size_t i = 0; i < timeline->process_count; i++)
		put_counters(&data, &timeline->processes[i]);
	flush(&data, 0);
	gzip_finish(data.gzip);
	write_packed(&data, data.packed.length);
	gzip_free(data.gzip);
	function_rows_release(&data.functions);
	buffer_release(&data.text);
	buffer_release(&data.packed);
	buffer_release(&data.letters);
}
