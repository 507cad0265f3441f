/* SPDX-License-Identifier: MIT */
/*
 * Stopping a thread to look at it: only when it may be stopped, for as short as can be, and what the stop shows.
 */
#include "config.h"

#include "sampling/stop.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sampling/held.h"
#include "sampling/progress.h"

#define HOLD_PERMILLE 5       /* of the time may be spent in pauses; what is hard beyond that stays partial */
#define HOLD_ALLOWANCE_NS 20000000 /* at the start nothing is proven yet */
/*
 * The most that one pause is charged with. A longer one means that somebody else had our CPU: on a machine
 * that short of them the target waits anyway, and one unlucky pause is not to end all verification for
 * seconds.
 */
#define HOLD_CHARGE_NS 200000
#define LATE_CHARGE 4 /* a stop that was too short for a deep stack is charged with this part of its time */
#define REFUSED_NS 1000000000 /* pausing is left off for so long when it was refused: most tracers come for a moment */
#define ROUNDS 4 /* of looking in one pause: until all code objects are known, and once more to check those of a new stack */
#define HOLD_LEAST_NS 1000000 /* from the moment on in which a thread is seen to have stopped */
#define HOLD_KNOWN_NS 1000000 /* after that code objects of frames that are proven are not checked again */
#define DEEP_FRAMES 1000
#define FRAMES_TOGETHER 250 /* of a stack that is not proven: a deeper one is held alone */
#define CHECKS_ALONG 64 /* code objects that are checked by the very look; more are checked behind it, as far as there is time */
#define RUN_RANDOM_NS 50000 /* so much longer at most it is let run between two stops */
#define ONCE_NS INT64_C(5000000000) /* a dump may take so long until it is proven; what lacks then is shown as it is */
#define INSTRUCTION_LIMIT_BYTES 32 /* of one instruction of bytecode, with its caches and what extends it */

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
 * What is done while the thread stands still: its memory is read and walked, code objects that are not known are decoded, for
 * they may be gone afterwards, and the others are read to see that they are the same. All of that until HOLD_LIMIT_NS are over,
 * however deep its stack is. What it proves is found out afterwards. (Memory is allocated here. That can delay the target by
 * microseconds at worst: our allocator is not its, and if we die it runs on.)
 */
struct stop {
	enum root_vote vote;
	enum verdict verdict; /* VERDICT_UNPROVEN: the stack is not known, and all its code objects have been checked */
	bool is_late;         /* there was no time for all of it */
	uint64_t cpu_ns;      /* of the thread */
};

static void look_in_stop(struct taker *taker, struct subject *subject, struct stop *stop)
{
	struct looker *looker = &taker->looker;
	uint64_t slices;

	for (int round = 0; round < ROUNDS; round++) {
		const enum verdict verdict = decode(taker, subject, look(looker, subject, NULL), stop->vote);
		enum check_result checked;

		stop->verdict = verdict;
		if (looker->is_late)
			stop->verdict = VERDICT_NOTHING;
		if (looker->is_late || (verdict != VERDICT_UNPROVEN && verdict != VERDICT_FRESH))
			return;
		/* words of the call that was here before make a stack that may well be known, and is another moment's */
		if (!leaf_is_linked(taker, subject)) {
			stop->verdict = VERDICT_NOTHING;
			return;
		}
		if (verdict == VERDICT_UNPROVEN && proof_known(&taker->proofs, subject->frames, subject->frame_count)) {
			stop->verdict = VERDICT_PROVEN;
			return;
		}
		checked = look_check_held(looker, subject,
			proof_known_prefix(&taker->proofs, subject->frames, subject->frame_count),
			looker->deadline_ns - HOLD_LIMIT_NS + HOLD_KNOWN_NS);
		if (checked == CHECK_LATE) {
			stop->verdict = VERDICT_FRESH;
			return;
		}
		if (checked == CHECK_CHANGED)
			continue;
		stop->verdict = VERDICT_UNPROVEN;
		/* exact for a thread that is not on a CPU */
		target_task_schedstat(python_target(looker->python), subject->thread.tid, &stop->cpu_ns, &slices);
		return;
	}
	stop->verdict = VERDICT_FRESH;
}

/*
 * Which code objects the look of the stop checks itself, before it walks: not all of a deep stack, but those behind what is
 * proven of it.
 */
