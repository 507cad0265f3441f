/* SPDX-License-Identifier: MIT */
/*
 * One snapshot: read (snapshot_read.c), walked, resolved (resolve.c), and what it is worth by itself.
 *
 * A chain that is read while the thread runs may be a mixture of moments, and nothing in the bytes says
 * whether it is. It is tempting to read the ranges twice, before and after the thread state, and to believe
 * what is the same in both: but a frame that is popped and pushed again leaves the same words (ABA), and a
 * loop of a few small calls comes round in the time between the copies, about 400 ns. Tried on such loops,
 * even "all frames the same, with their locals and their evaluation stacks, the innermost one too" proved
 * stacks that never existed within seconds. So one copy is read, and what it shows is believed for other
 * reasons (capture.c):
 *
 * - The thread did not run: it slept, it was paused, or another thread held the GIL from the first read to
 * the last.
 * - The very same stack has been seen before when the thread did not run (known_stacks.h).
 *
 * Of code whose frames change fast a tenth of the copies are mixtures: the thread went on between the thread
 * state and the frames, which lie half a microsecond apart. So there the state is read again behind the
 * frames; the frames that were copied in between are of the one moment or of the other, and whichever chain
 * is a proven stack is one of that microsecond. (Only where the last samples were hard, since it costs 0.7
 * us: what was before does not favour any moment.)
 *
 * What else can go wrong, and what is done about it:
 *
 * - The innermost frame's instruction belongs to another function that was there a moment before: an
 * instruction pointer has to lie within its code object (3.11+).
 * - Generators: their frames lie outside the data stack, in ranges of their own; the walk fails
 * (WALK_BROKEN) for one that is not linked to its caller yet.
 * - Code objects. An entry of the code cache was true when it was made. It is true for this snapshot if the
 * bytes that identify it are read behind the ranges and are the same: the object was alive at both ends, so
 * in between. That is done here for code objects at addresses that have changed hands before; for all others
 * it is done once for a batch of samples, which is kept back until then (batch.c).
 */
#include "config.h"

#include "sampling/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "sampling/known_stacks.h"
#include "sampling/scout.h"

#define ROUNDS 8 /* of reading again until all that the chain touches is there */
#define PIECE_STEPS 64

void snapshot_reader_init(struct snapshot_reader *reader, struct python *python, size_t max_frames)
{
	*reader = (struct snapshot_reader){ .python = python,
		.max_frames = max_frames,
		.state_bytes = python_thread_state_bytes(python),
		.scout = scout_new() };
}

void snapshot_reader_release(struct snapshot_reader *reader)
{
	scout_free(reader->scout);
	free(reader->requests);
	free(reader->checked);
	free(reader->check_bytes);
}

/* ---- holds ---- */

void snapshot_hold(struct snapshot_reader *reader, int64_t deadline_ns)
{
	reader->deadline_ns = deadline_ns;
	reader->is_late = reader->has_read = reader->has_scouted = reader->is_whole = false;
	reader->hold++;
	python_be_brief(reader->python, true);
}

void snapshot_release(struct snapshot_reader *reader)
{
	reader->deadline_ns = 0;
	python_be_brief(reader->python, false);
}

bool snapshot_reader_is_late(struct snapshot_reader *reader)
{
	if (is_interrupted())
		return true;
	if (reader->deadline_ns && !reader->is_late)
		reader->is_late = monotonic_ns() > reader->deadline_ns;
	return reader->deadline_ns && reader->is_late;
}

/* For what takes many short steps. */
bool snapshot_reader_is_late_at(struct snapshot_reader *reader, unsigned *step)
{
	return ++*step % PIECE_STEPS == 0 && snapshot_reader_is_late(reader);
}

/* ---- walking what was read ---- */

struct copy_view {
	struct memory_view view;
	const struct thread *thread;
	struct snapshot_reader *reader; /* NULL: there is no limit */
	unsigned steps;
};

static const void *copy_at(struct memory_view *view, raddr_t address, size_t length)
{
	struct copy_view *copy = (struct copy_view *)view;
	const struct thread *thread = copy->thread;
	const void *pointer = thread_pointer(thread, address, length);

	if (copy->reader && snapshot_reader_is_late_at(copy->reader, &copy->steps))
		return NULL;
	if (address == thread->identity.state)
		return thread->uses_after ? thread->state_after : thread->state;
	return pointer ? pointer : thread_bytes(thread, address, length);
}

