/* SPDX-License-Identifier: MIT */
/*
 * The profile that profiler.firefox.com opens: its processed format, version 60
 * (docs-developer/CHANGELOG-formats.md of firefox-devtools/profiler), which newer versions upgrade. Its
 * tables are objects of columns, so each list of records is read once for each column. Times are milliseconds
 * since meta.startTime, written with the digits of a microsecond.
 *
 * The reader has a stack go on until the next sample. So each run ends with a sample of its own, and where a
 * thread was not seen there is a sample without a stack, which weighs nothing.
 */
#include "config.h"

#include "output/firefox.h"
#include "output/format.h"
#include "output/json.h"
#include "output/shown.h"
#include "output/timeline.h"

struct writer {
	struct timeline *timeline;
	struct json json;
};

static const char *const colours[CATEGORIES] = {
	[CATEGORY_OTHER] = "grey", /* one has to be */
	[CATEGORY_IDLE] = "transparent",
	[CATEGORY_PYTHON] = "yellow",
	[CATEGORY_NATIVE] = "blue",
	[CATEGORY_GC] = "orange",
	[CATEGORY_KERNEL] = "purple",
	[CATEGORY_LOST] = "red",
};

const struct firefox_marker firefox_markers[MARKERS] = {
	[MARKER_GIL] = { "gil", "Holds the GIL", "The thread held the GIL at each sample in this time.",
		CATEGORY_PYTHON },
	[MARKER_WAITS_GIL] = { "gil-wait", "Waits for the GIL",
		"The thread wanted the GIL, which another one had.", CATEGORY_OTHER },
	[MARKER_NO_GIL] = { "no-gil", "Runs without the GIL", "The thread was on a CPU without the GIL.",
		CATEGORY_NATIVE },
	[MARKER_WAITS_CPU] = { "cpu-wait", "Waits for a CPU", "The thread could run, but had no CPU.",
		CATEGORY_OTHER },
	[MARKER_GC] = { "gc", "Garbage collection", "The thread collected garbage.", CATEGORY_GC },
};

/* ---- pieces of JSON ---- */

static void put_time(struct writer *writer, int64_t time_ns)
{
	json_put_thousandths(&writer->json, (time_ns - writer->timeline->first_ns) / 1000);
}

/* ---- the head ---- */

static void write_schema(struct writer *writer)
{
	json_begin(&writer->json, ",\"markerSchema\":");
	for (size_t i = 0; i < MARKERS; i++) {
		json_next(&writer->json);
		buffer_printf(&writer->json.text,
			"{\"name\":\"%s\",\"display\":[\"marker-chart\",\"marker-table\",\"timeline-"
			"overview\"],"
			"\"fields\":[],\"description\":\"%s\"}",
			firefox_markers[i].type, firefox_markers[i].description);
	}
	json_put(&writer->json, "]");
}

static void write_meta(struct writer *writer)
{
	const struct timeline *timeline = writer->timeline;

	json_put(&writer->json, "{\"meta\":{\"interval\":");
	put_time(writer, timeline->first_ns + timeline->options->interval_ns);
	/* the milliseconds of the wall clock at the time 0 */
	buffer_printf(&writer->json.text, ",\"startTime\":%lld.%03lld",
		(long long)(timeline->first_ns / 1000000), (long long)(timeline->first_ns / 1000 % 1000));
	json_put(&writer->json,
		",\"processType\":0,\"product\":\"Python\",\"importedFrom\":\"pyrope\",\"version\":29,"
		"\"preprocessedProfileVersion\":60,\"symbolicated\":true,\"debug\":false,\"extensions\":{"
		"\"length\":0,"
		"\"id\":[],\"name\":[],\"baseURL\":[]},\"stackwalk\":");
	json_put(&writer->json, timeline->has_native ? "1" : "0");
	if (timeline->arguments) {
		json_put(&writer->json, ",\"arguments\":");
		buffer_append_json(&writer->json.text, timeline->arguments);
	}
	if (timeline->machine) {
		json_put(&writer->json, ",\"oscpu\":");
		buffer_append_json(&writer->json.text, timeline->machine);
	}
	if (timeline->cpus)
		buffer_printf(&writer->json.text, ",\"logicalCPUs\":%u", timeline->cpus);
	json_put(&writer->json,
		",\"sampleUnits\":{\"time\":\"ms\",\"eventDelay\":\"ms\",\"threadCPUDelta\":\"ns\"}");
	json_begin(&writer->json, ",\"categories\":");
	for (size_t i = 0; i < CATEGORIES; i++) {
		json_next(&writer->json);
		buffer_printf(&writer->json.text,
			"{\"name\":\"%s\",\"color\":\"%s\",\"subcategories\":[\"Other\"]}", category_names[i],
			colours[i]);
	}
	json_put(&writer->json, "]");
	write_schema(writer);
	json_put(&writer->json, "}");
}

