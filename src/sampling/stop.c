/* SPDX-License-Identifier: MIT */
/*
 * Stopping a thread to look at it: only when it may be stopped, for as short as can be, and what the stop shows.
 */
#include "config.h"

#include "stop.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "held.h"

#define HOLD_PERMILLE 5       /* of the time may be spent in pauses; what is hard beyond that stays partial */
#define HOLD_ALLOWANCE_NS 20000000 /* at the start nothing is proven yet */
/*
 * The most that one pause is charged with. A longer one means that somebody else had our CPU: on a machine
 * that short of them the target waits anyway, and one unlucky pause is not to end all verification for
 * seconds.
 */
#define HOLD_CHARGE_NS 200000
#define REFUSED_NS 1000000000 /* pausing is left off for so long when it was refused: most tracers come for a moment */
#define ROUNDS 4 /* of looking in one pause: until all code objects are known, and once more to check those of a new stack */
#define RUN_RANDOM_NS 50000 /* so much longer at most it is let run between two stops */
#define HOLD_LIMIT_NS 4000000 /* no more code objects are decoded in a pause that has lasted this long */
/* ---- when it is refused ---- */

static void note_refusal(struct taker *taker)
{
	snprintf(taker->note, sizeof(taker->note), "pauses were refused for %.1f s in all: %s",
		(double)taker->refused_ns / 1e9, taker->refusal);
}

static void give_up_pausing(struct taker *taker, const struct error *err)
{
	taker->policy = PAUSE_NEVER;
	taker->counted_ns = monotonic_ns();
	taker->retry_ns = taker->counted_ns + REFUSED_NS;
	memcpy(taker->refusal, err->message, sizeof(taker->refusal));
	note_refusal(taker);
}

/* Pausing has been given up. Counts for how long, and tries it again when it is time to. */
void bear_refusal(struct taker *taker)
{
	const int64_t now = monotonic_ns(), tenth = 100000000, before = taker->refused_ns;

	taker->refused_ns += now - taker->counted_ns;
	taker->counted_ns = now;
	if (taker->refused_ns / tenth != before / tenth)
		note_refusal(taker);
	if (now >= taker->retry_ns) {
		taker->policy = taker->asked_policy;
		taker->retry_ns = 0;
	}
}

/* ---- one stop ---- */

/*
 * The thread stands still. All code objects of the chain are decoded before it goes on, if that can be done
 * in time: then their names belong to this moment. (Memory is allocated here. That can delay the target by
 * microseconds at worst: our allocator is not its, and if we die it runs on.)
 */
static enum verdict judge_paused(struct taker *taker, struct subject *subject, enum root_vote vote, int64_t begin_ns)
{
	enum verdict verdict = VERDICT_FRESH;

	for (int round = 0; round < ROUNDS && verdict == VERDICT_FRESH; round++) {
		verdict = decode(taker, subject, look(&taker->looker, subject, NULL), vote);
		if (verdict == VERDICT_UNPROVEN)
			verdict = judge_stopped(taker, subject);
		if (monotonic_ns() - begin_ns > HOLD_LIMIT_NS)
			break;
	}
	return verdict;
}

void taker_count_hold_beside(struct taker *taker, int64_t held_ns)
{
	taker->statistics->pauses++;
	taker->statistics->held_total_ns += held_ns;
	taker->statistics->held_classes[held_class(held_ns)]++;
	if (held_ns > taker->statistics->held_longest_ns)
		taker->statistics->held_longest_ns = held_ns;
}

void taker_count_hold(struct taker *taker, int64_t held_ns)
{
	taker_count_hold_beside(taker, held_ns);
	taker->charged_ns += held_ns < HOLD_CHARGE_NS ? held_ns : HOLD_CHARGE_NS;
}

/* The innermost frame alone was in doubt. It is not where the thread stood outside of the evaluation loop. */
static enum verdict judge_place(struct taker *taker, struct subject *subject, const struct registers *registers)
{
	if (!registers->pc || python_evaluates(taker->looker.python, registers->pc) != EVALUATES_NOT)
		return VERDICT_UNPROVEN;
	proof_add(&taker->proofs, subject->frames, subject->frame_count);
	return VERDICT_PROVEN;
}

static bool holds_gil(struct taker *taker, const struct subject *subject)
{
	struct python *python = taker->looker.python;
	unsigned char bytes[GIL_BYTES];
	struct gil_state state;

	if (!target_read(python_target(python), taker->gil->address, bytes, taker->gil->length))
		return false;
	python_decode_gil(python, bytes, &state);
	return state.holder == subject->thread.state;
}

struct holding {
	struct taker *taker;
	const struct subject *subject;
};

static bool still_holds_gil(void *context)
{
	const struct holding *holding = context;

	return holds_gil(holding->taker, holding->subject);
}

/* It has let go of the GIL, and perhaps begun a call that is not to be disturbed. No pause is needed any more, either. */
static enum verdict look_without_gil(struct taker *taker, struct subject *subject)
{
	enum verdict verdict = look_asleep(taker, subject);

