/* SPDX-License-Identifier: MIT */
/*
 * How one stack is taken.
 *
 * The first look decides which moment the sample belongs to. If its stack is a proven one, or the thread cannot have run
 * while it was read, it is the sample. If not, the outermost frames that are a proven stack (the trunk) are still certain.
 * A pause may then supply the rest, but only when it shows the same trunk: the same calls are still running. Otherwise the
 * sample is its trunk and a "(partial)" leaf. Taking whatever stack the pause finds would move samples out of code whose
 * frames change fast, and bias the profile.
 */
#include "config.h"

#include "take.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define PAUSES_FOR_ONE 3      /* stops that one sample may cost */
#define HOLD_PERMILLE 5       /* of the time may be spent in pauses; what is hard beyond that stays partial */
#define HOLD_ALLOWANCE_NS 20000000 /* at the start nothing is proven yet */
/*
 * The most that one pause is charged with. A longer one means that somebody else had our CPU: on a machine that short of
 * them the target waits anyway, and one unlucky pause is not to end all verification for seconds.
 */
#define HOLD_CHARGE_NS 200000
#define LOOKS_BEFORE_PAUSE 3
#define ONCE_PATIENCE 20     /* times as many tries where there is one sample only */
/*
 * How long to wait for a thread to stop. It is not held meanwhile: it waits for a CPU, or for what keeps it in state D. Ticks
 * may be missed for it, but on a machine that is short of CPUs giving up sooner would leave nothing proven.
 */
#define PAUSE_DEADLINE_NS 20000000
#define HOLD_LIMIT_NS 4000000 /* no more code objects are decoded in a pause that has lasted this long */

void taker_init(struct taker *taker, struct python *python, const struct sampling_options *options,
	struct sampling_statistics *statistics)
{
	*taker = (struct taker){ .policy = options->pause, .pause_deadline_ns = PAUSE_DEADLINE_NS,
		.statistics = statistics, .began_ns = monotonic_ns(), .patience = options->once ? ONCE_PATIENCE : 1 };
	looker_init(&taker->looker, python, options->max_depth);
}

void taker_release(struct taker *taker)
{
	looker_release(&taker->looker);
	proofs_release(&taker->proofs);
	free(taker->frames);
}

/* ---- the outermost frame ---- */

/* What a look is worth as evidence that a thread's outermost frame is where this chain ends; ROOT_SURE is enough. */
enum root_vote {
	ROOT_NO_VOTE = 0,  /* the thread may have run meanwhile */
	ROOT_LOOKED = 1,   /* the same, but there is no better evidence to be had (--pause=never) */
	ROOT_STOPPED = 8,  /* it was stopped anywhere */
	ROOT_SURE = 16,    /* it was in a system call or waited for the GIL */
};

/*
 * Nothing in a frame of Python 3.11 and older says that it is a thread's outermost one. A chain that ends elsewhere than
 * where this thread's chains have ended so far may be one that is just being linked (a generator being resumed), so it
 * takes evidence.
 */
