/* SPDX-License-Identifier: MIT */
/*
 * From a thread state to its frames, through a memory_view. Nothing that is read is trusted: a chain may
 * loop, point anywhere, or end in its middle, because it is garbage or because it is being changed while it
 * is read.
 *
 * Facts: Include/cpython/frameobject.h (to 3.10), Include/internal/pycore_frame.h (3.11+),
 * pycore_interpframe.h (3.14+).
 */
#include "config.h"

#include "python/internal.h"

#include <stdlib.h>

/* From current_frame of a CFrame to the end of previous, which lies behind it (3.11, 3.12). */
#define CFRAME_BYTES WALK_POINTER_BYTES
/* DATA_STACK_CHUNK_SIZE in pystate.c; only frames that are larger make larger ones */
#define CHUNK_BYTES 16384
/*
 * In the first chunk of a data stack: struct _PyStackChunk has three words before the data, of which the
 * first is left free.
 */
#define FIRST_FRAME_OFFSET 32
#define OB_REFCNT 0 /* in an object, but where Py_TRACE_REFS was configured */

static uint32_t field_end(uint32_t end, uint32_t offset, uint32_t bytes)
{
	return offset != OFFSET_NONE && offset + bytes > end ? offset + bytes : end;
}

size_t python_thread_state_bytes(const struct python *python)
{
	const struct layout *layout = &python->layout;
	uint32_t end = field_end(0, layout->thread_state.next, 8);

	end = field_end(end, layout->thread_state.interp, 8);
	end = field_end(end, layout->thread_state.thread_id, 8);
	end = field_end(end, layout->thread_state.native_thread_id, 8);
	end = field_end(end, layout->thread_state.frame, 8);
	end = field_end(end, layout->thread_state.cframe, 8);
	end = field_end(end, layout->thread_state.datastack_chunk, 8);
	end = field_end(end, layout->thread_state.datastack_top, 16);
	return field_end(end, layout->thread_state.current_frame, 8);
}

/* Bytes of a frame, from its start, that hold what the walk wants of it. */
static uint32_t heap_frame_bytes(const struct layout *layout)
{
	uint32_t end = field_end(0, layout->frame.back, 8);

	end = field_end(end, layout->frame.code, 8);
	end = field_end(end, layout->frame.lasti, 4);
	end = field_end(end, layout->frame.lineno, 4);
	return field_end(end, layout->frame.trace, 8);
}

static enum walk_status miss(struct walk *walk, raddr_t address, size_t length)
{
	walk->miss_address = address;
	walk->miss_length = length;
	return WALK_MISS;
}

static void start(struct walk *walk)
{
	walk->count = walk->group_count = 0;
	walk->leaf = walk->root = walk->pointer = 0;
}

static struct raw_frame *add_frame(struct walk *walk)
{
	array_reserve(&walk->frames, &walk->capacity, walk->count + 1, sizeof(*walk->frames));
	return &walk->frames[walk->count++];
}

/*
 * A chain that comes back to where it was: the address is compared with one that is renewed each time the
 * number of steps doubles (Brent's method), so that no set of addresses has to be kept.
 */
struct loop_guard {
	raddr_t mark;
	size_t steps, renew_at;
};

static bool loops(struct loop_guard *guard, raddr_t address)
{
	if (address == guard->mark)
		return true;
	if (guard->steps++ >= guard->renew_at) {
		guard->mark = address;
		guard->renew_at = guard->steps * 2;
	}
	return false;
}

static bool plausible(raddr_t address)
{
	return address % 8 == 0 && address >= 4096;
}

/* The bytes of the next frame of a chain, if the chain may go on. WALK_WHOLE: *data is they. */
static enum walk_status read_frame(struct memory_view *view, raddr_t address, uint32_t bytes,
	size_t max_frames, struct loop_guard *guard, struct walk *walk, const void **data)
{
	if (!plausible(address) || loops(guard, address))
		return WALK_BROKEN;
	if (walk->count >= max_frames)
		return WALK_CUT;
	*data = view->at(view, address, bytes);
	if (!*data)
		return miss(walk, address, bytes);
	walk->root = address;
	return WALK_WHOLE;
}

