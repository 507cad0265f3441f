/* SPDX-License-Identifier: MIT */
/*
 * What is looked at later for a sample whose first snapshot was not enough: more snapshots, then pauses,
 * until one is proven and shows the moment of the first.
 */
#include "config.h"

#include "sampling/moment.h"

#include <sched.h>
#include <sys/resource.h>

#include "sampling/capture_native.h"
#include "sampling/judge.h"
#include "sampling/progress.h"
#include "sampling/stop.h"

#define LOOKS_BEFORE_PAUSE 4
#define QUICK_LOOKS 3 /* of these */

/*
 * Is the thread on the CPU that we are on? Then it is not running now. Where CPUs are scarce that is often
 * so, and spares it a pause: it stands still as long as we are not switched away from and it is not moved.
 */
struct shared_cpu {
	int cpu; /* -1: it is elsewhere */
	long switches;
};

static long own_switches(void)
{
	struct rusage usage = { 0 };

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

static struct shared_cpu shared_cpu_begin(struct capturer *capturer, const struct thread *thread)
{
	struct shared_cpu shared = { .switches = own_switches(), .cpu = sched_getcpu() };

	if (target_task_cpu(python_target(capturer->reader.python), thread->identity.tid) != shared.cpu)
		shared.cpu = -1;
	return shared;
}

static bool shared_cpu_held(
	struct capturer *capturer, const struct thread *thread, const struct shared_cpu *shared)
{
	return shared->cpu >= 0 &&
		target_task_cpu(python_target(capturer->reader.python), thread->identity.tid) ==
		shared->cpu &&
		sched_getcpu() == shared->cpu && own_switches() == shared->switches;
}

static enum verdict snapshot_at_still(struct capturer *capturer, struct thread *thread, const struct gil *gil)
{
	struct shared_cpu shared = shared_cpu_begin(capturer, thread);
	enum snapshot_result result = snapshot_take(&capturer->reader, thread, gil);
	enum verdict verdict;

	if (!shared_cpu_held(capturer, thread, &shared))
		return capturer_judge(capturer, thread, gil, result);
	verdict = capturer_decode(capturer, thread, result, ROOT_STOPPED);
	return verdict == VERDICT_UNPROVEN ? capturer_judge_stopped(capturer, thread) : verdict;
}

bool capturer_same_moment(const struct capturer *capturer, const struct thread *thread, size_t outer)
{
	const struct resolved_frame *first, *later;

	if (capturer->is_once)
		return true;
	if (!capturer_begins_with(capturer, thread, outer))
		return false;
	if (!capturer->may_be_new || outer == capturer->capture.count || outer == thread->frame_count)
		return true;
	first = &capturer->capture.frames[outer];
	later = &thread->frames[outer];
	/* a caller's line stays while its callee runs, the innermost frame goes on */
	return first->code == later->code &&
		(first->line == later->line || outer + 1 == capturer->capture.count);
}

/* A snapshot, and what it is worth by either of the two thread states that it has read. */
static enum verdict snapshot_and_judge(
	struct capturer *capturer, struct thread *thread, const struct gil *gil, bool is_first)
{
	return capturer_judge_either(
		capturer, thread, gil, snapshot_take(&capturer->reader, thread, gil), is_first);
}

/*
 * Looks again a few times, at once: often a frame was just being pushed. Where the thread is takes longer
 * to ask than a snapshot.
 */
static enum verdict snapshot_again(
	struct capturer *capturer, struct thread *thread, const struct gil *gil, size_t outer)
{
	for (int attempt = 0; attempt < LOOKS_BEFORE_PAUSE * capturer->patience; attempt++) {
		enum verdict verdict = attempt < QUICK_LOOKS
			? snapshot_and_judge(capturer, thread, gil, false)
			: snapshot_at_still(capturer, thread, gil);

		if (verdict == VERDICT_FOREIGN ||
			(verdict == VERDICT_PROVEN && capturer_same_moment(capturer, thread, outer)))
			return verdict;
	}
	return VERDICT_UNPROVEN;
}

/*
 * Where each sample is a stop, it belongs to the first stop that shows a whole chain, as all others do: what
 * the snapshot before it showed is of another moment. capturer has the frames of that stop then; *outer of
 * them are certain.
 */
static enum verdict pause_for_sample(struct capturer *capturer, struct thread *thread, size_t *outer)
{
	enum verdict verdict = VERDICT_NOTHING;

	for (int attempt = 0; attempt < PAUSES_FOR_ONE * capturer->patience; attempt++) {
		if (attempt)
			stop_let_run();
		verdict = capturer_pause_and_watch(capturer, thread);
		if (verdict == VERDICT_PROVEN || verdict == VERDICT_FOREIGN || capturer->stopped.path)
			break;
	}
	if (verdict != VERDICT_PROVEN && !capturer->stopped.path)
		return verdict;
	if (verdict == VERDICT_PROVEN) {
		capturer_keep(capturer, thread, thread->frame_count, SAMPLE_UNVERIFIED);
	} else {
		capturer_keep_frames(
			capturer, capturer->stop_frames, capturer->stop_count, SAMPLE_UNVERIFIED);
		capturer->seen = capturer->stopped;
	}
	capturer->first = VERDICT_UNPROVEN;
	*outer = known_stacks_prefix(
		&capturer->known_stacks, capturer->capture.frames, capturer->capture.count);
	return verdict;
}

enum verdict capturer_pause_for_moment(
	struct capturer *capturer, struct thread *thread, size_t outer, enum verdict verdict)
{
	if (capturer->policy == PAUSE_ALWAYS && verdict != VERDICT_PROVEN && verdict != VERDICT_FOREIGN)
		verdict = pause_for_sample(capturer, thread, &outer);
	if (capturer->policy == PAUSE_ALWAYS && verdict != VERDICT_PROVEN && !capturer->stopped.path)
		return verdict;
	if (verdict != VERDICT_PROVEN && verdict != VERDICT_FOREIGN)
		verdict = capturer_pause_until_proven(capturer, thread);
	for (int attempt = 1;
		attempt < capturer->pauses_for_new && capturer->may_be_new && verdict == VERDICT_PROVEN &&
		!capturer_same_moment(capturer, thread, outer) && capturer_may_pause(capturer);
		attempt++) {
		stop_let_run();
		verdict = capturer_pause_until_proven(capturer, thread);
	}
	return verdict;
}

bool capturer_line_is_sure(const struct capturer *capturer)
{
	const size_t callers = capturer->capture.count - 1;
	bool is_only;

	return known_stacks_has_call(&capturer->known_stacks, capturer->capture.frames,
		       capturer->capture.count, &is_only) &&
		is_only &&
		known_stacks_doubts(&capturer->known_stacks, capturer->capture.frames, callers,
			capturer->capture.count) >= DOUBTS;
}

bool capturer_is_outside(const struct capturer *capturer)
{
	return !capturer->is_holder && (capturer->gil || (capturer->defers && !capturer->native));
}

enum verdict capturer_find_better(
	struct capturer *capturer, struct thread *thread, const struct gil *gil, enum sample_quality *quality)
{
	size_t outer = known_stacks_prefix(
		&capturer->known_stacks, capturer->capture.frames, capturer->capture.count);
	enum verdict verdict = VERDICT_UNPROVEN;

	capturer->may_be_new = outer < capturer->capture.count &&
		known_stacks_doubt(&capturer->known_stacks, capturer->capture.frames, outer,
			capturer->capture.count) < DOUBTS;
	*quality = SAMPLE_VERIFIED;
	if (capturer->policy == PAUSE_AUTO && outer + 1 == capturer->capture.count &&
		capturer_line_is_sure(capturer))
		return VERDICT_UNPROVEN;
	/* where a sample may take many snapshots, a thread that sleeps is not to cost them all */
	if (capturer->patience > 1)
		verdict = capturer_look_asleep(capturer, thread);
	if (verdict == VERDICT_UNPROVEN &&
		(capturer->policy != PAUSE_ALWAYS || capturer_is_outside(capturer)))
		verdict = snapshot_again(capturer, thread, gil, outer);
	if (verdict == VERDICT_UNPROVEN)
		verdict = capturer_look_asleep(capturer, thread);
	if (verdict == VERDICT_PROVEN || verdict == VERDICT_FOREIGN)
		return verdict;
	/*
	 * code that is new all the time has used up the pauses; those that are left are for what does not
	 * go on
	 */
	if (capturer->policy == PAUSE_AUTO && capturer->is_holder && !capturer_may_pause(capturer)) {
		verdict = progress_of_snapshot(capturer, thread);
		if (verdict != VERDICT_UNPROVEN)
			return verdict;
	}
	*quality = SAMPLE_PAUSED;
	capturer->is_deferred = capturer->defers && capturer_may_pause(capturer);
	return capturer->is_deferred ? VERDICT_UNPROVEN
				     : capturer_pause_for_moment(capturer, thread, outer, VERDICT_UNPROVEN);
}
