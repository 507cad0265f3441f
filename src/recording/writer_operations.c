/* SPDX-License-Identifier: MIT */
/*
 * Events become operations. Most threads do what they did at the last tick, and most ticks are like the one
 * before: so a tick is written as what has changed, and ticks without a change as their number. A sample of a
 * thread that sleeps costs nothing then, and a second of a program that is idle some 50 bytes.
 */
#include "config.h"

#include "recording/writer.h"

#include <stdlib.h>
#include <string.h>

static void operate(struct recorder *recorder, enum operation operation)
{
	buffer_append_char(&recorder->columns[COLUMN_OPERATIONS], (char)operation);
}

static void select_process(struct recorder *recorder, const struct process *process)
{
	if (recorder->selected == process)
		return;
	operate(recorder, OPERATION_SELECT);
	recorder_put(recorder, COLUMN_VALUES, process->index);
	recorder->selected = process;
}

static int64_t steps_of(const struct recorder *recorder, int64_t time_ns)
{
	return time_ns / recorder->step_ns;
}

/* The time of a tick, of the last of so many. */
static void put_tick_time(struct recorder *recorder, struct process *process, int64_t steps, uint64_t ticks)
{
	recorder_put_signed(recorder, COLUMN_TIMES,
		steps - process->last_steps - (int64_t)ticks * recorder->interval_steps);
	process->last_steps = steps;
}

static void write_repeats(struct recorder *recorder, struct process *process)
{
	if (!process->repeats)
		return;
	select_process(recorder, process);
	operate(recorder, OPERATION_REPEAT);
	recorder_put(recorder, COLUMN_SLOTS, process->repeats);
	put_tick_time(recorder, process, process->repeat_steps, process->repeats);
	process->repeats = 0;
}

static void put_sample(struct recorder *recorder, struct process *process, const struct entry *entry)
{
	const size_t place = recent_find(&process->recent, entry->node);

	recorder_put(
		recorder, COLUMN_STACKS, place < RECENT_NODES ? place : (uint64_t)entry->node + RECENT_NODES);
	recent_use(&process->recent, place, entry->node);
	recorder_put(recorder, COLUMN_STATES, entry->state | (entry->call >= 0 ? CALL_FOLLOWS : 0));
	if (entry->call >= 0)
		recorder_put(recorder, COLUMN_CALLS, (uint64_t)entry->call);
}

static bool same_entry(const struct entry *left, const struct entry *right)
{
	return left->node == right->node && left->state == right->state && left->call == right->call;
}

/* SIZE_MAX: other threads, or in another order. Else how many samples differ. */
static size_t count_changes(const struct tick *last, const struct tick *now)
{
	size_t changes = 0;

	if (last->count != now->count)
		return SIZE_MAX;
	for (size_t i = 0; i < now->count; i++) {
		if (last->entries[i].thread != now->entries[i].thread)
			return SIZE_MAX;
		changes += !same_entry(&last->entries[i], &now->entries[i]);
	}
	return changes;
}

/* The first place at which a sample differs. */
static size_t first_change(const struct process *process)
{
	size_t place = 0;

	while (same_entry(&process->last.entries[place], &process->now.entries[place]))
		place++;
	return place;
}

static void write_changes(struct recorder *recorder, struct process *process, size_t changes)
{
	const size_t first = first_change(process);
	size_t passed = 0;

	if (changes == 1 && first == process->changed) {
		operate(recorder, OPERATION_CHANGE);
		put_sample(recorder, process, &process->now.entries[first]);
		return;
	}
	if (changes == 1)
		process->changed = first;
	operate(recorder, OPERATION_CHANGES);
	recorder_put(recorder, COLUMN_SLOTS, changes);
	for (size_t i = 0; i < process->now.count; i++) {
		if (same_entry(&process->last.entries[i], &process->now.entries[i])) {
			passed++;
			continue;
		}
		recorder_put(recorder, COLUMN_SLOTS, passed);
		put_sample(recorder, process, &process->now.entries[i]);
		passed = 0;
	}
}

static void write_list(struct recorder *recorder, struct process *process)
{
	operate(recorder, OPERATION_LIST);
	recorder_put(recorder, COLUMN_SLOTS, process->now.count);
	for (size_t i = 0; i < process->now.count; i++) {
		recorder_put(recorder, COLUMN_SLOTS, process->now.entries[i].thread);
		put_sample(recorder, process, &process->now.entries[i]);
	}
}

/* The tick that was being collected is whole. */
static void end_tick(struct recorder *recorder)
{
	struct process *process = recorder->pending;
	const int64_t steps = steps_of(recorder, recorder->pending_ns);
	uint64_t repeats = recorder->pending_weight - 1;
	struct tick tick;
	size_t changes;

	if (!process)
		return;
	recorder->pending = NULL;
	changes = process->has_last ? count_changes(&process->last, &process->now) : SIZE_MAX;
	if (changes == 0) {
		repeats++;
	} else {
		write_repeats(recorder, process);
		select_process(recorder, process);
		if (changes == SIZE_MAX)
			write_list(recorder, process);
		else
			write_changes(recorder, process, changes);
		put_tick_time(recorder, process, steps, 1);
		process->has_last = true;
		tick = process->last;
		process->last = process->now;
		process->now = tick;
	}
	process->now.count = 0;
	if (changes == 0 &&
		steps - (process->repeats ? process->repeat_steps : process->last_steps) >
			EVENT_GAP_INTERVALS * recorder->interval_steps) {
		write_repeats(recorder, process);
		process->repeats = 1;
		process->repeat_steps = steps;
		write_repeats(recorder, process);
		repeats--;
	}
	if (repeats) {
		process->repeats += repeats;
		process->repeat_steps = steps_of(recorder, recorder->pending_last_ns);
	}
}

