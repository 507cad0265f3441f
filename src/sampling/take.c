/* SPDX-License-Identifier: MIT */
/*
 * How one stack is taken.
 *
 * The first look decides which moment the sample belongs to. If its stack is a proven one, or the thread
 * cannot have run while it was read, it is the sample. If not, the outermost frames that are a proven stack
 * (the trunk) are still certain; where its chain cannot be walked at all, those that its copy shows (trunk.h).
 * Another look or a pause may then supply the rest, but only when it shows the same trunk, and behind it the same
 * call: the same calls are still running. Otherwise the sample is its trunk and a "(partial)" leaf. Taking whatever
 * stack the pause finds would move samples out of code whose frames change fast, and bias the profile.
 */
#include "config.h"

#include "sampling/take.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "sampling/judge.h"
#include "sampling/progress.h"
#include "sampling/stop.h"

#define LOOKS_BEFORE_PAUSE 4
#define QUICK_LOOKS 3 /* of these */
/*
 * For each of DOUBTS samples: code that runs for a twentieth of the time is proven by then. They take a few hundred
 * microseconds, so that there are fewer where ticks are near each other.
 */
#define PAUSES_FOR_NEW 3
#define NEAR_TICKS_NS 1000000
#define FAR_TICKS_NS 3000000 /* caches have gone cold, and one read more costs nothing that counts */
#define ONCE_PATIENCE 20     /* times as many tries where there is one sample only */

void taker_init(struct taker *taker, struct python *python, const struct sampling_options *options,
	struct sampling_statistics *statistics)
{
	*taker = (struct taker){ .policy = options->pause, .asked_policy = options->pause,
		.pause_deadline_ns = options->once ? ONCE_DEADLINE_NS : PAUSE_DEADLINE_NS, .statistics = statistics, .began_ns = monotonic_ns(),
		.is_once = options->once, .patience = options->once ? ONCE_PATIENCE : 1, .native = options->native,
		.interval_ns = options->interval_ns, .is_slow = options->interval_ns >= FAR_TICKS_NS,
		.pauses_for_new = options->interval_ns < NEAR_TICKS_NS ? PAUSES_FOR_NEW - 1 : PAUSES_FOR_NEW };
	looker_init(&taker->looker, python, options->max_depth);
}

void taker_release(struct taker *taker)
{
	looker_release(&taker->looker);
	proofs_release(&taker->proofs);
	native_copy_release(&taker->copy);
	native_merged_release(&taker->merged);
	free(taker->stop_frames);
	free(taker->fresh_frames);
	free(taker->frames);
}

/* ---- keeping what was found ---- */

static void keep_frames(struct taker *taker, const struct resolved_frame *frames, size_t count, enum sample_quality quality)
{
	array_reserve(&taker->frames, &taker->frame_capacity, count + 1, sizeof(*taker->frames));
	if (count)
		memcpy(taker->frames, frames, count * sizeof(*taker->frames));
	taker->frame_count = count;
	taker->quality = quality;
}

static void keep(struct taker *taker, const struct subject *subject, size_t count, enum sample_quality quality)
{
	keep_frames(taker, subject->frames, count, quality);
}

/* ---- the policy ---- */

static enum take_result finish(struct subject *subject)
{
	subject_prune_checked(subject);
	return TAKEN;
}

/* Two looks that show the same chain: all the verification there is where nothing may be paused. */
static bool looks_same(struct taker *taker, struct subject *subject)
{
	enum verdict verdict = decode(taker, subject, look(&taker->looker, subject, NULL), ROOT_LOOKED);

	return verdict == VERDICT_UNPROVEN && subject->frame_count == taker->frame_count &&
		begins_with(taker, subject, taker->frame_count);
}

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

static struct shared_cpu shared_cpu_begin(struct taker *taker, const struct subject *subject)
{
	struct shared_cpu shared = { .switches = own_switches(), .cpu = sched_getcpu() };

	if (target_task_cpu(python_target(taker->looker.python), subject->thread.tid) != shared.cpu)
		shared.cpu = -1;
	return shared;
}

static bool shared_cpu_held(struct taker *taker, const struct subject *subject, const struct shared_cpu *shared)
{
	return shared->cpu >= 0 &&
		target_task_cpu(python_target(taker->looker.python), subject->thread.tid) == shared->cpu &&
		sched_getcpu() == shared->cpu && own_switches() == shared->switches;
}

