/* SPDX-License-Identifier: MIT */
/* One process of a run: a Python that is sampled, or something that may become one by execve. */
#ifndef PYROPE_COMMANDS_MEMBER_H
#define PYROPE_COMMANDS_MEMBER_H

#include "commands/events.h"
#include "commands/recording.h"
#include "pyrope/session.h"

struct member {
	pid_t pid, parent;
	bool launched;         /* the command itself, a child of ours */
	bool named;            /* on the command line */
	bool forked;           /* has been found as a child, and has not been seen to execute anything */
	struct target *target; /* that was opened last, before its last execve maybe; NULL: none was yet */
	struct python *python; /* NULL: it is not sampled now */
	struct native *native;
	struct watch *watch;
	struct told told;
	struct program program;             /* that was tried last */
	struct program sampled;             /* that it ran when it was sampled last */
	struct error obstacle;              /* why it is not sampled, as far as it is known */
	int64_t since_ns, check_ns, try_ns; /* waits since when, and when it is looked at next */
	int64_t retry_ns;                   /* the distance of the tries, of what is no Python */
	bool said;                          /* that there is an obstacle, or it is not worth a word */
	bool was_tried, was_sampled;
	char *command; /* what it runs that is no Python; NULL: it was none, or is not known */
	bool is_done;  /* its one look, of -s 0, has been taken */
	bool is_gone;
	bool told_exit;  /* to the outputs */
	int64_t gone_ns; /* since when */
};

struct member *member_new(pid_t pid, pid_t parent);
void member_free(struct member *member); /* accepts NULL; after its watch */
/* Tries again soon: it runs another program now. */
void member_renew(struct member *member);
/* Has the process ended? */
bool member_has_exited(const struct member *member);
/*
 * Looks for an interpreter and adds it to the sampler; parent is the member whose child it is, or NULL. -1:
 * there is none, now, or it cannot be sampled; then it is tried again later.
 */
int member_try(struct member *member, struct recording *recording, const struct member *parent,
	int64_t wait_ns, struct error *err);
/* Is it time for another try? In a crowd of many that wait it is asked less often. */
bool member_is_due(struct member *member, int64_t now_ns, size_t crowd);
/* Its watch is over. */
void member_ended(struct member *member);

#endif
