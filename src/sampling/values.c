/* SPDX-License-Identifier: MIT */
/*
 * The variables of all threads, for a dump. Objects belong to all threads: they stand still while the one
 * that holds the GIL does. So that one is held, for HOLD_LIMIT_NS at most, and as many threads are read
 * meanwhile as there is time for; then it runs, and is held again for the others. Where nobody can be held
 * (nobody has the GIL, or there is none, or pausing is not allowed) each thread is read twice, and what
 * differs is marked.
 */
#include "config.h"

#include <stdlib.h>
#include <time.h>

#include "sampling/internal.h"
#include "sampling/stop.h"

#define FRAMES_LIMIT 2000                  /* of a thread that are walked */
#define VARIABLES_FRAMES 64                /* innermost ones whose variables are told */
#define ATTEMPTS 8                         /* at a chain that is just being linked */
#define READINGS 4                         /* of a thread that nobody holds, until two are the same */
#define BETWEEN_NS 10000000                /* the target runs between two holds */
#define WITHOUT_HOLD_NS INT64_C(200000000) /* for one reading that holds nobody up */

struct reading {
	struct watch *watch;
	struct value_reader *reader;
	struct walk walk;
	struct pause pause;
	bool is_held;
};

/* ---- what was read ---- */

static void clear(struct thread_values *thread)
{
	for (size_t i = 0; i < thread->count; i++)
		variables_release(&thread->frames[i].variables);
	thread->count = 0;
	thread->is_whole = thread->is_late = false;
}

void values_release(struct values *values)
{
	for (size_t i = 0; i < values->count; i++) {
		clear(&values->threads[i]);
		free(values->threads[i].frames);
	}
	free(values->threads);
	values->threads = NULL;
	values->count = values->capacity = 0;
}

const struct thread_values *values_of(const struct values *values, pid_t tid)
{
	for (size_t i = 0; i < values->count; i++) {
		if (values->threads[i].tid == tid)
			return &values->threads[i];
	}
	return NULL;
}

static bool same_frames(const struct thread_values *left, const struct thread_values *right)
{
	if (left->count != right->count)
		return false;
	for (size_t i = 0; i < left->count; i++) {
		if (left->frames[i].function != right->frames[i].function ||
			left->frames[i].line != right->frames[i].line)
			return false;
	}
	return true;
}

static bool same_values(const struct thread_values *left, const struct thread_values *right)
{
	for (size_t i = 0; i < left->count; i++) {
		if (!variables_equal(&left->frames[i].variables, &right->frames[i].variables))
			return false;
	}
	return true;
}

/* Those of `now` that were something else before. */
static void mark_changes(struct thread_values *now, const struct thread_values *before)
{
	for (size_t i = 0; i < now->count; i++)
		variables_mark_changes(&now->frames[i].variables, &before->frames[i].variables);
}

/* ---- one reading ---- */

static bool is_of(struct reading *reading, const struct thread *thread)
{
	struct python *python = reading->watch->python;
	struct memory_view *view = value_reader_view(reading->reader);
	const void *state = view->at(view, thread->identity.state, python_thread_state_bytes(python));

	return state && python_thread_matches(python, &thread->identity, state);
}

/* The frames from the walk. False: there is no code object where one has to be. */
static bool add_frames(struct reading *reading, struct thread_values *values)
{
	struct python *python = reading->watch->python;
	struct error ignored = { 0 };

	for (size_t i = 0; i < reading->walk.count; i++) {
		const struct raw_frame *raw = &reading->walk.frames[i];
		const struct code *code = python_code_load(python, raw->code, &ignored);
		struct frame_values *frame;
		int line;

		if (!code)
			return false;
		if (!python_frame_visible(python, code, raw))
			continue;
		line = python_frame_line(python, code, raw);
		if (line < 0)
			return false;
		array_reserve(&values->frames, &values->capacity, values->count + 1, sizeof(*values->frames));
		frame = &values->frames[values->count++];
		*frame = (struct frame_values){ .function = code->function, .line = line };
		frame->has_variables =
			values->count <= VARIABLES_FRAMES && !value_reader_is_late(reading->reader);
		if (frame->has_variables)
			value_reader_variables(reading->reader, raw, &frame->variables);
	}
	return true;
}

/* False: no chain, or another thread's. */
static bool read_thread(struct reading *reading, const struct thread *thread, struct thread_values *values)
{
	struct python *python = reading->watch->python;
	struct memory_view *view = value_reader_view(reading->reader);
	enum walk_status status;

	clear(values);
	values->tid = thread->identity.tid;
	if (!is_of(reading, thread))
		return false;
	status = python_walk(python, view, thread->identity.state, FRAMES_LIMIT, &reading->walk);
	if (status != WALK_WHOLE && status != WALK_CUT)
		return false;
	if (status == WALK_WHOLE && !python_leaf_is_linked(python, view, &reading->walk))
		return false;
	if (!add_frames(reading, values)) {
		clear(values);
		return false;
	}
	values->is_whole = status == WALK_WHOLE;
	values->is_late = value_reader_is_late(reading->reader);
	return true;
}

/* ---- holding ---- */

struct holder {
	struct python *python;
	const struct gil *gil;
	raddr_t state;
};

