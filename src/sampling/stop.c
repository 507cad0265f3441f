/* SPDX-License-Identifier: MIT */
/*
 * Stopping a thread to look at it: only when it may be stopped, for as short as can be, and what the stop
 * shows.
 */
#include "config.h"

#include "sampling/stop.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sampling/hold_histogram.h"
#include "sampling/progress.h"

/* of the time may be spent in pauses; what is hard beyond that stays partial */
#define HOLD_PERMILLE 5
#define HOLD_ALLOWANCE_NS 20000000 /* at the start nothing is proven yet */
/*
 * The most that one pause is charged with. A longer one means that somebody else had our CPU: on a machine
 * that short of them the target waits anyway, and one unlucky pause is not to end all verification for
 * seconds.
 */
#define HOLD_CHARGE_NS 200000
/* a stop that was too short for a deep stack is charged with this part of its time */
#define LATE_CHARGE 4
/* pausing is left off for so long when it was refused: most tracers come for a moment */
#define REFUSED_NS 1000000000
/* of looking in one pause: until all code objects are known, and once more to check those of a new stack */
#define ROUNDS 4
#define HOLD_LEAST_NS 1000000 /* from the moment on in which a thread is seen to have stopped */
/* after that code objects of frames that are proven are not checked again */
#define HOLD_KNOWN_NS 1000000
#define DEEP_FRAMES 1000
#define FRAMES_TOGETHER 250 /* of a stack that is not proven: a deeper one is held alone */
/* code objects that are checked by the very look; more are checked behind it, as far as there is time */
#define CHECKS_ALONG 64
#define RUN_RANDOM_NS 50000 /* so much longer at most it is let run between two stops */
/* a dump may take so long until it is proven; what lacks then is shown as it is */
#define ONCE_NS INT64_C(5000000000)
/* of one instruction of bytecode, with its caches and what extends it */
#define INSTRUCTION_LIMIT_BYTES 32

/* ---- when it is refused ---- */

static void note_refusal(struct capturer *capturer)
{
	snprintf(capturer->note, sizeof(capturer->note), "pauses were refused for %.1f s in all: %s",
		(double)capturer->refused_ns / 1e9, capturer->refusal);
}

static void give_up_pausing(struct capturer *capturer, const struct error *err)
{
	capturer->policy = PAUSE_NEVER;
	capturer->counted_ns = monotonic_ns();
	capturer->retry_ns = capturer->counted_ns + REFUSED_NS;
	memcpy(capturer->refusal, err->message, sizeof(capturer->refusal));
	note_refusal(capturer);
}

/* Pausing has been given up. Counts for how long, and tries it again when it is time to. */
void capturer_bear_refusal(struct capturer *capturer)
{
	const int64_t now = monotonic_ns(), tenth = 100000000, before = capturer->refused_ns;

	capturer->refused_ns += now - capturer->counted_ns;
	capturer->counted_ns = now;
	if (capturer->refused_ns / tenth != before / tenth)
		note_refusal(capturer);
	if (now >= capturer->retry_ns) {
		capturer->policy = capturer->asked_policy;
		capturer->retry_ns = 0;
	}
}

/* ---- one stop ---- */

/*
 * What is done while the thread stands still: its memory is read and walked, code objects that are not known
 * are decoded, for they may be gone afterwards, and the others are read to see that they are the same. All of
 * that until HOLD_LIMIT_NS are over, however deep its stack is. What it proves is found out afterwards.
 * (Memory is allocated here. That can delay the target by microseconds at worst: our allocator is not its,
 * and if we die it runs on.)
 */
struct stop {
	enum root_vote vote;
	/* VERDICT_UNPROVEN: the stack is not known, and all its code objects have been checked */
	enum verdict verdict;
	bool is_late;    /* there was no time for all of it */
	uint64_t cpu_ns; /* of the thread */
};

