/* SPDX-License-Identifier: MIT */
/*
 * Events become columns. Most threads do what they did at the last tick, and most ticks are like the one
 * before: so a tick is written as what has changed, and ticks without a change as their number. A sample of a
 * thread that sleeps costs nothing then, and a second of a program that is idle some 50 bytes.
 *
 * What is defined once (texts, functions, frames, stacks, threads) is written in the block in which it is
 * first used.
 */
#include "config.h"

#include "pyrope/recording.h"

#include <stdlib.h>
#include <string.h>

#include "pyrope/stacks.h"
#include "recording/wire.h"

#define BLOCK_BYTES 65536
#define BLOCK_NS INT64_C(1000000000)
#define STEPS_PER_INTERVAL 64

int64_t recording_step_ns(int64_t interval_ns)
{
	return interval_ns > STEPS_PER_INTERVAL ? interval_ns / STEPS_PER_INTERVAL : 1;
}

/* The sample of one thread at one tick. */
struct entry {
	uint32_t thread, node;
	unsigned state; /* and quality and the rest of COLUMN_STATES */
	long call;
};

struct tick {
	struct entry *entries;
	size_t count, capacity;
};

struct process {
	uint32_t index;
	pid_t pid;
	struct tick last, now;
	bool has_last;
	struct stack_path *paths; /* by place in the list of threads */
	size_t path_capacity;
	struct recent recent;
	size_t changed;       /* the place that changed last, of a tick in which one did */
	int64_t last_steps;   /* the time of the last tick that was written */
	uint64_t repeats;     /* ticks like the last one that are not written yet, */
	int64_t repeat_steps; /* and the time of the last of these */
};

struct thread {
	uint32_t process;
	pid_t tid;
	uint64_t interpreter;
	uint32_t name, process_name; /* texts */
};

struct recorder {
	struct sink sink;
	struct recorder_file file;
	struct packer *packer;
	int64_t step_ns, interval_steps;

	struct stacks stacks;
	size_t frames_written, nodes_written;
	uint32_t *functions; /* by id of the run: 1 more than its number here; 0: not written yet */
	size_t function_capacity, function_count;

	char **texts;
	size_t text_count, text_capacity;
	struct u64_map texts_by_hash;

	struct process **processes;
	size_t process_count, process_capacity;
	struct u64_map process_by_pid;
	const struct process *selected; /* what the last operation of this block was about; NULL: none yet */

	struct thread *threads;
	size_t thread_count, thread_capacity;
	struct u64_map thread_by_tid; /* process << 32 | tid -> thread */

	struct process *pending; /* whose tick is being collected; NULL: none */
	int64_t pending_ns, pending_last_ns;
	uint64_t pending_weight;

	struct buffer columns[COLUMNS];
	struct buffer plain, packed;
	int64_t block_began_ns;
	uint32_t blocks;
};

static void put(struct recorder *recorder, enum column column, uint64_t number)
{
	wire_put(&recorder->columns[column], number);
}

static void put_signed(struct recorder *recorder, enum column column, int64_t number)
{
	wire_put_signed(&recorder->columns[column], number);
}

/* ---- definitions ---- */

static uint32_t text_of(struct recorder *recorder, const char *text)
{
	uint64_t hash = hash_bytes(text, strlen(text));
	uint64_t *slot;

	/* what collides takes the next number */
	for (; (slot = u64_map_get(&recorder->texts_by_hash, hash)); hash++) {
		if (strcmp(recorder->texts[*slot], text) == 0)
			return (uint32_t)*slot;
	}
	array_reserve(&recorder->texts, &recorder->text_capacity, recorder->text_count + 1, sizeof(char *));
	recorder->texts[recorder->text_count] = xstrdup(text);
	u64_map_put(&recorder->texts_by_hash, hash, recorder->text_count);
	wire_put_text(&recorder->columns[COLUMN_TEXTS], text);
	return (uint32_t)recorder->text_count++;
}

