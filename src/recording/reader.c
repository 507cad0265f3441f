/* SPDX-License-Identifier: MIT */
/*
 * Columns become events. The file is untrusted: a block is believed only when its checksum is right and no
 * block is missing before it, every number is compared with what has been defined so far, and what is defined
 * has limits. Whatever is wrong ends the reading at the block before: what was given to the sink until then
 * is right.
 */
#include "config.h"

#include "pyrope/recording.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pyrope/stacks.h"
#include "recording/wire.h"

/*
 * A recording of 48 hours has some 10,000 of each; these take some 500 MB, and are what a file that lies
 * can make pyrope take.
 */
#define TEXTS_LIMIT_BYTES (64u << 20)
#define DEFINITIONS_LIMIT (8u << 20) /* of functions, frames, nodes or threads */
#define THREADS_LIMIT (1u << 20)     /* at one tick */
#define ROOTS_LIMIT 1000             /* of a process */

/* How long one tick may be said to last, so that no sum of times overflows. */
#define TIME_LIMIT_NS (INT64_C(1) << 60)

struct node {
	uint32_t parent, frame, depth;
};

struct thread {
	uint32_t process;
	pid_t tid;
	uint64_t interpreter;
	uint32_t name, process_name;
};

/* The sample of one thread, as it was at the last tick. */
struct entry {
	uint32_t thread, node;
	unsigned state;
	long call;
	struct sample_frame *frames; /* of node; made when they are asked for */
	size_t frame_count, frame_capacity;
	bool has_frames;
};

struct process {
	pid_t pid;
	struct entry *entries;
	size_t count, capacity;
	struct recent recent;
	size_t changed; /* as the writer's */
	int64_t steps;  /* the time of the last tick */
};

struct reader {
	int fd;
	struct functions *functions;
	struct sink *sink;
	struct recording_end *end;
	struct error *err;
	struct unpacker *unpacker;
	uint64_t key; /* of the stacks of this file: above those of others */

	int64_t step_ns, interval_steps;
	int64_t last_ns; /* of the last event */

	char **texts;
	size_t text_count, text_capacity, text_bytes;
	const struct function **known; /* functions by number */
	size_t known_count, known_capacity;
	struct stack_frame *frames;
	size_t frame_count, frame_capacity;
	struct node *nodes;
	size_t node_count, node_capacity;
	struct process *processes;
	size_t process_count, process_capacity;
	struct thread *threads;
	size_t thread_count, thread_capacity;

	struct cursor columns[COLUMNS];
	struct process *selected;
	struct buffer stored, plain, clean;
	bool has_begun, has_ended;
};

bool recording_recognise(const void *bytes, size_t length)
{
	return length >= SIGNATURE_BYTES && memcmp(bytes, RECORDING_SIGNATURE, SIGNATURE_BYTES) == 0;
}

static uint64_t get(struct reader *reader, enum column column)
{
	return wire_get(&reader->columns[column]);
}

static int64_t get_signed(struct reader *reader, enum column column)
{
	return wire_get_signed(&reader->columns[column]);
}

/* A number that must be below limit; else the column is bad, and the result 0. */
static uint32_t get_below(struct reader *reader, enum column column, size_t limit)
{
	const uint64_t number = get(reader, column);

	if (number < limit)
		return (uint32_t)number;
	reader->columns[column].bad = true;
	return 0;
}

static bool has_more(const struct reader *reader, enum column column)
{
	return !reader->columns[column].bad && reader->columns[column].at < reader->columns[column].end;
}

static bool is_bad(const struct reader *reader)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		if (reader->columns[i].bad)
			return true;
	}
	return false;
}

static void refuse(struct reader *reader, enum column column)
{
	reader->columns[column].bad = true;
}

/* ---- definitions ---- */

static char *clean_text(struct reader *reader, const char *text, size_t length)
{
	buffer_clear(&reader->clean);
	buffer_append_string(&reader->clean, "");
	utf8_clean(&reader->clean, text, length);
	return xstrdup(reader->clean.data);
}

