/* SPDX-License-Identifier: MIT */
/* What snapshots are worth; used by stop.c, moment.c and capture.c. */
#ifndef PYROPE_SAMPLING_JUDGE_H
#define PYROPE_SAMPLING_JUDGE_H

#include "sampling/capture.h"

/*
 * What a snapshot is worth as evidence that a thread's outermost frame is where this chain ends; ROOT_SURE
 * is enough.
 */
enum root_vote {
	ROOT_NO_VOTE = 0, /* the thread may have run meanwhile */
	ROOT_LOOKED = 1,  /* the same, but there is no better evidence to be had (--pause=never) */
	ROOT_STOPPED = 8, /* it was stopped anywhere */
	ROOT_SURE = 16,   /* it was in a system call or waited for the GIL */
};

/* samples for which what may be new is asked for strictly; see moment.h */
#define DOUBTS 24

/* Decodes what the last snapshot brought; what it is worth is for the caller to say. */
enum verdict capturer_decode(
	struct capturer *capturer, struct thread *thread, enum snapshot_result result, enum root_vote vote);
/* The same, for a thread that may have run while it was read. */
enum verdict capturer_judge(
	struct capturer *capturer, struct thread *thread, const struct gil *gil, enum snapshot_result result);
/*
 * The same, by the thread state as it was read first or, if that proves nothing, as it was read last.
 * is_first: the first snapshot of this sample, in whose place nothing may come that is another moment.
 */
enum verdict capturer_judge_either(struct capturer *capturer, struct thread *thread, const struct gil *gil,
	enum snapshot_result result, bool is_first);
/* What frames, which the thread's last snapshot showed, have as evidence. */
struct sighting capturer_sighting(struct capturer *capturer, const struct thread *thread,
	const struct resolved_frame *frames, size_t count);
/* thread->frames is what a thread showed that was stopped, wherever it was. */
enum verdict capturer_judge_stopped(struct capturer *capturer, struct thread *thread);
/*
 * Is the innermost frame the one that was called last? For a thread that stands still; the words that tell
 * stay in capturer->still.
 */
bool capturer_leaf_is_linked(struct capturer *capturer, const struct thread *thread);
/*
 * The same as capturer_judge_stopped, of a stack that is not known, and of which the stop has checked the
 * code objects. cpu_ns: the thread's then.
 */
enum verdict capturer_learn_stopped(struct capturer *capturer, const struct thread *thread, uint64_t cpu_ns);
/*
 * Looks at a thread that seems to be asleep. VERDICT_PROVEN only when it was so all the time; with native
 * frames its stack has been copied then.
 */
enum verdict capturer_look_asleep(struct capturer *capturer, struct thread *thread);
/*
 * The thread stands still, or will be proven to have stood still: its native stack belongs to what is read
 * now.
 */
void capturer_copy_stack(
	struct capturer *capturer, const struct thread *thread, const struct registers *registers);
/* Is the first `count` of capturer->capture.frames how the frames of the last walk begin? */
bool capturer_begins_with(const struct capturer *capturer, const struct thread *thread, size_t count);

#endif
