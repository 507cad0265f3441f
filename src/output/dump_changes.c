/* SPDX-License-Identifier: MIT */
/*
 * pyrope dump --repeat: what changed from one dump to the next. A thread is as before when its state, the
 * system call that it sleeps in and each frame of its stack with its line are: so what hangs is what is
 * named in the last line of a process, dump after dump.
 */
#include "config.h"

#include "output/dump.h"

#include <stdlib.h>
#include <sys/syscall.h>

/* A thread of a dump. The sample has no frames but the innermost. */
struct seen {
	pid_t pid;
	struct sample sample;
	struct sample_frame innermost; /* function: NULL: there are no frames */
	uint64_t stack;                /* hash of all frames */
	bool is_met;                   /* it is in the next dump, too */
	bool is_deadlocked;
};

struct seen_process {
	pid_t pid;
	bool is_met;
};

/* What a dump held. */
struct moment {
	struct seen *threads;
	size_t count, capacity;
	struct seen_process *processes;
	size_t process_count, process_capacity;
	struct u64_map by_tid; /* thread_key -> index; a tid is of one process */
	struct u64_map by_pid;
};

struct dump_history {
	bool says_processes;
	struct moment before, now;
};

static void moment_clear(struct moment *moment)
{
	for (size_t i = 0; i < moment->count; i++)
		free((void *)moment->threads[i].sample.thread_name);
	moment->count = moment->process_count = 0;
	u64_map_clear(&moment->by_tid);
	u64_map_clear(&moment->by_pid);
}

static void moment_release(struct moment *moment)
{
	moment_clear(moment);
	free(moment->threads);
	free(moment->processes);
	u64_map_release(&moment->by_tid);
	u64_map_release(&moment->by_pid);
}

struct dump_history *dump_history_new(bool says_processes)
{
	struct dump_history *history = xcalloc(1, sizeof(*history));

	history->says_processes = says_processes;
	return history;
}

void dump_history_free(struct dump_history *history)
{
	if (!history)
		return;
	moment_release(&history->before);
	moment_release(&history->now);
	free(history);
}

static uint64_t hash_stack(const struct sample *sample)
{
	uint64_t hash = hash_combine(hash_seed(), sample->frame_count);

	for (size_t i = 0; i < sample->frame_count; i++)
		hash = hash_combine(hash,
			(uint64_t)sample->frames[i].function->id << 32 | (uint32_t)sample->frames[i].line);
	return hash;
}

/* A thread may run in several interpreters. */
static uint64_t thread_key(const struct sample *sample)
{
	return hash_combine((uint64_t)sample->tid, sample->interpreter_id);
}

static struct seen *moment_add(struct moment *moment, pid_t pid, const struct sample *sample)
{
	struct seen *seen;

	array_reserve(&moment->threads, &moment->capacity, moment->count + 1, sizeof(*moment->threads));
	u64_map_put(&moment->by_tid, thread_key(sample), moment->count);
	seen = &moment->threads[moment->count++];
	*seen = (struct seen){ .pid = pid, .sample = *sample, .stack = hash_stack(sample) };
	if (sample->frame_count)
		seen->innermost = sample->frames[sample->frame_count - 1];
	seen->sample.thread_name = xstrdup(sample->thread_name);
	seen->sample.process_name = "";
	seen->sample.frames = NULL;
	seen->sample.frame_count = 0;
	return seen;
}

/* ---- comparing ---- */

static bool same_state(const struct seen *before, const struct seen *now)
{
	return before->sample.state == now->sample.state &&
		before->sample.syscall_number == now->sample.syscall_number;
}

static bool same_place(const struct seen *before, const struct seen *now)
{
	return before->innermost.function == now->innermost.function &&
		before->innermost.line == now->innermost.line;
}

/* A thread that was held while it slept goes on in this call, which says nothing of what it sleeps in. */
static void forget_restart(const struct seen *before, struct seen *now)
{
	if (now->sample.syscall_number == SYS_restart_syscall && before->sample.state == now->sample.state)
		now->sample.syscall_number = before->sample.syscall_number;
}

static struct seen *find_before(struct dump_history *history, const struct seen *now)
{
	const uint64_t *index = u64_map_get(&history->before.by_tid, thread_key(&now->sample));
	struct seen *before = index ? &history->before.threads[*index] : NULL;

	return before && before->pid == now->pid && before->sample.tid == now->sample.tid &&
			before->sample.interpreter_id == now->sample.interpreter_id
		? before
		: NULL;
}

/* ---- lines ---- */

static void append_place(struct buffer *text, const struct dump_header *header, const struct seen *seen)
{
	if (seen->innermost.function)
		dump_append_frame(text, header, &seen->innermost);
	else
		buffer_append_string(text, "no frames");
}

/* before: NULL: the state has no other one before it. */
static void append_states(struct buffer *text, const struct dump_header *header, const struct seen *before,
	const struct seen *now)
{
	struct buffer states = { 0 };

	buffer_append_string(&states, " (");
	if (before && !same_state(before, now)) {
		dump_append_state(&states, &before->sample, true);
		buffer_append_string(&states, " -> ");
	}
	dump_append_state(&states, &now->sample, true);
	buffer_append_string(&states, ") ");
	dump_append_styled(text, header, DUMP_STYLE_STATE, states.data);
	buffer_release(&states);
}

static void append_change(struct buffer *text, const struct dump_header *header, const struct seen *before,
	const struct seen *now)
{
	dump_append_thread(text, header, &now->sample);
	append_states(text, header, before, now);
	if (same_place(before, now)) {
		append_place(text, header, now);
		buffer_append_string(
			text, before->stack == now->stack ? ", same\n" : ", same, called from elsewhere\n");
		return;
	}
	append_place(text, header, before);
	buffer_append_string(text, " -> ");
	append_place(text, header, now);
	buffer_append_char(text, '\n');
}

