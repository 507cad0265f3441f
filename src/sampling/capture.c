/* SPDX-License-Identifier: MIT */
/*
 * How one stack is taken.
 *
 * The first snapshot decides which moment the sample belongs to. If its stack is a proven one, or the thread
 * cannot have run while it was read, it is the sample. If not, the outermost frames that are a proven stack
 * (the outer frames) are still certain; where its chain cannot be walked at all, those that its copy shows
 * (outer_frames.h). Another snapshot or a pause may then supply the rest, but only when it shows the same
 * outer frames, and behind it the same call: the same calls are still running. Otherwise the sample is its
 * outer frames and a "(partial)" leaf. Taking whatever stack the pause finds would move samples out of code
 * whose frames change fast, and bias the profile.
 */
#include "config.h"

#include "sampling/capture.h"

#include <stdlib.h>
#include <string.h>

#include "sampling/capture_native.h"
#include "sampling/judge.h"
#include "sampling/moment.h"
#include "sampling/stop.h"

/*
 * For each of DOUBTS samples: code that runs for a twentieth of the time is proven by then. They take a few
 * hundred microseconds, so that there are fewer where ticks are near each other.
 */
#define PAUSES_FOR_NEW 3
#define NEAR_TICKS_NS 1000000
#define FAR_TICKS_NS 3000000 /* caches have gone cold, and one read more costs nothing that counts */
#define ONCE_PATIENCE 20     /* times as many tries where there is one sample only */

void capturer_init(struct capturer *capturer, struct python *python, const struct sampling_options *options,
	struct sampling_statistics *statistics)
{
	*capturer = (struct capturer){ .policy = options->pause,
		.asked_policy = options->pause,
		.pause_deadline_ns = options->once ? ONCE_DEADLINE_NS : PAUSE_DEADLINE_NS,
		.statistics = statistics,
		.began_ns = monotonic_ns(),
		.is_once = options->once,
		.patience = options->once ? ONCE_PATIENCE : 1,
		.native = options->native,
		.interval_ns = options->interval_ns,
		.is_slow = options->interval_ns >= FAR_TICKS_NS,
		.pauses_for_new =
			options->interval_ns < NEAR_TICKS_NS ? PAUSES_FOR_NEW - 1 : PAUSES_FOR_NEW };
	snapshot_reader_init(&capturer->reader, python, options->max_depth);
}

void capturer_release(struct capturer *capturer)
{
	snapshot_reader_release(&capturer->reader);
	known_stacks_release(&capturer->known_stacks);
	native_copy_release(&capturer->copy);
	native_merged_release(&capturer->capture.merged);
	free(capturer->stop_frames);
	free(capturer->fresh_frames);
	free(capturer->capture.frames);
}

/* ---- keeping what was found ---- */

void capturer_keep_frames(struct capturer *capturer, const struct resolved_frame *frames, size_t count,
	enum sample_quality quality)
{
	array_reserve(&capturer->capture.frames, &capturer->capture.capacity, count + 1,
		sizeof(*capturer->capture.frames));
	if (count)
		memcpy(capturer->capture.frames, frames, count * sizeof(*capturer->capture.frames));
	capturer->capture.count = count;
	capturer->capture.quality = quality;
}

void capturer_keep(
	struct capturer *capturer, const struct thread *thread, size_t count, enum sample_quality quality)
{
	capturer_keep_frames(capturer, thread->frames, count, quality);
}

/* ---- the policy ---- */

enum capture_result capturer_finish(struct thread *thread)
{
	thread_prune_checked(thread);
	return CAPTURED;
}

/* Two snapshots that show the same chain: all the verification there is where nothing may be paused. */
static bool snapshots_same(struct capturer *capturer, struct thread *thread)
{
	enum verdict verdict = capturer_decode(
		capturer, thread, snapshot_take(&capturer->reader, thread, NULL), ROOT_LOOKED);

	return verdict == VERDICT_UNPROVEN && thread->frame_count == capturer->capture.count &&
		capturer_begins_with(capturer, thread, capturer->capture.count);
}

/*
 * A line is not worth a sample: the call that the first snapshot showed is known, and only the line of its
 * innermost frame has not been proven. Where the function is called from elsewhere, too, that may be another
 * call's line, and its first one is said.
 */
static bool keep_call(struct capturer *capturer, size_t outer)
{
	struct resolved_frame *innermost;
	bool is_only;

	if (capturer->first != VERDICT_UNPROVEN || outer + 1 != capturer->capture.count ||
		!known_stacks_has_call(
			&capturer->known_stacks, capturer->capture.frames, capturer->capture.count, &is_only))
		return false;
	innermost = &capturer->capture.frames[outer];
	if (!capturer_line_is_sure(capturer))
		innermost->line = innermost->code->function->first_line;
	capturer->capture.quality = SAMPLE_VERIFIED;
	return true;
}