static enum verdict look_at_still(struct taker *taker, struct subject *subject, const struct gil *gil)
{
	struct shared_cpu shared = shared_cpu_begin(taker, subject);
	enum look_result result = look(&taker->looker, subject, gil);
	enum verdict verdict;

	if (!shared_cpu_held(taker, subject, &shared))
		return judge(taker, subject, gil, result);
	verdict = decode(taker, subject, result, ROOT_STOPPED);
	return verdict == VERDICT_UNPROVEN ? judge_stopped(taker, subject) : verdict;
}

/*
 * Is what was looked at later the same moment as the first look, of which `trunk` frames are certain? The next frame may
 * belong to a mixture, but it may as well be of a stack that has not been proven yet: then taking what is known, and never
 * what is new, would go on for ever. So it has to be the same one for the first few times (DOUBTS).
 */
static bool same_moment(const struct taker *taker, const struct subject *subject, size_t trunk)
{
	const struct resolved_frame *first, *later;

	if (taker->is_once)
		return true;
	if (!begins_with(taker, subject, trunk))
		return false;
	if (!taker->may_be_new || trunk == taker->frame_count || trunk == subject->frame_count)
		return true;
	first = &taker->frames[trunk];
	later = &subject->frames[trunk];
	/* a caller's line stays while its callee runs, the innermost frame goes on */
	return first->code == later->code && (first->line == later->line || trunk + 1 == taker->frame_count);
}

/* A look, and what it is worth by either of the two thread states that it has read. */
static enum verdict look_and_judge(struct taker *taker, struct subject *subject, const struct gil *gil, bool is_first)
{
	return judge_either(taker, subject, gil, look(&taker->looker, subject, gil), is_first);
}

/* Looks again a few times, at once: often a frame was just being pushed. Where the thread is takes longer to ask than a look. */
static enum verdict look_again(struct taker *taker, struct subject *subject, const struct gil *gil, size_t trunk)
{
	for (int attempt = 0; attempt < LOOKS_BEFORE_PAUSE * taker->patience; attempt++) {
		enum verdict verdict = attempt < QUICK_LOOKS ? look_and_judge(taker, subject, gil, false)
								: look_at_still(taker, subject, gil);

		if (verdict == VERDICT_FOREIGN || (verdict == VERDICT_PROVEN && same_moment(taker, subject, trunk)))
			return verdict;
	}
	return VERDICT_UNPROVEN;
}

/*
 * Where each sample is a stop, it belongs to the first stop that shows a whole chain, as all others do: what the look before it
 * showed is of another moment. taker has the frames of that stop then; *trunk of them are certain.
 */
static enum verdict pause_for_sample(struct taker *taker, struct subject *subject, size_t *trunk)
{
	enum verdict verdict = VERDICT_NOTHING;

	for (int attempt = 0; attempt < PAUSES_FOR_ONE * taker->patience; attempt++) {
		if (attempt)
			let_run();
		verdict = pause_and_watch(taker, subject);
		if (verdict == VERDICT_PROVEN || verdict == VERDICT_FOREIGN || taker->stopped.path)
			break;
	}
	if (verdict != VERDICT_PROVEN && !taker->stopped.path)
		return verdict;
	if (verdict == VERDICT_PROVEN) {
		keep(taker, subject, subject->frame_count, SAMPLE_UNVERIFIED);
	} else {
		keep_frames(taker, taker->stop_frames, taker->stop_count, SAMPLE_UNVERIFIED);
		taker->seen = taker->stopped;
	}
	taker->first = VERDICT_UNPROVEN;
	*trunk = proof_known_prefix(&taker->proofs, taker->frames, taker->frame_count);
	return verdict;
}

/*
 * verdict: of a pause that there was already. What may be new is given several pauses, each at another distance from the look: what is known and takes turns with it would
 * be met at the same distance each time.
 */
static enum verdict pause_for_moment(struct taker *taker, struct subject *subject, size_t trunk, enum verdict verdict)
{
	if (taker->policy == PAUSE_ALWAYS && verdict != VERDICT_PROVEN && verdict != VERDICT_FOREIGN)
		verdict = pause_for_sample(taker, subject, &trunk);
	if (taker->policy == PAUSE_ALWAYS && verdict != VERDICT_PROVEN && !taker->stopped.path)
		return verdict;
	if (verdict != VERDICT_PROVEN && verdict != VERDICT_FOREIGN)
		verdict = pause_until_proven(taker, subject);
	for (int attempt = 1; attempt < taker->pauses_for_new && taker->may_be_new && verdict == VERDICT_PROVEN &&
		!same_moment(taker, subject, trunk) && may_pause(taker); attempt++) {
		let_run();
		verdict = pause_until_proven(taker, subject);
	}
	return verdict;
}

