/* SPDX-License-Identifier: MIT */
/*
 * The events of a block: ticks, which say what has changed since the last one of their process, and what is
 * not a tick. Nothing is given to the sink before its numbers have been compared with what is defined.
 */
#include "config.h"

#include "recording/reader.h"

#include <stdlib.h>
#include <string.h>

int reader_give(struct reader *reader, const struct event *event)
{
	return sink_take(reader->sink, event, reader->err);
}

static void forget_frames(struct reader *reader)
{
	for (size_t i = 0; i < reader->process_count; i++) {
		struct process *process = &reader->processes[i];

		for (size_t j = 0; j < process->capacity; j++) {
			struct entry *entry = &process->entries[j];

			free(entry->frames);
			entry->frames = NULL;
			entry->frame_count = entry->frame_capacity = 0;
			entry->has_frames = false;
		}
	}
	reader->kept_frames = 0;
}

static void fill_frames(struct reader *reader, struct entry *entry)
{
	uint32_t node = entry->node;
	size_t old;

	if (reader->nodes[node].depth > entry->frame_capacity && reader->kept_frames > KEPT_FRAMES_LIMIT)
		forget_frames(reader);
	old = entry->frame_capacity;
	entry->frame_count = reader->nodes[node].depth;
	array_reserve(&entry->frames, &entry->frame_capacity, entry->frame_count, sizeof(*entry->frames));
	reader->kept_frames += entry->frame_capacity - old;
	for (size_t i = entry->frame_count; i > 0; i--) {
		const struct stack_frame *frame = &reader->frames[reader->nodes[node].frame];

		entry->frames[i - 1] = (struct sample_frame){ frame->function, frame->line };
		node = reader->nodes[node].parent;
	}
	entry->has_frames = true;
}

/* The samples of all threads of the process, for so many ticks. */
static int give_tick(struct reader *reader, const struct process *process, int64_t first_ns, int64_t last_ns,
	uint64_t weight)
{
	for (size_t i = 0; i < process->count; i++) {
		struct entry *entry = &process->entries[i];
		const struct thread *thread = &reader->threads[entry->thread];
		struct sample sample = {
			.time_ns = first_ns,
			.pid = process->pid,
			.tid = thread->tid,
			.interpreter_id = thread->interpreter,
			.process_name = reader->texts[thread->process_name],
			.thread_name = reader->texts[thread->name],
			.state = entry->state & STATE_MASK,
			.quality = entry->state >> QUALITY_SHIFT & QUALITY_MASK,
			.syscall_number = entry->call,
			.is_collecting = (entry->state & COLLECTS) != 0,
			.is_off_cpu = (entry->state & OFF_CPU) != 0,
		};
		struct event event = {
			.kind = EVENT_SAMPLE,
			.time_ns = first_ns,
			.pid = process->pid,
			.sample = &sample,
			.weight = weight,
			.last_ns = last_ns,
			.stack_key = reader->key + entry->node + 1,
		};

		if (!entry->has_frames)
			fill_frames(reader, entry);
		sample.frames = entry->frames;
		sample.frame_count = entry->frame_count;
		if (reader_give(reader, &event) != 0)
			return -1;
	}
	return 0;
}

static void read_sample(struct reader *reader, struct process *process, struct entry *entry)
{
	const uint32_t number = reader_get_below(reader, COLUMN_STACKS, reader->node_count + RECENT_NODES);
	const uint32_t node = number < RECENT_NODES ? process->recent.nodes[number] : number - RECENT_NODES;
	const uint64_t state = reader_get(reader, COLUMN_STATES);

	recent_use(&process->recent, number, node);
	if (state & ~(uint64_t)STATE_BITS || (state & STATE_MASK) >= THREAD_STATES ||
		(state >> QUALITY_SHIFT & QUALITY_MASK) >= SAMPLE_QUALITIES)
		reader_refuse(reader, COLUMN_STATES);
	entry->has_frames &= node == entry->node;
	entry->node = node;
	entry->state = (unsigned)state;
	entry->call = state & CALL_FOLLOWS ? (long)reader_get_below(reader, COLUMN_CALLS, INT32_MAX) : -1;
}

/* The number of entries that have to be there. Those that are new have memory of their own, which is kept. */
static void reserve_entries(struct process *process, size_t count)
{
	const size_t old = process->capacity;

	array_reserve(&process->entries, &process->capacity, count, sizeof(*process->entries));
	if (process->capacity > old)
		memset(process->entries + old, 0, (process->capacity - old) * sizeof(*process->entries));
}