static uint32_t function_of(struct recorder *recorder, const struct function *function)
{
	const size_t old = recorder->function_capacity;

	if (function->id >= old) {
		array_reserve(&recorder->functions, &recorder->function_capacity, (size_t)function->id + 1,
			sizeof(uint32_t));
		memset(recorder->functions + old, 0, (recorder->function_capacity - old) * sizeof(uint32_t));
	}
	if (!recorder->functions[function->id]) {
		const uint32_t file = text_of(recorder, function->file),
			       name = text_of(recorder, function->name);

		put(recorder, COLUMN_FUNCTIONS, function->kind);
		put(recorder, COLUMN_FUNCTIONS, file);
		put(recorder, COLUMN_FUNCTIONS, name);
		put_signed(recorder, COLUMN_FUNCTIONS, function->first_line);
		recorder->functions[function->id] = (uint32_t)++recorder->function_count;
	}
	return recorder->functions[function->id] - 1;
}

/* Frames and nodes that the tree has got since the last block. */
static void write_stacks(struct recorder *recorder)
{
	const struct stacks *stacks = &recorder->stacks;

	for (; recorder->frames_written < stacks->frame_count; recorder->frames_written++) {
		const struct stack_frame *frame = &stacks->frames[recorder->frames_written];

		put(recorder, COLUMN_FRAMES, function_of(recorder, frame->function));
		put_signed(recorder, COLUMN_FRAMES, (int64_t)frame->line - frame->function->first_line);
	}
	for (; recorder->nodes_written < stacks->node_count; recorder->nodes_written++) {
		const struct stack_node *node = &stacks->nodes[recorder->nodes_written];

		put(recorder, COLUMN_NODES, recorder->nodes_written - node->parent);
		put(recorder, COLUMN_NODES, node->frame);
	}
}

static struct process *process_of(struct recorder *recorder, pid_t pid)
{
	const uint64_t *known = u64_map_get(&recorder->process_by_pid, (uint64_t)pid);
	struct process *process;

	if (known)
		return recorder->processes[*known];
	process = xcalloc(1, sizeof(*process));
	process->index = (uint32_t)recorder->process_count;
	process->pid = pid;
	array_reserve(&recorder->processes, &recorder->process_capacity, recorder->process_count + 1,
		sizeof(struct process *));
	recorder->processes[recorder->process_count] = process;
	put(recorder, COLUMN_PROCESSES, (uint64_t)pid);
	u64_map_put(&recorder->process_by_pid, (uint64_t)pid, recorder->process_count++);
	return process;
}

static bool same_thread(
	const struct recorder *recorder, const struct thread *thread, const struct sample *sample)
{
	return thread->tid == sample->tid && thread->interpreter == sample->interpreter_id &&
		strcmp(recorder->texts[thread->name], sample->thread_name) == 0 &&
		strcmp(recorder->texts[thread->process_name], sample->process_name) == 0;
}

/* A thread that has another name now is another thread here. */
static uint32_t thread_of(struct recorder *recorder, uint32_t process, const struct sample *sample)
{
	const uint64_t key = (uint64_t)process << 32 | (uint32_t)sample->tid;
	const uint64_t *known = u64_map_get(&recorder->thread_by_tid, key);
	struct thread thread = {
		.process = process, .tid = sample->tid, .interpreter = sample->interpreter_id
	};

	if (known && same_thread(recorder, &recorder->threads[*known], sample))
		return (uint32_t)*known;
	thread.name = text_of(recorder, sample->thread_name);
	thread.process_name = text_of(recorder, sample->process_name);
	array_reserve(&recorder->threads, &recorder->thread_capacity, recorder->thread_count + 1,
		sizeof(*recorder->threads));
	recorder->threads[recorder->thread_count] = thread;
	put(recorder, COLUMN_THREADS, process);
	put(recorder, COLUMN_THREADS, (uint64_t)sample->tid);
	put(recorder, COLUMN_THREADS, sample->interpreter_id);
	put(recorder, COLUMN_THREADS, thread.name);
	put(recorder, COLUMN_THREADS, thread.process_name);
	u64_map_put(&recorder->thread_by_tid, key, recorder->thread_count);
	return (uint32_t)recorder->thread_count++;
}