static enum walk_status walk_copy(struct snapshot_reader *reader, struct thread *thread, bool after)
{
	struct copy_view view = { .view = { .at = copy_at }, .thread = thread, .reader = reader };

	thread->uses_after = after;
	return python_walk(
		reader->python, &view.view, thread->identity.state, reader->max_frames, &thread->walk);
}

/* Ranges of frames that are long gone make every snapshot slower: begin anew once in a while. */
static void rebuild(struct thread *thread)
{
	thread_drop_ranges(thread);
	if (++thread->snapshots_since_rebuild < 256)
		return;
	thread->snapshots_since_rebuild = 0;
	thread->pointers_length = 0;
	if (thread->walk.pointer)
		thread_add_pointer(thread, thread->walk.pointer, WALK_POINTER_BYTES);
	if (thread->bytes > 16384 + 1024 * thread->walk.count || thread->range_count > 8 + thread->walk.count)
		thread_clear_ranges(thread);
}

/*
 * A code object that is younger is checked in every snapshot: much code lives for milliseconds (exec,
 * templates, dataclasses), and when it has gone by the end of the batch, all samples of it would be cut.
 */
#define SETTLED_NS INT64_C(1000000000)

void snapshot_settle(struct code *code, int64_t now_ns)
{
	if (!code->is_settled)
		code->is_settled = now_ns - code->loaded_ns > SETTLED_NS;
}

/*
 * The code objects that were read along are still the ones that they were, or are decoded anew. What is no
 * code object any longer is not checked again, until a frame names its address.
 */
static bool checks_hold(struct snapshot_reader *reader, struct thread *thread)
{
	size_t kept = 0, next = 0;
	bool hold = true;

	for (size_t i = 0; i < thread->checked_count; i++) {
		struct code *code = thread->checked[i];
		bool same = true;

		/*
		 * one that has been put on the list since (in a stop that was too short for all) stands at
		 * its end
		 */
		while (next < reader->checked_count && reader->checked[next].code != code)
			next++;
		if (next == reader->checked_count) {
			thread->checked[kept++] = code;
			continue;
		}
		for (size_t j = 0; j < code->check_count; j++)
			same &= python_code_unchanged(reader->python, code, j,
				reader->check_bytes + reader->checked[next].at + j * CODE_CHECK_BYTES);
		code->checked_look = thread->last_read;
		if (same && !code->is_settled)
			snapshot_settle(code, monotonic_ns());
		if (!same) {
			struct error ignored = { 0 };

			code->is_volatile = true;
			code->listed = 0;
			code = python_code_load(reader->python, code->address, &ignored);
			reader->stale_codes++;
			reader->code_generation++;
			hold = false;
		}
		if (code) {
			code->listed = thread->check_mark;
			code->sure = reader->hold;
			thread->checked[kept++] = code;
		}
	}
	thread->checked_count = kept;
	return hold;
}

static bool is_chain(enum walk_status status)
{
	return status == WALK_WHOLE || status == WALK_CUT;
}

/* Was the thread state read a second time, and is it the same thread's? */
static bool has_after(const struct snapshot_reader *reader, const struct thread *thread)
{
	return thread->has_after &&
		python_thread_matches(reader->python, &thread->identity, thread->state_after);
}

/*
 * The chain of the copy that the thread state leads to, as it was before the ranges were read, or else
 * behind them.
 */
static enum walk_status walk_either(struct snapshot_reader *reader, struct thread *thread)
{
	enum walk_status status = walk_copy(reader, thread, false), later;

	if (is_chain(status) || !has_after(reader, thread))
		return status;
	later = walk_copy(reader, thread, true);
	return is_chain(later) ? later : walk_copy(reader, thread, false);
}

enum snapshot_result snapshot_walk_from(struct snapshot_reader *reader, struct thread *thread, bool after)
{
	enum walk_status status;

	if (after && !has_after(reader, thread))
		return SNAPSHOT_BROKEN;
	status = walk_copy(reader, thread, after);
	if (status == WALK_CUT)
		return SNAPSHOT_CUT;
	return status == WALK_WHOLE ? SNAPSHOT_WHOLE : SNAPSHOT_BROKEN;
}

static void note_whole(struct snapshot_reader *reader, struct thread *thread)
{
	if (reader->deadline_ns)
		reader->is_whole = true;
	else
		thread_mark_ranges(thread);
}

