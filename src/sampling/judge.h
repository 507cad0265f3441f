/* SPDX-License-Identifier: MIT */
/* What looks are worth; used by stop.c and take.c. */
#ifndef PYROPE_SAMPLING_JUDGE_H
#define PYROPE_SAMPLING_JUDGE_H

#include "sampling/take.h"

/* What a look is worth as evidence that a thread's outermost frame is where this chain ends; ROOT_SURE is enough. */
enum root_vote {
	ROOT_NO_VOTE = 0,  /* the thread may have run meanwhile */
	ROOT_LOOKED = 1,   /* the same, but there is no better evidence to be had (--pause=never) */
	ROOT_STOPPED = 8,  /* it was stopped anywhere */
	ROOT_SURE = 16,    /* it was in a system call or waited for the GIL */
};

#define DOUBTS 24 /* samples for which what may be new is asked for strictly; see same_moment in take.c */

/* Decodes what the last look brought; what it is worth is for the caller to say. */
enum verdict decode(struct taker *taker, struct subject *subject, enum look_result result, enum root_vote vote);
/* The same, for a thread that may have run while it was read. */
enum verdict judge(struct taker *taker, struct subject *subject, const struct gil *gil, enum look_result result);
/*
 * The same, by the thread state as it was read first or, if that proves nothing, as it was read last. is_first: the first look
 * of this sample, in whose place nothing may come that is another moment.
 */
enum verdict judge_either(struct taker *taker, struct subject *subject, const struct gil *gil, enum look_result result,
	bool is_first);
/* What frames, which the subject's last look showed, have as evidence. */
struct sighting sighting_of(struct taker *taker, const struct subject *subject, const struct resolved_frame *frames, size_t count);
/* subject->frames is what a thread showed that was stopped, wherever it was. */
enum verdict judge_stopped(struct taker *taker, struct subject *subject);
/* Is the innermost frame the one that was called last? For a thread that stands still; the words that tell stay in taker->still. */
bool leaf_is_linked(struct taker *taker, const struct subject *subject);
/* The same as judge_stopped, of a stack that is not known, and of which the stop has checked the code objects. cpu_ns: the thread's then. */
enum verdict learn_stopped(struct taker *taker, const struct subject *subject, uint64_t cpu_ns);
/*
 * Looks at a thread that seems to be asleep. VERDICT_PROVEN only when it was so all the time; with native
 * frames its stack has been copied then.
 */
enum verdict look_asleep(struct taker *taker, struct subject *subject);
/* The thread stands still, or will be proven to have stood still: its native stack belongs to what is read now. */
void copy_stack(struct taker *taker, const struct subject *subject, const struct registers *registers);
/* Is the first `count` of taker->frames how the frames of the last walk begin? */
bool begins_with(const struct taker *taker, const struct subject *subject, size_t count);

#endif