/* Is the line that the first look shows of the innermost frame, which is not proven, one of its own call for sure? */
static bool line_is_sure(const struct taker *taker)
{
	const size_t callers = taker->frame_count - 1;
	bool is_only;

	return proof_known_call(&taker->proofs, taker->frames, taker->frame_count, &is_only) && is_only &&
		proof_doubts(&taker->proofs, taker->frames, callers, taker->frame_count) >= DOUBTS;
}

/*
 * A line is not worth a sample: the call that the first look showed is known, and only the line of its innermost frame has not
 * been proven. Where the function is called from elsewhere, too, that may be another call's line, and its first one is said.
 */
static bool keep_call(struct taker *taker, size_t trunk)
{
	struct resolved_frame *innermost;
	bool is_only;

	if (taker->first != VERDICT_UNPROVEN || trunk + 1 != taker->frame_count ||
		!proof_known_call(&taker->proofs, taker->frames, taker->frame_count, &is_only))
		return false;
	innermost = &taker->frames[trunk];
	if (!line_is_sure(taker))
		innermost->line = innermost->code->function->first_line;
	taker->quality = SAMPLE_VERIFIED;
	return true;
}

/* Does the thread not run Python, but compute in C or do a system call, without the GIL or detached? */
static bool is_outside(const struct taker *taker)
{
	return !taker->is_holder && (taker->gil || (taker->defers && !taker->native));
}

/* Something better than the first look, which taker holds: VERDICT_PROVEN, and what it is worth in *quality. */
static enum verdict find_better(struct taker *taker, struct subject *subject, const struct gil *gil,
	enum sample_quality *quality)
{
	size_t trunk = proof_known_prefix(&taker->proofs, taker->frames, taker->frame_count);
	enum verdict verdict = VERDICT_UNPROVEN;

	taker->may_be_new = trunk < taker->frame_count &&
		proof_doubt(&taker->proofs, taker->frames, trunk, taker->frame_count) < DOUBTS;
	*quality = SAMPLE_VERIFIED;
	if (taker->policy == PAUSE_AUTO && trunk + 1 == taker->frame_count && line_is_sure(taker))
		return VERDICT_UNPROVEN;
	/* where a sample may take many looks, a thread that sleeps is not to cost them all */
	if (taker->patience > 1)
		verdict = look_asleep(taker, subject);
	if (verdict == VERDICT_UNPROVEN && (taker->policy != PAUSE_ALWAYS || is_outside(taker)))
		verdict = look_again(taker, subject, gil, trunk);
	if (verdict == VERDICT_UNPROVEN)
		verdict = look_asleep(taker, subject);
	if (verdict == VERDICT_PROVEN || verdict == VERDICT_FOREIGN)
		return verdict;
	/* code that is new all the time has used up the pauses; those that are left are for what does not go on */
	if (taker->policy == PAUSE_AUTO && taker->is_holder && !may_pause(taker)) {
		verdict = progress_of_look(taker, subject);
		if (verdict != VERDICT_UNPROVEN)
			return verdict;
	}
	*quality = SAMPLE_PAUSED;
	taker->is_deferred = taker->defers && may_pause(taker);
	return taker->is_deferred ? VERDICT_UNPROVEN : pause_for_moment(taker, subject, trunk, VERDICT_UNPROVEN);
}

/*
 * What the first look's copy showed of the outer frames when its chain did not hold. True: what was seen
 * later is of another moment, in other calls; taker has what is certain of the first one.
 */
static bool keep_trunk(struct taker *taker, const struct subject *subject, enum verdict verdict)
{
	const bool has_frames = verdict == VERDICT_PROVEN || verdict == VERDICT_UNPROVEN;
	const size_t known = proof_known_prefix(&taker->proofs, subject->trunk_frames, subject->trunk_count);

	if (!known)
		return false;
	keep_frames(taker, subject->trunk_frames, known, SAMPLE_UNVERIFIED);
	return !has_frames || !(taker->is_once || begins_with(taker, subject, known));
}

