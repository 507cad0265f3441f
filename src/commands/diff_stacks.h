/* SPDX-License-Identifier: MIT */
/*
 * The stacks of both sides of a diff in one tree, and the files that are made of them: pictures, and
 * collapsed stacks with two numbers.
 */
#ifndef PYROPE_COMMANDS_DIFF_STACKS_H
#define PYROPE_COMMANDS_DIFF_STACKS_H

#include "commands/options.h"
#include "pyrope/compare.h"
#include "pyrope/output.h"
#include "pyrope/profile.h"

/* Initialise with diff_stacks_init. */
struct diff_stacks {
	struct keys
		*keys; /* frames with one name are one, as in the table: files may have been moved since */
	struct stack_frame *first; /* by key: the frame that came first, for all of the same name */
	size_t first_count, first_capacity;
	struct profile *profile;
	uint64_t *counts[2]; /* before, after: by node of the profile */
	size_t count_capacity[2];
	struct series **runs[2];
	size_t run_counts[2];
	uint64_t known[4096];        /* stack_keys that the profile has, by their ends */
	struct sample_frame *frames; /* of the stack that was looked at last */
	size_t frame_capacity;
};

/* What frames are called; context and functions live as long as this. */
void diff_stacks_init(
	struct diff_stacks *stacks, struct functions *functions, key_name *name, const void *context);
void diff_stacks_release(struct diff_stacks *stacks);
/* The samples that follow are those of another run of this side: 0 before, 1 after. */
void diff_stacks_begin_run(struct diff_stacks *stacks, size_t side);
void diff_stacks_add(struct diff_stacks *stacks, size_t side, const struct event *event);

/* Can a file of this name be written? ERROR_USAGE. */
int diff_output_check(const char *path, struct error *err);
/*
 * In the format that its ending names. table: what the page shows; the runs and counts of it are not looked
 * at.
 */
int diff_stacks_write(struct diff_stacks *stacks, const char *path, const struct difference *table,
	const struct output_options *options, struct error *err);

#endif
