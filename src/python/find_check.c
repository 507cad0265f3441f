/* SPDX-License-Identifier: MIT */
/*
 * Is a place what it seems to be? The thread list is what holds it to account: each thread of an
 * interpreter points back to it. A list may be changing while it is read, so that one reading which makes
 * no sense proves nothing: find.c looks again before it gives up.
 */
#include "config.h"

#include "python/find_internal.h"

#include <string.h>

#define INTERPRETERS_CHECKED 16
#define THREADS_CHECKED 64

static bool read_pointer(struct target *target, raddr_t address, raddr_t *value)
{
	return target_read(target, address, value, sizeof(*value));
}

static bool plausible(raddr_t pointer)
{
	return pointer >= 4096 && pointer % 8 == 0 && pointer <= (uint64_t)INT64_MAX;
}

static enum place_state check_threads(struct target *target, const struct layout *layout, raddr_t interpreter)
{
	raddr_t thread, owner;

	if (!read_pointer(target, interpreter + layout->interpreter_state.threads_head, &thread))
		return PLACE_GARBAGE;
	if (!thread)
		return PLACE_EMPTY;
	for (size_t i = 0; thread && i < THREADS_CHECKED; i++) {
		if (!plausible(thread) || thread == interpreter ||
			!read_pointer(target, thread + layout->thread_state.interp, &owner) ||
			owner != interpreter ||
			!read_pointer(target, thread + layout->thread_state.next, &thread))
			return PLACE_GARBAGE;
	}
	return PLACE_FOUND;
}

enum place_state check_interpreters(struct target *target, const struct layout *layout, raddr_t first)
{
	enum place_state state = PLACE_EMPTY;
	raddr_t interpreter = first;

	for (size_t i = 0; interpreter && i < INTERPRETERS_CHECKED; i++) {
		enum place_state one =
			plausible(interpreter) ? check_threads(target, layout, interpreter) : PLACE_GARBAGE;

		if (one == PLACE_GARBAGE)
			return one;
		if (one == PLACE_FOUND)
			state = one;
		if (!read_pointer(target, interpreter + layout->interpreter_state.next, &interpreter))
			return PLACE_GARBAGE;
	}
	return state;
}

bool check_modules(struct target *target, const struct layout *layout, raddr_t interpreter)
{
	static const char dict[] = "dict";
	char name[sizeof(dict)];
	raddr_t pointer;

	return layout->interpreter_state.modules != OFFSET_NONE &&
		read_pointer(target, interpreter + layout->interpreter_state.modules, &pointer) &&
		plausible(pointer) && read_pointer(target, pointer + layout->object.ob_type, &pointer) &&
		plausible(pointer) && read_pointer(target, pointer + layout->type_object.tp_name, &pointer) &&
		target_read(target, pointer, name, sizeof(name)) && memcmp(name, dict, sizeof(dict)) == 0;
}

/* ---- who holds the GIL ---- */

/* Is this no thread, or one that belongs to an interpreter with threads? */
static bool check_holder(struct target *target, const struct layout *layout, raddr_t holder)
{
	raddr_t interpreter;

	return !holder ||
		(plausible(holder) &&
			read_pointer(target, holder + layout->thread_state.interp, &interpreter) &&
			plausible(interpreter) && check_threads(target, layout, interpreter) == PLACE_FOUND);
}

static enum place_state check_lock(struct target *target, const struct layout *layout, raddr_t interpreter)
{
	raddr_t gil;
	int32_t locked;

	if (!read_pointer(target, interpreter + layout->interpreter_state.ceval_gil, &gil))
		return PLACE_GARBAGE;
	if (!gil)
		return PLACE_EMPTY; /* it is made after the first thread state */
	if (!plausible(gil) ||
		!target_read(target, gil + layout->gil_runtime_state.locked, &locked, sizeof(locked)))
		return PLACE_GARBAGE;
	return locked >= -1 && locked <= 1 ? PLACE_FOUND : PLACE_GARBAGE; /* -1: not yet made */
}

static enum place_state check_gil(
	struct target *target, const struct runtime_place *place, raddr_t interpreter)
{
	const struct layout *layout = &place->layout;
	raddr_t holder = 0;

	switch (layout->gil) {
	case GIL_CURRENT_SYMBOL:
		if (!read_pointer(target, place->current_thread, &holder))
			return PLACE_GARBAGE;
		break;
	case GIL_IN_RUNTIME:
		if (!read_pointer(
			    target, place->runtime + layout->runtime_state.gilstate_tstate_current, &holder))
			return PLACE_GARBAGE;
		break;
	case GIL_PER_INTERPRETER:
		return check_lock(target, layout, interpreter);
	}
	return check_holder(target, layout, holder) ? PLACE_FOUND : PLACE_GARBAGE;
}

/* ---- the whole place ---- */

enum place_state check_place(struct target *target, const struct runtime_place *place, bool strict)
{
	const struct layout *layout = &place->layout;
	enum place_state state;
	raddr_t head = place->interpreter, variable = place->interp_head;

	if (layout->gil != GIL_CURRENT_SYMBOL)
		variable = place->runtime + layout->runtime_state.interpreters_head;
	if (variable && !read_pointer(target, variable, &head))
		return PLACE_GARBAGE;
	state = check_interpreters(target, layout, head);
	if (state == PLACE_FOUND)
		state = check_gil(target, place, head);
	if (state == PLACE_FOUND && strict && !check_modules(target, layout, head))
		state = PLACE_GARBAGE;
	return state;
}