/* What a sample becomes of which the first look was not enough. taker has what that showed, if anything. */
static enum take_result finish_hard(struct taker *taker, struct subject *subject, enum verdict verdict,
	enum sample_quality quality)
{
	const enum verdict first = taker->first;
	size_t trunk = proof_known_prefix(&taker->proofs, taker->frames, taker->frame_count);

	if (verdict == VERDICT_FOREIGN)
		return TAKE_FOREIGN;
	if (verdict == VERDICT_PROVEN)
		look_learn_trunk(&taker->looker, subject);
	if (verdict == VERDICT_PROVEN && same_moment(taker, subject, trunk)) {
		keep(taker, subject, subject->frame_count, quality);
	} else if (first == VERDICT_UNPROVEN && trunk == taker->frame_count) {
		taker->quality = SAMPLE_VERIFIED; /* what has been proven meanwhile is what the first look saw */
	} else if (keep_call(taker, trunk)) {
		/* its line may be in doubt, the call is not */
	} else if (taker->policy == PAUSE_NEVER) {
		if (first == VERDICT_UNPROVEN && looks_same(taker, subject))
			taker->quality = SAMPLE_VERIFIED;
	} else if (trunk) {
		taker->frame_count = trunk;
		taker->quality = SAMPLE_PARTIAL;
	} else if (first != VERDICT_UNPROVEN && first != VERDICT_TORN && verdict == VERDICT_UNPROVEN) {
		/* the first look showed nothing; the callers that the last stop showed are certain */
		size_t callers = proof_known_prefix(&taker->proofs, subject->frames, subject->frame_count);

		keep(taker, subject, callers, callers ? SAMPLE_PARTIAL : SAMPLE_FAILED);
	}
	/* frames that have lost their callers are not to look like the outermost ones of a thread */
	if (taker->quality == SAMPLE_UNVERIFIED && taker->frame_count && !proof_knows_root(&taker->proofs, taker->frames))
		taker->is_cut = true;
	return finish(subject);
}

/* The first look was not enough. What it showed is in subject, unless it showed nothing or taker has its trunk. */
static enum take_result take_hard(struct taker *taker, struct subject *subject, const struct gil *gil,
	enum verdict first, bool has_trunk)
{
	bool has_first = first == VERDICT_UNPROVEN || first == VERDICT_TORN;
	enum sample_quality quality;
	enum verdict verdict;

	if (has_trunk)
		first = VERDICT_TORN;
	taker->first = first;
	if (!has_trunk)
		keep(taker, subject, has_first ? subject->frame_count : 0, has_first ? SAMPLE_UNVERIFIED : SAMPLE_FAILED);
	taker->seen = sighting_of(taker, subject, taker->frames, taker->frame_count);
	verdict = find_better(taker, subject, gil, &quality);
	return taker->is_deferred ? TAKE_DEFERRED : finish_hard(taker, subject, verdict, quality);
}

/* The look was enough, and a pause was asked for all the same; verdict: of one that there was already. */
static enum take_result finish_proven(struct taker *taker, struct subject *subject, enum verdict verdict)
{
	if (verdict != VERDICT_PROVEN && verdict != VERDICT_FOREIGN)
		verdict = pause_until_proven(taker, subject);
	if (verdict == VERDICT_FOREIGN)
		return TAKE_FOREIGN;
	if (verdict == VERDICT_PROVEN) /* else what the look has shown is true as well */
		keep(taker, subject, subject->frame_count, SAMPLE_PAUSED);
	return finish(subject);
}

/*
 * Merges what was copied, if anything. False: the calls on the C stack are not those of the chain, so that
 * the stop was in the middle of linking one.
 */
static bool merge_copy(struct taker *taker, struct subject *subject)
{
	if (!taker->has_copy)
		return true;
	native_merge(taker->native, &taker->copy, &subject->walk, subject->uses_after ? subject->state_after : subject->state,
		&taker->merged);
	subject->stack_end = taker->copy.stack_end;
	return !taker->merged.contradicts;
}

/*
 * With native frames each sample is a stop (or a sleep): the registers are in no memory that could be looked
 * at. So the moment of the sample is the first stop that shows a whole chain; the look before it has told
 * where everything lies, and is the second sighting that an innermost frame may need.
 */
static enum take_result finish_native(struct taker *taker, struct subject *subject, enum verdict first,
	enum verdict verdict, enum sample_quality quality)
{
	bool has_stopped = false;
	size_t trunk;

