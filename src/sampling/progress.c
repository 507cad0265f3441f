/* SPDX-License-Identifier: MIT */
/*
 * A call that is seen to go on: looks at a thread that runs, one after the other, which show the same call at
 * other and other places. They cost the target nothing, and prove what one snapshot cannot.
 *
 * A single look may be a mixture of two moments. It shows callers that were there at one moment and an
 * innermost frame of another one, some 0.2 us later; to show the same mixture again, the thread has to have
 * come round in the same two calls. Whatever their lengths are, a snapshot at a random moment meets the
 * change from the one to the other in no more than half of the cases: there is a change back for each. So a
 * mixture passes for a call LOOKS_ALONE times with a chance of 2 to the power of -LOOKS_ALONE at the very
 * most, and code that has calls as short as that is not new for long.
 */
#include "config.h"

#include "sampling/progress.h"

#include <string.h>

#include "sampling/stop.h"

#define WATCH_NS 400000 /* so long a thread is watched */
#define WATCH_PART 4    /* and for no more than this part of the interval */
/* that show the same call, one after the other, since it was seen to go on */
#define LOOKS_AFTER_STOP 5
/* the same, each at another place than the one before, where there was no stop */
#define LOOKS_ALONE 12
/* at most, at random, between two of them: a loop is not to come round in step */
#define APART_NS 1024

/* One snapshot of a thread that was in that call before: does it show the same one, and where in it? */
static enum verdict see_it_again(
	struct capturer *capturer, struct thread *thread, const struct sighting *before, struct sighting *now)
{
	const enum verdict verdict = capturer_decode(
		capturer, thread, snapshot_take(&capturer->reader, thread, NULL), ROOT_NO_VOTE);

	if (verdict != VERDICT_UNPROVEN)
		return verdict;
	*now = capturer_sighting(capturer, thread, thread->frames, thread->frame_count);
	return now->path == before->path ? VERDICT_PROVEN : VERDICT_UNPROVEN;
}

/* They are what the sample shows, and of another moment than the last walk. */
static void show(struct thread *thread, const struct resolved_frame *frames, size_t count)
{
	array_reserve(&thread->frames, &thread->frame_capacity, count + 1, sizeof(*thread->frames));
	memcpy(thread->frames, frames, count * sizeof(*thread->frames));
	thread->frame_count = count;
	thread->walk.count = thread->walk.group_count = 0;
}

/*
 * The innermost frame of the last stop alone was in doubt, and the thread runs again. If the same frame is
 * seen to go on under the same callers, in snapshots that show nothing else, it was whole: that costs the
 * target nothing, and a frame that lives for a millisecond is often gone by the next stop. One such snapshot
 * is not enough: where calls come and go a snapshot may be the same mixture that the stop was. Those that
 * show it where it stood do not count: it may have got no CPU since, and be as half pushed as it was.
 * VERDICT_PROVEN: thread->frames is what the stop has shown.
 */
enum verdict progress_after_stop(struct capturer *capturer, struct thread *thread)
{
	const struct sighting stopped = capturer->stopped;
	const size_t count = thread->frame_count;
	const bool was_cut = capturer->capture.is_cut;
	const int64_t end_ns = monotonic_ns() + WATCH_NS;
	bool has_gone_on = false;

	if (!stopped.path)
		return VERDICT_UNPROVEN;
	array_reserve(
		&capturer->stop_frames, &capturer->stop_capacity, count, sizeof(*capturer->stop_frames));
	memcpy(capturer->stop_frames, thread->frames, count * sizeof(*thread->frames));
	capturer->stop_count = count;
	/*
	 * what has executed nothing may have another's link, and the call that is seen later is another one
	 * then
	 */
	if (stopped.is_fresh)
		return VERDICT_UNPROVEN;
	for (int snapshots = 0, seen = 0; seen < LOOKS_AFTER_STOP; snapshots++) {
		struct sighting now = { 0 };
		const enum verdict verdict = see_it_again(capturer, thread, &stopped, &now);

		if (verdict != VERDICT_PROVEN || monotonic_ns() > end_ns)
			return verdict == VERDICT_FOREIGN ? verdict : VERDICT_UNPROVEN;
		has_gone_on |= now.instruction != stopped.instruction;
		seen += has_gone_on;
		if (!has_gone_on && snapshots >= LOOKS_AFTER_STOP) /* it has no CPU yet */
			stop_let_run();
	}
	show(thread, capturer->stop_frames, count);
	capturer->capture.is_cut = was_cut;
	known_stacks_add(&capturer->known_stacks, thread->frames, count);
	return VERDICT_PROVEN;
}

/* Awake: a sleep takes longer than what is watched may last. */
static void stay_apart(void)
{
	const int64_t begin_ns = monotonic_ns();
	const int64_t end_ns = begin_ns + (int64_t)(hash_u64((uint64_t)begin_ns) % APART_NS);

	while (monotonic_ns() < end_ns)
		;
}

enum verdict progress_of_snapshot(struct capturer *capturer, struct thread *thread)
{
	const int64_t part_ns = capturer->interval_ns / WATCH_PART;
	const int64_t end_ns = monotonic_ns() + (part_ns < WATCH_NS ? part_ns : WATCH_NS);
	struct sighting before = capturer->seen;

	/* what has executed nothing may have another's link, as behind a stop */
	if (capturer->first != VERDICT_UNPROVEN || !before.path || before.is_fresh)
		return VERDICT_UNPROVEN;
	for (int seen = 0; seen < LOOKS_ALONE;) {
		struct sighting now = { 0 };
		enum verdict verdict;

		stay_apart();
		verdict = see_it_again(capturer, thread, &before, &now);
		if (verdict != VERDICT_PROVEN || monotonic_ns() > end_ns)
			return verdict == VERDICT_FOREIGN ? verdict : VERDICT_UNPROVEN;
		seen += now.instruction != before.instruction;
		before.instruction = now.instruction;
	}
	show(thread, capturer->capture.frames, capturer->capture.count);
	capturer->statistics->seen_going_on++;
	return VERDICT_PROVEN;
}