static void snapshot_in_stop(struct capturer *capturer, struct thread *thread, struct stop *stop)
{
	struct snapshot_reader *reader = &capturer->reader;
	uint64_t slices;

	for (int round = 0; round < ROUNDS; round++) {
		const enum verdict verdict =
			capturer_decode(capturer, thread, snapshot_take(reader, thread, NULL), stop->vote);
		enum check_result checked;

		stop->verdict = verdict;
		if (reader->is_late)
			stop->verdict = VERDICT_NOTHING;
		if (reader->is_late || (verdict != VERDICT_UNPROVEN && verdict != VERDICT_FRESH))
			return;
		/*
		 * words of the call that was here before make a stack that may well be known, and is
		 * another moment's
		 */
		if (!capturer_leaf_is_linked(capturer, thread)) {
			stop->verdict = VERDICT_NOTHING;
			return;
		}
		if (verdict == VERDICT_UNPROVEN &&
			known_stacks_has(&capturer->known_stacks, thread->frames, thread->frame_count)) {
			stop->verdict = VERDICT_PROVEN;
			return;
		}
		checked = snapshot_check_held(reader, thread,
			known_stacks_prefix(&capturer->known_stacks, thread->frames, thread->frame_count),
			reader->deadline_ns - HOLD_LIMIT_NS + HOLD_KNOWN_NS);
		if (checked == CHECK_LATE) {
			stop->verdict = VERDICT_FRESH;
			return;
		}
		if (checked == CHECK_CHANGED)
			continue;
		stop->verdict = VERDICT_UNPROVEN;
		/* exact for a thread that is not on a CPU */
		target_task_schedstat(
			python_target(reader->python), thread->identity.tid, &stop->cpu_ns, &slices);
		return;
	}
	stop->verdict = VERDICT_FRESH;
}

/*
 * Which code objects the snapshot of the stop checks itself, before it walks: not all of a deep stack, but
 * those behind what is proven of it.
 */
static void choose_checks(struct capturer *capturer, struct thread *thread)
{
	if (thread->checked_count > CHECKS_ALONG) {
		thread->checked_count = 0;
		thread_mark_checked(thread);
	}
	if (thread->frame_count < DEEP_FRAMES)
		return;
	for (size_t i = known_stacks_prefix(&capturer->known_stacks, thread->frames, thread->frame_count);
		i < thread->frame_count && thread->checked_count < CHECKS_ALONG; i++)
		thread_check_code(thread, thread->frames[i].code);
}

/*
 * When the thread has to be let go: soon after it was told to stop, but what took it long to stop is not
 * all of the time.
 */
static int64_t hold_end(const struct capturer *capturer, const struct pause *pause)
{
	const int64_t end_ns = pause->begin_ns + HOLD_LIMIT_NS, least_ns = pause->stopped_ns + HOLD_LEAST_NS;

	if (capturer->hold_end_ns)
		return capturer->hold_end_ns;
	return end_ns > least_ns ? end_ns : least_ns;
}

/* The thread stands still. */
static void begin_stop(
	struct capturer *capturer, struct thread *thread, const struct pause *pause, struct stop *stop)
{
	struct snapshot_reader *reader = &capturer->reader;
	uint64_t slices;

	capturer->still = (struct still_words){ 0 };
	snapshot_hold(reader, hold_end(capturer, pause));
	snapshot_in_stop(capturer, thread, stop);
	stop->is_late =
		reader->is_late && stop->verdict != VERDICT_UNPROVEN && stop->verdict != VERDICT_PROVEN;
	/* what will be asked when it runs again */
	if (stop->is_late) {
		capturer_leaf_is_linked(capturer, thread);
		target_task_schedstat(
			python_target(reader->python), thread->identity.tid, &stop->cpu_ns, &slices);
	}
	snapshot_release(reader);
}

/*
 * It was let go before all was looked at. What has been read of it is walked now, and is worth as much; but
 * of the code objects only those are certain that were checked in time, and so only the beginning of the
 * stack is. The next stop begins behind that.
 */
static enum verdict judge_late(struct capturer *capturer, struct thread *thread, const struct stop *stop)
{
	struct snapshot_reader *reader = &capturer->reader;
	enum verdict verdict = capturer_decode(capturer, thread, snapshot_finish(reader, thread), stop->vote);
	size_t known, certain;

	if (verdict != VERDICT_UNPROVEN && verdict != VERDICT_FRESH)
		return verdict;
	if (!capturer_leaf_is_linked(capturer, thread))
		return VERDICT_NOTHING;
	if (verdict == VERDICT_UNPROVEN &&
		known_stacks_has(&capturer->known_stacks, thread->frames, thread->frame_count))
		return VERDICT_PROVEN;
	known = certain = known_stacks_prefix(&capturer->known_stacks, thread->frames, thread->frame_count);
	while (certain < thread->frame_count && thread->frames[certain].code->sure == reader->hold)
		certain++;
	if (certain == thread->frame_count)
		return capturer_learn_stopped(capturer, thread, stop->cpu_ns);
	if (certain > known)
		known_stacks_add(&capturer->known_stacks, thread->frames, certain);
	return VERDICT_UNPROVEN;
}

