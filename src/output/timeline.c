/* SPDX-License-Identifier: MIT */
/*
 * What all formats that show time collect before they write: ticks in a row of a thread that are the same are
 * one run, and runs wait in a spool, for they are needed thread by thread and several times. Where a thread
 * was not seen there is a run without a stack.
 */
#include "config.h"

#include "output/timeline.h"

#include <stdlib.h>
#include <string.h>

#define NAME_COLUMNS 60 /* of a process in a label: it may be a command line */

/* ---- threads and processes ---- */

static void replace(char **text, const char *by)
{
	if (*text && strcmp(*text, by) == 0)
		return;
	free(*text);
	*text = xstrdup(by);
}

/* The index, for the array moves when it grows. */
static size_t process_of(struct timeline *timeline, pid_t pid, const char *name)
{
	const uint64_t *known = u64_map_get(&timeline->processes_by_id, (uint64_t)pid);
	struct timeline_process *process;

	if (known)
		return *known;
	array_reserve(&timeline->processes, &timeline->process_capacity, timeline->process_count + 1,
		sizeof(*timeline->processes));
	process = &timeline->processes[timeline->process_count];
	*process = (struct timeline_process){ .source = timeline->source,
		.pid = pid,
		.name = xstrdup(name),
		.version = xstrdup(""),
		.counters.record_bytes = sizeof(struct timeline_counters) };
	u64_map_put(&timeline->processes_by_id, (uint64_t)pid, timeline->process_count);
	return timeline->process_count++;
}

static uint64_t track_of(const struct timeline *timeline, const struct sample *sample)
{
	return (uint64_t)sample->pid << 32 | (timeline->merges_threads ? 0 : (uint32_t)sample->tid);
}

static struct timeline_thread *thread_of(struct timeline *timeline, const struct sample *sample)
{
	const uint64_t id = track_of(timeline, sample);
	const uint64_t *known = u64_map_get(&timeline->threads_by_id, id);
	struct timeline_thread *thread;

	if (known)
		return &timeline->threads[*known];
	array_reserve(&timeline->threads, &timeline->thread_capacity, timeline->thread_count + 1,
		sizeof(*timeline->threads));
	thread = &timeline->threads[timeline->thread_count];
	*thread =
		(struct timeline_thread){ .process = process_of(timeline, sample->pid, sample->process_name),
			.tid = timeline->merges_threads ? 0 : sample->tid,
			.name = xstrdup(""),
			.runs.record_bytes = sizeof(struct timeline_run) };
	u64_map_put(&timeline->threads_by_id, id, timeline->thread_count++);
	return thread;
}

/* ---- samples ---- */

static uint32_t stack_of(struct timeline *timeline, const struct event *event)
{
	const struct sample *sample = event->sample;
	const uint64_t *known =
		event->stack_key ? u64_map_get(&timeline->nodes_by_key, event->stack_key) : NULL;
	uint32_t node;

	if (known)
		return (uint32_t)*known;
	node = stacks_find(&timeline->stacks, &timeline->path, 0, sample->frames, sample->frame_count);
	if (event->stack_key)
		u64_map_put(&timeline->nodes_by_key, event->stack_key, node);
	return node;
}

static int end_run(struct timeline *timeline, struct timeline_thread *thread, struct error *err)
{
	if (!thread->is_open)
		return 0;
	thread->is_open = false;
	thread->ticks += thread->run.weight;
	return spool_append(&timeline->spool, &thread->runs, &thread->run, err);
}

/* From the end of the run on, nothing is known of the thread. */
static int begin_gap(struct timeline *timeline, struct timeline_thread *thread, struct error *err)
{
	const int64_t end_ns = thread->run.last_ns + timeline->options->interval_ns;
	const struct timeline_run gap = { .start_ns = end_ns, .last_ns = end_ns, .stack = TIMELINE_NO_STACK };

	if (!thread->is_open)
		return 0;
	return end_run(timeline, thread, err) != 0 ? -1
						   : spool_append(&timeline->spool, &thread->runs, &gap, err);
}

/* Stacks without a time, as collapsed ones, stand one behind the other, each as long as its ticks take. */
static int set_time(
	struct timeline *timeline, const struct event *event, struct timeline_run *run, struct error *err)
{
	int64_t length_ns;

	run->start_ns = event->time_ns + timeline->offset_ns;
	run->last_ns = event->last_ns + timeline->offset_ns;
	if (event->is_untimed) {
		run->start_ns = timeline->imported_ns;
		if (__builtin_mul_overflow(event->weight, timeline->options->interval_ns, &length_ns) ||
			__builtin_add_overflow(timeline->imported_ns, length_ns, &timeline->imported_ns))
			return error_set(err, ERROR_UNSUPPORTED,
				"the stacks that have no times have too many samples to stand one behind the "
				"other in this format: use another --format");
		run->last_ns = timeline->imported_ns - timeline->options->interval_ns;
	}
	if (!timeline->has_begin || run->start_ns < timeline->first_ns)
		timeline->first_ns = run->start_ns;
	timeline->has_begin = true;
	if (run->last_ns > timeline->last_ns)
		timeline->last_ns = run->last_ns;
	return 0;
}