static void choose_checks(struct taker *taker, struct subject *subject)
{
	if (subject->checked_count > CHECKS_ALONG) {
		subject->checked_count = 0;
		subject_mark_checked(subject);
	}
	if (subject->frame_count < DEEP_FRAMES)
		return;
	for (size_t i = proof_known_prefix(&taker->proofs, subject->frames, subject->frame_count);
		i < subject->frame_count && subject->checked_count < CHECKS_ALONG; i++)
		subject_check_code(subject, subject->frames[i].code);
}

/* When the thread has to be let go: soon after it was told to stop, but what took it long to stop is not all of the time. */
static int64_t hold_end(const struct taker *taker, const struct pause *pause)
{
	const int64_t end_ns = pause->begin_ns + HOLD_LIMIT_NS, least_ns = pause->stopped_ns + HOLD_LEAST_NS;

	if (taker->hold_end_ns)
		return taker->hold_end_ns;
	return end_ns > least_ns ? end_ns : least_ns;
}

/* The thread stands still. */
static void begin_stop(struct taker *taker, struct subject *subject, const struct pause *pause, struct stop *stop)
{
	struct looker *looker = &taker->looker;
	uint64_t slices;

	taker->still = (struct still_words){ 0 };
	look_hold(looker, hold_end(taker, pause));
	look_in_stop(taker, subject, stop);
	stop->is_late = looker->is_late && stop->verdict != VERDICT_UNPROVEN && stop->verdict != VERDICT_PROVEN;
	/* what will be asked when it runs again */
	if (stop->is_late) {
		leaf_is_linked(taker, subject);
		target_task_schedstat(python_target(looker->python), subject->thread.tid, &stop->cpu_ns, &slices);
	}
	look_release(looker);
}

/*
 * It was let go before all was looked at. What has been read of it is walked now, and is worth as much; but of the code objects
 * only those are certain that were checked in time, and so only the beginning of the stack is. The next stop begins behind that.
 */
static enum verdict judge_late(struct taker *taker, struct subject *subject, const struct stop *stop)
{
	struct looker *looker = &taker->looker;
	enum verdict verdict = decode(taker, subject, look_finish(looker, subject), stop->vote);
	size_t known, certain;

	if (verdict != VERDICT_UNPROVEN && verdict != VERDICT_FRESH)
		return verdict;
	if (!leaf_is_linked(taker, subject))
		return VERDICT_NOTHING;
	if (verdict == VERDICT_UNPROVEN && proof_known(&taker->proofs, subject->frames, subject->frame_count))
		return VERDICT_PROVEN;
	known = certain = proof_known_prefix(&taker->proofs, subject->frames, subject->frame_count);
	while (certain < subject->frame_count && subject->frames[certain].code->sure == looker->hold)
		certain++;
	if (certain == subject->frame_count)
		return learn_stopped(taker, subject, stop->cpu_ns);
	if (certain > known)
		proof_add(&taker->proofs, subject->frames, certain);
	return VERDICT_UNPROVEN;
}

/* What the stop has shown, after it unless several threads are held. */
static enum verdict judge_stop(struct taker *taker, struct subject *subject, const struct stop *stop)
{
	taker->still.is_over = true;
	look_learn_held(&taker->looker, subject);
	/* what is learned of each frame would hold the others for too long */
	if (taker->held && subject->frame_count > FRAMES_TOGETHER && stop->verdict == VERDICT_UNPROVEN)
		return VERDICT_NOTHING;
	for (size_t i = 0; i < subject->frame_count; i++)
		subject->frames[i].is_checked |= subject->frames[i].code->sure == taker->looker.hold;
	if (stop->is_late)
		return taker->held ? VERDICT_NOTHING : judge_late(taker, subject, stop);
	return stop->verdict == VERDICT_UNPROVEN ? learn_stopped(taker, subject, stop->cpu_ns) : stop->verdict;
}

static enum hold_cause cause_of(const struct pause *pause, bool is_late)
{
	const int64_t half_ns = (pause->end_ns - pause->begin_ns) / 2;

	if (pause->was_interrupted)
		return HOLD_BY_STOP;
	if (pause->stopped_ns - pause->begin_ns > half_ns)
		return HOLD_BY_THREAD;
	if (pause->end_ns - pause->begin_ns - pause->worked_ns > half_ns)
		return HOLD_BY_CPU;
	return is_late ? HOLD_BY_DEPTH : HOLD_BY_OTHER;
}

