/* SPDX-License-Identifier: MIT */
/*
 * How one stack is taken.
 *
 * The first look decides which moment the sample belongs to. If its chain is one of the proven ones, or stood still
 * around the reading of the thread state, it is the sample. If not, the outermost frames that were the same before and
 * after (the trunk) are still certain. A later look, or a pause, may then supply the rest, but only when it begins with
 * the same trunk: the same calls are still running. Otherwise the sample is its trunk and a "(partial)" leaf. Taking
 * whatever stack the later look finds would move samples out of code whose frames change fast, and bias the profile.
 */
#include "config.h"

#include "take.h"

#include <stdlib.h>
#include <string.h>

#define LOOKS_BEFORE_PAUSE 2
#define RANGES_FOR_DOUBLE 6  /* beyond this many ranges the second copy is only made when it is needed */
#define ROOT_VOTES 3         /* looks that must agree that a thread's outermost frame is another one now */
#define PAUSE_DEADLINE_NS 3000000
#define HOLD_LIMIT_NS 4000000 /* no more code objects are decoded in a pause that has lasted this long */

void taker_init(struct taker *taker, struct python *python, const struct sampling_options *options,
	struct sampling_statistics *statistics)
{
	*taker = (struct taker){ .policy = options->pause, .pause_deadline_ns = PAUSE_DEADLINE_NS,
		.statistics = statistics };
	looker_init(&taker->looker, python, options->max_depth);
}

void taker_release(struct taker *taker)
{
	looker_release(&taker->looker);
	proofs_release(&taker->proofs);
	free(taker->frames);
}

/* ---- the outermost frame ---- */

/*
 * Nothing in a frame of Python 3.11 and older says that it is a thread's outermost one. A chain that ends elsewhere than
 * where this thread's chains have ended so far may be one that is just being linked (a generator being resumed), so it
 * has to be seen several times.
 */
static bool root_holds(struct taker *taker, struct subject *subject)
{
	raddr_t root = subject->walk.root;

	if (!python_root_is_learned(taker->looker.python) || !root || root == subject->root)
		return true;
	if (root != subject->root_candidate) {
		subject->root_candidate = root;
		subject->root_votes = 0;
	}
	if (++subject->root_votes < ROOT_VOTES)
		return false;
	subject->root = root;
	return true;
}

/* ---- keeping what was found ---- */

static void keep(struct taker *taker, const struct subject *subject, size_t count, enum sample_quality quality)
{
	array_reserve(&taker->frames, &taker->frame_capacity, count + 1, sizeof(*taker->frames));
	if (count)
		memcpy(taker->frames, subject->frames, count * sizeof(*taker->frames));
	taker->frame_count = count;
	taker->quality = quality;
}

/* Checks that have been made are not made again, but for code objects at addresses that change hands. */
static void prune_checks(struct subject *subject)
{
	size_t kept = 0;

	for (size_t i = 0; i < subject->checked_count; i++) {
		struct code *code = subject->checked[i];
		bool used = false;

		for (size_t j = 0; code->is_volatile && j < subject->frame_count; j++)
			used |= subject->frames[j].code == code;
		if (used)
			subject->checked[kept++] = code;
	}
	subject->checked_count = kept;
}

/* ---- looks without a pause ---- */

enum verdict {
	VERDICT_PROVEN,   /* subject->frames is a stack that existed */
	VERDICT_UNPROVEN, /* it may be a mixture */
	VERDICT_NOTHING,  /* no chain, or one that cannot be decoded */
	VERDICT_FOREIGN,
};

/* Is the thread one that cannot have changed its frames: another one held the GIL from the first read to the last? */
static bool stood_still_by_gil(struct taker *taker, const struct subject *subject, const struct gil *gil)
{
	struct gil_state before, after;

	if (!gil)
		return false;
	python_decode_gil(taker->looker.python, taker->looker.gil_before, &before);
	python_decode_gil(taker->looker.python, taker->looker.gil_after, &after);
	return before.has_switch_number && before.switch_number == after.switch_number && before.holder &&
		before.holder == after.holder && before.holder != subject->thread.state;
}

static enum verdict judge(struct taker *taker, struct subject *subject, const struct gil *gil, enum look_result result)
{
	struct looker *looker = &taker->looker;
	enum resolve_result resolved;