static void read_texts(struct reader *reader)
{
	while (has_more(reader, COLUMN_TEXTS)) {
		size_t length = 0;
		const char *text = wire_get_text(&reader->columns[COLUMN_TEXTS], &length);

		if (!text || length > TEXTS_LIMIT_BYTES - reader->text_bytes ||
			reader->text_count >= DEFINITIONS_LIMIT) {
			refuse(reader, COLUMN_TEXTS);
			return;
		}
		reader->text_bytes += length;
		array_reserve(&reader->texts, &reader->text_capacity, reader->text_count + 1, sizeof(char *));
		reader->texts[reader->text_count++] = clean_text(reader, text, length);
	}
}

static void read_functions(struct reader *reader)
{
	while (has_more(reader, COLUMN_FUNCTIONS)) {
		struct function like = { .kind = get_below(reader, COLUMN_FUNCTIONS, FUNCTION_KINDS) };
		const uint32_t file = get_below(reader, COLUMN_FUNCTIONS, reader->text_count);
		const uint32_t name = get_below(reader, COLUMN_FUNCTIONS, reader->text_count);

		like.first_line = (int)get_signed(reader, COLUMN_FUNCTIONS);
		if (reader->columns[COLUMN_FUNCTIONS].bad || reader->known_count >= DEFINITIONS_LIMIT) {
			refuse(reader, COLUMN_FUNCTIONS);
			return;
		}
		like.file = reader->texts[file];
		like.name = reader->texts[name];
		array_reserve(&reader->known, &reader->known_capacity, reader->known_count + 1,
			sizeof(struct function *));
		reader->known[reader->known_count++] = functions_intern(reader->functions, &like);
	}
}

static void read_frames(struct reader *reader)
{
	while (has_more(reader, COLUMN_FRAMES)) {
		const uint32_t function = get_below(reader, COLUMN_FRAMES, reader->known_count);
		const int64_t line = get_signed(reader, COLUMN_FRAMES);

		if (reader->columns[COLUMN_FRAMES].bad || reader->frame_count >= DEFINITIONS_LIMIT) {
			refuse(reader, COLUMN_FRAMES);
			return;
		}
		array_reserve(&reader->frames, &reader->frame_capacity, reader->frame_count + 1,
			sizeof(*reader->frames));
		reader->frames[reader->frame_count++] = (struct stack_frame){ reader->known[function],
			(int)((uint32_t)line + (uint32_t)reader->known[function]->first_line) };
	}
}

static void read_nodes(struct reader *reader)
{
	while (has_more(reader, COLUMN_NODES)) {
		const uint64_t less = get(reader, COLUMN_NODES);
		const uint32_t frame = get_below(reader, COLUMN_NODES, reader->frame_count);
		struct node node = { .frame = frame };

		if (reader->columns[COLUMN_NODES].bad || less == 0 || less > reader->node_count ||
			reader->node_count >= DEFINITIONS_LIMIT) {
			refuse(reader, COLUMN_NODES);
			return;
		}
		node.parent = (uint32_t)(reader->node_count - less);
		node.depth = reader->nodes[node.parent].depth + 1;
		array_reserve(&reader->nodes, &reader->node_capacity, reader->node_count + 1,
			sizeof(*reader->nodes));
		reader->nodes[reader->node_count++] = node;
	}
}

static void read_processes(struct reader *reader)
{
	while (has_more(reader, COLUMN_PROCESSES)) {
		const uint32_t pid = get_below(reader, COLUMN_PROCESSES, INT32_MAX);

		if (reader->columns[COLUMN_PROCESSES].bad || reader->process_count >= THREADS_LIMIT) {
			refuse(reader, COLUMN_PROCESSES);
			return;
		}
		array_reserve(&reader->processes, &reader->process_capacity, reader->process_count + 1,
			sizeof(*reader->processes));
		reader->processes[reader->process_count++] = (struct process){ .pid = (pid_t)pid };
	}
}

static void read_threads(struct reader *reader)
{
	while (has_more(reader, COLUMN_THREADS)) {
		struct thread thread = { .process =
						 get_below(reader, COLUMN_THREADS, reader->process_count) };

		thread.tid = (pid_t)get_below(reader, COLUMN_THREADS, INT32_MAX);
		thread.interpreter = get(reader, COLUMN_THREADS);
		thread.name = get_below(reader, COLUMN_THREADS, reader->text_count);
		thread.process_name = get_below(reader, COLUMN_THREADS, reader->text_count);
		if (reader->columns[COLUMN_THREADS].bad || reader->thread_count >= DEFINITIONS_LIMIT) {
			refuse(reader, COLUMN_THREADS);
			return;
		}
		array_reserve(&reader->threads, &reader->thread_capacity, reader->thread_count + 1,
			sizeof(*reader->threads));
		reader->threads[reader->thread_count++] = thread;
	}
}

