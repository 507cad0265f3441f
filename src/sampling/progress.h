/* SPDX-License-Identifier: MIT */
/* Calls that are seen to go on; used by stop.c and take.c. */
#ifndef PYROPE_SAMPLING_PROGRESS_H
#define PYROPE_SAMPLING_PROGRESS_H

#include "sampling/judge.h"

/* Behind a stop whose innermost frame alone was in doubt. VERDICT_PROVEN: subject->frames is what the stop has shown. */
enum verdict progress_after_stop(struct taker *taker, struct subject *subject);
/*
 * Behind the first look of a sample, which taker has, where a pause is not to be had. VERDICT_PROVEN: subject->frames is what that look
 * has shown. Takes a quarter of the interval at most, awake.
 */
enum verdict progress_of_look(struct taker *taker, struct subject *subject);

#endif
