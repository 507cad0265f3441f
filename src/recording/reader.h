/* SPDX-License-Identifier: MIT */
/*
 * What the files of the reader share: what a file has defined so far, the columns of the block that is being
 * read, and how a number is taken from one. A number that cannot be makes its column bad, and the block with
 * it; nobody else has to be told.
 */
#ifndef PYROPE_RECORDING_READER_H
#define PYROPE_RECORDING_READER_H

#include "pyrope/recording.h"
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
/* Each of these can name a large text again, and has a copy of it. */
#define FUNCTIONS_LIMIT_BYTES (256u << 20) /* of the names of functions and of their files */
#define ROOTS_LIMIT_BYTES (1u << 20)
#define FRAMES_LIMIT_BYTES (512u << 20)    /* of the same at each line */
#define STACK_LIMIT_BYTES (512u << 20)     /* of the same in one stack */
#define THREADS_LIMIT_BYTES (256u << 20)   /* of the names of threads, and of their processes' */
#define PROCESSES_LIMIT_BYTES (512u << 20) /* of names, command lines and versions */
#define PLACES_LIMIT (4u << 20)            /* in the lists of threads of all processes */
/* The stacks of threads are kept as frames, up to so many (256 MB); then they are made anew. */
#define KEPT_FRAMES_LIMIT (16u << 20)

/* How long one tick may be said to last, so that no sum of times overflows. */
#define TIME_LIMIT_NS (INT64_C(1) << 60)

struct node {
	uint32_t parent, frame, depth;
	uint32_t text_bytes; /* of the names and files of its frames */
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
	size_t count, capacity, longest; /* longest: the largest count of all ticks */
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

	char **texts;
	size_t text_count, text_capacity, text_bytes;
	const struct function **known; /* functions by number */
	size_t known_count, known_capacity, known_bytes;
	struct stack_frame *frames;
	size_t frame_count, frame_capacity, frame_bytes;
	struct node *nodes;
	size_t node_count, node_capacity;
	struct process *processes;
	size_t process_count, process_capacity, process_bytes;
	size_t place_count; /* of the longest lists of all processes */
	size_t kept_frames; /* room for so many in all entries */
	struct thread *threads;
	size_t thread_count, thread_capacity, thread_bytes;

	struct cursor columns[COLUMNS];
	struct process *selected;
	struct buffer stored, plain, clean;
	bool has_begun, has_ended;
};

static inline uint64_t reader_get(struct reader *reader, enum column column)
{
	return wire_get(&reader->columns[column]);
}

static inline int64_t reader_get_signed(struct reader *reader, enum column column)
{
	return wire_get_signed(&reader->columns[column]);
}

/* A number that must be below limit; else the column is bad, and the result 0. */
static inline uint32_t reader_get_below(struct reader *reader, enum column column, size_t limit)
{
	const uint64_t number = reader_get(reader, column);

	if (number < limit)
		return (uint32_t)number;
	reader->columns[column].bad = true;
	return 0;
}

static inline bool reader_has_more(const struct reader *reader, enum column column)
{
	return !reader->columns[column].bad && reader->columns[column].at < reader->columns[column].end;
}

/* Counts bytes of texts that are copied; false, and a bad column: they are more than limit in all. */
static inline bool reader_count(
	struct reader *reader, enum column column, size_t *total, size_t bytes, size_t limit)
{
	if (bytes > limit - *total) {
		reader->columns[column].bad = true;
		return false;
	}
	*total += bytes;
	return true;
}

static inline bool reader_is_bad(const struct reader *reader)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		if (reader->columns[i].bad)
			return true;
	}
	return false;
}

static inline void reader_refuse(struct reader *reader, enum column column)
{
	reader->columns[column].bad = true;
}

/* ---- what the blocks define (reader_definitions.c) ---- */

void reader_init_definitions(struct reader *reader);
void reader_release_definitions(struct reader *reader);
/* Reads what this block defines, until a column is bad. */
void reader_read_definitions(struct reader *reader);
/* A copy of a text in clean UTF-8, which the caller frees. */
char *reader_clean_text(struct reader *reader, const char *text, size_t length);

/* ---- events (reader_operations.c) ---- */

/* Hands an event on to the sink. -1: the sink has failed. */
int reader_give(struct reader *reader, const struct event *event);
/* Gives the events of this block, until a column is bad. -1: the sink has failed. */
int reader_read_operations(struct reader *reader);

#endif