	if (verdict == VERDICT_PROVEN && !merge_copy(taker, subject))
		verdict = quality == SAMPLE_PAUSED ? VERDICT_NOTHING : VERDICT_UNPROVEN;
	for (int stops = 0; stops < PAUSES_FOR_ONE * taker->patience && may_pause(taker);) {
		const uint64_t timeouts = taker->statistics->pause_timeouts;

		/* proven without a copy: it had just let go of the GIL, and was not stopped for that */
		if ((verdict == VERDICT_PROVEN && taker->has_copy) || verdict == VERDICT_FOREIGN)
			break;
		if (has_stopped)
			let_run();
		has_stopped = true;
		quality = SAMPLE_PAUSED;
		taker->has_copy = false;
		verdict = pause_and_look(taker, subject);
		if (verdict == VERDICT_PROVEN && !merge_copy(taker, subject))
			verdict = VERDICT_NOTHING;
		stops += counts_as_stop(taker, timeouts);
	}
	if (verdict == VERDICT_FOREIGN)
		return TAKE_FOREIGN;
	taker->has_merged = verdict == VERDICT_PROVEN && taker->has_copy;
	taker->lacks_native = !taker->has_merged;
	if (verdict == VERDICT_PROVEN) {
		keep(taker, subject, subject->frame_count, quality);
		if (taker->was_asleep)
			take_keep(taker, subject);
	} else if (first != VERDICT_PROVEN || (verdict == VERDICT_UNPROVEN && taker->has_copy)) {
		/* else it could not be stopped, and what the look has shown is true as well */
		trunk = verdict == VERDICT_UNPROVEN
			? proof_known_prefix(&taker->proofs, subject->frames, subject->frame_count) : 0;
		keep(taker, subject, trunk, trunk ? SAMPLE_PARTIAL : SAMPLE_FAILED);
		taker->lacks_native = false;
	}
	return finish(subject);
}

bool take_sleeps_still(const struct taker *taker, const struct subject *subject)
{
	uint64_t cpu_ns, slices;

	return subject->is_kept && subject->kept_asleep &&
		target_task_schedstat(python_target(taker->looker.python), subject->thread.tid, &cpu_ns, &slices) &&
		cpu_ns == subject->kept_cpu_ns && slices == subject->kept_slices;
}

static enum take_result take_native(struct taker *taker, struct subject *subject, enum verdict first)
{
	enum verdict verdict;

	if ((first == VERDICT_PROVEN || first == VERDICT_UNPROVEN) && subject->frame_count == subject->kept_count &&
		take_sleeps_still(taker, subject) && take_kept(taker, subject))
		return finish(subject);
	keep(taker, subject, first == VERDICT_PROVEN ? subject->frame_count : 0, SAMPLE_VERIFIED);
	taker->seen = (struct sighting){ 0 };
	if (first == VERDICT_UNPROVEN)
		taker->seen = sighting_of(taker, subject, subject->frames, subject->frame_count);
	taker->was_asleep = false;
	verdict = look_asleep(taker, subject);
	if (taker->defers && verdict != VERDICT_PROVEN && verdict != VERDICT_FOREIGN && may_pause(taker)) {
		taker->first = first;
		return TAKE_DEFERRED;
	}
	return finish_native(taker, subject, first, verdict, SAMPLE_VERIFIED);
}

/* ---- samples that are put off, so that several threads are held at one moment ---- */

void take_save(const struct taker *taker, struct first_look *first)
{
	first->verdict = taker->first;
	first->quality = taker->quality;
	first->seen = taker->seen;
	first->may_be_new = taker->may_be_new;
	first->is_cut = taker->is_cut;
	first->is_holder = taker->is_holder;
	first->count = taker->frame_count;
	array_reserve(&first->frames, &first->capacity, first->count + 1, sizeof(*first->frames));
	if (first->count)
		memcpy(first->frames, taker->frames, first->count * sizeof(*first->frames));
}

static void restore(struct taker *taker, const struct first_look *first)
{
	keep_frames(taker, first->frames, first->count, first->quality);
	taker->first = first->verdict;
	taker->seen = first->seen;
	taker->may_be_new = first->may_be_new;
	taker->is_cut = first->is_cut;
	taker->is_holder = first->is_holder;
	taker->was_asleep = taker->has_copy = taker->has_merged = taker->lacks_native = false;
	taker->gil = NULL;
}