void recorder_write_ticks(struct recorder *recorder)
{
	end_tick(recorder);
	for (size_t i = 0; i < recorder->process_count; i++)
		write_repeats(recorder, recorder->processes[i]);
}

static struct stack_path *path_at(struct process *process, size_t place)
{
	const size_t old = process->path_capacity;

	if (place >= old) {
		array_reserve(&process->paths, &process->path_capacity, place + 1, sizeof(*process->paths));
		memset(process->paths + old, 0, (process->path_capacity - old) * sizeof(*process->paths));
	}
	return &process->paths[place];
}

static void add_sample(struct recorder *recorder, struct process *process, const struct sample *sample)
{
	struct tick *now = &process->now;
	const size_t place = now->count;
	struct entry *entry;

	array_reserve(&now->entries, &now->capacity, place + 1, sizeof(*now->entries));
	entry = &now->entries[now->count++];
	if (process->has_last && place < process->last.count &&
		recorder_same_thread(
			recorder, &recorder->threads[process->last.entries[place].thread], sample))
		entry->thread = process->last.entries[place].thread;
	else
		entry->thread = recorder_thread(recorder, process->index, sample);
	entry->node = stacks_find(
		&recorder->stacks, path_at(process, place), 0, sample->frames, sample->frame_count);
	entry->state = (unsigned)sample->state | (unsigned)sample->quality << QUALITY_SHIFT |
		(sample->is_collecting ? COLLECTS : 0) | (sample->is_off_cpu ? OFF_CPU : 0);
	entry->call = sample->syscall_number;
}

static void take_sample(struct recorder *recorder, const struct event *event)
{
	struct process *process = recorder_process(recorder, event->sample->pid);

	if (recorder->pending != process || recorder->pending_ns != event->time_ns) {
		end_tick(recorder);
		recorder->pending = process;
		recorder->pending_ns = event->time_ns;
		recorder->pending_last_ns = event->last_ns;
		recorder->pending_weight = event->weight;
	}
	add_sample(recorder, process, event->sample);
}

/* What is not a tick. The time comes first. */
static void begin_operation(struct recorder *recorder, enum operation operation, const struct event *event)
{
	recorder_write_ticks(recorder);
	if (operation != OPERATION_CLOCK && operation != OPERATION_MARK)
		select_process(recorder, recorder_process(recorder, event->pid));
	operate(recorder, operation);
	recorder_put(recorder, COLUMN_VALUES, (uint64_t)event->time_ns);
}

static void take_process(struct recorder *recorder, const struct event *event)
{
	const struct process_info *process = event->process;
	uint64_t count = 0;

	begin_operation(recorder, OPERATION_PROCESS, event);
	recorder_put(recorder, COLUMN_VALUES, (uint64_t)process->parent);
	recorder_put(recorder, COLUMN_VALUES, process->free_threaded);
	recorder_put(recorder, COLUMN_VALUES, recorder_text(recorder, process->name));
	recorder_put(recorder, COLUMN_VALUES, recorder_text(recorder, process->command_line));
	recorder_put(recorder, COLUMN_VALUES, recorder_text(recorder, process->version));
	for (const char *root = process->roots; *root; root += strcspn(root, "\n") + 1)
		count++;
	recorder_put(recorder, COLUMN_VALUES, count);
	for (const char *root = process->roots; *root; root += strcspn(root, "\n") + 1) {
		char *text = xstrndup(root, strcspn(root, "\n"));

		recorder_put(recorder, COLUMN_VALUES, recorder_text(recorder, text));
		free(text);
	}
}

static void take_counters(struct recorder *recorder, const struct event *event)
{
	const struct process_counters *counters = event->counters;
	const uint64_t values[] = { counters->user_ns, counters->system_ns, counters->resident_bytes,
		counters->minor_faults, counters->major_faults, counters->voluntary_switches,
		counters->involuntary_switches };

	begin_operation(recorder, OPERATION_COUNTERS, event);
	for (size_t i = 0; i < ARRAY_LENGTH(values); i++)
		recorder_put(recorder, COLUMN_VALUES, values[i]);
}

void recorder_take(struct recorder *recorder, const struct event *event)
{
	switch (event->kind) {
	case EVENT_SAMPLE:
		take_sample(recorder, event);
		break;
	case EVENT_PROCESS:
		take_process(recorder, event);
		break;
	case EVENT_MISSED:
		begin_operation(recorder, OPERATION_MISSED, event);
		recorder_put(recorder, COLUMN_VALUES, event->missed);
		break;
	case EVENT_COUNTERS:
		take_counters(recorder, event);
		break;
	case EVENT_CLOCK:
		begin_operation(recorder, OPERATION_CLOCK, event);
		recorder_put(recorder, COLUMN_VALUES, (uint64_t)event->realtime_ns);
		break;
	case EVENT_MARK:
		begin_operation(recorder, OPERATION_MARK, event);
		recorder_put(recorder, COLUMN_VALUES, recorder_text(recorder, event->reason));
		break;
	case EVENT_EXIT:
		begin_operation(recorder, OPERATION_EXIT, event);
		recorder_put_signed(recorder, COLUMN_VALUES, event->status);
		break;
	case EVENT_END:      /* a block of its own */
	case EVENT_BEGIN:    /* of a further recording that is merged into this one */
	case EVENT_LEFT_OUT: /* what is left out of a recording is not in it */
	case EVENT_KINDS:
		break;
	}
}
