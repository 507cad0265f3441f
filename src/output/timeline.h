/* SPDX-License-Identifier: MIT */
/*
 * Samples thread by thread, for the formats that show time: a sink collects them, and at the end a writer
 * reads them as often as it has to. Memory is flat: runs of equal ticks wait in a spool.
 */
#ifndef PYROPE_OUTPUT_TIMELINE_H
#define PYROPE_OUTPUT_TIMELINE_H

#include "output/spool.h"

#include "pyrope/output.h"
#include "pyrope/stacks.h"

#define TIMELINE_NO_STACK 0 /* the root of the tree: nothing is known of this time */

/*
 * Ticks in a row of one thread that are the same; or, with weight 0, the beginning of a time of which
 * nothing is known.
 */
struct timeline_run {
	int64_t start_ns, last_ns; /* since the epoch */
	uint64_t weight;
	uint32_t stack; /* number of a node */
	uint16_t state; /* enum thread_state */
	uint16_t is_collecting;
};

struct timeline_thread {
	size_t process; /* index of its process */
	pid_t tid;
	char *name;
	struct spool_list runs;
	struct timeline_run run; /* the one that goes on */
	uint64_t ticks;
	bool is_open;
};

struct timeline_counters {
	int64_t time_ns;
	uint64_t cpu_ns, resident_bytes;
};

struct timeline_process {
	unsigned source; /* which of several files it comes from */
	pid_t pid;
	char *name, *version;
	int64_t start_ns, end_ns; /* 0: not known */
	struct spool_list counters;
};

struct timeline;
typedef void timeline_write(struct timeline *timeline);

struct timeline {
	struct sink sink;
	timeline_write *write;
	bool merges_threads;      /* a process has one track, which counts as a thread with number 0 */
	struct output_file *file; /* borrowed */
	const struct output_options *options; /* borrowed */
	struct spool spool;
	struct stacks stacks;
	struct stack_path path;
	struct u64_map nodes_by_key; /* stack_key of this source -> node */
	unsigned source;
	int64_t offset_ns; /* from the clock of this source to that of the wall */
	bool has_begin, has_state, has_native;
	int64_t first_ns, last_ns;            /* of all that was taken */
	uint64_t missed;                      /* ticks that nobody took */
	uint64_t qualities[SAMPLE_QUALITIES]; /* samples, by how sure of each we are */
	int64_t imported_ns;                  /* where the next stack without a time goes */
	char *arguments, *machine;
	unsigned cpus;
	struct timeline_thread *threads;
	size_t thread_count, thread_capacity;
	struct timeline_process *processes;
	size_t process_count, process_capacity;
	struct u64_map threads_by_id, processes_by_id; /* of this source: pid << 32 | tid, pid */
};

enum timeline_tracks {
	TIMELINE_THREADS,
	TIMELINE_PROCESSES, /* one track a process where there is one stack a tick; else threads */
};

/* write is called at the end, when no run is open any more. */
struct sink *timeline_open(struct output_file *file, const struct output_options *options,
	enum timeline_tracks tracks, timeline_write *write);

/* For people: the process and the thread with their numbers. */
void timeline_label(
	struct buffer *buffer, const struct timeline *timeline, const struct timeline_thread *thread);
const char *timeline_thread_name(const struct timeline *timeline, const struct timeline_thread *thread);
/* Is nothing known of this time, or did nothing run? */
bool timeline_is_idle(const struct timeline *timeline, uint32_t node);

/*
 * A thread as spans without holes between them, in which each tick takes one interval: what a reader adds up
 * is the number of ticks then. Where that leaves two intervals or more to the next tick there is a span
 * without ticks and without a stack. Idle ticks have no stack either. Two that follow each other have
 * different stacks.
 */
struct timeline_span {
	int64_t start_ns, end_ns; /* since the first sample of all */
	uint64_t ticks;
	uint32_t stack;
};

struct timeline_reader {
	struct timeline *timeline;
	struct spool_cursor cursor;
	const struct timeline_run *run; /* read and not returned yet */
	int64_t now_ns;
	bool has_begun, has_next;
	struct timeline_span next;
};

struct timeline_reader timeline_read(struct timeline *timeline, const struct timeline_thread *thread);
bool timeline_next(struct timeline_reader *reader, struct timeline_span *span);
void timeline_end(struct timeline_reader *reader);

#endif