static void swap_copies(struct taker *taker, struct held_look *look)
{
	const struct native_copy copy = taker->copy;

	taker->copy = look->copy;
	look->copy = copy;
}

void take_held(struct taker *taker, struct subject *subject, const struct first_look *first, struct pause *held,
	struct held_look *look)
{
	restore(taker, first);
	subject_mark_checked(subject);
	taker->held = held;
	look->verdict = pause_and_look(taker, subject);
	taker->held = NULL;
	look->is_cut = taker->is_cut;
	look->has_copy = taker->has_copy;
	if (look->has_copy)
		swap_copies(taker, look);
}

enum take_result take_deferred(struct taker *taker, struct subject *subject, const struct first_look *first,
	struct held_look *look)
{
	size_t trunk;

	restore(taker, first);
	subject_mark_checked(subject);
	if (look->verdict == VERDICT_PROVEN)
		taker->is_cut = look->is_cut;
	taker->has_copy = look->has_copy;
	if (look->has_copy)
		swap_copies(taker, look);
	if (taker->native)
		return finish_native(taker, subject, first->verdict, look->verdict, SAMPLE_PAUSED);
	if (first->verdict == VERDICT_PROVEN)
		return finish_proven(taker, subject, look->verdict);
	trunk = proof_known_prefix(&taker->proofs, taker->frames, taker->frame_count);
	return finish_hard(taker, subject, pause_for_moment(taker, subject, trunk, look->verdict), SAMPLE_PAUSED);
}

/* Is this code object, which a look before the last one met, the same one still, as the last one has checked? */
static bool is_same_still(const struct taker *taker, const struct subject *subject, struct code *code)
{
	return python_code_known(taker->looker.python, code->address) == code &&
		(!code_may_go(code) || code->checked_look == subject->last_read);
}

/*
 * The first look met code objects that it has not checked. Another look does that. But the sample belongs to the first one's moment: where all
 * of them are the same still, its frames count. (Taking what the other look shows would leave code out that is known too short to
 * be trusted, and that takes turns with other code: it was never sampled, and so never known for longer.) Where some are not,
 * its callers tell whether the other look shows the same moment.
 */
static enum verdict check_fresh(struct taker *taker, struct subject *subject, const struct gil *gil)
{
	const size_t count = subject->frame_count;
	const struct raw_frame innermost = subject->innermost;
	const bool wants_trunk = subject->wants_trunk;
	enum verdict verdict;
	size_t same = 0;

	array_reserve(&taker->fresh_frames, &taker->fresh_capacity, count + 1, sizeof(*taker->fresh_frames));
	memcpy(taker->fresh_frames, subject->frames, count * sizeof(*taker->fresh_frames));
	verdict = look_and_judge(taker, subject, gil, true);
	if (verdict == VERDICT_FOREIGN || taker->native)
		return verdict;
	while (same < count && is_same_still(taker, subject, taker->fresh_frames[same].code)) {
		taker->fresh_frames[same].is_checked = code_may_go(taker->fresh_frames[same].code);
		same++;
	}
	if (same == count) {
		array_reserve(&subject->frames, &subject->frame_capacity, count + 1, sizeof(*subject->frames));
		memcpy(subject->frames, taker->fresh_frames, count * sizeof(*subject->frames));
		subject->frame_count = count;
		subject->innermost = innermost;
		return proof_known(&taker->proofs, subject->frames, count) ? VERDICT_PROVEN : VERDICT_UNPROVEN;
	}
	if (wants_trunk && !subject->trunk_count) {
		array_reserve(&subject->trunk_frames, &subject->trunk_capacity, same + 1, sizeof(*subject->trunk_frames));
		memcpy(subject->trunk_frames, taker->fresh_frames, same * sizeof(*subject->trunk_frames));
		subject->trunk_count = same;
		subject->wants_trunk = false;
	}
	return verdict;
}

/* Who held the GIL when the look began? */
static raddr_t holder_before(struct taker *taker)
{
	struct gil_state state;

	python_decode_gil(taker->looker.python, taker->looker.gil_before, &state);
	return state.holder;
}