static raddr_t holder_of(struct python *python, const struct gil *gil)
{
	unsigned char bytes[GIL_BYTES];
	struct gil_state state;

	if (!gil || !target_read(python_target(python), gil->address, bytes, gil->length))
		return 0;
	python_decode_gil(python, bytes, &state);
	return state.holder;
}

static bool holds_still(void *context)
{
	const struct holder *holder = context;

	return holder_of(holder->python, holder->gil) == holder->state;
}

/* Whoever can change what this thread's frames hold: the holder of its GIL, or without one the thread. */
static void hold(struct reading *reading, const struct thread *thread, const struct gil *gil)
{
	struct watch *watch = reading->watch;
	struct holder holder = { watch->python, gil, holder_of(watch->python, gil) };
	const struct pause_condition condition = { holds_still, &holder };
	const struct thread *held = gil ? threads_find(&watch->threads, holder.state) : thread;
	struct error ignored = { 0 };
	pid_t tid = held ? python_thread_tid(watch->python, &held->identity) : 0;

	reading->is_held = false;
	value_reader_begin(reading->reader, monotonic_ns() + WITHOUT_HOLD_NS);
	if (!tid || watch->options.pause == PAUSE_NEVER)
		return;
	python_make_room(watch->python);
	if (pause_begin(python_target(watch->python), tid, gil ? &condition : NULL, ONCE_DEADLINE_NS,
		    &reading->pause, &ignored) != PAUSE_HELD)
		return;
	reading->is_held = true;
	python_be_brief(watch->python, true);
	value_reader_begin(reading->reader, reading->pause.stopped_ns + HOLD_LIMIT_NS);
}

static void let_go(struct reading *reading)
{
	if (!reading->is_held)
		return;
	pause_end(&reading->pause);
	python_be_brief(reading->watch->python, false);
	capturer_count_hold_beside(&reading->watch->capturer, &reading->pause);
	reading->is_held = false;
}

static void wait_ns(long duration_ns)
{
	const struct timespec moment = { .tv_nsec = duration_ns };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
}

/* ---- a thread ---- */

/* Nobody is held: what two readings show is so. What they do not is the last one's, and marked. */
static bool read_until_same(
	struct reading *reading, const struct thread *thread, struct thread_values *values)
{
	struct thread_values before = { 0 };
	bool has_before = false, is_read = false;

	for (int i = 0; i < READINGS; i++) {
		const struct thread_values other = before;

		before = *values;
		*values = other;
		has_before = is_read;
		value_reader_begin(reading->reader, monotonic_ns() + WITHOUT_HOLD_NS);
		is_read = read_thread(reading, thread, values);
		if (is_read && has_before && same_frames(values, &before) && same_values(values, &before))
			break;
	}
	if (is_read && has_before && same_frames(values, &before))
		mark_changes(values, &before);
	else if (is_read) /* it went on between them: of which moment each value is cannot be told */
		is_read = false;
	clear(&before);
	free(before.frames);
	return is_read;
}

static struct thread_values *next_values(struct values *values)
{
	array_reserve(&values->threads, &values->capacity, values->count + 1, sizeof(*values->threads));
	values->threads[values->count] = (struct thread_values){ 0 };
	return &values->threads[values->count++];
}

/*
 * Reads the thread at `at`, and as many of those behind it that have the same GIL as there is time for. How
 * many were read.
 */
static size_t read_some(struct reading *reading, struct values *values, size_t at)
{
	struct watch *watch = reading->watch;
	const struct gil *gil = watch_gil_of(watch, watch->threads.list[at]);
	size_t done = 0;

	hold(reading, watch->threads.list[at], gil);
	while (reading->is_held && at + done < watch->threads.count && (done == 0 || gil) &&
		watch_gil_of(watch, watch->threads.list[at + done]) == gil) {
		const struct thread *thread = watch->threads.list[at + done];
		struct thread_values *read = next_values(values);
		const bool is_read = read_thread(reading, thread, read);

		if (!is_read || (done && read->is_late)) {
			clear(read);
			free(read->frames);
			values->count--;
			break;
		}
		done++;
	}
	let_go(reading);
	return done;
}

static void read_alone(struct reading *reading, struct values *values, size_t at)
{
	struct thread_values *read = next_values(values);

	if (read_until_same(reading, reading->watch->threads.list[at], read))
		return;
	clear(read);
	free(read->frames);
	values->count--;
}

void watch_take_values(struct watch *watch, struct values *values)
{
	struct reading reading = {
		.watch = watch,
		.reader = value_reader_new(
			watch->python, values->characters ? values->characters : VALUE_CHARACTERS),
	};

	for (size_t at = 0; at < watch->threads.count && !is_interrupted();) {
		size_t done = 0;

		for (int attempt = 0; attempt < ATTEMPTS && !done && !is_interrupted(); attempt++) {
			if (attempt)
				wait_ns(BETWEEN_NS);
			pause_settle(python_target(watch->python), 0);
			done = read_some(&reading, values, at);
			if (!done && !holder_of(watch->python, watch_gil_of(watch, watch->threads.list[at])))
				break; /* there is nobody to hold */
		}
		if (!done)
			read_alone(&reading, values, at);
		at += done ? done : 1;
		if (done && at < watch->threads.count)
			wait_ns(BETWEEN_NS);
	}
	walk_release(&reading.walk);
	value_reader_free(reading.reader);
}