static void count(struct taker *taker, const struct pause *pause, bool is_late)
{
	const int64_t held_ns = pause->end_ns - pause->begin_ns;
	const bool is_long = held_ns > PAUSE_LONG_NS;

	taker->statistics->long_holds += is_long;
	if (is_long && held_ns > taker->statistics->held_longest_ns)
		taker->statistics->longest_cause = cause_of(pause, is_late);
	taker->statistics->pauses++;
	taker->statistics->held_total_ns += held_ns;
	taker->statistics->held_classes[held_class(held_ns)]++;
	if (held_ns > taker->statistics->held_longest_ns) {
		taker->statistics->held_longest_ns = held_ns;
		taker->statistics->held_longest_waited_ns = pause->waited_ns;
	}
	if (pause->worked_ns > taker->statistics->held_worked_ns)
		taker->statistics->held_worked_ns = pause->worked_ns;
}

void taker_count_hold_beside(struct taker *taker, const struct pause *pause)
{
	count(taker, pause, false);
}

void taker_count_hold(struct taker *taker, const struct pause *pause, bool is_late)
{
	const int64_t held_ns = pause->end_ns - pause->begin_ns;

	count(taker, pause, is_late);
	taker->charged_ns += held_ns < HOLD_CHARGE_NS ? held_ns : HOLD_CHARGE_NS;
	if (!is_late)
		return;
	taker->statistics->holds_cut++;
	/* nobody else's doing, and the stack as well as the stops that it takes have an end */
	taker->charged_ns += held_ns / LATE_CHARGE;
}

static bool is_in_code(const struct code *code, raddr_t address)
{
	return code->instructions && address >= code->instructions && address - code->instructions < 2ull * code->unit_count;
}

/*
 * Does the evaluation loop hold, in a register, the place in the bytecode that the innermost frame is said to be at? While a frame is
 * pushed, the place in its caller is held in one. So if there is one of the caller's in any, the words of the innermost frame
 * may be those of a call that is over; where a function calls itself the two cannot be told apart.
 */
static bool registers_agree(const struct subject *subject, const struct registers *registers)
{
	const size_t count = subject->frame_count;
	const struct code *code = subject->frames[count - 1].code;
	const struct code *caller = count > 1 ? subject->frames[count - 2].code : NULL;
	const raddr_t instruction = subject->innermost.instruction;
	bool agree = false;

	if (!is_in_code(code, instruction) || caller == code)
		return false;
	for (size_t i = 0; i < REGISTER_COUNT; i++) {
		if (!(registers->known >> i & 1))
			continue;
		if (caller && is_in_code(caller, registers->values[i]))
			return false;
		agree |= registers->values[i] >= instruction && registers->values[i] - instruction <= INSTRUCTION_LIMIT_BYTES;
	}
	return agree;
}

/*
 * The innermost frame alone was in doubt. It is not where the thread stood outside of the evaluation loop, nor where the first
 * look of the sample showed the same call and the loop is at the frame's instruction.
 */
static enum verdict judge_place(struct taker *taker, struct subject *subject, const struct registers *registers)
{
	const struct sighting *stopped = &taker->stopped;
	const bool is_seen = stopped->path && stopped->path == taker->seen.path && !stopped->is_fresh;

	if (!registers->pc || (python_evaluates(taker->looker.python, registers->pc) != EVALUATES_NOT &&
				      !(is_seen && registers_agree(subject, registers))))
		return VERDICT_UNPROVEN;
	taker->stopped = (struct sighting){ 0 };
	proof_add(&taker->proofs, subject->frames, subject->frame_count);
	return VERDICT_PROVEN;
}

/* Does the thread hold the GIL, or what stands for that where there is none? */
static bool may_run_python(struct taker *taker, const struct subject *subject)
{
	struct python *python = taker->looker.python;
	unsigned char bytes[GIL_BYTES];
	struct gil_state state;

	if (!taker->gil)
		return python_thread_attached(python, &subject->thread);
	if (!target_read(python_target(python), taker->gil->address, bytes, taker->gil->length))
		return false;
	python_decode_gil(python, bytes, &state);
	return state.holder == subject->thread.state;
}