/* ---- samples ---- */

static bool is_on_cpu(uint16_t state)
{
	return state == THREAD_HOLDS_GIL || state == THREAD_RUNNING;
}

enum column { COLUMN_STACK, COLUMN_TIME, COLUMN_WEIGHT, COLUMN_CPU };

/* The ticks of a run but for its last, or that one. */
static void write_sample(struct writer *writer, enum column column, const struct timeline_run *run,
	bool is_last, int64_t *before_ns)
{
	const int64_t time_ns = is_last ? run->last_ns : run->start_ns;

	json_next(&writer->json);
	switch (column) {
	case COLUMN_STACK:
		if (run->stack == TIMELINE_NO_STACK)
			json_put(&writer->json, "null");
		else
			json_put_uint(&writer->json, run->stack - 1);
		break;
	case COLUMN_TIME:
		put_time(writer, time_ns);
		break;
	case COLUMN_WEIGHT:
		json_put_uint(&writer->json, is_last && run->weight ? 1 : run->weight - (run->weight > 1));
		break;
	case COLUMN_CPU: /* of the time since the sample before */
		if (is_on_cpu(run->state) && *before_ns && time_ns > *before_ns)
			buffer_append_int(&writer->json.text, time_ns - *before_ns);
		else
			json_put(&writer->json, "0");
		*before_ns = time_ns;
		break;
	}
}

static size_t write_samples_column(
	struct writer *writer, const struct timeline_thread *thread, enum column column)
{
	struct spool_cursor cursor = spool_begin(&writer->timeline->spool, &thread->runs);
	const struct timeline_run *run;
	int64_t before_ns = 0;
	size_t count = 0;

	while ((run = spool_next(&cursor))) {
		write_sample(writer, column, run, run->weight <= 1, &before_ns);
		if (run->weight > 1)
			write_sample(writer, column, run, true, &before_ns);
		count += run->weight > 1 ? 2 : 1;
	}
	spool_end(&cursor);
	json_put(&writer->json, "]");
	return count;
}

static void write_samples(struct writer *writer, const struct timeline_thread *thread)
{
	size_t count;

	json_begin(&writer->json, ",\"samples\":{\"weightType\":\"samples\",\"stack\":");
	count = write_samples_column(writer, thread, COLUMN_STACK);
	json_begin(&writer->json, ",\"time\":");
	write_samples_column(writer, thread, COLUMN_TIME);
	json_begin(&writer->json, ",\"weight\":");
	write_samples_column(writer, thread, COLUMN_WEIGHT);
	if (writer->timeline->has_state) {
		json_begin(&writer->json, ",\"threadCPUDelta\":");
		write_samples_column(writer, thread, COLUMN_CPU);
	}
	json_put(&writer->json, ",\"length\":");
	json_put_uint(&writer->json, count);
	json_put(&writer->json, "}");
}

/* ---- markers ---- */

static enum marker marker_of(const struct timeline_run *run, bool collecting)
{
	if (collecting)
		return run->is_collecting ? MARKER_GC : MARKERS;
	switch (run->weight ? run->state : THREAD_UNKNOWN) {
	case THREAD_HOLDS_GIL:
		return MARKER_GIL;
	case THREAD_WAITS_GIL:
		return MARKER_WAITS_GIL;
	case THREAD_RUNNING:
		return MARKER_NO_GIL;
	case THREAD_WAITS_CPU:
		return MARKER_WAITS_CPU;
	default:
		return MARKERS;
	}
}

enum marker_column { MARKER_DATA, MARKER_NAME, MARKER_START, MARKER_END, MARKER_PHASE, MARKER_CATEGORY };

