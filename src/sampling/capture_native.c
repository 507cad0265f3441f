/* SPDX-License-Identifier: MIT */
/* How a stack is taken that has native frames: in a stop, or asleep, and merged with Python's. */
#include "config.h"

#include "sampling/capture_native.h"
#include "sampling/judge.h"
#include "sampling/stop.h"

/*
 * Merges what was copied, if anything. False: the calls on the C stack are not those of the chain, so that
 * the stop was in the middle of linking one.
 */
static bool merge_copy(struct capturer *capturer, struct thread *thread)
{
	if (!capturer->has_copy)
		return true;
	native_merge(capturer->native, &capturer->copy, &thread->walk,
		thread->uses_after ? thread->state_after : thread->state, &capturer->capture.merged);
	thread->stack_end = capturer->copy.stack_end;
	return !capturer->capture.merged.contradicts;
}

/*
 * With native frames each sample is a stop (or a sleep): the registers are in no memory that could be looked
 * at. So the moment of the sample is the first stop that shows a whole chain; the snapshot before it has told
 * where everything lies, and is the second sighting that an innermost frame may need.
 */
enum capture_result capture_finish_native(struct capturer *capturer, struct thread *thread,
	enum verdict first, enum verdict verdict, enum sample_quality quality)
{
	bool has_stopped = false;
	size_t outer;

	if (verdict == VERDICT_PROVEN && !merge_copy(capturer, thread))
		verdict = quality == SAMPLE_PAUSED ? VERDICT_NOTHING : VERDICT_UNPROVEN;
	for (int stops = 0; stops < PAUSES_FOR_ONE * capturer->patience && capturer_may_pause(capturer);) {
		const uint64_t timeouts = capturer->statistics->pause_timeouts;

		/* proven without a copy: it had just let go of the GIL, and was not stopped for that */
		if ((verdict == VERDICT_PROVEN && capturer->has_copy) || verdict == VERDICT_FOREIGN)
			break;
		if (has_stopped)
			stop_let_run();
		has_stopped = true;
		quality = SAMPLE_PAUSED;
		capturer->has_copy = false;
		verdict = capturer_pause(capturer, thread);
		if (verdict == VERDICT_PROVEN && !merge_copy(capturer, thread))
			verdict = VERDICT_NOTHING;
		stops += capturer_counts_stop(capturer, timeouts);
	}
	if (verdict == VERDICT_FOREIGN)
		return CAPTURE_FOREIGN;
	capturer->capture.has_merged = verdict == VERDICT_PROVEN && capturer->has_copy;
	capturer->capture.lacks_native = !capturer->capture.has_merged;
	if (verdict == VERDICT_PROVEN) {
		capturer_keep(capturer, thread, thread->frame_count, quality);
		if (capturer->capture.was_asleep)
			capture_keep(&capturer->capture, thread);
	} else if (first != VERDICT_PROVEN || (verdict == VERDICT_UNPROVEN && capturer->has_copy)) {
		/* else it could not be stopped, and what the snapshot has shown is true as well */
		outer = verdict == VERDICT_UNPROVEN
			? known_stacks_prefix(&capturer->known_stacks, thread->frames, thread->frame_count)
			: 0;
		capturer_keep(capturer, thread, outer, outer ? SAMPLE_PARTIAL : SAMPLE_FAILED);
		capturer->capture.lacks_native = false;
	}
	return capturer_finish(thread);
}

enum capture_result capture_native(
	struct capturer *capturer, struct thread *thread, enum verdict first, const struct capture **stack)
{
	enum verdict verdict;

	if ((first == VERDICT_PROVEN || first == VERDICT_UNPROVEN) &&
		thread->frame_count == thread->kept.count && capture_sleeps_still(capturer, thread)) {
		*stack = &thread->kept;
		return capturer_finish(thread);
	}
	capturer_keep(capturer, thread, first == VERDICT_PROVEN ? thread->frame_count : 0, SAMPLE_VERIFIED);
	capturer->seen = (struct sighting){ 0 };
	if (first == VERDICT_UNPROVEN)
		capturer->seen = capturer_sighting(capturer, thread, thread->frames, thread->frame_count);
	capturer->capture.was_asleep = false;
	verdict = capturer_look_asleep(capturer, thread);
	if (capturer->defers && verdict != VERDICT_PROVEN && verdict != VERDICT_FOREIGN &&
		capturer_may_pause(capturer)) {
		capturer->first = first;
		return CAPTURE_DEFERRED;
	}
	return capture_finish_native(capturer, thread, first, verdict, SAMPLE_VERIFIED);
}