static bool root_holds(const struct taker *taker, struct subject *subject, enum root_vote vote)
{
	raddr_t root = subject->walk.root;

	if (!python_root_is_learned(taker->looker.python) || !root)
		return true;
	if (root == subject->root) {
		subject->root_candidate = 0;
		return true;
	}
	if (root != subject->root_candidate)
		subject->root_votes = 0;
	subject->root_candidate = root;
	subject->root_votes += vote;
	if (subject->root_votes < ROOT_SURE)
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
	VERDICT_FRESH,    /* the same, and with code objects that were only decoded after the look: look again */
	VERDICT_TORN,     /* subject->frames is not the whole stack, or nothing is known yet that would tell */
	VERDICT_NOTHING,  /* no chain */
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

/* Is the thread in a system call, has been in it, and did not leave it since? Its frames stand still then. */
struct stillness {
	bool asleep;
	uint64_t cpu_ns, slices;
};

static void stillness_begin(struct taker *taker, const struct subject *subject, struct stillness *stillness)
{
	struct target *target = python_target(taker->looker.python);

	stillness->asleep = subject->thread.tid &&
		target_task_state(target, subject->thread.tid).activity != TASK_RUNNING &&
		target_task_schedstat(target, subject->thread.tid, &stillness->cpu_ns, &stillness->slices);
}

static bool stillness_held(struct taker *taker, const struct subject *subject, const struct stillness *stillness)
{
	struct target *target = python_target(taker->looker.python);
	uint64_t cpu_ns, slices;

	return stillness->asleep && target_task_schedstat(target, subject->thread.tid, &cpu_ns, &slices) &&
		cpu_ns == stillness->cpu_ns && slices == stillness->slices &&
		target_task_state(target, subject->thread.tid).activity != TASK_RUNNING;
}

/* Decodes what the last look brought; what it is worth is for the caller to say. */
static enum verdict decode(struct taker *taker, struct subject *subject, enum look_result result, enum root_vote vote)
{
	enum resolve_result resolved;

	if (result == LOOK_FOREIGN)
		return VERDICT_FOREIGN;
	if (result == LOOK_BROKEN)
		return VERDICT_NOTHING;
	taker->is_cut = result == LOOK_CUT;
	resolved = look_resolve(&taker->looker, subject);
	if (result == LOOK_WHOLE && !root_holds(taker, subject, vote))
		return subject->root ? VERDICT_NOTHING : VERDICT_TORN;
	if (resolved == RESOLVE_TORN)
		return VERDICT_TORN;
	if (resolved == RESOLVE_LOADED)
		return VERDICT_FRESH;
	return VERDICT_UNPROVEN;
}

static enum verdict judge(struct taker *taker, struct subject *subject, const struct gil *gil, enum look_result result)
{
	bool stood_still = result != LOOK_FOREIGN && stood_still_by_gil(taker, subject, gil);
	enum root_vote moving = taker->policy == PAUSE_NEVER ? ROOT_LOOKED : ROOT_NO_VOTE;
	enum verdict verdict = decode(taker, subject, result, stood_still ? ROOT_SURE : moving);

	if (verdict != VERDICT_UNPROVEN)
		return verdict;
	if (stood_still)
		proof_add(&taker->proofs, subject->frames, subject->frame_count);
	return stood_still || proof_known(&taker->proofs, subject->frames, subject->frame_count) ? VERDICT_PROVEN
		: VERDICT_UNPROVEN;
}

/* subject->frames is what a thread showed that was stopped, wherever it was. */
static enum verdict judge_stopped(struct taker *taker, struct subject *subject)
{
	uint64_t cpu_ns = 0, slices = 0;

	/* exact for a thread that is not on a CPU */
	target_task_schedstat(python_target(taker->looker.python), subject->thread.tid, &cpu_ns, &slices);
	if (!python_leaf_may_be_unlinked(taker->looker.python))
		proof_add(&taker->proofs, subject->frames, subject->frame_count);
	else if (!proof_add_stopped(&taker->proofs, subject->frames, subject->frame_count, taker->seen, (int64_t)cpu_ns))
		return VERDICT_UNPROVEN;
	return VERDICT_PROVEN;
}

/* Looks at a thread that seems to be asleep. VERDICT_PROVEN only when it was so all the time. */
static enum verdict look_asleep(struct taker *taker, struct subject *subject)
{
	enum verdict verdict = VERDICT_UNPROVEN;

	for (int attempt = 0; attempt < 3 && verdict != VERDICT_PROVEN; attempt++) {
		struct stillness stillness;

		stillness_begin(taker, subject, &stillness);
		if (!stillness.asleep)
			return VERDICT_UNPROVEN;
		verdict = decode(taker, subject, look(&taker->looker, subject, NULL), ROOT_SURE);
		if (verdict == VERDICT_FOREIGN)
			return verdict;
		if (verdict == VERDICT_UNPROVEN && stillness_held(taker, subject, &stillness)) {
			proof_add(&taker->proofs, subject->frames, subject->frame_count);
			verdict = VERDICT_PROVEN;
		}
	}
	return verdict;
}

/* Is the first `count` of taker->frames how the frames of the last walk begin? */
static bool begins_with(const struct taker *taker, const struct subject *subject, size_t count)
{
	if (subject->frame_count < count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (subject->frames[i].code != taker->frames[i].code || subject->frames[i].line != taker->frames[i].line)
			return false;
	}
	return true;
}

/* ---- pausing ---- */

static void give_up_pausing(struct taker *taker, const struct error *err)
{
	taker->policy = PAUSE_NEVER;
	memcpy(taker->note, err->message, sizeof(taker->note));
}

/*
 * The thread stands still. All code objects of the chain are decoded before it goes on, if that can be done in time: then
 * their names belong to this moment. (Memory is allocated here. That can delay the target by microseconds at worst:
 * our allocator is not its, and if we die it runs on.)
 */
static enum verdict judge_paused(struct taker *taker, struct subject *subject, int64_t begin_ns)
{
	enum verdict verdict = VERDICT_FRESH;

	for (int round = 0; round < 3 && verdict == VERDICT_FRESH; round++) {
		verdict = decode(taker, subject, look(&taker->looker, subject, NULL), ROOT_STOPPED);
		if (monotonic_ns() - begin_ns > HOLD_LIMIT_NS)
			break;
	}
	return verdict == VERDICT_UNPROVEN ? judge_stopped(taker, subject) : verdict;
}

static void count_hold(struct taker *taker, const struct pause *pause)
{
	int64_t held = pause->end_ns - pause->begin_ns;

	taker->statistics->pauses++;
	taker->statistics->held_total_ns += held;
	taker->charged_ns += held < HOLD_CHARGE_NS ? held : HOLD_CHARGE_NS;
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
		return look_asleep(taker, subject);
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

static bool may_pause(const struct taker *taker)
{
	if (taker->policy != PAUSE_AUTO)
		return taker->policy == PAUSE_ALWAYS;
	return taker->charged_ns <
		HOLD_ALLOWANCE_NS + (monotonic_ns() - taker->began_ns) / 1000 * HOLD_PERMILLE;
}

/* A stop that proves nothing (a frame is just being linked) is followed by another one, when it has run a moment. */
static enum verdict pause_until_proven(struct taker *taker, struct subject *subject)
{
	enum verdict verdict = VERDICT_UNPROVEN;

	for (int attempt = 0; attempt < PAUSES_FOR_ONE * taker->patience && may_pause(taker); attempt++) {
		verdict = pause_and_look(taker, subject);
		if (verdict == VERDICT_PROVEN || verdict == VERDICT_FOREIGN)
			break;
	}
	return verdict;
}

/* ---- the policy ---- */

static enum take_result finish(struct subject *subject)
{
	prune_checks(subject);
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
 * Is the thread on the CPU that we are on? Then it is not running now. Where CPUs are scarce that is often so, and spares it
 * a pause: it stands still as long as we are not switched away from and it is not moved.
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

/* Looks again a few times, at once: often a frame was just being pushed. */
static enum verdict look_again(struct taker *taker, struct subject *subject, const struct gil *gil, size_t trunk)
{
	for (int attempt = 0; attempt < LOOKS_BEFORE_PAUSE * taker->patience; attempt++) {
		enum verdict verdict = look_at_still(taker, subject, gil);

		if (verdict == VERDICT_FOREIGN || (verdict == VERDICT_PROVEN && begins_with(taker, subject, trunk)))
			return verdict;
	}
	return VERDICT_UNPROVEN;
}

/* Something better than the first look, which taker holds: VERDICT_PROVEN, and what it is worth in *quality. */
static enum verdict find_better(struct taker *taker, struct subject *subject, const struct gil *gil,
	enum sample_quality *quality)
{
	size_t trunk = proof_known_prefix(&taker->proofs, taker->frames, taker->frame_count);
	enum verdict verdict = VERDICT_UNPROVEN;

	*quality = SAMPLE_VERIFIED;
	if (taker->policy != PAUSE_ALWAYS)
		verdict = look_again(taker, subject, gil, trunk);
	if (verdict == VERDICT_UNPROVEN)
		verdict = look_asleep(taker, subject);
	if (verdict == VERDICT_PROVEN || verdict == VERDICT_FOREIGN)
		return verdict;
	*quality = SAMPLE_PAUSED;
	return pause_until_proven(taker, subject);
}

/* The first look was not enough. What it showed is in subject, unless it showed nothing. */
static enum take_result take_hard(struct taker *taker, struct subject *subject, const struct gil *gil,
	enum verdict first)
{
	bool has_first = first == VERDICT_UNPROVEN || first == VERDICT_TORN;
	enum sample_quality quality;
	enum verdict verdict;
	size_t trunk;

	keep(taker, subject, has_first ? subject->frame_count : 0, has_first ? SAMPLE_UNVERIFIED : SAMPLE_FAILED);
	taker->seen = proof_sighting(taker->frames, taker->frame_count);
	verdict = find_better(taker, subject, gil, &quality);
	if (verdict == VERDICT_FOREIGN)
		return TAKE_FOREIGN;
	trunk = proof_known_prefix(&taker->proofs, taker->frames, taker->frame_count);
	if (verdict == VERDICT_PROVEN && begins_with(taker, subject, trunk)) {
		keep(taker, subject, subject->frame_count, quality);
	} else if (first == VERDICT_UNPROVEN && trunk == taker->frame_count) {
		taker->quality = SAMPLE_VERIFIED; /* what has been proven meanwhile is what the first look saw */
	} else if (taker->policy == PAUSE_NEVER) {
		if (first == VERDICT_UNPROVEN && looks_same(taker, subject))
			taker->quality = SAMPLE_VERIFIED;
	} else if (trunk) {
		taker->frame_count = trunk;
		taker->quality = SAMPLE_PARTIAL;
	} else if (!has_first && verdict == VERDICT_UNPROVEN) {
		/* the first look showed nothing; the callers that the last stop showed are certain */
		size_t callers = proof_known_prefix(&taker->proofs, subject->frames, subject->frame_count);

		keep(taker, subject, callers, callers ? SAMPLE_PARTIAL : SAMPLE_FAILED);
	}
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
	enum look_result result = look(&taker->looker, subject, gil);
	enum verdict verdict;

	if (result == LOOK_FOREIGN)
		return TAKE_FOREIGN; /* perhaps nothing could be read at all, the lock neither */
	if (gil) {
		*holder = holder_before(taker);
		if (must_hold && *holder != subject->thread.state)
			return TAKE_OTHER;
	}
	verdict = judge(taker, subject, gil, result);
	if (verdict == VERDICT_FRESH)
		verdict = judge(taker, subject, gil, look(&taker->looker, subject, gil));
	if (verdict == VERDICT_FOREIGN)
		return TAKE_FOREIGN;
	if (verdict != VERDICT_PROVEN)
		return take_hard(taker, subject, gil, verdict);
	keep(taker, subject, subject->frame_count, SAMPLE_VERIFIED);
	if (taker->policy == PAUSE_ALWAYS) {
		taker->seen = proof_sighting(taker->frames, taker->frame_count);
		verdict = pause_until_proven(taker, subject);
		if (verdict == VERDICT_FOREIGN)
			return TAKE_FOREIGN;
		if (verdict == VERDICT_PROVEN) /* else what the look has shown is true as well */
			keep(taker, subject, subject->frame_count, SAMPLE_PAUSED);
	}
	return finish(subject);
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
	return true;
}
