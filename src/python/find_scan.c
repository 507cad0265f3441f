/* SPDX-License-Identifier: MIT */
/*
 * Finding an interpreter in a build that has been stripped of what would lead to it: the variables of the
 * file are read, .bss first, and each word that could be a pointer to a PyInterpreterState is followed.
 *
 * Two structs that point to each other are not rare (any list with two members), so that a thread list
 * alone convinces nobody: sys.modules has to be a dict, too.
 */
#include "config.h"

#include "python/find_internal.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)64 << 10)
#define VARIABLES_LIMIT_BYTES ((uint64_t)64 << 20) /* of one range; CPython's are under 2 MB */
#define FOLLOWED_LIMIT 200000                      /* pointers: about 0.2 s */

#define CHAIN_LIMIT 1024
#define COOKIE "xdebugpy" /* _Py_Debug_Cookie, Include/internal/pycore_debug_offsets.h */

struct scan {
	struct target *target;
	const struct maps *maps;
	struct runtime_place *place;
	const struct mapping *last; /* the mapping that the last pointer led to */
	raddr_t last_pointer;       /* many variables in a row point to the same thing */
	size_t followed, chain_length;
};

/* An interpreter lies on the heap or, from 3.12 on, in the runtime itself: in memory that can be written. */
static bool worth_following(struct scan *scan, raddr_t pointer)
{
	if (pointer % 8 || pointer < 4096 || pointer == scan->last_pointer)
		return false;
	if (!scan->last || pointer < scan->last->start || pointer >= scan->last->end)
		scan->last = maps_find(scan->maps, pointer);
	return scan->last && scan->last->readable && scan->last->writable;
}

static size_t chain_length(struct scan *scan, raddr_t interpreter)
{
	size_t length = 0;

	while (interpreter && length < CHAIN_LIMIT &&
		target_read(scan->target, interpreter + scan->place->layout.interpreter_state.next,
			&interpreter, sizeof(interpreter)))
		length++;
	return length;
}

/* Of the variables that point to an interpreter, interp_head is the one from which most can be reached. */
static void keep_longest(struct scan *scan, raddr_t interpreter)
{
	struct runtime_place candidate = *scan->place;
	size_t length = chain_length(scan, interpreter);

	candidate.interpreter = interpreter;
	if (length > scan->chain_length && check_place(scan->target, &candidate, true) == PLACE_FOUND) {
		scan->chain_length = length;
		scan->place->interpreter = interpreter;
	}
}

/*
 * The word at address may be interp_head or _PyRuntime.interpreters.head. true: there is no need to look
 * any further.
 */
static bool try_word(struct scan *scan, raddr_t address, raddr_t pointer)
{
	struct runtime_place *place = scan->place;
	const struct layout *layout = &place->layout;

	if (!worth_following(scan, pointer))
		return false;
	scan->last_pointer = pointer;
	scan->followed++;
	if (check_interpreters(scan->target, layout, pointer) != PLACE_FOUND ||
		!check_modules(scan->target, layout, pointer))
		return false;
	if (layout->gil == GIL_CURRENT_SYMBOL) {
		keep_longest(scan, pointer);
		return false;
	}
	place->runtime = address - layout->runtime_state.interpreters_head;
	scan->last_pointer = 0; /* another variable with the same value may be the right one */
	return check_place(scan->target, place, true) == PLACE_FOUND;
}

static bool scan_range(struct scan *scan, const struct memory_range *range)
{
	uint64_t *words = xmalloc(CHUNK_BYTES), bytes = range->bytes;
	raddr_t start = (range->start + 7) & ~(raddr_t)7;
	bool found = false;

	if (bytes > VARIABLES_LIMIT_BYTES)
		bytes = VARIABLES_LIMIT_BYTES;
	for (uint64_t at = 0; at < bytes && !found && !is_interrupted();) {
		size_t wanted = bytes - at < CHUNK_BYTES ? bytes - at : CHUNK_BYTES;
		size_t got = target_read_upto(scan->target, start + at, words, wanted) & ~(size_t)7;

		for (size_t i = 0; i < got / 8 && !found && scan->followed < FOLLOWED_LIMIT; i++)
			found = try_word(scan, start + at + i * 8, words[i]);
		if (got < wanted)
			break;
		at += got;
	}
	free(words);
	return found;
}

enum place_state scan_for_interpreter(struct target *target, const struct maps *maps,
	const struct candidate *candidate, struct runtime_place *place)
{
	struct scan scan = { .target = target, .maps = maps, .place = place };

	place->interpreter = 0;
	place->runtime = 0;
	place->evidence = PYTHON_BY_SCAN;
	for (size_t i = 0; i < candidate->variable_count; i++)
		if (scan_range(&scan, &candidate->variables[i]) || place->interpreter)
			return PLACE_FOUND;
	place->runtime = 0;
	return PLACE_EMPTY;
}

raddr_t scan_for_debug_offsets(struct target *target, const struct candidate *candidate)
{
	const size_t cookie_bytes = sizeof(COOKIE) - 1;
	char *chunk = xmalloc(CHUNK_BYTES);
	raddr_t found = 0;

	for (size_t i = 0; i < candidate->variable_count && !found; i++) {
		const struct memory_range *range = &candidate->variables[i];

		for (uint64_t at = 0;
			at < range->bytes && at < VARIABLES_LIMIT_BYTES && !found && !is_interrupted();) {
			size_t wanted = range->bytes - at < CHUNK_BYTES ? range->bytes - at : CHUNK_BYTES;
			size_t got = target_read_upto(target, range->start + at, chunk, wanted);
			const char *match = memmem(chunk, got, COOKIE, cookie_bytes);

			if (match)
				found = range->start + at + (raddr_t)(match - chunk);
			if (got < wanted || got < cookie_bytes)
				break;
			at += wanted == CHUNK_BYTES ? got - cookie_bytes : got;
		}
	}
	free(chunk);
	return found;
}