static void decode_heap_frame(
	const struct layout *layout, raddr_t address, const void *data, struct raw_frame *frame)
{
	*frame = (struct raw_frame){ .address = address, .code = field_u64(data, layout->frame.code) };
	/* an index: -1 before the first instruction */
	frame->instruction = (uint64_t)(int64_t)(int32_t)field_u32(data, layout->frame.lasti);
	/* f_lineno counts when the frame is traced; where no row field says so, when it is not 0 (3.10) */
	if (layout->frame.trace == OFFSET_NONE || field_u64(data, layout->frame.trace))
		frame->traced_line = (int)field_u32(data, layout->frame.lineno);
}

static void decode_stack_frame(
	const struct layout *layout, raddr_t address, const void *data, struct raw_frame *frame)
{
	*frame = (struct raw_frame){ .address = address,
		.owner = ((const uint8_t *)data)[layout->interpreter_frame.owner] };
	frame->code = field_u64(data, layout->interpreter_frame.executable) & ~layout->pointer_tag_mask;
	frame->instruction = field_u64(data, layout->interpreter_frame.instruction);
	if (layout->interpreter_frame.tlbc_index != OFFSET_NONE)
		frame->thread_local_index = field_u32(data, layout->interpreter_frame.tlbc_index);
}

bool python_frame_at(const struct python *python, struct memory_view *view, raddr_t address,
	struct raw_frame *frame, uint64_t *link)
{
	const struct layout *layout = &python->layout;
	const bool is_heap = layout->frames == FRAMES_ON_HEAP;
	const void *data =
		view->at(view, address, is_heap ? heap_frame_bytes(layout) : layout->interpreter_frame.size);

	if (!data)
		return false;
	/*
	 * a frame that is kept to be used again has no references, and still what it had when it was used
	 * (frame_dealloc)
	 */
	if (is_heap && field_u64(data, OB_REFCNT) == 0)
		return false;
	if (is_heap)
		decode_heap_frame(layout, address, data, frame);
	else
		decode_stack_frame(layout, address, data, frame);
	*link = field_u64(data, is_heap ? layout->frame.back : layout->interpreter_frame.previous);
	return plausible(frame->code);
}

bool python_frame_is_popped(const struct python *python, const void *state, raddr_t address)
{
	const struct layout *layout = &python->layout;
	raddr_t top;

	if (layout->frames == FRAMES_ON_HEAP)
		return false;
	top = field_u64(state, layout->thread_state.datastack_top);
	/* datastack_limit */
	return address >= top && address < field_u64(state, layout->thread_state.datastack_top + 8) &&
		address >= field_u64(state, layout->thread_state.datastack_chunk);
}

static enum walk_status walk_heap(const struct layout *layout, struct memory_view *view, raddr_t address,
	size_t max_frames, struct walk *walk)
{
	const uint32_t bytes = heap_frame_bytes(layout);
	struct loop_guard guard = { 0 };

	walk->leaf = address;
	while (address) {
		enum walk_status status;
		struct raw_frame *frame;
		const void *data;

		status = read_frame(view, address, bytes, max_frames, &guard, walk, &data);
		if (status != WALK_WHOLE)
			return status;
		frame = add_frame(walk);
		decode_heap_frame(layout, address, data, frame);
		if (!plausible(frame->code))
			return WALK_BROKEN;
		address = field_u64(data, layout->frame.back);
	}
	return WALK_WHOLE;
}

/* The frames since the last group are those of one call of the evaluation loop. */
static void end_group(struct walk *walk, raddr_t shim)
{
	array_reserve(&walk->groups, &walk->group_capacity, walk->group_count + 1, sizeof(*walk->groups));
	walk->groups[walk->group_count++] = (struct walk_group){ .shim = shim, .end = walk->count };
}

static enum walk_status walk_stack(const struct layout *layout, struct memory_view *view, raddr_t address,
	size_t max_frames, struct walk *walk)
{
	const uint32_t bytes = layout->interpreter_frame.size;
	struct loop_guard guard = { 0 };
	size_t shims = 0;
	bool is_shim = true;

	walk->leaf = address;
	while (address) {
		enum walk_status status;
		const void *data;
		uint8_t owner;

		status = read_frame(view, address, bytes, max_frames, &guard, walk, &data);
		if (status != WALK_WHOLE)
			return status;
		owner = ((const uint8_t *)data)[layout->interpreter_frame.owner];
		is_shim = owner >= layout->shim_owner;
		if (is_shim && ++shims > max_frames)
			return WALK_BROKEN;
		if (is_shim) {
			end_group(walk, address);
		} else {
			struct raw_frame *frame = add_frame(walk);

			decode_stack_frame(layout, address, data, frame);
			if (!plausible(frame->code))
				return WALK_BROKEN;
			if (layout->interpreter_frame.is_entry != OFFSET_NONE &&
				((const uint8_t *)data)[layout->interpreter_frame.is_entry])
				end_group(walk, 0);
		}
		address = field_u64(data, layout->interpreter_frame.previous) & ~layout->pointer_tag_mask;
	}
	/*
	 * A generator that is just being resumed is not linked to its caller yet: the chain ends in its
	 * middle.
	 */
	return layout->root == ROOT_SHIM && !is_shim ? WALK_BROKEN : WALK_WHOLE;
}