	if (verdict != VERDICT_UNPROVEN)
		return verdict;
	taker->has_copy = false; /* it was of the moment before */
	return judge(taker, subject, taker->gil, look(&taker->looker, subject, taker->gil));
}

/* It stands still by itself: asleep in a system call, or stopped by somebody else. */
static enum verdict look_at_sleeper(struct taker *taker, struct subject *subject)
{
	enum verdict verdict;

	taker->may_do_with_less = true;
	verdict = look_asleep(taker, subject);
	taker->may_do_with_less = false;
	return verdict;
}

/* Holds the thread: while it runs or, where registers are needed, when a signal has stopped it; then *was_stopped. */
static enum pause_result hold(struct taker *taker, pid_t tid, const struct pause_condition *condition, struct pause *pause,
	bool *was_stopped, struct error *err)
{
	struct target *target = python_target(taker->looker.python);
	enum pause_result result = pause_begin(target, tid, condition, taker->pause_deadline_ns, pause, err);

	*was_stopped = false;
	if (result != PAUSE_ASLEEP || !taker->native)
		return result;
	result = pause_begin_stopped(target, tid, taker->pause_deadline_ns, pause, err);
	*was_stopped = result == PAUSE_HELD;
	return result;
}

/* One pause. VERDICT_UNPROVEN: it could not be paused, or what was seen proves nothing. */
enum verdict pause_and_look(struct taker *taker, struct subject *subject)
{
	struct holding holding = { taker, subject };
	const struct pause_condition condition = { still_holds_gil, &holding };
	struct python *python = taker->looker.python;
	struct error err = { 0 };
	struct pause own = { 0 }, *pause = taker->held ? taker->held : &own;
	struct registers registers = { 0 };
	enum verdict verdict;
	bool was_stopped = false;
	/*
	 * A state that has the tid has been read by the look before, which would have told that it is another thread's; but not if
	 * it had none yet.
	 */
	const bool is_known = subject->thread.tid && python_state_has_tid(python);
	pid_t tid = is_known ? subject->thread.tid : python_thread_tid(python, &subject->thread);

	if (!tid || tid != subject->thread.tid)
		return tid ? VERDICT_FOREIGN : VERDICT_UNPROVEN;
	switch (taker->held ? PAUSE_HELD
			    : hold(taker, tid, taker->is_holder ? &condition : NULL, pause, &was_stopped, &err)) {
	case PAUSE_TOLD: /* not of a pause in one step */
	case PAUSE_HELD:
		break;
	case PAUSE_UNFIT:
		return look_without_gil(taker, subject);
	case PAUSE_ASLEEP:
		return look_at_sleeper(taker, subject);
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
	/* it could have become another thread's state between the question and the stop; the look tells where the state does */
	verdict = VERDICT_FOREIGN;
	if (python_state_has_tid(python) || python_thread_tid(python, &subject->thread) == tid) {
		if (taker->native && pause_registers(pause, &registers))
			copy_stack(taker, subject, &registers);
		/* there will be no other place at which a process is seen that a signal has stopped */
		verdict = judge_paused(taker, subject, was_stopped && !subject->root ? ROOT_SURE : ROOT_STOPPED, pause->begin_ns);
		if (verdict == VERDICT_UNPROVEN && !taker->native)
			pause_registers(pause, &registers);
	}
	if (!taker->held) {
		pause_end(pause);
		taker_count_hold(taker, pause->end_ns - pause->begin_ns);
	}
	taker->was_asleep = was_stopped && registers.pc &&
		pause_back_in_stop(pause, &registers, &taker->slept_cpu_ns, &taker->slept_slices);
	return verdict == VERDICT_UNPROVEN ? judge_place(taker, subject, &registers) : verdict;
}

bool may_pause(const struct taker *taker)
{
	if (taker->policy != PAUSE_AUTO || taker->native)
		return taker->policy != PAUSE_NEVER;
	return taker->charged_ns <
		HOLD_ALLOWANCE_NS + (monotonic_ns() - taker->began_ns) / 1000 * HOLD_PERMILLE;
}

/*
 * For a random time: what the thread does may come round in the time between a look and its stop, and would be missed each
 * time.
 */
void let_run(void)
{
	const uint64_t random = hash_u64((uint64_t)monotonic_ns());
	const struct timespec moment = { .tv_nsec = RUN_BETWEEN_NS + (long)(random % RUN_RANDOM_NS) };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
}

/* A stop that proves nothing (a frame is just being linked) is followed by another one, when it has run a moment. */
enum verdict pause_until_proven(struct taker *taker, struct subject *subject)
{
	enum verdict verdict = VERDICT_UNPROVEN;

	for (int attempt = 0; attempt < PAUSES_FOR_ONE * taker->patience && may_pause(taker); attempt++) {
		if (attempt)
			let_run();
		verdict = pause_and_look(taker, subject);
		if (verdict == VERDICT_PROVEN || verdict == VERDICT_FOREIGN)
			break;
	}
	return verdict;
}
