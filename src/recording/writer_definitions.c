/* SPDX-License-Identifier: MIT */
/*
 * What is defined once (texts, functions, frames, stacks, processes, threads) is written in the block in
 * which it is first used, and has a number from then on.
 */
#include "config.h"

#include "recording/writer.h"

#include <stdlib.h>
#include <string.h>

uint32_t recorder_text(struct recorder *recorder, const char *text)
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
		const uint32_t file = recorder_text(recorder, function->file),
			       name = recorder_text(recorder, function->name);

		recorder_put(recorder, COLUMN_FUNCTIONS, function->kind);
		recorder_put(recorder, COLUMN_FUNCTIONS, file);
		recorder_put(recorder, COLUMN_FUNCTIONS, name);
		recorder_put_signed(recorder, COLUMN_FUNCTIONS, function->first_line);
		recorder->functions[function->id] = (uint32_t)++recorder->function_count;
	}
	return recorder->functions[function->id] - 1;
}

void recorder_write_stacks(struct recorder *recorder)
{
	const struct stacks *stacks = &recorder->stacks;

	for (; recorder->frames_written < stacks->frame_count; recorder->frames_written++) {
		const struct stack_frame *frame = &stacks->frames[recorder->frames_written];

		recorder_put(recorder, COLUMN_FRAMES, function_of(recorder, frame->function));
		recorder_put_signed(
			recorder, COLUMN_FRAMES, (int64_t)frame->line - frame->function->first_line);
	}
	for (; recorder->nodes_written < stacks->node_count; recorder->nodes_written++) {
		const struct stack_node *node = &stacks->nodes[recorder->nodes_written];

		recorder_put(recorder, COLUMN_NODES, recorder->nodes_written - node->parent);
		recorder_put(recorder, COLUMN_NODES, node->frame);
	}
}

struct process *recorder_process(struct recorder *recorder, pid_t pid)
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
	recorder_put(recorder, COLUMN_PROCESSES, (uint64_t)pid);
	u64_map_put(&recorder->process_by_pid, (uint64_t)pid, recorder->process_count++);
	return process;
}

uint32_t recorder_thread(struct recorder *recorder, uint32_t process, const struct sample *sample)
{
	const uint64_t key = (uint64_t)process << 32 | (uint32_t)sample->tid;
	const uint64_t *known = u64_map_get(&recorder->thread_by_tid, key);
	struct thread thread = {
		.process = process, .tid = sample->tid, .interpreter = sample->interpreter_id
	};

	if (known && recorder_same_thread(recorder, &recorder->threads[*known], sample))
		return (uint32_t)*known;
	thread.name = recorder_text(recorder, sample->thread_name);
	thread.process_name = recorder_text(recorder, sample->process_name);
	array_reserve(&recorder->threads, &recorder->thread_capacity, recorder->thread_count + 1,
		sizeof(*recorder->threads));
	recorder->threads[recorder->thread_count] = thread;
	recorder_put(recorder, COLUMN_THREADS, process);
	recorder_put(recorder, COLUMN_THREADS, (uint64_t)sample->tid);
	recorder_put(recorder, COLUMN_THREADS, sample->interpreter_id);
	recorder_put(recorder, COLUMN_THREADS, thread.name);
	recorder_put(recorder, COLUMN_THREADS, thread.process_name);
	u64_map_put(&recorder->thread_by_tid, key, recorder->thread_count);
	return (uint32_t)recorder->thread_count++;
}

void recorder_init_definitions(struct recorder *recorder)
{
	stacks_init(&recorder->stacks);
	recorder->nodes_written = 1; /* the empty stack is known */
}

void recorder_release_definitions(struct recorder *recorder)
{
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
}