/* ---- operations ---- */

static void operate(struct recorder *recorder, enum operation operation)
{
	buffer_append_char(&recorder->columns[COLUMN_OPERATIONS], (char)operation);
}

static void select_process(struct recorder *recorder, const struct process *process)
{
	if (recorder->selected == process)
		return;
	operate(recorder, OPERATION_SELECT);
	put(recorder, COLUMN_VALUES, process->index);
	recorder->selected = process;
}

static int64_t steps_of(const struct recorder *recorder, int64_t time_ns)
{
	return time_ns / recorder->step_ns;
}

/* The time of a tick, of the last of so many. */
static void put_tick_time(struct recorder *recorder, struct process *process, int64_t steps, uint64_t ticks)
{
	put_signed(recorder, COLUMN_TIMES,
		steps - process->last_steps - (int64_t)ticks * recorder->interval_steps);
	process->last_steps = steps;
}

static void write_repeats(struct recorder *recorder, struct process *process)
{
	if (!process->repeats)
		return;
	select_process(recorder, process);
	operate(recorder, OPERATION_REPEAT);
	put(recorder, COLUMN_SLOTS, process->repeats);
	put_tick_time(recorder, process, process->repeat_steps, process->repeats);
	process->repeats = 0;
}

static void put_sample(struct recorder *recorder, struct process *process, const struct entry *entry)
{
	const size_t place = recent_find(&process->recent, entry->node);

	put(recorder, COLUMN_STACKS, place < RECENT_NODES ? place : (uint64_t)entry->node + RECENT_NODES);
	recent_use(&process->recent, place, entry->node);
	put(recorder, COLUMN_STATES, entry->state | (entry->call >= 0 ? CALL_FOLLOWS : 0));
	if (entry->call >= 0)
		put(recorder, COLUMN_CALLS, (uint64_t)entry->call);
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
	put(recorder, COLUMN_SLOTS, changes);
	for (size_t i = 0; i < process->now.count; i++) {
		if (same_entry(&process->last.entries[i], &process->now.entries[i])) {
			passed++;
			continue;
		}
		put(recorder, COLUMN_SLOTS, passed);
		put_sample(recorder, process, &process->now.entries[i]);
		passed = 0;
	}
}

static void write_list(struct recorder *recorder, struct process *process)
{
	operate(recorder, OPERATION_LIST);
	put(recorder, COLUMN_SLOTS, process->now.count);
	for (size_t i = 0; i < process->now.count; i++) {
		put(recorder, COLUMN_SLOTS, process->now.entries[i].thread);
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
		same_thread(recorder, &recorder->threads[process->last.entries[place].thread], sample))
		entry->thread = process->last.entries[place].thread;
	else
		entry->thread = thread_of(recorder, process->index, sample);
	entry->node = stacks_find(
		&recorder->stacks, path_at(process, place), 0, sample->frames, sample->frame_count);
	entry->state = (unsigned)sample->state | (unsigned)sample->quality << QUALITY_SHIFT |
		(sample->is_collecting ? COLLECTS : 0);
	entry->call = sample->syscall_number;
}

static void take_sample(struct recorder *recorder, const struct event *event)
{
	struct process *process = process_of(recorder, event->sample->pid);

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
	end_tick(recorder);
	for (size_t i = 0; i < recorder->process_count; i++)
		write_repeats(recorder, recorder->processes[i]);
	if (operation != OPERATION_CLOCK && operation != OPERATION_MARK)
		select_process(recorder, process_of(recorder, event->pid));
	operate(recorder, operation);
	put(recorder, COLUMN_VALUES, (uint64_t)event->time_ns);
}

