/* SPDX-License-Identifier: MIT */
/*
 * From a thread state to its frames, through a memory_view. Nothing that is read is trusted: a chain may loop, point
 * anywhere, or end in its middle, because it is garbage or because it is being changed while it is read.
 *
 * Facts: Include/cpython/frameobject.h (to 3.10), Include/internal/pycore_frame.h (3.11+), pycore_interpframe.h (3.14+).
 */
#include "config.h"

#include "internal.h"

#include <stdlib.h>

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

static struct raw_frame *add_frame(struct walk *walk)
{
	array_reserve(&walk->frames, &walk->capacity, walk->count + 1, sizeof(*walk->frames));
	return &walk->frames[walk->count++];
}

/*
 * A chain that comes back to where it was: the address is compared with one that is renewed each time the number of
 * steps doubles (Brent's method), so that no set of addresses has to be kept.
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
static enum walk_status read_frame(struct memory_view *view, raddr_t address, uint32_t bytes, size_t max_frames,
	struct loop_guard *guard, struct walk *walk, const void **data)
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
		*frame = (struct raw_frame){ .address = address, .code = field_u64(data, layout->frame.code) };
		/* an index: -1 before the first instruction */
		frame->instruction = (uint64_t)(int64_t)(int32_t)field_u32(data, layout->frame.lasti);
		/* f_lineno counts when the frame is traced; where no row field says so, when it is not 0 (3.10) */
		if (layout->frame.trace == OFFSET_NONE || field_u64(data, layout->frame.trace))
			frame->traced_line = (int)field_u32(data, layout->frame.lineno);
		if (!plausible(frame->code))
			return WALK_BROKEN;
		address = field_u64(data, layout->frame.back);
	}
	return WALK_WHOLE;
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
		if (!is_shim) {
			struct raw_frame *frame = add_frame(walk);

			*frame = (struct raw_frame){ .address = address, .owner = owner };
			frame->code = field_u64(data, layout->interpreter_frame.executable) & ~layout->pointer_tag_mask;
			frame->instruction = field_u64(data, layout->interpreter_frame.instruction);
			if (layout->interpreter_frame.tlbc_index != OFFSET_NONE)
				frame->thread_local_index = field_u32(data, layout->interpreter_frame.tlbc_index);
			if (!plausible(frame->code))
				return WALK_BROKEN;
		}
		address = field_u64(data, layout->interpreter_frame.previous) & ~layout->pointer_tag_mask;
	}
	/* A generator that is just being resumed is not linked to its caller yet: the chain ends in its middle. */
	return layout->root == ROOT_SHIM && !is_shim ? WALK_BROKEN : WALK_WHOLE;
}

enum walk_status python_walk(const struct python *python, struct memory_view *view, raddr_t thread_state,
	size_t max_frames, struct walk *walk)
{
	const struct layout *layout = &python->layout;
	size_t bytes = python_thread_state_bytes(python);
	const void *state = view->at(view, thread_state, bytes);
	raddr_t cframe;

	walk->count = 0;
	walk->leaf = walk->root = walk->pointer = 0;
	if (!state)
		return miss(walk, thread_state, bytes);
	switch (layout->frames) {
	case FRAMES_ON_HEAP:
		return walk_heap(layout, view, field_u64(state, layout->thread_state.frame), max_frames, walk);
	case FRAMES_BY_CFRAME:
		cframe = field_u64(state, layout->thread_state.cframe);
		if (!plausible(cframe))
			return WALK_BROKEN;
		walk->pointer = cframe + layout->cframe.current_frame;
		state = view->at(view, walk->pointer, 8);
		if (!state)
			return miss(walk, walk->pointer, 8);
		return walk_stack(layout, view, field_u64(state, 0), max_frames, walk);
	case FRAMES_BY_CURRENT:
		break;
	}
	return walk_stack(layout, view, field_u64(state, layout->thread_state.current_frame), max_frames, walk);
}

bool python_root_is_learned(const struct python *python)
{
	return python->layout.root != ROOT_SHIM;
}

bool python_leaf_may_be_unlinked(const struct python *python)
{
	return python->layout.frames != FRAMES_ON_HEAP;
}

void walk_release(struct walk *walk)
{
	free(walk->frames);
	*walk = (struct walk){ 0 };
}