static void write_marker(struct writer *writer, enum marker_column column, enum marker marker,
	int64_t start_ns, int64_t end_ns)
{
	json_next(&writer->json);
	switch (column) {
	case MARKER_DATA:
		buffer_printf(&writer->json.text, "{\"type\":\"%s\"}", firefox_markers[marker].type);
		break;
	case MARKER_NAME:
		json_put_uint(&writer->json, marker);
		break;
	case MARKER_START:
		put_time(writer, start_ns);
		break;
	case MARKER_END:
		put_time(writer, end_ns);
		break;
	case MARKER_PHASE:
		json_put(&writer->json, "1"); /* an interval */
		break;
	case MARKER_CATEGORY:
		json_put_uint(&writer->json, (uint64_t)firefox_markers[marker].category);
		break;
	}
}

/* Each run begins where the one before ends, and the last one of a thread is a gap. */
static size_t write_marker_track(struct writer *writer, const struct timeline_thread *thread,
	enum marker_column column, bool collecting)
{
	struct spool_cursor cursor = spool_begin(&writer->timeline->spool, &thread->runs);
	const struct timeline_run *run;
	enum marker now = MARKERS;
	int64_t start_ns = 0;
	size_t count = 0;

	while ((run = spool_next(&cursor))) {
		const enum marker next_marker = marker_of(run, collecting);

		if (next_marker == now)
			continue;
		if (now != MARKERS) {
			write_marker(writer, column, now, start_ns, run->start_ns);
			count++;
		}
		now = next_marker;
		start_ns = run->start_ns;
	}
	spool_end(&cursor);
	return count;
}

static size_t write_markers_column(struct writer *writer, const struct timeline_thread *thread,
	const char *before, enum marker_column column)
{
	size_t count;

	json_begin(&writer->json, before);
	count = write_marker_track(writer, thread, column, false);
	count += write_marker_track(writer, thread, column, true);
	json_put(&writer->json, "]");
	return count;
}

static void write_markers(struct writer *writer, const struct timeline_thread *thread)
{
	size_t count;

	count = write_markers_column(writer, thread, ",\"markers\":{\"data\":", MARKER_DATA);
	write_markers_column(writer, thread, ",\"name\":", MARKER_NAME);
	write_markers_column(writer, thread, ",\"startTime\":", MARKER_START);
	write_markers_column(writer, thread, ",\"endTime\":", MARKER_END);
	write_markers_column(writer, thread, ",\"phase\":", MARKER_PHASE);
	write_markers_column(writer, thread, ",\"category\":", MARKER_CATEGORY);
	json_put(&writer->json, ",\"length\":");
	json_put_uint(&writer->json, count);
	json_put(&writer->json, "}");
}

/* ---- threads ---- */

static void write_pid(struct writer *writer, const struct timeline_process *process)
{
	buffer_printf(&writer->json.text, process->source > 1 ? "\"%d.%u\"" : "\"%d\"", (int)process->pid,
		process->source);
}

static void write_thread(struct writer *writer, const struct timeline_thread *thread)
{
	const struct timeline *timeline = writer->timeline;
	const struct timeline_process *process = &timeline->processes[thread->process];
	const bool is_main = thread->tid == process->pid;
	const char *name = thread->name;

	if (!*name)
		name = thread->tid || !process->pid ? "(no name)" : "(idle)";
	json_next(&writer->json);
	json_put(&writer->json, "{\"name\":");
	buffer_append_json(&writer->json.text, name);
	json_put(&writer->json, is_main ? ",\"isMainThread\":true" : ",\"isMainThread\":false");
	json_put(&writer->json, ",\"processType\":\"default\",\"processName\":");
	buffer_append_json(&writer->json.text, *process->name ? process->name : "Python");
	json_put(&writer->json, ",\"pid\":");
	write_pid(writer, process);
	buffer_printf(&writer->json.text,
		",\"tid\":%d,\"registerTime\":0,\"unregisterTime\":null,\"processStartupTime\":",
		(int)thread->tid);
	put_time(writer, process->start_ns ? process->start_ns : timeline->first_ns);
	json_put(&writer->json, ",\"processShutdownTime\":");
	if (process->end_ns)
		put_time(writer, process->end_ns);
	else
		json_put(&writer->json, "null");
	json_put(&writer->json, ",\"pausedRanges\":[]");
	write_samples(writer, thread);
	write_markers(writer, thread);
	json_put(&writer->json, "}");
	writer->json.is_first = false;
}

