/* SPDX-License-Identifier: MIT */
/*
 * Who holds the GIL. Facts: Python/ceval_gil.h (3.2 to 3.12), Python/ceval_gil.c (3.12+),
 * Include/internal/pycore_gil.h; the places are in the layout's row.
 */
#include "config.h"

#include "python/internal.h"

#define INTERPRETER_LIMIT 1024
#define GIL_SPAN 208 /* sizeof(struct _gil_runtime_state), 3.12 to 3.15 */

/* The first interpreter, by whichever way this layout has. */
static raddr_t first_interpreter(const struct python *python)
{
	raddr_t head = 0;

	if (python->layout.gil == GIL_CURRENT_SYMBOL && !python->place.interp_head)
		return python->place.interpreter;
	if (python->layout.gil == GIL_CURRENT_SYMBOL)
		python_read_pointer(python, python->place.interp_head, &head);
	else
		python_read_pointer(python,
			python->place.runtime + python->layout.runtime_state.interpreters_head, &head);
	return head;
}

size_t python_list_interpreters(const struct python *python, raddr_t *interpreters, size_t capacity)
{
	raddr_t interpreter = first_interpreter(python);
	size_t count = 0;

	while (interpreter && count < capacity) {
		for (size_t i = 0; i < count; i++) {
			if (interpreters[i] == interpreter)
				return count; /* a loop */
		}
		interpreters[count++] = interpreter;
		if (!python_read_pointer(
			    python, interpreter + python->layout.interpreter_state.next, &interpreter))
			break;
	}
	return count;
}

/*
 * The part of the runtime that holds the current thread and, where there are such, the GIL's last holder
 * and switch number.
 */
static struct gil runtime_gil(const struct python *python, uint32_t *start)
{
	uint32_t current = python->layout.runtime_state.gilstate_tstate_current;
	uint32_t last = python->layout.runtime_state.gil_last_holder;
	uint32_t end = current + 8;

	*start = current;
	if (last != OFFSET_NONE && last < current && end - last <= GIL_BYTES)
		*start = last;
	/*
	 * last_holder and switch_number come first in struct _gil_runtime_state, its mutexes and conditions
	 * behind them
	 */
	return (struct gil){ .address = python->place.runtime + *start,
		.length = end - *start,
		.span = *start == current ? 0 : end - *start };
}

size_t python_list_gils(struct python *python, struct gil *gils, size_t capacity)
{
	raddr_t interpreters[INTERPRETER_LIMIT];
	uint32_t start;
	size_t count, found = 0;

	if (!capacity || python->is_none)
		return 0;
	switch (python->layout.gil) {
	case GIL_CURRENT_SYMBOL:
		gils[0] = (struct gil){ .address = python->place.current_thread, .length = 8 };
		return 1;
	case GIL_IN_RUNTIME:
		gils[0] = runtime_gil(python, &start);
		return 1;
	case GIL_PER_INTERPRETER:
		break;
	}
	count = python_list_interpreters(python, interpreters, ARRAY_LENGTH(interpreters));
	for (size_t i = 0; i < count && found < capacity; i++) {
		raddr_t address;
		bool seen = false;

		if (!python_read_pointer(
			    python, interpreters[i] + python->layout.interpreter_state.ceval_gil, &address) ||
			!address)
			continue;
		for (size_t j = 0; j < found; j++)
			seen |= gils[j].address == address;
		if (!seen)
			gils[found++] = (struct gil){ .address = address,
				.interpreter = interpreters[i],
				.length = python->layout.gil_runtime_state.switch_number + 8,
				.span = GIL_SPAN };
	}
	return found;
}

void python_decode_gil(const struct python *python, const void *bytes, struct gil_state *state)
{
	const struct layout *layout = &python->layout;
	uint32_t start;

	*state = (struct gil_state){ 0 };
	switch (layout->gil) {
	case GIL_CURRENT_SYMBOL:
		state->holder = field_u64(bytes, 0);
		return;
	case GIL_IN_RUNTIME:
		runtime_gil(python, &start);
		state->holder = field_u64(bytes, layout->runtime_state.gilstate_tstate_current - start);
		if (start == layout->runtime_state.gil_last_holder) {
			state->has_switch_number = true;
			state->last_holder = field_u64(bytes, 0);
			state->switch_number =
				field_u64(bytes, layout->runtime_state.gil_switch_number - start);
		}
		return;
	case GIL_PER_INTERPRETER:
		break;
	}
	state->last_holder = field_u64(bytes, layout->gil_runtime_state.last_holder);
	if (field_u32(bytes, layout->gil_runtime_state.locked))
		state->holder = state->last_holder;
	state->has_switch_number = true;
	state->switch_number = field_u64(bytes, layout->gil_runtime_state.switch_number);
}

bool python_collecting(struct python *python, raddr_t interpreter)
{
	const struct layout *layout = &python->layout;
	uint32_t collecting = 0;

	if (layout->interpreter_state.gc_collecting != OFFSET_NONE)
		target_read(python->target, interpreter + layout->interpreter_state.gc_collecting,
			&collecting, sizeof(collecting));
	else if (layout->runtime_state.gc_collecting != OFFSET_NONE)
		target_read(python->target, python->place.runtime + layout->runtime_state.gc_collecting,
			&collecting, sizeof(collecting));
	return collecting != 0;
}