static void take_process(struct recorder *recorder, const struct event *event)
{
	const struct process_info *process = event->process;
	uint64_t count = 0;

	begin_operation(recorder, OPERATION_PROCESS, event);
	put(recorder, COLUMN_VALUES, (uint64_t)process->parent);
	put(recorder, COLUMN_VALUES, process->free_threaded);
	put(recorder, COLUMN_VALUES, text_of(recorder, process->name));
	put(recorder, COLUMN_VALUES, text_of(recorder, process->command_line));
	put(recorder, COLUMN_VALUES, text_of(recorder, process->version));
	for (const char *root = process->roots; *root; root += strcspn(root, "\n") + 1)
		count++;
	put(recorder, COLUMN_VALUES, count);
	for (const char *root = process->roots; *root; root += strcspn(root, "\n") + 1) {
		char *text = xstrndup(root, strcspn(root, "\n"));

		put(recorder, COLUMN_VALUES, text_of(recorder, text));
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
		put(recorder, COLUMN_VALUES, values[i]);
}

/* ---- blocks ---- */

static int write_block(struct recorder *recorder, enum block_kind kind, struct error *err)
{
	buffer_clear(&recorder->packed);
	if (recorder->blocks == 0)
		buffer_append(&recorder->packed, RECORDING_SIGNATURE, SIGNATURE_BYTES);
	packer_pack(recorder->packer, kind, recorder->blocks++, &recorder->plain, &recorder->packed);
	return recorder->file.write(
		recorder->file.context, recorder->packed.data, recorder->packed.length, err);
}

static int write_events(struct recorder *recorder, struct error *err)
{
	bool is_empty = true;

	end_tick(recorder);
	for (size_t i = 0; i < recorder->process_count; i++)
		write_repeats(recorder, recorder->processes[i]);
	write_stacks(recorder);
	buffer_clear(&recorder->plain);
	for (size_t i = 0; i < COLUMNS; i++) {
		struct buffer *column = &recorder->columns[i];

		is_empty &= !column->length;
		wire_put(&recorder->plain, column->length);
		if (column->length)
			buffer_append(&recorder->plain, column->data, column->length);
		buffer_clear(column);
	}
	recorder->block_began_ns = 0;
	recorder->selected = NULL;
	return is_empty ? 0 : write_block(recorder, BLOCK_EVENTS, err);
}

static size_t block_bytes(const struct recorder *recorder)
{
	size_t bytes = 0;

	for (size_t i = 0; i < COLUMNS; i++)
		bytes += recorder->columns[i].length;
	/* a new frame or node takes some 6 bytes */
	return bytes +
		6 *
		(recorder->stacks.node_count - recorder->nodes_written + recorder->stacks.frame_count -
			recorder->frames_written);
}

static void put_pair(struct buffer *plain, const char *name, const char *value)
{
	wire_put_text(plain, name);
	wire_put_text(plain, value);
}

static void put_number(struct buffer *plain, const char *name, int64_t value)
{
	struct buffer text = { 0 };

	buffer_append_int(&text, value);
	put_pair(plain, name, text.data);
	buffer_release(&text);
}

static int write_begin(struct recorder *recorder, const struct event *event, struct error *err)
{
	const struct run_info *run = event->run;
	struct buffer *plain = &recorder->plain;

	recorder->step_ns = recording_step_ns(run->interval_ns);
	recorder->interval_steps = run->interval_ns / recorder->step_ns;
	buffer_clear(plain);
	wire_put(plain, RECORDING_FORMAT);
	put_pair(plain, "version", run->version);
	put_pair(plain, "arguments", run->arguments);
	put_pair(plain, "machine", run->machine);
	put_pair(plain, "mode", run->mode);
	put_number(plain, "cpus", run->cpus);
	put_number(plain, "interval_ns", run->interval_ns);
	put_number(plain, "step_ns", recorder->step_ns);
	put_number(plain, "native", run->native);
	put_number(plain, "time_ns", event->time_ns);
	put_number(plain, "realtime_ns", run->realtime_ns);
	return write_block(recorder, BLOCK_BEGIN, err);
}

static int write_end(struct recorder *recorder, const struct event *event, struct error *err)
{
	if (write_events(recorder, err) != 0)
		return -1;
	buffer_clear(&recorder->plain);
	wire_put(&recorder->plain, (uint64_t)event->time_ns);
	wire_put_text(&recorder->plain, event->reason);
	return write_block(recorder, BLOCK_END, err);
}

/* ---- the sink ---- */

static int take(struct sink *sink, const struct event *event, struct error *err)
{
	struct recorder *recorder = (struct recorder *)sink;

	if (event->kind == EVENT_BEGIN && recorder->blocks == 0)
		return write_begin(recorder, event, err);
	if (recorder->block_began_ns && event->kind != EVENT_LEFT_OUT && event->kind != EVENT_BEGIN &&
		(event->time_ns - recorder->block_began_ns > BLOCK_NS ||
			block_bytes(recorder) > BLOCK_BYTES) &&
		write_events(recorder, err) != 0)
		return -1;
	if (!recorder->block_began_ns)
		recorder->block_began_ns = event->time_ns;
	switch (event->kind) {
	case EVENT_SAMPLE:
		take_sample(recorder, event);
		break;
	case EVENT_PROCESS:
		take_process(recorder, event);
		break;
	case EVENT_MISSED:
		begin_operation(recorder, OPERATION_MISSED, event);
		put(recorder, COLUMN_VALUES, event->missed);
		break;
	case EVENT_COUNTERS:
		take_counters(recorder, event);
		break;
	case EVENT_CLOCK:
		begin_operation(recorder, OPERATION_CLOCK, event);
		put(recorder, COLUMN_VALUES, (uint64_t)event->realtime_ns);
		break;
	case EVENT_MARK:
		begin_operation(recorder, OPERATION_MARK, event);
		put(recorder, COLUMN_VALUES, text_of(recorder, event->reason));
		break;
	case EVENT_EXIT:
		begin_operation(recorder, OPERATION_EXIT, event);
		put_signed(recorder, COLUMN_VALUES, event->status);
		break;
	case EVENT_END:
		return write_end(recorder, event, err);
	case EVENT_BEGIN:    /* of a further recording that is merged into this one */
	case EVENT_LEFT_OUT: /* what is left out of a recording is not in it */
	case EVENT_KINDS:
		break;
	}
	return 0;
}

static int flush(struct sink *sink, struct error *err)
{
	struct recorder *recorder = (struct recorder *)sink;

	return recorder->blocks ? write_events(recorder, err) : 0;
}

static void release(struct sink *sink)
{
	struct recorder *recorder = (struct recorder *)sink;

	for (size_t i = 0; i < recorder->process_count; i++) {
		struct process *process = recorder->processes[i];

		for (size_t j = 0; j < process->path_capacity; j++)
			stack_path_release(&process->paths[j]);
		free(process->paths);
		free(process->last.entries);
		free(process->now.entries);
		free(process);
	}
	free(recorder->processes);
	u64_map_release(&recorder->process_by_pid);
	free(recorder->threads);
	u64_map_release(&recorder->thread_by_tid);
	for (size_t i = 0; i < recorder->text_count; i++)
		free(recorder->texts[i]);
	free(recorder->texts);
	u64_map_release(&recorder->texts_by_hash);
	free(recorder->functions);
	stacks_release(&recorder->stacks);
	for (size_t i = 0; i < COLUMNS; i++)
		buffer_release(&recorder->columns[i]);
	buffer_release(&recorder->plain);
	buffer_release(&recorder->packed);
	packer_free(recorder->packer);
	free(recorder);
}

struct sink *recorder_new(const struct recorder_file *file)
{
	struct recorder *recorder = xcalloc(1, sizeof(*recorder));

	recorder->sink = (struct sink){ .take = take, .flush = flush, .finish = flush, .free = release };
	recorder->file = *file;
	recorder->packer = packer_new();
	recorder->step_ns = recorder->interval_steps = 1;
	stacks_init(&recorder->stacks);
	recorder->nodes_written = 1; /* the empty stack is known */
	return &recorder->sink;
}
