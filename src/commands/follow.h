/* SPDX-License-Identifier: MIT */
/* The processes of a run: what follow.c, which follows them, and follow_tell.c have in common. */
#ifndef PYROPE_COMMANDS_FOLLOW_H
#define PYROPE_COMMANDS_FOLLOW_H

#include "commands/member.h"
#include "commands/recording.h"

#define PROCESSES_LIMIT 1000

struct follow {
	struct recording *recording;
	struct tree *tree; /* NULL: descendants are not followed */
	struct member **members;
	size_t count, capacity;
	size_t waiting; /* of those that are not sampled */
	bool is_over;
	enum follow_end end;
	struct error refusal; /* of the only process: the system refuses what sampling takes */
	bool told_failure, told_limit;
	int64_t exits_ns; /* when it was looked last who has ended */
};

/* Callbacks of the sampler, whose context is a struct follow: for a sample, and between samples. */
int follow_take_sample(void *context, const struct sample *sample, struct error *err);
void follow_idle(void *context);

/* Says why it is not sampled. */
void follow_say_obstacle(struct recording *recording, struct member *member);
/* A child that cannot be sampled ends nothing. The first one is told of, the others are counted. */
void follow_count_failure(struct follow *follow, struct member *member);
/* Of what was no Python the summary says what it was. */
void follow_count_other(struct recording *recording, const struct member *member);
/* It may take a moment until its exit status is to be had; is_last: it has had that. */
void follow_tell_exit(struct follow *follow, struct member *member, bool is_last);
/* Those beyond PROCESSES_LIMIT. */
void follow_count_left_out(struct follow *follow);
/* What was not followed is told at the end, so that nobody looks for a worker's time in its master. */
void follow_find_children(struct recording *recording);

#endif