/* What the stop has shown, after it unless several threads are held. */
static enum verdict judge_stop(struct capturer *capturer, struct thread *thread, const struct stop *stop)
{
	capturer->still.is_over = true;
	snapshot_learn_held(&capturer->reader, thread);
	/* what is learned of each frame would hold the others for too long */
	if (capturer->held && thread->frame_count > FRAMES_TOGETHER && stop->verdict == VERDICT_UNPROVEN)
		return VERDICT_NOTHING;
	for (size_t i = 0; i < thread->frame_count; i++)
		thread->frames[i].is_checked |= thread->frames[i].code->sure == capturer->reader.hold;
	if (stop->is_late)
		return capturer->held ? VERDICT_NOTHING : judge_late(capturer, thread, stop);
	return stop->verdict == VERDICT_UNPROVEN ? capturer_learn_stopped(capturer, thread, stop->cpu_ns)
						 : stop->verdict;
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

static void count(struct capturer *capturer, const struct pause *pause, bool is_late)
{
	const int64_t held_ns = pause->end_ns - pause->begin_ns;
	const bool is_long = held_ns > PAUSE_LONG_NS;

	capturer->statistics->long_holds += is_long;
	if (is_long && held_ns > capturer->statistics->held_longest_ns)
		capturer->statistics->longest_cause = cause_of(pause, is_late);
	capturer->statistics->pauses++;
	capturer->statistics->held_total_ns += held_ns;
	capturer->statistics->held_classes[hold_histogram_class(held_ns)]++;
	if (held_ns > capturer->statistics->held_longest_ns) {
		capturer->statistics->held_longest_ns = held_ns;
		capturer->statistics->held_longest_waited_ns = pause->waited_ns;
	}
	if (pause->worked_ns > capturer->statistics->held_worked_ns)
		capturer->statistics->held_worked_ns = pause->worked_ns;
}

void capturer_count_hold_beside(struct capturer *capturer, const struct pause *pause)
{
	count(capturer, pause, false);
}

void capturer_count_hold(struct capturer *capturer, const struct pause *pause, bool is_late)
{
	const int64_t held_ns = pause->end_ns - pause->begin_ns;

	count(capturer, pause, is_late);
	capturer->charged_ns += held_ns < HOLD_CHARGE_NS ? held_ns : HOLD_CHARGE_NS;
	if (!is_late)
		return;
	capturer->statistics->holds_cut++;
	/* nobody else's doing, and the stack as well as the stops that it takes have an end */
	capturer->charged_ns += held_ns / LATE_CHARGE;
}

static bool is_in_code(const struct code *code, raddr_t address)
{
	return code->instructions && address >= code->instructions &&
		address - code->instructions < 2ull * code->unit_count;
}

/*
 * Does the evaluation loop hold, in a register, the place in the bytecode that the innermost frame is said to
 * be at? While a frame is pushed, the place in its caller is held in one. So if there is one of the caller's
 * in any, the words of the innermost frame may be those of a call that is over; where a function calls itself
 * the two cannot be told apart.
 */
static bool registers_agree(const struct thread *thread, const struct registers *registers)
{
	const size_t count = thread->frame_count;
	const struct code *code = thread->frames[count - 1].code;
	const struct code *caller = count > 1 ? thread->frames[count - 2].code : NULL;
	const raddr_t instruction = thread->innermost.instruction;
	bool agree = false;

	if (!is_in_code(code, instruction) || caller == code)
		return false;
	for (size_t i = 0; i < REGISTER_COUNT; i++) {
		if (!(registers->known >> i & 1))
			continue;
		if (caller && is_in_code(caller, registers->values[i]))
			return false;
		agree |= registers->values[i] >= instruction &&
			registers->values[i] - instruction <= INSTRUCTION_LIMIT_BYTES;
	}
	return agree;
}

/*
 * The innermost frame alone was in doubt. It is not where the thread stood outside of the evaluation loop,
 * nor where the first look of the sample showed the same call and the loop is at the frame's instruction.
 */
static enum verdict judge_place(
	struct capturer *capturer, struct thread *thread, const struct registers *registers)
{
	const struct sighting *stopped = &capturer->stopped;
	const bool is_seen = stopped->path && stopped->path == capturer->seen.path && !stopped->is_fresh;