/* What of a thread state leads to its frames in 3.11 and 3.12. */
struct cframe_state {
	raddr_t cframe;
	/* the thread state: its own CFrame, the outermost one, lies there and runs no Python */
	raddr_t state, state_end;
	/* of the data stack; 0: there are no frames (a greenlet that starts or has ended) */
	raddr_t chunk;
	raddr_t next_frame, limit; /* the free part of it */
};

static bool is_root(const struct cframe_state *state, raddr_t cframe)
{
	return cframe >= state->state && cframe < state->state_end;
}

/*
 * Is the chain one that is not linked to the thread's? 3.11, 3.12: a call of the evaluation loop announces
 * its CFrame before it has written a frame into it (ceval.c). Until then there stands what the last call at
 * this place of the C stack has left, a frame that is gone, or a generator that is suspended by now or is the
 * one that is just being resumed.
 */
static bool is_loose(const struct layout *layout, const struct cframe_state *state, const struct walk *walk,
	enum walk_status status)
{
	const struct raw_frame *last = walk->count ? &walk->frames[walk->count - 1] : NULL;

	if (status == WALK_BROKEN || (status == WALK_WHOLE && !walk->count))
		return true;
	/*
	 * Where the thread's next frame will be there is none now. While it gets another chunk the three
	 * words are of two of them for some instructions, and what lies between may be the frame that needs
	 * it: so no further than in one.
	 */
	if (walk->leaf >= state->next_frame && walk->leaf < state->limit &&
		walk->leaf - state->chunk < CHUNK_BYTES)
		return true;
	return status == WALK_WHOLE && layout->root != ROOT_SHIM && last && last->address == walk->root &&
		last->owner == layout->generator_owner;
}

/*
 * 3.11: a function that calls another one in the same call of the evaluation loop makes the new frame the
 * innermost one, and links it to its own, in any order (CALL in ceval.c). In between the chain may end where
 * the words of a frame that was there before say so. But the outermost frame is one that C code has called.
 */
static enum walk_status without_torn_call(
	const struct layout *layout, const struct walk *walk, enum walk_status status)
{
	if (status != WALK_WHOLE || !walk->count || layout->interpreter_frame.is_entry == OFFSET_NONE)
		return status;
	return walk->group_count && walk->groups[walk->group_count - 1].end == walk->count ? status
											   : WALK_BROKEN;
}

/*
 * From the CFrame of a call outwards: up to the moment in which it gets its frame, its caller is the
 * innermost one.
 */
static enum walk_status walk_cframe(const struct layout *layout, struct memory_view *view,
	const struct cframe_state *state, size_t max_frames, struct walk *walk)
{
	const raddr_t pointer = state->cframe + layout->cframe.current_frame;
	enum walk_status status, outer_status;
	const void *bytes;
	raddr_t inner, outer;
	bool is_empty;

	walk->pointer = pointer;
	bytes = view->at(view, pointer, CFRAME_BYTES);
	if (!bytes)
		return miss(walk, pointer, CFRAME_BYTES);
	inner = field_u64(bytes, 0);
	outer = field_u64(bytes, layout->cframe.previous - layout->cframe.current_frame);
	status = walk_stack(layout, view, inner, max_frames, walk);
	if (!is_loose(layout, state, walk, status))
		return without_torn_call(layout, walk, status);
	is_empty = !walk->count;
	/* not even that has been written */
	if (!plausible(outer) || (outer <= state->cframe && !is_root(state, outer)))
		return is_empty && !is_root(state, state->cframe) ? WALK_BROKEN : status;
	bytes = view->at(view, outer + layout->cframe.current_frame, 8);
	if (!bytes)
		return miss(walk, outer + layout->cframe.current_frame, 8);
	start(walk);
	walk->pointer = pointer;
	outer_status = walk_stack(layout, view, field_u64(bytes, 0), max_frames, walk);
	if (outer_status != WALK_WHOLE || walk->count)
		return without_torn_call(layout, walk, outer_status);
	if (is_empty)
		return is_root(state, state->cframe) || !state->chunk ? WALK_WHOLE : WALK_BROKEN;
	/* nobody called it: a generator that C code drives is the outermost frame */
	start(walk);
	walk->pointer = pointer;
	return walk_stack(layout, view, inner, max_frames, walk);
}

