/* SPDX-License-Identifier: MIT */
/*
 * What has been seen so far, for pyrope top: events in, sums out. Knows nothing of terminals and of clocks:
 * time is that of the events, so that the same events always give the same rows.
 *
 * What is counted is time (ticks times the interval of the process), so that a change of the rate in the
 * middle changes nothing of what is shown. It is counted by thread, stack and state; a ring of seconds has
 * the last minute once more. Whatever a target does, memory stays bounded: when one of the limits is reached
 * everything is forgotten, and counting begins anew.
 */
#ifndef PYROPE_LIVE_MODEL_H
#define PYROPE_LIVE_MODEL_H

#include "pyrope/event.h"
#include "pyrope/sampling.h"
#include "pyrope/stacks.h"

#define MODEL_SECONDS 60 /* of the last of which more is known */
#define MODEL_NONE UINT32_MAX

struct model_process {
	pid_t pid, parent;
	char *name, *command_line, *version, *roots;
	bool free_threaded, is_gone;
	int status;          /* of its exit, as of waitpid(2); -1: not known */
	int64_t interval_ns; /* between two of its ticks */
	bool has_counters;
	int64_t counted_ns; /* when its counters were told last */
	uint64_t cpu_ns;    /* that it had used by then */
	double cpu;         /* CPUs that it uses now: 1.0 is one */
	uint64_t resident_bytes;
};

struct model_thread {
	uint32_t process;
	pid_t tid;
	char *name;
	enum thread_state state;
	bool is_collecting;
	uint32_t node; /* its stack, as it was seen last */
	int64_t seen_ns;
	struct stack_path path;
};

/* One stack of one thread in one state. */
struct model_cell {
	uint32_t thread, node;
	uint8_t state;
	bool is_collecting;
	uint64_t all_ns;
	int64_t second; /* that it is in the ring of, at `place`; -1: of none */
	uint32_t place;
};

struct model_second {
	int64_t number; /* of the seconds of the run; -1: it is empty */
	struct model_part {
		uint32_t cell;
		uint64_t ns;
	} * parts;
	size_t count, capacity;
	uint64_t states[THREAD_STATES], collecting_ns, samples, missed_ns;
	double cpu_ns;
};

struct model {
	struct sink sink;
	struct functions *functions;
	int64_t interval_ns; /* of processes that come */
	bool has_begun;
	int64_t began_ns, now_ns; /* when counting began; up to when there are events */
	int64_t paused_ns;        /* how much of the time between was not sampled on purpose */
	int64_t pause_began_ns;   /* 0: sampling is on */
	unsigned forgotten;       /* how often the limits were reached */
	uint64_t samples;         /* in all */
	unsigned long changes;    /* becomes another number when there is something new to show */

	struct model_process *processes;
	size_t process_count, process_capacity;
	struct u64_map process_by_pid;
	struct model_thread *threads;
	size_t thread_count, thread_capacity;
	struct u64_map thread_by_id;
	struct model_cell *cells;
	size_t cell_count, cell_capacity;
	struct u64_map cell_by_key;
	struct model_second seconds[MODEL_SECONDS + 1];

	struct stacks stacks; /* by function and line */
	struct stacks calls;  /* by function alone */
	uint32_t *call_of;    /* the node of calls, by node of stacks */
	size_t call_capacity;
	/* by node: does the frame (function) stand there for the first time from the root on? */
	uint8_t *is_first_line, *is_first_call;
	size_t first_line_capacity, first_call_capacity;
	uint32_t *line_turns, *function_turns;
	size_t line_turn_capacity, function_turn_capacity;
	uint32_t turn;
};

struct model *model_new(struct functions *functions, int64_t interval_ns);
void model_free(struct model *model); /* accepts NULL */
/* What events are given to. */
struct sink *model_sink(struct model *model);
/* Forgets what was counted; which processes and threads there are stays known. */
void model_reset(struct model *model);
/* Time has passed up to here, whether there were events or not. */
void model_advance(struct model *model, int64_t now_ns);
/* From now on time passes without samples, on purpose; and no longer. */
void model_pause(struct model *model, int64_t now_ns);
void model_resume(struct model *model, int64_t now_ns);

/* For how long samples were taken: of all, and of the last so many seconds. */
double model_all_ns(const struct model *model);
double model_recent_ns(const struct model *model, int seconds);

struct model_header {
	size_t processes, gone, threads;
	/* of the last seconds, 1.0 is one CPU, or one thread all the time */
	double cpu, holds_gil, waits_gil, collecting;
	uint64_t resident_bytes;
	double samples_per_second;
	double lost;                  /* the part of the ticks that nobody took */
	double minute[MODEL_SECONDS]; /* CPUs used in each second, the last one at the end; -1: not known */
};

void model_header(const struct model *model, int seconds, struct model_header *header);
/* Is a thread there now, as far as it is known? */
bool model_thread_lives(const struct model *model, const struct model_thread *thread);

#endif