static void append_new(struct buffer *text, const struct dump_header *header, const struct seen *now)
{
	dump_append_thread(text, header, &now->sample);
	buffer_append_string(text, " is new");
	append_states(text, header, NULL, now);
	append_place(text, header, now);
	buffer_append_char(text, '\n');
}

static void append_ended(struct buffer *text, const struct dump_header *header, struct moment *before)
{
	for (size_t i = 0; i < before->count; i++) {
		struct seen *seen = &before->threads[i];

		if (seen->pid != header->pid || seen->is_met)
			continue;
		if (seen->sample.state == THREAD_HOLDS_GIL) /* no star: it holds nothing any more */
			seen->sample.state = THREAD_UNKNOWN;
		dump_append_thread(text, header, &seen->sample);
		buffer_append_string(text, " has ended, was in ");
		append_place(text, header, seen);
		buffer_append_char(text, '\n');
	}
}

struct unchanged {
	struct buffer names;
	size_t count;
};

static void unchanged_add(struct unchanged *unchanged, const struct seen *seen)
{
	if (unchanged->count < DUMP_THREADS_NAMED) {
		buffer_append_string(&unchanged->names, unchanged->count ? ", " : ": ");
		buffer_printf(&unchanged->names, "%d %s", (int)seen->sample.tid,
			*seen->sample.thread_name ? seen->sample.thread_name : "?");
	}
	unchanged->count++;
}

static void append_unchanged(
	struct buffer *text, const struct dump_header *header, const struct unchanged *unchanged)
{
	struct buffer title = { 0 };

	if (!unchanged->count)
		return;
	buffer_printf(
		&title, "%zu %s as before", unchanged->count, unchanged->count == 1 ? "thread" : "threads");
	dump_append_styled(text, header, DUMP_STYLE_TID, title.data);
	buffer_append_string(text, unchanged->names.data);
	if (unchanged->count > DUMP_THREADS_NAMED)
		buffer_printf(text, " and %zu more", unchanged->count - DUMP_THREADS_NAMED);
	buffer_append_char(text, '\n');
	buffer_release(&title);
}

/* ---- deadlocks ---- */

static void append_new_deadlocks(struct dump_history *history, struct buffer *text,
	const struct dump_header *header, const struct dump_thread *threads, size_t count)
{
	for (size_t i = 0; header->waits && i < header->waits->deadlock_count; i++) {
		const struct deadlock *deadlock = &header->waits->deadlocks[i];
		bool is_known = true;

		for (size_t j = 0; j < count; j++) {
			const uint64_t *index =
				u64_map_get(&history->before.by_tid, thread_key(&threads[j].sample));

			if (threads[j].sample.tid == deadlock->tids[0])
				is_known = index && history->before.threads[*index].is_deadlocked;
		}
		if (!is_known)
			dump_append_deadlock(text, header, deadlock, threads, count);
	}
}

/* ---- processes ---- */

/* True: it was in the dump before. */
static bool add_process(struct dump_history *history, pid_t pid)
{
	struct moment *now = &history->now;
	const uint64_t *index = u64_map_get(&history->before.by_pid, (uint64_t)pid);

	array_reserve(
		&now->processes, &now->process_capacity, now->process_count + 1, sizeof(*now->processes));
	u64_map_put(&now->by_pid, (uint64_t)pid, now->process_count);
	now->processes[now->process_count++] = (struct seen_process){ .pid = pid };
	if (index)
		history->before.processes[*index].is_met = true;
	return index;
}

void dump_history_begin(struct output_file *file, int64_t since_ns)
{
	struct buffer text = { 0 };

	buffer_printf(&text, "\nafter %.1f s\n", (double)since_ns / 1e9);
	output_write(file, text.data, text.length);
	buffer_release(&text);
}

void dump_history_add(struct dump_history *history, struct output_file *file,
	const struct dump_header *header, const struct dump_thread *threads, size_t count)
{
	const bool is_known = add_process(history, header->pid);
	struct unchanged unchanged = { 0 };
	struct buffer text = { 0 };

	if (history->says_processes && !(is_known && header->obstacle))
		dump_append_process(&text, header);
	append_new_deadlocks(history, &text, header, threads, count);
	for (size_t i = 0; i < count; i++) {
		struct seen *now = moment_add(&history->now, header->pid, &threads[i].sample);
		struct seen *before = find_before(history, now);

		now->is_deadlocked = threads[i].wait && threads[i].wait->is_deadlocked;
		if (!before) {
			append_new(&text, header, now);
			continue;
		}
		before->is_met = true;
		forget_restart(before, now);
		if (same_state(before, now) && before->stack == now->stack)
			unchanged_add(&unchanged, now);
		else
			append_change(&text, header, before, now);
	}
	append_ended(&text, header, &history->before);
	append_unchanged(&text, header, &unchanged);
	if (file && text.length)
		output_write(file, text.data, text.length);
	buffer_release(&unchanged.names);
	buffer_release(&text);
}

void dump_history_end(struct dump_history *history, struct output_file *file)
{
	const struct moment emptied = history->before;
	struct buffer text = { 0 };

	for (size_t i = 0; i < emptied.process_count; i++)
		if (!emptied.processes[i].is_met)
			buffer_printf(
				&text, "process %d is not seen any more\n", (int)emptied.processes[i].pid);
	if (file && history->says_processes && text.length)
		output_write(file, text.data, text.length);
	buffer_release(&text);
	history->before = history->now;
	history->now = emptied;
	moment_clear(&history->now);
}