enum take_result take(struct taker *taker, struct subject *subject, const struct gil *gil, bool must_hold,
	raddr_t *holder)
{
	enum look_result result;
	enum verdict verdict;
	bool has_trunk;

	subject->wants_trunk = !taker->native && taker->policy != PAUSE_NEVER;
	subject->trunk_count = 0;
	subject_mark_checked(subject);
	if (taker->is_slow)
		look_warm(&taker->looker, subject, gil);
	result = look(&taker->looker, subject, gil);
	taker->gil = gil;
	taker->is_holder = taker->is_deferred = false;
	if (taker->retry_ns)
		bear_refusal(taker);
	taker->has_merged = taker->has_copy = false;
	taker->lacks_native = taker->native && taker->policy == PAUSE_NEVER;
	if (result == LOOK_FOREIGN)
		return TAKE_FOREIGN; /* perhaps nothing could be read at all, the lock neither */
	if (gil) {
		*holder = holder_before(taker);
		taker->is_holder = *holder == subject->thread.state;
		if (must_hold && *holder != subject->thread.state)
			return TAKE_OTHER;
	} else if (taker->defers && !taker->native) {
		taker->is_holder = python_thread_attached(taker->looker.python, &subject->thread);
	}
	verdict = judge_either(taker, subject, gil, result, true);
	if (verdict == VERDICT_FRESH)
		verdict = check_fresh(taker, subject, gil);
	if (verdict == VERDICT_FOREIGN)
		return TAKE_FOREIGN;
	if (taker->native && taker->policy != PAUSE_NEVER)
		return take_native(taker, subject, verdict);
	if (verdict == VERDICT_NOTHING)
		look_find_trunk(&taker->looker, subject);
	subject->wants_trunk = false;
	has_trunk = keep_trunk(taker, subject, verdict);
	subject_count_look(subject, verdict != VERDICT_PROVEN || has_trunk);
	if (verdict != VERDICT_PROVEN || has_trunk)
		return take_hard(taker, subject, gil, verdict, has_trunk);
	keep(taker, subject, subject->frame_count, SAMPLE_VERIFIED);
	look_learn_trunk(&taker->looker, subject);
	/* its frames stand still anyway then */
	if (taker->policy != PAUSE_ALWAYS || is_outside(taker))
		return finish(subject);
	taker->seen = sighting_of(taker, subject, taker->frames, taker->frame_count);
	if (taker->defers) {
		taker->first = VERDICT_PROVEN;
		return TAKE_DEFERRED;
	}
	return finish_proven(taker, subject, VERDICT_UNPROVEN);
}

static void copy_merged(struct native_merged *to, const struct native_merged *from)
{
	array_reserve(&to->frames, &to->capacity, from->count + 1, sizeof(*to->frames));
	memcpy(to->frames, from->frames, from->count * sizeof(*to->frames));
	to->count = from->count;
	to->truncated = from->truncated;
}

void take_keep(const struct taker *taker, struct subject *subject)
{
	subject->is_kept = taker->quality == SAMPLE_VERIFIED || taker->quality == SAMPLE_PAUSED;
	if (!subject->is_kept)
		return;
	array_reserve(&subject->kept, &subject->kept_capacity, taker->frame_count + 1, sizeof(*subject->kept));
	if (taker->frame_count)
		memcpy(subject->kept, taker->frames, taker->frame_count * sizeof(*subject->kept));
	subject->kept_count = taker->frame_count;
	subject->kept_is_cut = taker->is_cut;
	subject->kept_asleep = taker->has_merged && taker->was_asleep;
	if (subject->kept_asleep) {
		subject->kept_cpu_ns = taker->slept_cpu_ns;
		subject->kept_slices = taker->slept_slices;
		copy_merged(&subject->kept_merged, &taker->merged);
	}
}

bool take_kept(struct taker *taker, const struct subject *subject)
{
	if (!subject->is_kept)
		return false;
	array_reserve(&taker->frames, &taker->frame_capacity, subject->kept_count + 1, sizeof(*taker->frames));
	if (subject->kept_count)
		memcpy(taker->frames, subject->kept, subject->kept_count * sizeof(*taker->frames));
	taker->frame_count = subject->kept_count;
	taker->is_cut = subject->kept_is_cut;
	taker->quality = SAMPLE_VERIFIED;
	taker->lacks_native = false;
	taker->was_asleep = taker->has_merged = subject->kept_asleep;
	taker->slept_cpu_ns = subject->kept_cpu_ns;
	taker->slept_slices = subject->kept_slices;
	if (taker->has_merged)
		copy_merged(&taker->merged, &subject->kept_merged);
	return true;
}