/* ---- events ---- */

static int give(struct reader *reader, const struct event *event)
{
	if (event->time_ns > reader->last_ns)
		reader->last_ns = event->time_ns;
	return sink_take(reader->sink, event, reader->err);
}

static void fill_frames(const struct reader *reader, struct entry *entry)
{
	uint32_t node = entry->node;

	entry->frame_count = reader->nodes[node].depth;
	array_reserve(&entry->frames, &entry->frame_capacity, entry->frame_count, sizeof(*entry->frames));
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
		if (give(reader, &event) != 0)
			return -1;
	}
	return 0;
}

static void read_sample(struct reader *reader, struct process *process, struct entry *entry)
{
	const uint32_t number = get_below(reader, COLUMN_STACKS, reader->node_count + RECENT_NODES);
	const uint32_t node = number < RECENT_NODES ? process->recent.nodes[number] : number - RECENT_NODES;
	const uint64_t state = get(reader, COLUMN_STATES);

	recent_use(&process->recent, number, node);
	if (state & ~(uint64_t)STATE_BITS || (state & STATE_MASK) >= THREAD_STATES ||
		(state >> QUALITY_SHIFT & QUALITY_MASK) >= SAMPLE_QUALITIES)
		refuse(reader, COLUMN_STATES);
	entry->has_frames &= node == entry->node;
	entry->node = node;
	entry->state = (unsigned)state;
	entry->call = state & CALL_FOLLOWS ? (long)get_below(reader, COLUMN_CALLS, INT32_MAX) : -1;
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
	const uint32_t count = get_below(reader, COLUMN_SLOTS, THREADS_LIMIT);

	process->count = 0;
	for (uint32_t i = 0; i < count && !is_bad(reader); i++) {
		reserve_entries(process, i + 1);
		process->entries[i].thread = get_below(reader, COLUMN_SLOTS, reader->thread_count);
		read_sample(reader, process, &process->entries[i]);
		process->count = i + 1;
	}
}

