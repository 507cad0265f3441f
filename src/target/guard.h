/* SPDX-License-Identifier: MIT */
/* Lets a thread go that is held while pyrope itself is stopped: see guard.c. */
#ifndef PYROPE_TARGET_GUARD_H
#define PYROPE_TARGET_GUARD_H

#include <sys/types.h>

struct guard;

/*
 * NULL when the system has no more timers or threads: then there is no guard, and what is below does
 * nothing.
 */
struct guard *guard_new(void);
void guard_free(struct guard *guard); /* accepts NULL */
/*
 * A thread of the target is being stopped, or may be at any time from now on. Again and again while that
 * takes long.
 */
void guard_begin(struct guard *guard);
/* It has been let go. A SIGSTOP that was undone for that is made up for here. */
void guard_end(struct guard *guard);
/* How often pyrope has been stopped, as far as is known. */
unsigned guard_interruptions(const struct guard *guard);
/* pyrope has been stopped since that was asked, and this is not to be made up for. */
void guard_forget(struct guard *guard, unsigned interruptions);

/*
 * The thread is, or is about to be, traced by a thread of pyrope. If it dies it is waited for within some 20
 * ms, whatever that thread does meanwhile; waitid then knows nothing of it. Not for a process's first thread.
 */
void guard_attach(struct guard *guard, pid_t tid);
/* It has been let go, or waited for. */
void guard_detach(struct guard *guard, pid_t tid);

#endif
