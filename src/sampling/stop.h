/* SPDX-License-Identifier: MIT */
/* Stopping a thread to look at it; used by take.c. */
#ifndef PYROPE_SAMPLING_STOP_H
#define PYROPE_SAMPLING_STOP_H

#include "sampling/judge.h"

#define PAUSES_FOR_ONE 3 /* stops that one sample may cost */
#define HOLD_LIMIT_NS (SAMPLING_HOLD_MS * INT64_C(1000000))
/*
 * How long to wait for a thread to stop. It is not held meanwhile: it waits for a CPU, or for what keeps it
 * in state D. Ticks may be missed for it, but on a machine that is short of CPUs giving up sooner would leave
 * nothing proven.
 */
#define PAUSE_DEADLINE_NS 20000000
#define ONCE_DEADLINE_NS 200000000 /* where there is one sample only */

/* Does --pause allow it, and is there time left for it? */
bool may_pause(const struct taker *taker);
/* pause_tell; of a thread that may run Python, as long as it may. */
enum pause_result tell_to_stop(struct taker *taker, const struct subject *subject, struct pause *pause, struct error *err);
/* One pause. VERDICT_UNPROVEN: it could not be paused, or what was seen proves nothing. */
enum verdict pause_and_look(struct taker *taker, struct subject *subject);
/* One pause, and where it leaves the innermost frame in doubt, looks at how it goes on. */
enum verdict pause_and_watch(struct taker *taker, struct subject *subject);
/*
 * Was the last pause one of the stops that a sample may cost? timeouts: how many pauses had timed out before. Where there is one sample only,
 * a thread that got no CPU to stop on in time has not shown anything: time alone bounds how often that is tried (may_pause).
 */
bool counts_as_stop(const struct taker *taker, uint64_t timeouts);
/* A thread that is stopped again at once may not have executed one instruction: lets it. */
void let_run(void);
/* A stop that proves nothing (a frame is just being linked) is followed by another one, when it has run a moment. */
enum verdict pause_until_proven(struct taker *taker, struct subject *subject);
/* Pausing has been given up. Counts for how long, and tries it again when it is time to. */
void bear_refusal(struct taker *taker);

#endif