static void write_threads(struct writer *writer)
{
	json_begin(&writer->json, ",\"threads\":");
	for (size_t i = 0; i < writer->timeline->thread_count; i++)
		write_thread(writer, &writer->timeline->threads[i]);
	json_put(&writer->json, "]");
}

/* ---- counters ---- */

static uint64_t counter_value(const struct timeline_counters *counters, bool memory)
{
	return memory ? counters->resident_bytes : counters->cpu_ns;
}

/*
 * What was added since the row before; of what had been used up before the first look nothing is known, but
 * memory was there.
 */
static size_t write_counter_column(
	struct writer *writer, const struct timeline_process *process, bool memory, bool times)
{
	struct spool_cursor cursor = spool_begin(&writer->timeline->spool, &process->counters);
	const struct timeline_counters *counters;
	uint64_t before = 0;
	size_t count = 0;

	while ((counters = spool_next(&cursor))) {
		const uint64_t value = counter_value(counters, memory);

		json_next(&writer->json);
		if (times)
			put_time(writer, counters->time_ns);
		else
			buffer_append_int(
				&writer->json.text, count == 0 && !memory ? 0 : (int64_t)(value - before));
		before = value;
		count++;
	}
	spool_end(&cursor);
	json_put(&writer->json, "]");
	return count;
}

static void write_counter(struct writer *writer, size_t index, size_t main_thread, bool memory)
{
	const struct timeline_process *process = &writer->timeline->processes[index];
	size_t count;

	json_next(&writer->json);
	json_put(&writer->json,
		memory ? "{\"name\":\"malloc\",\"category\":\"Memory\",\"description\":\"Resident "
			 "memory\",\"pid\":"
		       : "{\"name\":\"processCPU\",\"category\":\"CPU\",\"description\":\"CPU time of the "
			 "process\",\"pid\":");
	write_pid(writer, process);
	json_put(&writer->json, ",\"mainThreadIndex\":");
	json_put_uint(&writer->json, main_thread);
	json_begin(&writer->json, ",\"samples\":{\"time\":");
	count = write_counter_column(writer, process, memory, true);
	json_begin(&writer->json, ",\"count\":");
	write_counter_column(writer, process, memory, false);
	json_put(&writer->json, ",\"length\":");
	json_put_uint(&writer->json, count);
	json_put(&writer->json, "}}");
	writer->json.is_first = false;
}

/* The process's first thread; the count of threads: it has none. */
static size_t main_thread_of(const struct timeline *timeline, size_t process)
{
	size_t first = timeline->thread_count;

	for (size_t i = timeline->thread_count; i-- > 0;) {
		if (timeline->threads[i].process != process)
			continue;
		first = i;
		if (timeline->threads[i].tid == timeline->processes[process].pid)
			break;
	}
	return first;
}

static void write_counters(struct writer *writer)
{
	const struct timeline *timeline = writer->timeline;

	json_begin(&writer->json, ",\"counters\":");
	for (size_t i = 0; i < timeline->process_count; i++) {
		const struct spool_list *list = &timeline->processes[i].counters;
		const size_t main_thread = main_thread_of(timeline, i);

		if (main_thread == timeline->thread_count || (!list->chunk_count && !list->pending.length))
			continue;
		write_counter(writer, i, main_thread, true);
		write_counter(writer, i, main_thread, false);
	}
	json_put(&writer->json, "]");
}

static void write_firefox(struct timeline *timeline)
{
	struct writer writer = { .timeline = timeline, .json.file = timeline->file };

	write_meta(&writer);
	firefox_write_shared(&writer.json, timeline);
	write_threads(&writer);
	write_counters(&writer);
	json_put(&writer.json, "}\n");
	json_release(&writer.json);
}

static struct sink *open_firefox(struct output_file *file, const struct output_options *options)
{
	return timeline_open(file, options, TIMELINE_THREADS, write_firefox);
}

static const char *const extensions[] = { ".firefox.json", ".firefox.json.gz", NULL };

const struct output_format output_firefox = {
	.name = "firefox",
	.extensions = extensions,
	.description = "threads over time with their states, for the Firefox Profiler",
	.viewer = "open %s at https://profiler.firefox.com (it stays on this machine)",
	.says_threads = true,
	.needs = NEEDS_TIME,
	.untimed = UNTIMED_IN_A_ROW,
	.reader_bytes = READER_STRING_BYTES,
	.open = open_firefox,
};
