/* SPDX-License-Identifier: MIT */
/* One recording: where its samples go, and what there is to say about it. */
#ifndef PYROPE_COMMANDS_RECORDING_H
#define PYROPE_COMMANDS_RECORDING_H

#include "commands/options.h"
#include "pyrope/output.h"

struct recording {
	const struct options *options;
	struct output_file *file;
	struct profile *profile;               /* NULL with --flamechart */
	struct flamechart *flamechart;         /* NULL without */
	struct sampler *sampler;               /* the one that runs, NULL: none */
	struct sampling_statistics statistics; /* of the samplers that have ended, added up */
	char note[256];    /* the samplers' note, "" for none; statistics.note points here */
	uint64_t left_out; /* samples that -x left out */
	uint64_t kept;
	bool has_python;     /* an interpreter was found and sampled */
	bool warned;         /* about its version */
	int64_t progress_ns; /* when the progress line was last drawn; 0: it is not there */
	int64_t flush_ns;
	bool shows_progress;
	struct error stream; /* a failed write in the middle; kind ERROR_NONE: none */
};

/* ---- follow.c ---- */

enum follow_end {
	FOLLOW_DURATION,
	FOLLOW_SIGNAL, /* signals_caught says which */
	FOLLOW_EXITED, /* the target is gone */
	FOLLOW_EXECED, /* it runs another program (attached only) */
	FOLLOW_OUTPUT, /* nobody takes the output any more; recording->stream says why */
};

/* Samples a process that runs already. */
int follow_process(struct recording *recording, pid_t pid, enum follow_end *end, struct error *err);
/*
 * Samples a child of ours through all that it execs. What hinders it (no Python yet, none at all, not
 * permitted) is said on standard error when that is known; the child is never disturbed for it.
 */
void follow_child(struct recording *recording, pid_t child, enum follow_end *end);

/* ---- progress.c ---- */

void progress_begin(struct recording *recording);
void progress_draw(struct recording *recording, const struct sampling_statistics *now);
/* Takes the line away, so that something else can be printed. */
void progress_clear(struct recording *recording);
/* A line of its own on standard error, "pyrope: ..."; `always`: also when that is no terminal. */
void say(struct recording *recording, bool always, const char *format, ...) PRINTF_LIKE(3, 4);
void summary_print(struct recording *recording);

/* Adds what one sampler did. */
void statistics_add(struct recording *recording, const struct sampling_statistics *statistics);

#endif
