/* SPDX-License-Identifier: MIT */
/* One recording: where its samples go, and what there is to say about it. */
#ifndef PYROPE_COMMANDS_RECORDING_H
#define PYROPE_COMMANDS_RECORDING_H

#include "commands/options.h"
#include "commands/outputs.h"
#include "commands/roots.h"

#define CHILDREN_NAMED 16

struct recording {
	const struct options *options;
	struct functions *functions; /* all that were met, whatever the target executes one after the other */
	struct outputs outputs;
	struct check *check;     /* NULL: no budgets are to be kept */
	struct sampler *sampler; /* the one that runs, NULL: none */
	bool is_stuck;           /* the sampling thread has not come back: what it may use is not freed */
	struct sampling_statistics statistics; /* of all watches, when the run is over */
	struct {
		uint64_t sampled;     /* Pythons */
		uint64_t gone;        /* of those */
		uint64_t failed;      /* could not be sampled */
		uint64_t other;       /* were never seen to be a Python */
		uint64_t left_out;    /* were too many */
		struct buffer others; /* the first ones that were no Python: number and command line */
		size_t others_shown;
	} processes;
	struct sampling_gate gate; /* of --delay and --paused */
	bool told_off;             /* the last mark said that sampling is off */
	bool was_on;               /* sampling has begun */
	int64_t until_ns; /* when the time is over: from the first sample on; 0: not known yet, or never */
	struct {
		pid_t pids[CHILDREN_NAMED];
		size_t count;
		bool has_more;
	} children;          /* Pythons that ran beside the only process that is sampled, when it was over */
	struct buffer notes; /* all that there was to say about the run, joined */
	bool has_begun;      /* its first event has been given to the outputs */
	/* when the time was told last, and its distance from CLOCK_MONOTONIC then */
	int64_t clock_ns, clock_offset_ns;
	bool has_python;     /* an interpreter was found and sampled */
	bool warned;         /* about its version */
	struct roots roots;  /* of the programs that were sampled */
	int64_t progress_ns; /* when the progress line was last drawn; 0: it is not there */
	size_t progress_columns, progress_length; /* of the terminal then, and of the line */
	int64_t flush_ns;
	bool shows_progress;
	/* NULL, or called again and again between samples, some 20 times a second or more: pyrope top */
	void (*attend)(struct recording *recording);
	struct error stream; /* a failed write in the middle; kind ERROR_NONE: none */
};

/* What switches sampling on and off; NULL: it is always on. */
static inline struct sampling_gate *gate_of(struct recording *recording)
{
	return recording->options->paused || recording->options->has_delay || recording->attend
		? &recording->gate
		: NULL;
}

/* ---- follow.c ---- */

enum follow_end {
	FOLLOW_DURATION,
	FOLLOW_SIGNAL,  /* signals_caught says which */
	FOLLOW_EXITED,  /* the target is gone */
	FOLLOW_REFUSED, /* the system refuses what sampling takes */
	FOLLOW_OUTPUT,  /* nobody takes the output any more; recording->stream says why */
};

/* The time that was asked for begins, when an interpreter was found and sampling is on. */
void recording_begin_time(struct recording *recording);
/*
 * Samples the processes that the options name, the first of which has to be a Python or to have children,
 * through all that they exec.
 */
int follow_processes(struct recording *recording, enum follow_end *end, struct error *err);
/*
 * Samples a child of ours through all that it execs, and what it starts. What hinders it (no Python yet, none
 * at all, not permitted) is said on standard error when that is known; the child is never disturbed for it.
 * -1: for a reason that is not its own it could not be sampled, or not to its end; err has no message when
 * that has been said.
 */
int follow_child(struct recording *recording, pid_t child, enum follow_end *end, struct error *err);

/* ---- progress.c ---- */

void progress_begin(struct recording *recording);
/* Is there a line, and is it old? */
bool progress_is_due(const struct recording *recording);
void progress_draw(struct recording *recording, const struct sampling_statistics *now);
/* Takes the line away, so that something else can be printed. */
void progress_clear(struct recording *recording);
/* A line of its own on standard error, "pyrope: ...". */
void recording_say(struct recording *recording, const char *format, ...) PRINTF_LIKE(2, 3);
/*
 * What belongs to the result: said in the same way, or with --summary=json as its "note", so that nothing
 * but JSON is there.
 */
void recording_note(struct recording *recording, const char *format, ...) PRINTF_LIKE(2, 3);
void print_error_stream(const struct buffer *text);

/* ---- summary.c ---- */

/* Is there to be one? */
bool summary_is_wanted(const struct recording *recording);
void summary_print(struct recording *recording);

#endif