static int add_sample(struct timeline *timeline, const struct event *event, struct error *err)
{
	const struct sample *sample = event->sample;
	struct timeline_thread *thread = thread_of(timeline, sample);
	struct timeline_run run = { .weight = event->weight,
		.state = (uint16_t)sample->state,
		.is_collecting = sample->is_collecting };

	if (set_time(timeline, event, &run, err) != 0)
		return -1;
	timeline->qualities[sample->quality] += event->weight;
	if (*sample->thread_name && !timeline->merges_threads)
		replace(&thread->name, sample->thread_name);
	run.stack = stack_of(timeline, event);
	timeline->has_state |= sample->state != THREAD_UNKNOWN;
	if (thread->is_open &&
		run.start_ns - thread->run.last_ns > EVENT_GAP_INTERVALS * timeline->options->interval_ns &&
		begin_gap(timeline, thread, err) != 0)
		return -1;
	if (thread->is_open && thread->run.stack == run.stack && thread->run.state == run.state &&
		thread->run.is_collecting == run.is_collecting) {
		thread->run.weight += run.weight;
		thread->run.last_ns = run.last_ns;
		return 0;
	}
	if (end_run(timeline, thread, err) != 0)
		return -1;
	thread->run = run;
	thread->is_open = true;
	return 0;
}

/* ---- other events ---- */

/* What is known by number is known of one source. */
static int begin(struct timeline *timeline, const struct event *event, struct error *err)
{
	for (size_t i = 0; i < timeline->thread_count; i++)
		if (begin_gap(timeline, &timeline->threads[i], err) != 0)
			return -1;
	timeline->source++;
	u64_map_clear(&timeline->nodes_by_key);
	u64_map_clear(&timeline->threads_by_id);
	u64_map_clear(&timeline->processes_by_id);
	timeline->offset_ns = event->run->realtime_ns - event->time_ns;
	if (!timeline->has_begin || event->run->realtime_ns < timeline->first_ns)
		timeline->first_ns = event->run->realtime_ns;
	timeline->has_begin = true;
	timeline->has_native |= event->run->native;
	timeline->cpus = event->run->cpus;
	replace(&timeline->arguments, event->run->arguments);
	replace(&timeline->machine, event->run->machine);
	return 0;
}

static void add_process(struct timeline *timeline, const struct event *event)
{
	const size_t index = process_of(timeline, event->pid, event->process->name);
	struct timeline_process *process = &timeline->processes[index];

	replace(&process->name,
		*event->process->command_line ? event->process->command_line : event->process->name);
	replace(&process->version, event->process->version);
	if (!process->start_ns)
		process->start_ns = event->time_ns + timeline->offset_ns;
}

static int add_counters(struct timeline *timeline, const struct event *event, struct error *err)
{
	const size_t index = process_of(timeline, event->pid, "");
	const struct timeline_counters counters = { .time_ns = event->time_ns + timeline->offset_ns,
		.cpu_ns = event->counters->user_ns + event->counters->system_ns,
		.resident_bytes = event->counters->resident_bytes };

	return spool_append(&timeline->spool, &timeline->processes[index].counters, &counters, err);
}

static int leave_out(struct timeline *timeline, const struct event *event, struct error *err)
{
	const uint64_t id = track_of(timeline, event->sample);
	const uint64_t *known = u64_map_get(&timeline->threads_by_id, id);

	return known ? begin_gap(timeline, &timeline->threads[*known], err) : 0;
}

/* ---- for writers ---- */

void timeline_label(
	struct buffer *buffer, const struct timeline *timeline, const struct timeline_thread *thread)
{
	const struct timeline_process *process = &timeline->processes[thread->process];

	if (!process->pid && !thread->tid) {
		buffer_append_string(buffer, "samples");
		return;
	}
	buffer_append_fit(buffer, *process->name ? process->name : "Python", NAME_COLUMNS, FIT_KEEP_BEGIN);
	buffer_printf(buffer, " (%d)", (int)process->pid);
	if (timeline->merges_threads)
		return;
	buffer_printf(buffer, ": %s", timeline_thread_name(timeline, thread));
	if (thread->tid)
		buffer_printf(buffer, " (%d)", (int)thread->tid);
}

const char *timeline_thread_name(const struct timeline *timeline, const struct timeline_thread *thread)
{
	if (*thread->name)
		return thread->name;
	return thread->tid || !timeline->processes[thread->process].pid ? "(no name)" : "(idle)";
}

bool timeline_is_idle(const struct timeline *timeline, uint32_t node)
{
	const struct stack_node *nodes = timeline->stacks.nodes;
	const struct function *function;

	if (node == TIMELINE_NO_STACK)
		return true;
	function = timeline->stacks.frames[nodes[node].frame].function;
	return nodes[node].parent == 0 && function->kind == FUNCTION_MARKER &&
		strcmp(function->name, "(idle)") == 0;
}

