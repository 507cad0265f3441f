/* SPDX-License-Identifier: MIT */
/* Stopping a thread to look at it; used by capture.c. */
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
bool capturer_may_pause(const struct capturer *capturer);
/* pause_tell; of a thread that may run Python, as long as it may. */
enum pause_result capturer_tell_to_stop(
	struct capturer *capturer, const struct thread *thread, struct pause *pause, struct error *err);
/* One pause. VERDICT_UNPROVEN: it could not be paused, or what was seen proves nothing. */
enum verdict capturer_pause(struct capturer *capturer, struct thread *thread);
/* One pause, and where it leaves the innermost frame in doubt, looks at how it goes on. */
enum verdict capturer_pause_and_watch(struct capturer *capturer, struct thread *thread);
/*
 * Was the last pause one of the stops that a sample may cost? timeouts: how many pauses had timed out before.
 * Where there is one sample only, a thread that got no CPU to stop on in time has not shown anything: time
 * alone bounds how often that is tried (capturer_may_pause).
 */
bool capturer_counts_stop(const struct capturer *capturer, uint64_t timeouts);
/* A thread that is stopped again at once may not have executed one instruction: lets it. */
void stop_let_run(void);
/*
 * A stop that proves nothing (a frame is just being linked) is followed by another one, when it has run a
 * moment.
 */
enum verdict capturer_pause_until_proven(struct capturer *capturer, struct thread *thread);
/* Pausing has been given up. Counts for how long, and tries it again when it is time to. */
void capturer_bear_refusal(struct capturer *capturer);

#endif