	if (!registers->pc ||
		(python_evaluates(capturer->reader.python, registers->pc) != EVALUATES_NOT &&
			!(is_seen && registers_agree(thread, registers))))
		return VERDICT_UNPROVEN;
	capturer->stopped = (struct sighting){ 0 };
	known_stacks_add(&capturer->known_stacks, thread->frames, thread->frame_count);
	return VERDICT_PROVEN;
}

/* Does the thread hold the GIL, or what stands for that where there is none? */
static bool may_run_python(struct capturer *capturer, const struct thread *thread)
{
	struct python *python = capturer->reader.python;
	unsigned char bytes[GIL_BYTES];
	struct gil_state state;

	if (!capturer->gil)
		return python_thread_attached(python, &thread->identity);
	if (!target_read(python_target(python), capturer->gil->address, bytes, capturer->gil->length))
		return false;
	python_decode_gil(python, bytes, &state);
	return state.holder == thread->identity.state;
}

struct holding {
	struct capturer *capturer;
	const struct thread *thread;
};

static bool still_may_run(void *context)
{
	const struct holding *holding = context;

	return may_run_python(holding->capturer, holding->thread);
}

enum pause_result capturer_tell_to_stop(
	struct capturer *capturer, const struct thread *thread, struct pause *pause, struct error *err)
{
	struct holding holding = { capturer, thread };
	const struct pause_condition condition = { still_may_run, &holding };

	return pause_tell(python_target(capturer->reader.python), thread->identity.tid,
		capturer->is_holder ? &condition : NULL, pause, err);
}

/*
 * It has let go of the GIL (or has detached itself), and perhaps begun a call that is not to be disturbed.
 * No pause is needed any more, either.
 */
static enum verdict snapshot_without_gil(struct capturer *capturer, struct thread *thread)
{
	enum verdict verdict = capturer_look_asleep(capturer, thread);

	if (verdict != VERDICT_UNPROVEN)
		return verdict;
	capturer->has_copy = false; /* it was of the moment before */
	return capturer_judge(
		capturer, thread, capturer->gil, snapshot_take(&capturer->reader, thread, capturer->gil));
}

/* It stands still by itself: asleep in a system call, or stopped by somebody else. */
static enum verdict snapshot_at_sleeper(struct capturer *capturer, struct thread *thread)
{
	enum verdict verdict;

	capturer->may_do_with_less = true;
	verdict = capturer_look_asleep(capturer, thread);
	capturer->may_do_with_less = false;
	return verdict;
}

/*
 * Holds the thread: while it runs or, where registers are needed, when a signal has stopped it; then
 * *was_stopped.
 */
static enum pause_result hold(struct capturer *capturer, pid_t tid, const struct pause_condition *condition,
	struct pause *pause, bool *was_stopped, struct error *err)
{
	struct target *target = python_target(capturer->reader.python);
	enum pause_result result =
		pause_begin(target, tid, condition, capturer->pause_deadline_ns, pause, err);

	*was_stopped = false;
	if (result != PAUSE_ASLEEP || !capturer->native)
		return result;
	result = pause_begin_stopped(target, tid, capturer->pause_deadline_ns, pause, err);
	*was_stopped = result == PAUSE_HELD;
	return result;
}

/* One pause. VERDICT_UNPROVEN: it could not be paused, or what was seen proves nothing. */
enum verdict capturer_pause(struct capturer *capturer, struct thread *thread)
{
	struct holding holding = { capturer, thread };
	const struct pause_condition condition = { still_may_run, &holding };
	struct python *python = capturer->reader.python;
	struct error err = { 0 };
	struct pause own = { 0 }, *pause = capturer->held ? capturer->held : &own;
	struct registers registers = { 0 };
	struct stop stop = { .verdict = VERDICT_FOREIGN };
	enum verdict verdict;
	bool was_stopped = false;

	capturer->is_stop_late = false;
	/*
	 * A state that has the tid has been read by the snapshot before, which would have told that it is
	 * another thread's; but not if it had none yet.
	 */
	const bool is_known = thread->identity.tid && python_state_has_tid(python);
	pid_t tid = is_known ? thread->identity.tid : python_thread_tid(python, &thread->identity);