struct timeline_reader timeline_read(struct timeline *timeline, const struct timeline_thread *thread)
{
	return (struct timeline_reader){ .timeline = timeline,
		.cursor = spool_begin(&timeline->spool, &thread->runs),
		.now_ns = timeline->first_ns };
}

static bool next_span(struct timeline_reader *reader, struct timeline_span *span)
{
	const int64_t interval_ns = reader->timeline->options->interval_ns;

	while (!reader->run || !reader->run->weight)
		if (!(reader->run = spool_next(&reader->cursor)))
			return false;
	*span = (struct timeline_span){ .start_ns = reader->now_ns - reader->timeline->first_ns };
	if (reader->run->start_ns - reader->now_ns >= EVENT_GAP_INTERVALS * interval_ns) {
		reader->now_ns = reader->run->start_ns;
	} else {
		span->ticks = reader->run->weight;
		span->stack = timeline_is_idle(reader->timeline, reader->run->stack) ? TIMELINE_NO_STACK
										     : reader->run->stack;
		reader->now_ns += (int64_t)span->ticks * interval_ns;
		reader->run = NULL;
	}
	span->end_ns = reader->now_ns - reader->timeline->first_ns;
	return true;
}

bool timeline_next(struct timeline_reader *reader, struct timeline_span *span)
{
	if (!reader->has_begun)
		reader->has_next = next_span(reader, &reader->next);
	reader->has_begun = true;
	if (!reader->has_next)
		return false;
	*span = reader->next;
	while ((reader->has_next = next_span(reader, &reader->next)) && reader->next.stack == span->stack) {
		span->end_ns = reader->next.end_ns;
		span->ticks += reader->next.ticks;
	}
	return true;
}

void timeline_end(struct timeline_reader *reader)
{
	spool_end(&reader->cursor);
}

/* ---- the sink ---- */

static int take(struct sink *sink, const struct event *event, struct error *err)
{
	struct timeline *timeline = (struct timeline *)sink;
	size_t index;

	switch (event->kind) {
	case EVENT_BEGIN:
		return begin(timeline, event, err);
	case EVENT_PROCESS:
		add_process(timeline, event);
		return 0;
	case EVENT_SAMPLE:
		return add_sample(timeline, event, err);
	case EVENT_LEFT_OUT:
		return leave_out(timeline, event, err);
	case EVENT_COUNTERS:
		return add_counters(timeline, event, err);
	case EVENT_EXIT:
		index = process_of(timeline, event->pid, "");
		timeline->processes[index].end_ns = event->time_ns + timeline->offset_ns;
		return 0;
	case EVENT_MISSED: /* whoever was not seen for a while has a gap there */
		timeline->missed += event->missed;
		return 0;
	case EVENT_CLOCK:
	case EVENT_MARK:
	case EVENT_END:
	case EVENT_KINDS:
		break;
	}
	return 0;
}

static int finish(struct sink *sink, struct error *err)
{
	struct timeline *timeline = (struct timeline *)sink;

	for (size_t i = 0; i < timeline->thread_count; i++)
		if (begin_gap(timeline, &timeline->threads[i], err) != 0)
			return -1;
	timeline->write(timeline);
	return spool_check(&timeline->spool, err);
}

static void release(struct sink *sink)
{
	struct timeline *timeline = (struct timeline *)sink;

	for (size_t i = 0; i < timeline->thread_count; i++) {
		free(timeline->threads[i].name);
		spool_list_release(&timeline->threads[i].runs);
	}
	for (size_t i = 0; i < timeline->process_count; i++) {
		free(timeline->processes[i].name);
		free(timeline->processes[i].version);
		spool_list_release(&timeline->processes[i].counters);
	}
	free(timeline->threads);
	free(timeline->processes);
	u64_map_release(&timeline->threads_by_id);
	u64_map_release(&timeline->processes_by_id);
	u64_map_release(&timeline->nodes_by_key);
	stacks_release(&timeline->stacks);
	stack_path_release(&timeline->path);
	spool_release(&timeline->spool);
	free(timeline->arguments);
	free(timeline->machine);
	free(timeline);
}

struct sink *timeline_open(struct output_file *file, const struct output_options *options,
	enum timeline_tracks tracks, timeline_write *write)
{
	struct timeline *timeline = xcalloc(1, sizeof(*timeline));

	timeline->sink = (struct sink){ .take = take, .finish = finish, .free = release };
	timeline->file = file;
	timeline->options = options;
	timeline->write = write;
	timeline->merges_threads = tracks == TIMELINE_PROCESSES && !options->per_thread;
	timeline->offset_ns = options->epoch_ns;
	spool_init(&timeline->spool);
	stacks_init(&timeline->stacks);
	return &timeline->sink;
}