static void read_list(struct reader *reader, struct process *process)
{
	const uint32_t count = reader_get_below(reader, COLUMN_SLOTS, THREADS_LIMIT);

	process->count = 0;
	for (uint32_t i = 0; i < count && !reader_is_bad(reader); i++) {
		if (i == process->longest) {
			if (reader->place_count >= PLACES_LIMIT) {
				reader_refuse(reader, COLUMN_SLOTS);
				return;
			}
			process->longest++;
			reader->place_count++;
		}
		reserve_entries(process, i + 1);
		process->entries[i].thread = reader_get_below(reader, COLUMN_SLOTS, reader->thread_count);
		read_sample(reader, process, &process->entries[i]);
		process->count = i + 1;
	}
}

static void read_changes(struct reader *reader, struct process *process)
{
	const uint32_t count = reader_get_below(reader, COLUMN_SLOTS, process->count + 1);
	size_t place = 0;

	for (uint32_t i = 0; i < count && !reader_is_bad(reader); i++) {
		place += reader_get_below(reader, COLUMN_SLOTS, process->count - place);
		if (place >= process->count) {
			reader_refuse(reader, COLUMN_SLOTS);
			return;
		}
		read_sample(reader, process, &process->entries[place++]);
	}
	if (count == 1)
		process->changed = place - 1;
}

static void read_change(struct reader *reader, struct process *process)
{
	if (process->changed < process->count)
		read_sample(reader, process, &process->entries[process->changed]);
	else
		reader_refuse(reader, COLUMN_OPERATIONS);
}

/* The time of the last of so many ticks. */
static bool read_time(struct reader *reader, struct process *process, uint64_t ticks)
{
	const int64_t limit = TIME_LIMIT_NS / reader->step_ns, late = reader_get_signed(reader, COLUMN_TIMES);
	int64_t steps;

	if (__builtin_mul_overflow((int64_t)ticks, reader->interval_steps, &steps) ||
		__builtin_add_overflow(steps, late, &steps) ||
		__builtin_add_overflow(steps, process->steps, &steps) || steps < 0 || steps > limit)
		reader_refuse(reader, COLUMN_TIMES);
	else
		process->steps = steps;
	return !reader->columns[COLUMN_TIMES].bad;
}

static int read_tick(struct reader *reader, enum operation operation)
{
	struct process *process = reader->selected;
	int64_t before = process->steps, time_ns;
	uint64_t ticks = 1;

	if (operation == OPERATION_LIST)
		read_list(reader, process);
	else if (operation == OPERATION_CHANGES)
		read_changes(reader, process);
	else if (operation == OPERATION_CHANGE)
		read_change(reader, process);
	else
		ticks = reader_get_below(reader, COLUMN_SLOTS, INT32_MAX);
	if (!read_time(reader, process, ticks) || reader_is_bad(reader) || !ticks) {
		reader_refuse(reader, COLUMN_SLOTS);
		return 0;
	}
	time_ns = process->steps * reader->step_ns;
	if (ticks == 1)
		return give_tick(reader, process, time_ns, time_ns, 1);
	/* only the last of several has a time of its own */
	before += (process->steps - before) / (int64_t)ticks;
	return give_tick(reader, process, before * reader->step_ns, time_ns, ticks);
}

static int64_t read_moment(struct reader *reader)
{
	const uint64_t time_ns = reader_get(reader, COLUMN_VALUES);

	if (time_ns <= (uint64_t)TIME_LIMIT_NS)
		return (int64_t)time_ns;
	reader_refuse(reader, COLUMN_VALUES);
	return 0;
}