enum walk_status python_walk(const struct python *python, struct memory_view *view, raddr_t thread_state,
	size_t max_frames, struct walk *walk)
{
	const struct layout *layout = &python->layout;
	size_t bytes = python_thread_state_bytes(python);
	const void *state = view->at(view, thread_state, bytes);
	struct cframe_state cframe_state;

	start(walk);
	if (!state)
		return miss(walk, thread_state, bytes);
	switch (layout->frames) {
	case FRAMES_ON_HEAP:
		return walk_heap(
			layout, view, field_u64(state, layout->thread_state.frame), max_frames, walk);
	case FRAMES_BY_CFRAME:
		cframe_state = (struct cframe_state){
			.cframe = field_u64(state, layout->thread_state.cframe),
			.state = thread_state,
			.state_end = thread_state + layout->thread_state.size,
			.chunk = field_u64(state, layout->thread_state.datastack_chunk),
			.next_frame = field_u64(state, layout->thread_state.datastack_top),
			/* datastack_limit */
			.limit = field_u64(state, layout->thread_state.datastack_top + 8),
		};
		if (!plausible(cframe_state.cframe))
			return WALK_BROKEN;
		return walk_cframe(layout, view, &cframe_state, max_frames, walk);
	case FRAMES_BY_CURRENT:
		break;
	}
	return walk_stack(
		layout, view, field_u64(state, layout->thread_state.current_frame), max_frames, walk);
}

static bool read_word(struct memory_view *view, raddr_t address, uint64_t *word)
{
	const void *bytes = view->at(view, address, sizeof(*word));

	if (bytes)
		*word = field_u64(bytes, 0);
	return bytes != NULL;
}

/*
 * Is `caller` what stands behind the walk's first group? A call that is being left runs nothing any more but
 * its shim, while what its last frame held is freed. A greenlet's chain ends at its own first call, whatever
 * runs further out.
 */
static bool is_behind_first_group(const struct walk *walk, raddr_t caller)
{
	const size_t end = walk->groups[0].end;

	if (end == walk->count)
		return true;
	for (size_t i = 1; i < walk->group_count && walk->groups[i].end == end; i++) {
		if (walk->groups[i].shim == caller)
			return true;
	}
	return walk->frames[end].address == caller;
}

bool python_leaf_is_linked(const struct python *python, struct memory_view *view, const struct walk *walk)
{
	const struct layout *layout = &python->layout;
	raddr_t cframe = walk->pointer - layout->cframe.current_frame;
	uint64_t outer, caller;
	bool is_known;

	if (layout->frames != FRAMES_BY_CFRAME || !walk->pointer)
		return true;
	/*
	 * a CFrame that is announced before it says who called it still holds what lay there before:
	 * anything
	 */
	is_known = read_word(view, cframe + layout->cframe.previous, &outer) && plausible(outer) &&
		read_word(view, outer + layout->cframe.current_frame, &caller);
	if (!walk->group_count)
		return true;
	if (!is_known)
		return false;
	/* the caller's own chain is what walk_cframe gives for a call that has no frame yet */
	return walk->leaf == caller || is_behind_first_group(walk, caller);
}

bool python_root_is_learned(const struct python *python)
{
	return python->layout.root != ROOT_SHIM;
}

bool python_root_is_sure(const struct python *python, const void *state, raddr_t root, bool is_still)
{
	const struct layout *layout = &python->layout;

	switch (layout->frames) {
	case FRAMES_ON_HEAP:
		return is_still;
	case FRAMES_BY_CFRAME:
		return root == field_u64(state, layout->thread_state.datastack_chunk) + FIRST_FRAME_OFFSET;
	case FRAMES_BY_CURRENT:
		break;
	}
	return false;
}

bool python_frames_are_neighbours(const struct python *python)
{
	return python->layout.frames != FRAMES_ON_HEAP;
}

bool python_leaf_may_be_unlinked(const struct python *python)
{
	return python->layout.frames != FRAMES_ON_HEAP;
}

void walk_release(struct walk *walk)
{
	free(walk->frames);
	free(walk->groups);
	*walk = (struct walk){ 0 };
}