void snapshot_learn_held(struct snapshot_reader *reader, struct thread *thread)
{
	if (reader->is_whole)
		thread_mark_ranges(thread);
	if (reader->has_scouted)
		scout_note_ranges(reader, thread);
	reader->is_whole = reader->has_scouted = false;
}

enum snapshot_result snapshot_take(
	struct snapshot_reader *reader, struct thread *thread, const struct gil *gil)
{
	unsigned misses = 0;

	rebuild(thread);
	for (int round = 0; round < ROUNDS; round++) {
		enum snapshot_result result = snapshot_read(reader, thread, gil);
		enum walk_status status;
		raddr_t miss_address;

		if (result == SNAPSHOT_FOREIGN || result == SNAPSHOT_LATE)
			return result;
		if (result == SNAPSHOT_BROKEN)
			continue; /* what could not be read was dropped from the prediction */
		if (!python_thread_matches(reader->python, &thread->identity, thread->state))
			return SNAPSHOT_FOREIGN;
		status = walk_either(reader, thread);
		if (snapshot_reader_is_late(reader))
			return SNAPSHOT_LATE;
		miss_address = thread->walk.miss_address;
		if (status != WALK_MISS && !checks_hold(reader, thread))
			continue;
		if (status == WALK_MISS || status == WALK_BROKEN)
			snapshot_find_outer(reader, thread);
		switch (status) {
		case WALK_WHOLE:
		case WALK_CUT:
			note_whole(reader, thread);
			return status == WALK_CUT ? SNAPSHOT_CUT : SNAPSHOT_WHOLE;
		case WALK_BROKEN:
			return SNAPSHOT_BROKEN;
		case WALK_MISS:
			break;
		}
		if (miss_address == thread->walk.pointer)
			thread_add_pointer(thread, thread->walk.pointer, WALK_POINTER_BYTES);
		else if (misses++ == 0 && thread->walk.count < 64 && thread->range_count)
			scout_add_range(reader, thread, miss_address, thread->walk.miss_length,
				miss_address == thread->walk.leaf);
		else
			scout_walk(reader, thread);
	}
	return SNAPSHOT_BROKEN;
}

enum snapshot_result snapshot_finish(struct snapshot_reader *reader, struct thread *thread)
{
	enum walk_status status;

	if (!reader->has_read)
		return SNAPSHOT_BROKEN;
	status = walk_either(reader, thread);
	if (!is_chain(status) || !checks_hold(reader, thread))
		return SNAPSHOT_BROKEN;
	thread_mark_ranges(thread);
	return status == WALK_CUT ? SNAPSHOT_CUT : SNAPSHOT_WHOLE;
}

/* ---- the outer frames ---- */

void snapshot_learn_outer(struct snapshot_reader *reader, struct thread *thread)
{
	struct copy_view view = { .view = { .at = copy_at }, .thread = thread };

	if (thread->outer)
		outer_frames_learn(thread->outer, reader->python, &view.view, &thread->walk);
}

void snapshot_find_outer(struct snapshot_reader *reader, struct thread *thread)
{
	struct copy_view view = { .view = { .at = copy_at }, .thread = thread };
	const struct walk walk = thread->walk;

	if (!thread->wants_outer)
		return;
	thread->wants_outer = false;
	if (!thread->snapshots)
		return; /* where its frames lie has not been seen yet */
	if (!thread->outer)
		thread->outer = xcalloc(1, sizeof(*thread->outer));
	outer_frames_find(thread->outer, reader->python, &view.view, thread->state, &thread->walk);
	snapshot_resolve(reader, thread);
	array_reserve(&thread->outer_frames, &thread->outer_capacity, thread->frame_count + 1,
		sizeof(*thread->outer_frames));
	if (thread->frame_count)
		memcpy(thread->outer_frames, thread->frames, thread->frame_count * sizeof(*thread->frames));
	/* what is checked in each snapshot has not been in this one, which failed */
	thread->outer_count = 0;
	while (thread->outer_count < thread->frame_count &&
		!code_may_go(thread->frames[thread->outer_count].code))
		thread->outer_count++;
	/* what the walk said is still to be acted on */
	thread->walk.count = walk.count;
	thread->walk.miss_address = walk.miss_address;
	thread->walk.miss_length = walk.miss_length;
}