/*
 * What the first snapshot's copy showed of the outer frames when its chain did not hold. True: what was seen
 * later is of another moment, in other calls; capturer has what is certain of the first one.
 */
static bool keep_outer(struct capturer *capturer, const struct thread *thread, enum verdict verdict)
{
	const bool has_frames = verdict == VERDICT_PROVEN || verdict == VERDICT_UNPROVEN;
	const size_t known =
		known_stacks_prefix(&capturer->known_stacks, thread->outer_frames, thread->outer_count);

	if (!known)
		return false;
	capturer_keep_frames(capturer, thread->outer_frames, known, SAMPLE_UNVERIFIED);
	return !has_frames || !(capturer->is_once || capturer_begins_with(capturer, thread, known));
}

/*
 * What a sample becomes of which the first snapshot was not enough. capturer has what that showed, if
 * anything.
 */
static enum capture_result finish_hard(
	struct capturer *capturer, struct thread *thread, enum verdict verdict, enum sample_quality quality)
{
	const enum verdict first = capturer->first;
	size_t outer = known_stacks_prefix(
		&capturer->known_stacks, capturer->capture.frames, capturer->capture.count);

	if (verdict == VERDICT_FOREIGN)
		return CAPTURE_FOREIGN;
	if (verdict == VERDICT_PROVEN)
		snapshot_learn_outer(&capturer->reader, thread);
	if (verdict == VERDICT_PROVEN && capturer_same_moment(capturer, thread, outer)) {
		capturer_keep(capturer, thread, thread->frame_count, quality);
	} else if (first == VERDICT_UNPROVEN && outer == capturer->capture.count) {
		/* what has been proven meanwhile is what the first snapshot saw */
		capturer->capture.quality = SAMPLE_VERIFIED;
	} else if (keep_call(capturer, outer)) {
		/* its line may be in doubt, the call is not */
	} else if (capturer->policy == PAUSE_NEVER) {
		if (first == VERDICT_UNPROVEN && snapshots_same(capturer, thread))
			capturer->capture.quality = SAMPLE_VERIFIED;
	} else if (outer) {
		capturer->capture.count = outer;
		capturer->capture.quality = SAMPLE_PARTIAL;
	} else if (first != VERDICT_UNPROVEN && first != VERDICT_TORN && verdict == VERDICT_UNPROVEN) {
		/* the first snapshot showed nothing; the callers that the last stop showed are certain */
		size_t callers =
			known_stacks_prefix(&capturer->known_stacks, thread->frames, thread->frame_count);

		capturer_keep(capturer, thread, callers, callers ? SAMPLE_PARTIAL : SAMPLE_FAILED);
	}
	/* frames that have lost their callers are not to look like the outermost ones of a thread */
	if (capturer->capture.quality == SAMPLE_UNVERIFIED && capturer->capture.count &&
		!known_stacks_has_root(&capturer->known_stacks, capturer->capture.frames))
		capturer->capture.is_cut = true;
	return capturer_finish(thread);
}

/*
 * The first snapshot was not enough. What it showed is in thread, unless it showed nothing or capturer has
 * its outer frames.
 */
static enum capture_result capture_hard(struct capturer *capturer, struct thread *thread,
	const struct gil *gil, enum verdict first, bool has_outer)
{
	bool has_first = first == VERDICT_UNPROVEN || first == VERDICT_TORN;
	enum sample_quality quality;
	enum verdict verdict;

	if (has_outer)
		first = VERDICT_TORN;
	capturer->first = first;
	if (!has_outer)
		capturer_keep(capturer, thread, has_first ? thread->frame_count : 0,
			has_first ? SAMPLE_UNVERIFIED : SAMPLE_FAILED);
	capturer->seen =
		capturer_sighting(capturer, thread, capturer->capture.frames, capturer->capture.count);
	verdict = capturer_find_better(capturer, thread, gil, &quality);
	return capturer->is_deferred ? CAPTURE_DEFERRED : finish_hard(capturer, thread, verdict, quality);
}