static void read_changes(struct reader *reader, struct process *process)
{
	const uint32_t count = get_below(reader, COLUMN_SLOTS, process->count + 1);
	size_t place = 0;

	for (uint32_t i = 0; i < count && !is_bad(reader); i++) {
		place += get_below(reader, COLUMN_SLOTS, process->count - place);
		if (place >= process->count) {
			refuse(reader, COLUMN_SLOTS);
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
		refuse(reader, COLUMN_OPERATIONS);
}

/* The time of the last of so many ticks. */
static bool read_time(struct reader *reader, struct process *process, uint64_t ticks)
{
	const int64_t limit = TIME_LIMIT_NS / reader->step_ns, late = get_signed(reader, COLUMN_TIMES);
	int64_t steps;

	if (__builtin_mul_overflow((int64_t)ticks, reader->interval_steps, &steps) ||
		__builtin_add_overflow(steps, late, &steps) ||
		__builtin_add_overflow(steps, process->steps, &steps) || steps < 0 || steps > limit)
		refuse(reader, COLUMN_TIMES);
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
		ticks = get_below(reader, COLUMN_SLOTS, INT32_MAX);
	if (!read_time(reader, process, ticks) || is_bad(reader) || !ticks) {
		refuse(reader, COLUMN_SLOTS);
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
	const uint64_t time_ns = get(reader, COLUMN_VALUES);

	if (time_ns <= (uint64_t)TIME_LIMIT_NS)
		return (int64_t)time_ns;
	refuse(reader, COLUMN_VALUES);
	return 0;
}

static int read_process(struct reader *reader, const struct event *moment)
{
	struct process_info process = { .parent = (pid_t)get_below(reader, COLUMN_VALUES, INT32_MAX) };
	const bool free_threaded = get_below(reader, COLUMN_VALUES, 2);
	const uint32_t name = get_below(reader, COLUMN_VALUES, reader->text_count);
	const uint32_t command_line = get_below(reader, COLUMN_VALUES, reader->text_count);
	const uint32_t version = get_below(reader, COLUMN_VALUES, reader->text_count);

	uint32_t root_count = get_below(reader, COLUMN_VALUES, ROOTS_LIMIT);
	struct buffer roots = { 0 };
	int result;

	buffer_append_string(&roots, "");
	for (; root_count && !is_bad(reader); root_count--) {
		const uint32_t root = get_below(reader, COLUMN_VALUES, reader->text_count);

		if (is_bad(reader))
			break;
		buffer_append_string(&roots, reader->texts[root]);
		buffer_append_char(&roots, '\n');
	}
	if (is_bad(reader)) {
		buffer_release(&roots);
		return 0;
	}
	process.roots = roots.data;
	process.name = reader->texts[name];
	process.command_line = reader->texts[command_line];
	process.version = reader->texts[version];
	process.free_threaded = free_threaded;
	result = give(reader,
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

	counters.user_ns = get(reader, COLUMN_VALUES);
	counters.system_ns = get(reader, COLUMN_VALUES);
	counters.resident_bytes = get(reader, COLUMN_VALUES);
	counters.minor_faults = get(reader, COLUMN_VALUES);
	counters.major_faults = get(reader, COLUMN_VALUES);
	counters.voluntary_switches = get(reader, COLUMN_VALUES);
	counters.involuntary_switches = get(reader, COLUMN_VALUES);
	if (is_bad(reader))
		return 0;
	return give(reader,
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
		event.missed = get(reader, COLUMN_VALUES);
		break;
	case OPERATION_CLOCK:
		event.kind = EVENT_CLOCK;
		event.realtime_ns = (int64_t)get(reader, COLUMN_VALUES);
		break;
	case OPERATION_MARK: {
		const uint32_t text = get_below(reader, COLUMN_VALUES, reader->text_count);

		event.kind = EVENT_MARK;
		event.pid = 0;
		event.reason = is_bad(reader) ? "" : reader->texts[text];
		break;
	}
	case OPERATION_EXIT:
		event.kind = EVENT_EXIT;
		event.status = (int)get_signed(reader, COLUMN_VALUES);
		break;
	default:
		refuse(reader, COLUMN_OPERATIONS);
		break;
	}
	return is_bad(reader) ? 0 : give(reader, &event);
}

static int read_operation(struct reader *reader)
{
	const enum operation operation = wire_get_byte(&reader->columns[COLUMN_OPERATIONS]);

	switch (operation) {
	case OPERATION_SELECT: {
		const uint32_t index = get_below(reader, COLUMN_VALUES, reader->process_count);

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
		refuse(reader, COLUMN_OPERATIONS);
		return 0;
	default:
		if (reader->selected || operation == OPERATION_CLOCK || operation == OPERATION_MARK)
			return read_other(reader, operation);
		refuse(reader, COLUMN_OPERATIONS);
		return 0;
	}
}

/* ---- blocks ---- */

/* What was given until now is right; this block and what follows is not read. */
static void damaged(struct reader *reader, const char *why)
{
	reader->end->is_damaged = true;
	snprintf(reader->end->note, sizeof(reader->end->note),
		"it is damaged behind byte %llu (%s): what stands there was not read",
		(unsigned long long)reader->end->offset, why);
}

static int read_events(struct reader *reader)
{
	struct cursor all = { (unsigned char *)reader->plain.data,
		(unsigned char *)reader->plain.data + reader->plain.length, false };

	for (size_t i = 0; i < COLUMNS; i++) {
		size_t length = 0;
		const char *bytes = wire_get_text(&all, &length);

		if (!bytes)
			break;
		reader->columns[i] = (struct cursor){ (const unsigned char *)bytes,
			(const unsigned char *)bytes + length, false };
	}
	if (all.bad) {
		damaged(reader, "a block makes no sense");
		return 0;
	}
	reader->selected = NULL;
	read_texts(reader);
	read_functions(reader);
	read_frames(reader);
	read_nodes(reader);
	read_processes(reader);
	read_threads(reader);
	while (!is_bad(reader) && has_more(reader, COLUMN_OPERATIONS)) {
		if (read_operation(reader) != 0)
			return -1;
	}
	if (is_bad(reader))
		damaged(reader, "a block makes no sense");
	return 0;
}

static int64_t number_of(const char *text, size_t length)
{
	int64_t number = 0;

	for (size_t i = 0; i < length && text[i] >= '0' && text[i] <= '9' && number < INT64_MAX / 10 - 1; i++)
		number = number * 10 + (text[i] - '0');
	return number;
}

static bool is_named(const char *name, size_t length, const char *wanted)
{
	return strlen(wanted) == length && memcmp(name, wanted, length) == 0;
}

static int read_begin(struct reader *reader, const char *file_name)
{
	struct cursor cursor = { (unsigned char *)reader->plain.data,
		(unsigned char *)reader->plain.data + reader->plain.length, false };
	const uint64_t format = wire_get(&cursor);
	char *texts[4] = { NULL };
	static const char *const names[] = { "version", "arguments", "machine", "mode" };
	struct run_info run = { .interval_ns = 1 };
	struct event event = { .kind = EVENT_BEGIN, .run = &run };
	int result = -1;

	if (format != RECORDING_FORMAT)
		return error_set(reader->err, ERROR_UNSUPPORTED,
			"'%.256s' has the format %llu, and this pyrope reads %d: use a newer pyrope",
			file_name, (unsigned long long)format, RECORDING_FORMAT);
	reader->step_ns = 1;
	while (cursor.at < cursor.end && !cursor.bad) {
		size_t name_length = 0, length = 0;
		const char *name = wire_get_text(&cursor, &name_length),
			   *value = wire_get_text(&cursor, &length);

		if (!name || !value)
			break;
		for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
			if (is_named(name, name_length, names[i]) && !texts[i])
				texts[i] = clean_text(reader, value, length);
		}
		if (is_named(name, name_length, "interval_ns"))
			run.interval_ns = number_of(value, length);
		else if (is_named(name, name_length, "step_ns"))
			reader->step_ns = number_of(value, length);
		else if (is_named(name, name_length, "time_ns"))
			event.time_ns = number_of(value, length);
		else if (is_named(name, name_length, "realtime_ns"))
			run.realtime_ns = number_of(value, length);
		else if (is_named(name, name_length, "cpus"))
			run.cpus = (unsigned)number_of(value, length);
		else if (is_named(name, name_length, "native"))
			run.native = number_of(value, length) != 0;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
		texts[i] = texts[i] ? texts[i] : xstrdup("");
	run.version = texts[0];
	run.arguments = texts[1];
	run.machine = texts[2];
	run.mode = texts[3];
	if (cursor.bad || run.interval_ns < 1 || run.interval_ns > TIME_LIMIT_NS || reader->step_ns < 1 ||
		reader->step_ns > run.interval_ns || event.time_ns > TIME_LIMIT_NS) {
		damaged(reader, "its first block makes no sense");
		result = 0;
	} else {
		reader->interval_steps = run.interval_ns / reader->step_ns;
		reader->has_begun = true;
		result = give(reader, &event);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
		free(texts[i]);
	return result;
}

static int read_end(struct reader *reader)
{
	struct cursor cursor = { (unsigned char *)reader->plain.data,
		(unsigned char *)reader->plain.data + reader->plain.length, false };
	struct event event = { .kind = EVENT_END, .time_ns = (int64_t)(wire_get(&cursor) & INT64_MAX) };
	size_t length = 0;
	const char *text = wire_get_text(&cursor, &length);
	char *reason;
	int result;

	if (!text) {
		damaged(reader, "its last block makes no sense");
		return 0;
	}
	reason = clean_text(reader, text, length);
	event.reason = reason;
	reader->has_ended = true;
	result = give(reader, &event);
	free(reason);
	return result;
}

/* Reads length bytes, or less when the file ends before. */
static ssize_t read_bytes(int fd, void *data, size_t length)
{
	size_t done = 0;

	while (done < length) {
		const ssize_t count = read(fd, (char *)data + done, length - done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		if (count == 0)
			break;
		done += (size_t)count;
	}
	return (ssize_t)done;
}

/* One block. 1: read, 0: there is none any more, or none that can be read, -1: err is set. */
static int read_block(struct reader *reader, const char *name, uint32_t number)
{
	unsigned char bytes[BLOCK_HEADER_BYTES];
	struct block_header header;
	ssize_t count = read_bytes(reader->fd, bytes, sizeof(bytes));
	int result;

	if (count < 0)
		return error_set_errno(reader->err, ERROR_SYSTEM, errno, "cannot read '%.256s'", name);
	if (count < (ssize_t)sizeof(bytes))
		return 0;
	if (!block_parse_header(bytes, &header)) {
		damaged(reader, "no block begins where one should");
		return 0;
	}
	array_reserve(&reader->stored.data, &reader->stored.capacity, (size_t)header.stored_bytes + 1, 1);
	count = read_bytes(reader->fd, reader->stored.data, header.stored_bytes);
	if (count < 0)
		return error_set_errno(reader->err, ERROR_SYSTEM, errno, "cannot read '%.256s'", name);
	if (count < (ssize_t)header.stored_bytes)
		return 0;
	if (!block_check(bytes, reader->stored.data, header.stored_bytes)) {
		damaged(reader, "a checksum is wrong");
		return 0;
	}
	if (header.number != number) {
		damaged(reader, "a block is missing");
		return 0;
	}
	if (header.kind == BLOCK_BEGIN || header.kind == BLOCK_EVENTS || header.kind == BLOCK_END) {
		if (!unpacker_unpack(reader->unpacker, &header, reader->stored.data, &reader->plain)) {
			damaged(reader, "a block does not unpack");
			return 0;
		}
		if ((header.kind == BLOCK_BEGIN) != (number == 0)) {
			damaged(reader, "its blocks are out of order");
			return 0;
		}
		result = header.kind == BLOCK_BEGIN ? read_begin(reader, name)
			: header.kind == BLOCK_END  ? read_end(reader)
						    : read_events(reader);
		if (result != 0)
			return -1;
	}
	if (reader->end->is_damaged)
		return 0;
	reader->end->offset += sizeof(bytes) + header.stored_bytes;
	return 1;
}

static void reader_release(struct reader *reader)
{
	for (size_t i = 0; i < reader->text_count; i++)
		free(reader->texts[i]);
	free(reader->texts);
	free(reader->known);
	free(reader->frames);
	free(reader->nodes);
	free(reader->threads);
	for (size_t i = 0; i < reader->process_count; i++) {
		for (size_t j = 0; j < reader->processes[i].capacity; j++)
			free(reader->processes[i].entries[j].frames);
		free(reader->processes[i].entries);
	}
	free(reader->processes);
	buffer_release(&reader->stored);
	buffer_release(&reader->plain);
	buffer_release(&reader->clean);
	unpacker_free(reader->unpacker);
}

static int read_all(struct reader *reader, const char *name)
{
	char signature[SIGNATURE_BYTES];
	uint32_t number = 0;
	int result;

	if (read_bytes(reader->fd, signature, sizeof(signature)) != SIGNATURE_BYTES ||
		!recording_recognise(signature, sizeof(signature)))
		return error_set(reader->err, ERROR_UNSUPPORTED, "'%.256s' is no recording of pyrope", name);
	reader->end->offset = SIGNATURE_BYTES;
	while ((result = read_block(reader, name, number)) == 1)
		number++;
	if (result != 0)
		return -1;
	if (!reader->has_begun && !reader->end->is_damaged)
		return error_set(reader->err, ERROR_UNSUPPORTED,
			"'%.256s' ends before its first block: there is nothing in it", name);
	if (!reader->has_begun)
		return error_set(reader->err, ERROR_UNSUPPORTED, "'%.256s' cannot be read: %s", name,
			reader->end->note);
	reader->end->is_whole = reader->has_ended && !reader->end->is_damaged;
	if (!reader->has_ended && !reader->end->is_damaged)
		snprintf(reader->end->note, sizeof(reader->end->note),
			"it has no end (pyrope was killed, or the file was cut off): this is what it holds");
	return 0;
}

int recording_read(int fd, const char *name, struct functions *functions, struct sink *sink,
	struct recording_end *end, struct error *err)
{
	static _Atomic uint64_t files;
	struct reader reader = {
		.fd = fd,
		.functions = functions,
		.sink = sink,
		.end = end,
		.err = err,
		.unpacker = unpacker_new(),
		.key = ++files << 32,
	};
	int result;

	*end = (struct recording_end){ 0 };
	array_reserve(&reader.nodes, &reader.node_capacity, 1, sizeof(*reader.nodes));
	reader.nodes[0] = (struct node){ 0 };
	reader.node_count = 1;
	result = read_all(&reader, name);
	reader_release(&reader);
	return result;
}