	if (result == LOOK_FOREIGN)
		return VERDICT_FOREIGN;
	if (result == LOOK_BROKEN)
		return VERDICT_NOTHING;
	taker->is_cut = result == LOOK_CUT;
	resolved = look_resolve(looker, subject);
	if (resolved == RESOLVE_TORN)
		return VERDICT_NOTHING;
	if (result == LOOK_WHOLE && !root_holds(taker, subject))
		return VERDICT_NOTHING;
	if (resolved == RESOLVE_LOADED)
		return VERDICT_UNPROVEN;
	if (proof_known(&taker->proofs, subject->frames, subject->frame_count))
		return VERDICT_PROVEN;
	if (stood_still_by_gil(taker, subject, gil) || (subject->is_double && look_stood_still(looker, subject))) {
		proof_add(&taker->proofs, subject->frames, subject->frame_count);
		return VERDICT_PROVEN;
	}
	return VERDICT_UNPROVEN;
}

/* Do the frames of the last walk begin with the first `count` of taker->frames? The last one may have moved on. */
static bool begins_with(const struct taker *taker, const struct subject *subject, size_t count)
{
	if (subject->frame_count < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (subject->frames[i].code != taker->frames[i].code)
			return false;
		if (i + 1 < count && subject->frames[i].line != taker->frames[i].line)
			return false;
	}
	return true;
}

/* How many of the decoded frames lie in the trunk that both copies of a double look share. */
static size_t trunk_frames(struct taker *taker, struct subject *subject)
{
	size_t raw = look_common_frames(&taker->looker, subject), visible = 0;
	const struct walk *walk = &subject->walk;

	for (size_t k = 0; k < raw && visible < subject->frame_count; k++) {
		if (walk->frames[walk->count - 1 - k].code == subject->frames[visible].code->address)
			visible++;
	}
	return visible;
}

/* ---- pausing ---- */

static void give_up_pausing(struct taker *taker, const struct error *err)
{
	taker->policy = PAUSE_NEVER;
	memcpy(taker->note, err->message, sizeof(taker->note));
}

/* All code objects of the chain are known before the thread goes on, if that can be done in time. */
static enum verdict judge_paused(struct taker *taker, struct subject *subject, int64_t begin_ns)
{
	for (int round = 0; round < 3; round++) {
		enum look_result result = look(&taker->looker, subject, NULL, false);
		enum resolve_result resolved;

		if (result == LOOK_FOREIGN)
			return VERDICT_FOREIGN;
		if (result == LOOK_BROKEN)
			return VERDICT_NOTHING; /* caught while a frame is linked: let it run a moment */
		taker->is_cut = result == LOOK_CUT;
		resolved = look_resolve(&taker->looker, subject);
		if (resolved == RESOLVE_TORN)
			return VERDICT_NOTHING;
		if (result == LOOK_WHOLE && !root_holds(taker, subject))
			return VERDICT_NOTHING;
		if (resolved == RESOLVED) {
			proof_add(&taker->proofs, subject->frames, subject->frame_count);
			return VERDICT_PROVEN;
		}
		if (monotonic_ns() - begin_ns > HOLD_LIMIT_NS)
			break;
	}
	return VERDICT_UNPROVEN;
}

static void count_hold(struct taker *taker, const struct pause *pause)
{
	int64_t held = pause->end_ns - pause->begin_ns;

	taker->statistics->pauses++;
	taker->statistics->held_total_ns += held;
	if (held > taker->statistics->held_longest_ns)
		taker->statistics->held_longest_ns = held;
}

/* One pause. VERDICT_UNPROVEN: it could not be paused, or what was seen proves nothing. */
static enum verdict pause_and_look(struct taker *taker, struct subject *subject)
{
	struct python *python = taker->looker.python;
	struct error err = { 0 };
	struct pause pause;
	enum verdict verdict;
	pid_t tid = python_thread_tid(python, &subject->thread);