struct holding {
	struct taker *taker;
	const struct subject *subject;
};

static bool still_may_run(void *context)
{
	const struct holding *holding = context;

	return may_run_python(holding->taker, holding->subject);
}

enum pause_result tell_to_stop(struct taker *taker, const struct subject *subject, struct pause *pause, struct error *err)
{
	struct holding holding = { taker, subject };
	const struct pause_condition condition = { still_may_run, &holding };

	return pause_tell(python_target(taker->looker.python), subject->thread.tid,
		taker->is_holder ? &condition : NULL, pause, err);
}

/* It has let go of the GIL (or has detached itself), and perhaps begun a call that is not to be disturbed. No pause is needed any more, either. */
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
	const struct pause_condition condition = { still_may_run, &holding };
	struct python *python = taker->looker.python;
	struct error err = { 0 };
	struct pause own = { 0 }, *pause = taker->held ? taker->held : &own;
	struct registers registers = { 0 };
	struct stop stop = { .verdict = VERDICT_FOREIGN };
	enum verdict verdict;
	bool was_stopped = false;

	taker->is_stop_late = false;
	/*
	 * A state that has the tid has been read by the look before, which would have told that it is another thread's; but not if
	 * it had none yet.
	 */
	const bool is_known = subject->thread.tid && python_state_has_tid(python);
	pid_t tid = is_known ? subject->thread.tid : python_thread_tid(python, &subject->thread);

	taker->stopped = (struct sighting){ 0 };
	if (!tid || tid != subject->thread.tid)
		return tid ? VERDICT_FOREIGN : VERDICT_UNPROVEN;
	choose_checks(taker, subject);
	python_make_room(python);
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
	if (python_state_has_tid(python) || python_thread_tid(python, &subject->thread) == tid) {
		if (taker->native && pause_registers(pause, &registers))
			copy_stack(taker, subject, &registers);
		/* there will be no other place at which a process is seen that a signal has stopped */
		stop.vote = was_stopped && !subject->root ? ROOT_SURE : ROOT_STOPPED;
		begin_stop(taker, subject, pause, &stop);
		if (stop.verdict == VERDICT_UNPROVEN && !taker->native)
			pause_registers(pause, &registers);
	}
	if (!taker->held) {
		pause_end(pause);
		taker_count_hold(taker, pause, stop.is_late);
	}
	taker->is_stop_late = stop.is_late;
	verdict = judge_stop(taker, subject, &stop);
	taker->was_asleep = was_stopped && registers.pc &&
		pause_back_in_stop(pause, &registers, &taker->slept_cpu_ns, &taker->slept_slices);
	return verdict == VERDICT_UNPROVEN && !stop.is_late ? judge_place(taker, subject, &registers) : verdict;
}

bool may_pause(const struct taker *taker)
{
	if (taker->policy != PAUSE_NEVER && taker->is_once)
		return monotonic_ns() - taker->began_ns < ONCE_NS;
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

enum verdict pause_and_watch(struct taker *taker, struct subject *subject)
{
	const enum verdict verdict = pause_and_look(taker, subject);

	return verdict == VERDICT_UNPROVEN ? progress_after_stop(taker, subject) : verdict;
}

bool counts_as_stop(const struct taker *taker, uint64_t timeouts)
{
	return !taker->is_once || taker->statistics->pause_timeouts == timeouts;
}

/* A stop that proves nothing (a frame is just being linked) is followed by another one, when it has run a moment. */
enum verdict pause_until_proven(struct taker *taker, struct subject *subject)
{
	enum verdict verdict = VERDICT_UNPROVEN;
	bool has_stopped = false;

	for (int stops = 0; stops < PAUSES_FOR_ONE * taker->patience && may_pause(taker);) {
		const uint64_t timeouts = taker->statistics->pause_timeouts;

		if (has_stopped)
			let_run();
		has_stopped = true;
		verdict = pause_and_watch(taker, subject);
		if (verdict == VERDICT_PROVEN || verdict == VERDICT_FOREIGN)
			break;
		/* the next stop begins behind what this one has shown, and is another moment's; a dump may be of any */
		if (taker->is_stop_late && !taker->is_once)
			break;
		stops += counts_as_stop(taker, timeouts);
	}
	return verdict;
}