/* The snapshot was enough, and a pause was asked for all the same; verdict: of one that there was already. */
static enum capture_result finish_proven(
	struct capturer *capturer, struct thread *thread, enum verdict verdict)
{
	if (verdict != VERDICT_PROVEN && verdict != VERDICT_FOREIGN)
		verdict = capturer_pause_until_proven(capturer, thread);
	if (verdict == VERDICT_FOREIGN)
		return CAPTURE_FOREIGN;
	if (verdict == VERDICT_PROVEN) /* else what the snapshot has shown is true as well */
		capturer_keep(capturer, thread, thread->frame_count, SAMPLE_PAUSED);
	return capturer_finish(thread);
}

/* ---- samples that are put off, so that several threads are held at one moment ---- */

void capture_save(const struct capturer *capturer, struct first_snapshot *first)
{
	first->verdict = capturer->first;
	first->quality = capturer->capture.quality;
	first->seen = capturer->seen;
	first->may_be_new = capturer->may_be_new;
	first->is_cut = capturer->capture.is_cut;
	first->is_holder = capturer->is_holder;
	first->count = capturer->capture.count;
	array_reserve(&first->frames, &first->capacity, first->count + 1, sizeof(*first->frames));
	if (first->count)
		memcpy(first->frames, capturer->capture.frames, first->count * sizeof(*first->frames));
}

static void restore(struct capturer *capturer, const struct first_snapshot *first)
{
	capturer_keep_frames(capturer, first->frames, first->count, first->quality);
	capturer->first = first->verdict;
	capturer->seen = first->seen;
	capturer->may_be_new = first->may_be_new;
	capturer->capture.is_cut = first->is_cut;
	capturer->is_holder = first->is_holder;
	capturer->capture.was_asleep = capturer->has_copy = capturer->capture.has_merged =
		capturer->capture.lacks_native = false;
	capturer->gil = NULL;
}

static void swap_copies(struct capturer *capturer, struct held_snapshot *snapshot)
{
	const struct native_copy copy = capturer->copy;

	capturer->copy = snapshot->copy;
	snapshot->copy = copy;
}

void capture_held(struct capturer *capturer, struct thread *thread, const struct first_snapshot *first,
	struct pause *held, struct held_snapshot *snapshot)
{
	restore(capturer, first);
	thread_mark_checked(thread);
	capturer->held = held;
	snapshot->verdict = capturer_pause(capturer, thread);
	capturer->held = NULL;
	snapshot->is_cut = capturer->capture.is_cut;
	snapshot->has_copy = capturer->has_copy;
	if (snapshot->has_copy)
		swap_copies(capturer, snapshot);
}

enum capture_result capture_deferred(struct capturer *capturer, struct thread *thread,
	const struct first_snapshot *first, struct held_snapshot *snapshot, const struct capture **stack)
{
	size_t outer;

	*stack = &capturer->capture;
	restore(capturer, first);
	thread_mark_checked(thread);
	if (snapshot->verdict == VERDICT_PROVEN)
		capturer->capture.is_cut = snapshot->is_cut;
	capturer->has_copy = snapshot->has_copy;
	if (snapshot->has_copy)
		swap_copies(capturer, snapshot);
	if (capturer->native)
		return capture_finish_native(
			capturer, thread, first->verdict, snapshot->verdict, SAMPLE_PAUSED);
	if (first->verdict == VERDICT_PROVEN)
		return finish_proven(capturer, thread, snapshot->verdict);
	outer = known_stacks_prefix(
		&capturer->known_stacks, capturer->capture.frames, capturer->capture.count);
	return finish_hard(capturer, thread,
		capturer_pause_for_moment(capturer, thread, outer, snapshot->verdict), SAMPLE_PAUSED);
}

/*
 * Is this code object, which a snapshot before the last one met, the same one still, as the last one has
 * checked?
 */
static bool is_same_still(const struct capturer *capturer, const struct thread *thread, struct code *code)
{
	return python_code_known(capturer->reader.python, code->address) == code &&
		(!code_may_go(code) || code->checked_look == thread->last_read);
}

/*
 * The first snapshot met code objects that it has not checked. Another snapshot does that. But the sample
 * belongs to the first one's moment: where all of them are the same still, its frames count. (Taking what the
 * other snapshot shows would leave code out that is known too short to be trusted, and that takes turns with
 * other code: it was never sampled, and so never known for longer.) Where some are not, its callers tell
 * whether the other snapshot shows the same moment.
 */
static enum verdict check_fresh(struct capturer *capturer, struct thread *thread, const struct gil *gil)
{
	const size_t count = thread->frame_count;
	const struct raw_frame innermost = thread->innermost;
	const bool wants_outer = thread->wants_outer;
	enum verdict verdict;
	size_t same = 0;