	capturer->stopped = (struct sighting){ 0 };
	if (!tid || tid != thread->identity.tid)
		return tid ? VERDICT_FOREIGN : VERDICT_UNPROVEN;
	choose_checks(capturer, thread);
	python_make_room(python);
	switch (capturer->held ? PAUSE_HELD
			       : hold(capturer, tid, capturer->is_holder ? &condition : NULL, pause,
					 &was_stopped, &err)) {
	case PAUSE_TOLD: /* not of a pause in one step */
	case PAUSE_HELD:
		break;
	case PAUSE_UNFIT:
		return snapshot_without_gil(capturer, thread);
	case PAUSE_ASLEEP:
		return snapshot_at_sleeper(capturer, thread);
	case PAUSE_TIMEOUT:
		capturer->statistics->pause_timeouts++;
		return VERDICT_UNPROVEN;
	case PAUSE_REFUSED:
		capturer->statistics->pauses_refused++;
		give_up_pausing(capturer, &err);
		return VERDICT_UNPROVEN;
	case PAUSE_GONE:
		return VERDICT_FOREIGN;
	}
	/*
	 * it could have become another thread's state between the question and the stop; the snapshot tells
	 * where the state does
	 */
	if (python_state_has_tid(python) || python_thread_tid(python, &thread->identity) == tid) {
		if (capturer->native && pause_registers(pause, &registers))
			capturer_copy_stack(capturer, thread, &registers);
		/* there will be no other place at which a process is seen that a signal has stopped */
		stop.vote = was_stopped && !thread->root ? ROOT_SURE : ROOT_STOPPED;
		begin_stop(capturer, thread, pause, &stop);
		if (stop.verdict == VERDICT_UNPROVEN && !capturer->native)
			pause_registers(pause, &registers);
	}
	if (!capturer->held) {
		pause_end(pause);
		capturer_count_hold(capturer, pause, stop.is_late);
	}
	capturer->is_stop_late = stop.is_late;
	verdict = judge_stop(capturer, thread, &stop);
	capturer->capture.was_asleep = was_stopped && registers.pc &&
		pause_back_in_stop(
			pause, &registers, &capturer->capture.slept_cpu_ns, &capturer->capture.slept_slices);
	return verdict == VERDICT_UNPROVEN && !stop.is_late ? judge_place(capturer, thread, &registers)
							    : verdict;
}

bool capturer_may_pause(const struct capturer *capturer)
{
	if (capturer->policy != PAUSE_NEVER && capturer->is_once)
		return monotonic_ns() - capturer->began_ns < ONCE_NS;
	if (capturer->policy != PAUSE_AUTO || capturer->native)
		return capturer->policy != PAUSE_NEVER;
	return capturer->charged_ns <
		HOLD_ALLOWANCE_NS + (monotonic_ns() - capturer->began_ns) / 1000 * HOLD_PERMILLE;
}

/*
 * For a random time: what the thread does may come round in the time between a snapshot and its stop, and
 * would be missed each time.
 */
void stop_let_run(void)
{
	const uint64_t random = hash_u64((uint64_t)monotonic_ns());
	const struct timespec moment = { .tv_nsec = RUN_BETWEEN_NS + (long)(random % RUN_RANDOM_NS) };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
}

enum verdict capturer_pause_and_watch(struct capturer *capturer, struct thread *thread)
{
	const enum verdict verdict = capturer_pause(capturer, thread);

	return verdict == VERDICT_UNPROVEN ? progress_after_stop(capturer, thread) : verdict;
}

bool capturer_counts_stop(const struct capturer *capturer, uint64_t timeouts)
{
	return !capturer->is_once || capturer->statistics->pause_timeouts == timeouts;
}

/*
 * A stop that proves nothing (a frame is just being linked) is followed by another one, when it has run a
 * moment.
 */
enum verdict capturer_pause_until_proven(struct capturer *capturer, struct thread *thread)
{
	enum verdict verdict = VERDICT_UNPROVEN;
	bool has_stopped = false;

	for (int stops = 0; stops < PAUSES_FOR_ONE * capturer->patience && capturer_may_pause(capturer);) {
		const uint64_t timeouts = capturer->statistics->pause_timeouts;

		if (has_stopped)
			stop_let_run();
		has_stopped = true;
		verdict = capturer_pause_and_watch(capturer, thread);
		if (verdict == VERDICT_PROVEN || verdict == VERDICT_FOREIGN)
			break;
		/*
		 * the next stop begins behind what this one has shown, and is another moment's; a dump may
		 * be of any
		 */
		if (capturer->is_stop_late && !capturer->is_once)
			break;
		stops += capturer_counts_stop(capturer, timeouts);
	}
	return verdict;
}
