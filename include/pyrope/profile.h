/* SPDX-License-Identifier: MIT */
/*
 * What was sampled: stacks and their counts. Knows nothing of processes: samples come in, output reads what
 * is here. Of a sample nothing is kept but its functions, which belong to the run's table.
 */
#ifndef PYROPE_PROFILE_H
#define PYROPE_PROFILE_H

#include "pyrope/base.h"
#include "pyrope/event.h"
#include "pyrope/stacks.h"

struct profile;

/* Which root frames to put before each stack. */
enum profile_group { GROUP_NONE = 0, GROUP_PROCESS = 1, GROUP_THREAD = 2 };

/* The table of functions is borrowed: that of the samples that will be added. */
struct profile *profile_new(struct functions *functions, unsigned groups, int64_t interval_ns);
void profile_free(struct profile *profile); /* accepts NULL */
/* Counts the sample of an event. Returns the node of its stack. */
uint32_t profile_add(struct profile *profile, const struct event *event);
/*
 * What there is to know of the run from an event that is no sample: its command, how long it took, ticks
 * that were missed.
 */
void profile_note(struct profile *profile, const struct event *event);
/* From now on counts, too, at which samples the thread held the GIL. */
void profile_count_gil(struct profile *profile);

/*
 * Appends the name of a group's root frame: process 4711 "python3", thread 4712 "worker". The name of the
 * process or thread comes last and in quotes, so that the frame never ends in a number. Nothing when the
 * sample belongs to no thread.
 */
void group_append(struct buffer *buffer, enum profile_group group, const struct sample *sample);

/*
 * The tree of what was added; the count of a node is that of the samples that end there. Parents come
 * before their children.
 */
const struct stacks *profile_stacks(const struct profile *profile);
/* Of the samples that end at a node, those at which the thread held the GIL; 0 when they were not counted. */
uint64_t profile_gil(const struct profile *profile, uint32_t node);

/*
 * What a function (line, file, module) has of the samples: those that end in it, and those that it is in,
 * however often. Markers are functions, too.
 */
struct total_row {
	const struct function *function; /* where several are one row: the one that came first */
	int line;                        /* with has_line, 0: not known */
	char *text;                      /* where rows are told apart by a text, else NULL */
	uint64_t self, total;
};

/* A row below another one, as in the stacks: the tree of calls. */
struct total_node {
	uint32_t parent; /* less than its own number; of the root: 0 */
	uint32_t row;    /* of the root: meaningless */
	uint64_t self, total;
};

struct totals {
	struct total_row *rows; /* in no order */
	size_t row_count;
	struct total_node *nodes;
	size_t node_count;
};

/*
 * What frames that are one row have in common: the function, with has_line the line, or what this text
 * says.
 */
struct total_key {
	bool has_line;
	/* NULL, or allocated; the same for the same function */
	char *(*text)(const struct function *function, const void *context);
	const void *context;
};

void profile_totals(const struct profile *profile, const struct total_key *key, struct totals *totals);
void totals_release(struct totals *totals);

#define PROFILE_EXITS 8

/* What there is to say of all samples together. */
struct profile_summary {
	struct {
		size_t count, well; /* processes that have ended; with exit status 0 */
		size_t unknown;     /* nobody knows how */
		struct process_exit {
			pid_t pid;
			int status; /* as of waitpid(2) */
			/* the first ones of the others, min(PROFILE_EXITS, count - well - unknown) */
		} badly[PROFILE_EXITS];
	} exits;
	uint64_t states[THREAD_STATES];
	uint64_t partial, missed; /* samples; ticks that nobody took */
	size_t threads, processes;
	const char *command; /* of the first process; "": not known */
	int64_t duration_ns; /* of all runs together; 0: not known */
};

const struct profile_summary *profile_summary(const struct profile *profile);
uint64_t profile_samples(const struct profile *profile);
int64_t profile_interval_ns(const struct profile *profile);

#endif
