/* SPDX-License-Identifier: MIT */
/* Stopping a thread to look at it; used by take.c. */
#ifndef PYROPE_SAMPLING_STOP_H
#define PYROPE_SAMPLING_STOP_H

#include "judge.h"

#define PAUSES_FOR_ONE 3 /* stops that one sample may cost */
/*
 * How long to wait for a thread to stop. It is not held meanwhile: it waits for a CPU, or for what keeps it
 * in state D. Ticks may be missed for it, but on a machine that is short of CPUs giving up sooner would leave
 * nothing proven.
 */
#define PAUSE_DEADLINE_NS 20000000

/* Does --pause allow it, and is there time left for it? */
bool may_pause(const struct taker *taker);
/* One pause. VERDICT_UNPROVEN: it could not be paused, or what was seen proves nothing. */
enum verdict pause_and_look(struct taker *taker, struct subject *subject);
/* A thread that is stopped again at once may not have executed one instruction: lets it. */
void let_run(void);
/* A stop that proves nothing (a frame is just being linked) is followed by another one, when it has run a moment. */
enum verdict pause_until_proven(struct taker *taker, struct subject *subject);
/* Pausing has been given up. Counts for how long, and tries it again when it is time to. */
void bear_refusal(struct taker *taker);

#endif