	array_reserve(&capturer->fresh_frames, &capturer->fresh_capacity, count + 1,
		sizeof(*capturer->fresh_frames));
	memcpy(capturer->fresh_frames, thread->frames, count * sizeof(*capturer->fresh_frames));
	verdict = capturer_judge_either(
		capturer, thread, gil, snapshot_take(&capturer->reader, thread, gil), true);
	if (verdict == VERDICT_FOREIGN || capturer->native)
		return verdict;
	while (same < count && is_same_still(capturer, thread, capturer->fresh_frames[same].code)) {
		capturer->fresh_frames[same].is_checked = code_may_go(capturer->fresh_frames[same].code);
		same++;
	}
	if (same == count) {
		array_reserve(&thread->frames, &thread->frame_capacity, count + 1, sizeof(*thread->frames));
		memcpy(thread->frames, capturer->fresh_frames, count * sizeof(*thread->frames));
		thread->frame_count = count;
		thread->innermost = innermost;
		return known_stacks_has(&capturer->known_stacks, thread->frames, count) ? VERDICT_PROVEN
											: VERDICT_UNPROVEN;
	}
	if (wants_outer && !thread->outer_count) {
		array_reserve(&thread->outer_frames, &thread->outer_capacity, same + 1,
			sizeof(*thread->outer_frames));
		memcpy(thread->outer_frames, capturer->fresh_frames, same * sizeof(*thread->outer_frames));
		thread->outer_count = same;
		thread->wants_outer = false;
	}
	return verdict;
}

/* Who held the GIL when the snapshot began? */
static raddr_t holder_before(struct capturer *capturer)
{
	struct gil_state state;

	python_decode_gil(capturer->reader.python, capturer->reader.gil_before, &state);
	return state.holder;
}

enum capture_result capture_stack(struct capturer *capturer, struct thread *thread, const struct gil *gil,
	bool must_hold, raddr_t *holder, const struct capture **stack)
{
	enum snapshot_result result;
	enum verdict verdict;
	bool has_outer;

	*stack = &capturer->capture;
	thread->wants_outer = !capturer->native && capturer->policy != PAUSE_NEVER;
	thread->outer_count = 0;
	thread_mark_checked(thread);
	if (capturer->is_slow)
		snapshot_warm(&capturer->reader, thread, gil);
	result = snapshot_take(&capturer->reader, thread, gil);
	capturer->gil = gil;
	capturer->is_holder = capturer->is_deferred = false;
	if (capturer->retry_ns)
		capturer_bear_refusal(capturer);
	capturer->capture.has_merged = capturer->has_copy = false;
	capturer->capture.lacks_native = capturer->native && capturer->policy == PAUSE_NEVER;
	if (result == SNAPSHOT_FOREIGN)
		return CAPTURE_FOREIGN; /* perhaps nothing could be read at all, the lock neither */
	if (gil) {
		*holder = holder_before(capturer);
		capturer->is_holder = *holder == thread->identity.state;
		if (must_hold && *holder != thread->identity.state)
			return CAPTURE_OTHER;
	} else if (capturer->defers && !capturer->native) {
		capturer->is_holder = python_thread_attached(capturer->reader.python, &thread->identity);
	}
	verdict = capturer_judge_either(capturer, thread, gil, result, true);
	if (verdict == VERDICT_FRESH)
		verdict = check_fresh(capturer, thread, gil);
	if (verdict == VERDICT_FOREIGN)
		return CAPTURE_FOREIGN;
	if (capturer->native && capturer->policy != PAUSE_NEVER)
		return capture_native(capturer, thread, verdict, stack);
	if (verdict == VERDICT_NOTHING)
		snapshot_find_outer(&capturer->reader, thread);
	thread->wants_outer = false;
	has_outer = keep_outer(capturer, thread, verdict);
	thread_count_snapshot(thread, verdict != VERDICT_PROVEN || has_outer);
	if (verdict != VERDICT_PROVEN || has_outer)
		return capture_hard(capturer, thread, gil, verdict, has_outer);
	capturer_keep(capturer, thread, thread->frame_count, SAMPLE_VERIFIED);
	snapshot_learn_outer(&capturer->reader, thread);
	/* its frames stand still anyway then */
	if (capturer->policy != PAUSE_ALWAYS || capturer_is_outside(capturer))
		return capturer_finish(thread);
	capturer->seen =
		capturer_sighting(capturer, thread, capturer->capture.frames, capturer->capture.count);
	if (capturer->defers) {
		capturer->first = VERDICT_PROVEN;
		return CAPTURE_DEFERRED;
	}
	return finish_proven(capturer, thread, VERDICT_UNPROVEN);
}
