/* SPDX-License-Identifier: MIT */
/* Lets a thread go that is held while pyrope itself is stopped: see guard.c. */
#ifndef PYROPE_TARGET_GUARD_H
#define PYROPE_TARGET_GUARD_H

struct guard;

/* NULL when the system has no more timers or threads: then there is no guard, and the two below do nothing. */
struct guard *guard_new(void);
void guard_free(struct guard *guard); /* accepts NULL */
/* A thread of the target is being stopped, or may be at any time from now on. Again and again while that takes long. */
void guard_begin(struct guard *guard);
/* It has been let go. A SIGSTOP that was undone for that is made up for here. */
void guard_end(struct guard *guard);
/* How often pyrope has been stopped, as far as is known. */
unsigned guard_interruptions(const struct guard *guard);
/* pyrope has been stopped since that was asked, and this is not to be made up for. */
void guard_forget(struct guard *guard, unsigned interruptions);

#endif
