/* SPDX-License-Identifier: MIT */
/* Remembering where outer frames lie, and reading them again. */
#include "config.h"

#include "sampling/outer_frames.h"

static struct outer_place *find_place(struct outer_depth *depth, raddr_t address, raddr_t caller)
{
	struct outer_place *last = &depth->places[depth->last];

	if (last->address == address && last->caller == caller)
		return last;
	for (unsigned i = 0; i < OUTER_WAYS; i++) {
		if (depth->places[i].address != address || depth->places[i].caller != caller)
			continue;
		depth->last = (uint8_t)i;
		return &depth->places[i];
	}
	return NULL;
}

void outer_frames_learn(struct outer_frames *outer, const struct python *python, struct memory_view *view,
	const struct walk *walk)
{
	raddr_t caller = 0;

	for (size_t i = 0; i < walk->count && i < OUTER_DEPTH; i++) {
		struct outer_depth *depth = &outer->depths[i];
		const raddr_t address = walk->frames[walk->count - 1 - i].address;

		if (!find_place(depth, address, caller)) {
			struct raw_frame ignored;
			uint64_t link;

			if (!python_frame_at(python, view, address, &ignored, &link))
				return;
			depth->places[depth->next] = (struct outer_place){ address, caller, link };
			depth->last = depth->next;
			depth->next = (depth->next + 1) % OUTER_WAYS;
		}
		caller = address;
	}
}

/* The one frame of this depth that is called by `caller` now. False: none is, or it cannot be told which. */
static bool find_callee(const struct outer_depth *depth, const struct python *python,
	struct memory_view *view, const void *state, raddr_t caller, struct raw_frame *frame)
{
	bool found = false;

	for (unsigned i = 0; i < OUTER_WAYS; i++) {
		const struct outer_place *place = &depth->places[i];
		struct raw_frame candidate;
		uint64_t link;

		if (!place->address || place->caller != caller ||
			python_frame_is_popped(python, state, place->address) ||
			!python_frame_at(python, view, place->address, &candidate, &link) ||
			link != place->link)
			continue;
		if (found)
			return false;
		*frame = candidate;
		found = true;
	}
	return found;
}

void outer_frames_find(const struct outer_frames *outer, const struct python *python,
	struct memory_view *view, const void *state, struct walk *walk)
{
	struct raw_frame found[OUTER_DEPTH];
	size_t count = 0;
	raddr_t caller = 0;

	while (count < OUTER_DEPTH &&
		find_callee(&outer->depths[count], python, view, state, caller, &found[count]))
		caller = found[count++].address;
	array_reserve(&walk->frames, &walk->capacity, count + 1, sizeof(*walk->frames));
	for (size_t i = 0; i < count; i++)
		walk->frames[i] = found[count - 1 - i];
	walk->count = count;
	walk->group_count = 0;
}
