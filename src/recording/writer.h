/* SPDX-License-Identifier: MIT */
/*
 * What the files of the writer share: what the recording has defined so far, the columns of the block that is
 * being collected, and how a number is put into one.
 */
#ifndef PYROPE_RECORDING_WRITER_H
#define PYROPE_RECORDING_WRITER_H

#include <string.h>

#include "pyrope/recording.h"
#include "pyrope/stacks.h"
#include "recording/wire.h"

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

static inline void recorder_put(struct recorder *recorder, enum column column, uint64_t number)
{
	wire_put(&recorder->columns[column], number);
}

static inline void recorder_put_signed(struct recorder *recorder, enum column column, int64_t number)
{
	wire_put_signed(&recorder->columns[column], number);
}

/* ---- what the blocks define (writer_definitions.c) ---- */

void recorder_init_definitions(struct recorder *recorder);
void recorder_release_definitions(struct recorder *recorder);
/* What is new is defined in the block that is being collected, and has the next number. */
uint32_t recorder_text(struct recorder *recorder, const char *text);
struct process *recorder_process(struct recorder *recorder, pid_t pid);
/* A thread that has another name now is another thread here. */
uint32_t recorder_thread(struct recorder *recorder, uint32_t process, const struct sample *sample);
/* Frames and nodes that the tree has got since the last block. */
void recorder_write_stacks(struct recorder *recorder);

static inline bool recorder_same_thread(
	const struct recorder *recorder, const struct thread *thread, const struct sample *sample)
{
	return thread->tid == sample->tid && thread->interpreter == sample->interpreter_id &&
		strcmp(recorder->texts[thread->name], sample->thread_name) == 0 &&
		strcmp(recorder->texts[thread->process_name], sample->process_name) == 0;
}

/* ---- operations (writer_operations.c) ---- */

/* Any event but the beginning and the end of the recording. */
void recorder_take(struct recorder *recorder, const struct event *event);
/* The tick that is being collected, and those that are held back because nothing has changed in them. */
void recorder_write_ticks(struct recorder *recorder);

#endif
