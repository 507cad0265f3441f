/* SPDX-License-Identifier: MIT */
/* Calls that are seen to go on; used by stop.c and capture.c. */
#ifndef PYROPE_SAMPLING_PROGRESS_H
#define PYROPE_SAMPLING_PROGRESS_H

#include "sampling/judge.h"

/*
 * Behind a stop whose innermost frame alone was in doubt. VERDICT_PROVEN: thread->frames is what the stop
 * has shown.
 */
enum verdict progress_after_stop(struct capturer *capturer, struct thread *thread);
/*
 * Behind the first snapshot of a sample, which capturer has, where a pause is not to be had. VERDICT_PROVEN:
 * thread->frames is what that snapshot has shown. Takes a quarter of the interval at most, awake.
 */
enum verdict progress_of_snapshot(struct capturer *capturer, struct thread *thread);

#endif