static int read_process(struct reader *reader, const struct event *moment)
{
	struct process_info process = { .parent = (pid_t)reader_get_below(reader, COLUMN_VALUES, INT32_MAX) };
	const bool free_threaded = reader_get_below(reader, COLUMN_VALUES, 2);
	const uint32_t name = reader_get_below(reader, COLUMN_VALUES, reader->text_count);
	const uint32_t command_line = reader_get_below(reader, COLUMN_VALUES, reader->text_count);
	const uint32_t version = reader_get_below(reader, COLUMN_VALUES, reader->text_count);

	uint32_t root_count = reader_get_below(reader, COLUMN_VALUES, ROOTS_LIMIT);
	struct buffer roots = { 0 };
	int result;

	buffer_append_string(&roots, "");
	for (; root_count && !reader_is_bad(reader); root_count--) {
		const uint32_t root = reader_get_below(reader, COLUMN_VALUES, reader->text_count);

		if (reader_is_bad(reader))
			break;
		if (strlen(reader->texts[root]) >= ROOTS_LIMIT_BYTES - roots.length) {
			reader_refuse(reader, COLUMN_VALUES);
			break;
		}
		buffer_append_string(&roots, reader->texts[root]);
		buffer_append_char(&roots, '\n');
	}
	if (reader_is_bad(reader) ||
		!reader_count(reader, COLUMN_VALUES, &reader->process_bytes,
			strlen(reader->texts[name]) + strlen(reader->texts[command_line]) +
				strlen(reader->texts[version]),
			PROCESSES_LIMIT_BYTES)) {
		buffer_release(&roots);
		return 0;
	}
	process.roots = roots.data;
	process.name = reader->texts[name];
	process.command_line = reader->texts[command_line];
	process.version = reader->texts[version];
	process.free_threaded = free_threaded;
	result = reader_give(reader,
		&(struct event){ .kind = EVENT_PROCESS,
			.time_ns = moment->time_ns,
			.pid = moment->pid,
			.process = &process });
	buffer_release(&roots);
	return result;
}

static int read_counters(struct reader *reader, const struct event *moment)
{
	struct process_counters counters;

	counters.user_ns = reader_get(reader, COLUMN_VALUES);
	counters.system_ns = reader_get(reader, COLUMN_VALUES);
	counters.resident_bytes = reader_get(reader, COLUMN_VALUES);
	counters.minor_faults = reader_get(reader, COLUMN_VALUES);
	counters.major_faults = reader_get(reader, COLUMN_VALUES);
	counters.voluntary_switches = reader_get(reader, COLUMN_VALUES);
	counters.involuntary_switches = reader_get(reader, COLUMN_VALUES);
	if (reader_is_bad(reader))
		return 0;
	return reader_give(reader,
		&(struct event){ .kind = EVENT_COUNTERS,
			.time_ns = moment->time_ns,
			.pid = moment->pid,
			.counters = &counters });
}

/* What is not a tick. */
static int read_other(struct reader *reader, enum operation operation)
{
	struct event event = {
		.time_ns = read_moment(reader),
		.pid = reader->selected ? reader->selected->pid : 0,
	};

	switch (operation) {
	case OPERATION_PROCESS:
		return read_process(reader, &event);
	case OPERATION_COUNTERS:
		return read_counters(reader, &event);
	case OPERATION_MISSED:
		event.kind = EVENT_MISSED;
		event.missed = reader_get(reader, COLUMN_VALUES);
		break;
	case OPERATION_CLOCK:
		event.kind = EVENT_CLOCK;
		event.realtime_ns = (int64_t)reader_get(reader, COLUMN_VALUES);
		break;
	case OPERATION_MARK: {
		const uint32_t text = reader_get_below(reader, COLUMN_VALUES, reader->text_count);

		event.kind = EVENT_MARK;
		event.pid = 0;
		event.reason = reader_is_bad(reader) ? "" : reader->texts[text];
		break;
	}
	case OPERATION_EXIT:
		event.kind = EVENT_EXIT;
		event.status = (int)reader_get_signed(reader, COLUMN_VALUES);
		break;
	default:
		reader_refuse(reader, COLUMN_OPERATIONS);
		break;
	}
	return reader_is_bad(reader) ? 0 : reader_give(reader, &event);
}

static int read_operation(struct reader *reader)
{
	const enum operation operation = wire_get_byte(&reader->columns[COLUMN_OPERATIONS]);

	switch (operation) {
	case OPERATION_SELECT: {
		const uint32_t index = reader_get_below(reader, COLUMN_VALUES, reader->process_count);

		if (!reader->columns[COLUMN_VALUES].bad)
			reader->selected = &reader->processes[index];
		return 0;
	}
	case OPERATION_LIST:
	case OPERATION_CHANGES:
	case OPERATION_CHANGE:
	case OPERATION_REPEAT:
		if (reader->selected)
			return read_tick(reader, operation);
		reader_refuse(reader, COLUMN_OPERATIONS);
		return 0;
	default:
		if (reader->selected || operation == OPERATION_CLOCK || operation == OPERATION_MARK)
			return read_other(reader, operation);
		reader_refuse(reader, COLUMN_OPERATIONS);
		return 0;
	}
}

int reader_read_operations(struct reader *reader)
{
	while (!reader_is_bad(reader) && reader_has_more(reader, COLUMN_OPERATIONS)) {
		if (read_operation(reader) != 0)
			return -1;
	}
	return 0;
}