	if (!tid || tid != subject->thread.tid)
		return tid ? VERDICT_FOREIGN : VERDICT_UNPROVEN;
	switch (pause_begin(python_target(python), tid, taker->pause_deadline_ns, &pause, &err)) {
	case PAUSE_HELD:
		break;
	case PAUSE_ASLEEP: /* it stands still by itself */
		return judge(taker, subject, NULL, look(&taker->looker, subject, NULL, true));
	case PAUSE_TIMEOUT:
		taker->statistics->pause_timeouts++;
		return VERDICT_UNPROVEN;
	case PAUSE_REFUSED:
		taker->statistics->pauses_refused++;
		give_up_pausing(taker, &err);
		return VERDICT_UNPROVEN;
	case PAUSE_GONE:
		return VERDICT_FOREIGN;
	}
	/* it could have become another thread's state between the question and the stop */
	if (python_thread_tid(python, &subject->thread) == tid)
		verdict = judge_paused(taker, subject, pause.begin_ns);
	else
		verdict = VERDICT_FOREIGN;
	pause_end(&pause);
	count_hold(taker, &pause);
	return verdict;
}

static enum verdict pause_until_proven(struct taker *taker, struct subject *subject)
{
	enum verdict verdict = VERDICT_UNPROVEN;

	for (int attempt = 0; attempt < 3; attempt++) {
		verdict = pause_and_look(taker, subject);
		if (verdict != VERDICT_NOTHING)
			return verdict;
	}
	return verdict;
}

/* ---- the policy ---- */

static enum take_result finish(struct subject *subject)
{
	prune_checks(subject);
	return TAKEN;
}

/* The first look was not enough. What it showed (first verdict) is in subject. */
static enum take_result take_hard(struct taker *taker, struct subject *subject, const struct gil *gil, enum verdict first)
{
	size_t trunk = 0;
	bool has_first = first == VERDICT_UNPROVEN;
	bool trunk_known = has_first && subject->is_double;

	if (trunk_known)
		trunk = trunk_frames(taker, subject);
	keep(taker, subject, has_first ? subject->frame_count : 0, SAMPLE_UNVERIFIED);
	for (int attempt = 0; attempt < LOOKS_BEFORE_PAUSE; attempt++) {
		enum verdict verdict = judge(taker, subject, gil, look(&taker->looker, subject, gil, true));

		if (verdict == VERDICT_FOREIGN)
			return TAKE_FOREIGN;
		if (verdict != VERDICT_PROVEN)
			continue;
		/* the same stack again: then the first look's was true, code objects included */
		if (has_first && !trunk_known && begins_with(taker, subject, taker->frame_count)) {
			trunk = taker->frame_count;
			trunk_known = true;
		}
		if (!has_first || (trunk_known && begins_with(taker, subject, trunk))) {
			keep(taker, subject, subject->frame_count, SAMPLE_VERIFIED);
			return finish(subject);
		}
		if (proof_known(&taker->proofs, taker->frames, taker->frame_count)) {
			taker->quality = SAMPLE_VERIFIED;
			return finish(subject);
		}
	}
	if (taker->policy != PAUSE_NEVER) {
		enum verdict verdict = pause_until_proven(taker, subject);

		if (verdict == VERDICT_FOREIGN)
			return TAKE_FOREIGN;
		if (verdict == VERDICT_PROVEN && (trunk == 0 || begins_with(taker, subject, trunk))) {
			keep(taker, subject, subject->frame_count, SAMPLE_PAUSED);
			return finish(subject);
		}
		if (trunk) {
			taker->frame_count = trunk;
			taker->quality = SAMPLE_PARTIAL;
			return finish(subject);
		}
	}
	if (!taker->frame_count)
		taker->quality = SAMPLE_FAILED;
	return finish(subject);
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
	bool is_double = subject->range_count && subject->range_count <= RANGES_FOR_DOUBLE;
	enum look_result result = look(&taker->looker, subject, gil, is_double);
	enum verdict verdict;

	if (gil) {
		*holder = holder_before(taker);
		if (must_hold && *holder != subject->thread.state)
			return TAKE_OTHER;
	}
	if (taker->policy == PAUSE_ALWAYS && result != LOOK_FOREIGN) {
		verdict = pause_until_proven(taker, subject);
		if (verdict == VERDICT_FOREIGN)
			return TAKE_FOREIGN;
		if (verdict == VERDICT_PROVEN) {
			keep(taker, subject, subject->frame_count, SAMPLE_PAUSED);
			return finish(subject);
		}
		result = look(&taker->looker, subject, gil, true);
	}
	verdict = judge(taker, subject, gil, result);
	if (verdict == VERDICT_FOREIGN)
		return TAKE_FOREIGN;
	if (verdict != VERDICT_PROVEN)
		return take_hard(taker, subject, gil, verdict);
	keep(taker, subject, subject->frame_count, SAMPLE_VERIFIED);
	return finish(subject);
}
