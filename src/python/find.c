/* SPDX-License-Identifier: MIT */
/*
 * Finding the interpreter of a process: which file, which version, which layout; confirmed, and waited for
 * while it starts.
 *
 * Each round begins from nothing, with the mappings as they are now, since a process that starts (or execs)
 * changes under our eyes; within a round the candidates alone are asked again, which costs a few
 * microseconds.
 */
#include "config.h"

#include "python/find_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUND_NS (50 * INT64_C(1000000)) /* after this the mappings are read again */
/* garbage for so long is no list that is just being changed */
#define PATIENCE_NS (500 * INT64_C(1000000))
#define FAST_POLLS 100 /* a program that was just launched: its first frames count, too */
#define FAST_POLL_NS 500000
#define SLOW_POLL_NS 3000000

struct finder {
	struct target *target;
	const struct python_options *options;
	struct runtime_place *place;
	struct maps maps;
	struct candidates candidates;
	int64_t begin_ns;
	unsigned polls;
	bool newer;           /* a version that is not known, with debug offsets that are */
	struct version tried; /* what the last candidate said it was */
};

/* ---- one candidate ---- */

static void set_version(struct finder *finder, const struct version *version)
{
	struct runtime_place *place = finder->place;

	snprintf(place->version, sizeof(place->version), "%s%s",
		version->text[0] ? version->text : place->layout.name,
		place->layout.free_threaded ? " free-threaded" : "");
}

static void set_addresses(struct runtime_place *place, const struct candidate *candidate)
{
	place->runtime = candidate->runtime;
	place->current_thread = candidate->current_thread;
	place->interp_head = candidate->interp_head;
	place->interpreter = 0;
	place->evidence = candidate->evidence;
}

/* The interpreter that the thread with the GIL belongs to; 0: nobody has it now. */
static raddr_t interpreter_of_holder(struct target *target, const struct runtime_place *place)
{
	raddr_t thread, interpreter;

	if (!target_read(target, place->current_thread, &thread, sizeof(thread)) || !thread ||
		!target_read(target, thread + place->layout.thread_state.interp, &interpreter,
			sizeof(interpreter)))
		return 0;
	return interpreter;
}

/* Tries place->layout at the addresses of the candidate. */
static enum place_state try_layout(struct finder *finder, const struct candidate *candidate, bool strict)
{
	struct runtime_place *place = finder->place;

	set_addresses(place, candidate);
	if (place->layout.gil != GIL_CURRENT_SYMBOL) {
		if (!place->runtime)
			return scan_for_interpreter(finder->target, &finder->maps, candidate, place);
		return check_place(finder->target, place, strict);
	}
	if (!place->current_thread)
		return PLACE_GARBAGE; /* nothing would say who holds the GIL */
	if (place->interp_head)
		return check_place(finder->target, place, strict);
	/*
	 * stripped: the thread that holds the GIL leads to its interpreter, but only the scan to all of
	 * them
	 */
	if (scan_for_interpreter(finder->target, &finder->maps, candidate, place) == PLACE_FOUND)
		return PLACE_FOUND;
	place->interpreter = interpreter_of_holder(finder->target, place);
	return check_place(finder->target, place, strict);
}

/* Tries a row, then its variants; but first the one whose runtime has the size of the symbol. */
static enum place_state try_row(
	struct finder *finder, const struct candidate *candidate, const struct layout *first, bool strict)
{
	enum place_state best = PLACE_GARBAGE;

	for (int fits = 1; fits >= 0; fits--) {
		for (const struct layout *row = first; row; row = row->variant) {
			enum place_state state;

			if ((row->runtime_state.size == candidate->runtime_bytes) != fits)
				continue;
			finder->place->layout = *row;
			state = try_layout(finder, candidate, strict);
			if (state == PLACE_FOUND)
				return state;
			if (state == PLACE_EMPTY)
				best = state;
		}
	}
	return best;
}

static enum place_state unknown_version(const struct version *version, struct error *err)
{
	error_set(err, ERROR_UNSUPPORTED, "CPython %d.%d is not supported: known are %s",
		version->number / 100, version->number % 100, python_known_range());
	return PLACE_UNKNOWN;
}

static enum place_state try_version(struct finder *finder, const struct candidate *candidate,
	const struct version *version, bool strict, struct error *err)
{
	const struct layout *row = layout_find(version->number);
	enum place_state state;

	finder->tried = *version;
	if (!row)
		return unknown_version(version, err);
	state = try_row(finder, candidate, row, strict);
	if (state == PLACE_FOUND)
		set_version(finder, version);
	return state;
}

/*
 * Tries what the strings of the file say, the best guess first; when there are several, with all that can
 * be checked.
 */
static enum place_state try_guesses(
	struct finder *finder, const struct candidate *candidate, struct error *err)
{
	const struct version_list *list = &candidate->versions;
	enum place_state best = PLACE_UNKNOWN;

	if (!list->count) {
		error_set(err, ERROR_UNSUPPORTED,
			"process %d has an interpreter that does not say its version: name it with --abi=XY",
			target_pid(finder->target));
		return PLACE_UNKNOWN;
	}
	for (int strict = list->count > 1; strict >= 0; strict--) {
		for (size_t i = 0; i < list->count; i++) {
			enum place_state state =
				try_version(finder, candidate, &list->versions[i], strict, err);

			if (state < best)
				best = state;
			if (state == PLACE_FOUND)
				return state;
		}
	}
	finder->tried = list->versions[0];
	return best;
}

static enum place_state try_debug_offsets(struct finder *finder, const struct candidate *candidate,
	uint64_t hex, const void *block, size_t length, struct error *err)
{
	struct version version;
	enum place_state state;

	version_from_hex(&version, hex);
	finder->tried = version;
	if (layout_from_debug_offsets(&finder->place->layout, block, length, &finder->newer, err))
		return PLACE_UNKNOWN;
	state = try_layout(finder, candidate, false);
	if (state == PLACE_FOUND)
		set_version(finder, &version);
	return state;
}

static enum place_state try_candidate(
	struct finder *finder, const struct candidate *original, struct error *err)
{
	struct candidate candidate = *original;
	unsigned char block[DEBUG_OFFSETS_BYTES];
	const int abi = finder->options->abi;
	struct version version = { 0 };
	uint64_t hex, word;
	size_t length = 0;

	finder->newer = false;
	if (!candidate.runtime && !candidate.current_thread) {
		candidate.runtime = scan_for_debug_offsets(finder->target, &candidate);
		candidate.evidence = PYTHON_BY_SCAN;
	}
	if (candidate.runtime)
		length = target_read_upto(finder->target, candidate.runtime, block, sizeof(block));
	hex = debug_offsets_version(block, length);
	if (hex) {
		version_from_hex(&version, hex);
		if (!abi || abi == version.number)
			return try_debug_offsets(finder, &candidate, hex, block, length, err);
	}
	if (abi)
		return try_version(finder, &candidate, &(struct version){ .number = abi }, false, err);
	if (candidate.version_hex &&
		target_read(finder->target, candidate.version_hex, &word, sizeof(word))) {
		version_from_hex(&version, word);
		return try_version(finder, &candidate, &version, false, err);
	}
	return try_guesses(finder, &candidate, err);
}

/* ---- rounds ---- */

static int gone(struct finder *finder, struct error *err)
{
	return error_set(err, ERROR_GONE, "process %d has exited", target_pid(finder->target));
}

/* A pause between two looks; 0, or -1 when there is no time left or something has happened. */
static int wait_a_moment(struct finder *finder, struct error *err)
{
	struct timespec pause = { .tv_nsec = finder->polls++ < FAST_POLLS ? FAST_POLL_NS : SLOW_POLL_NS };

	nanosleep(&pause, NULL);
	if (!target_alive(finder->target))
		return gone(finder, err);
	if (finder->options->cancelled && *finder->options->cancelled)
		return error_set(err, ERROR_SYSTEM,
			"interrupted while waiting for the interpreter of process %d",
			target_pid(finder->target));
	return 0;
}

/* What looks like an answer of the target's is none when the system has refused to read a part of it. */
static bool is_unanswered(const struct finder *finder, struct error *err)
{
	for (int question = 0; question < TARGET_QUESTIONS; question++) {
		if (target_unanswered(finder->target, (enum target_question)question, err))
			return true;
	}
	return false;
}

static bool time_is_up(const struct finder *finder)
{
	return monotonic_ns() - finder->begin_ns >= finder->options->wait_ns;
}

static int explain_empty(struct finder *finder, struct error *err)
{
	if (is_unanswered(finder, err))
		return -1;
	return error_set(err, ERROR_STARTING,
		"the interpreter of process %d had no thread within %.3g s: it is still starting, or has "
		"finished",
		target_pid(finder->target), (double)finder->options->wait_ns / 1e9);
}

static int explain_garbage(struct finder *finder, struct error *err)
{
	const struct version *version = &finder->tried;

	if (is_unanswered(finder, err))
		return -1;
	if (finder->options->abi)
		return error_set(err, ERROR_UNSUPPORTED,
			"the memory of process %d is not that of a CPython %d.%d: leave --abi out, or name "
			"another",
			target_pid(finder->target), version->number / 100, version->number % 100);
	return error_set(err, ERROR_UNSUPPORTED,
		"the interpreter of process %d says that it is CPython %d.%d, but has no thread list of that "
		"version: "
		"if it is another one, name it with --abi=XY",
		target_pid(finder->target), version->number / 100, version->number % 100);
}

enum round_result { ROUND_FOUND, ROUND_AGAIN, ROUND_FAILED };

/* The best that any candidate has to say now. err is set when that is PLACE_UNKNOWN. */
static enum place_state try_candidates(struct finder *finder, struct error *err)
{
	enum place_state best = PLACE_UNKNOWN;

	for (size_t i = 0; i < finder->candidates.count && best != PLACE_FOUND; i++) {
		struct error unknown = { 0 };
		enum place_state state = try_candidate(finder, &finder->candidates.candidates[i], &unknown);

		if (state == PLACE_UNKNOWN && err->kind == ERROR_NONE)
			*err = unknown;
		if (state < best)
			best = state;
	}
	if (best != PLACE_UNKNOWN)
		error_clear(err);
	return best;
}

/* Asks the candidates until one is confirmed, or the mappings are to be read again. */
static enum round_result poll_candidates(struct finder *finder, struct error *err)
{
	const int64_t round_end = monotonic_ns() + ROUND_NS;

	for (;;) {
		enum place_state state = try_candidates(finder, err);
		int64_t waited_ns = monotonic_ns() - finder->begin_ns;

		if (target_execed(finder->target)) {
			error_clear(err);
			return ROUND_AGAIN; /* whatever was seen belongs to the program before */
		}
		if (state == PLACE_FOUND)
			return ROUND_FOUND;
		if (!target_alive(finder->target)) {
			gone(finder, err);
			return ROUND_FAILED;
		}
		if (state == PLACE_UNKNOWN) {
			is_unanswered(finder, err);
			return ROUND_FAILED;
		}
		if (state == PLACE_GARBAGE && (time_is_up(finder) || waited_ns >= PATIENCE_NS)) {
			explain_garbage(finder, err);
			return ROUND_FAILED;
		}
		if (time_is_up(finder)) {
			explain_empty(finder, err);
			return ROUND_FAILED;
		}
		if (wait_a_moment(finder, err))
			return ROUND_FAILED;
		if (monotonic_ns() >= round_end)
			return ROUND_AGAIN;
	}
}

static enum round_result one_round(struct finder *finder, struct error *err)
{
	target_ask_again(finder->target);
	if (target_read_maps(finder->target, &finder->maps, err) ||
		candidates_collect(finder->target, &finder->maps, &finder->candidates, err))
		return ROUND_FAILED;
	if (finder->candidates.count)
		return poll_candidates(finder, err);
	if (target_execed(finder->target))
		return ROUND_AGAIN;
	if (finder->candidates.loading && !time_is_up(finder))
		return wait_a_moment(finder, err) ? ROUND_FAILED : ROUND_AGAIN;
	if (!is_unanswered(finder, err))
		explain_not_python(finder->target, &finder->maps, err);
	return ROUND_FAILED;
}

static void finish_place(struct finder *finder)
{
	struct runtime_place *place = finder->place;

	target_remember_image(finder->target);
	if (finder->newer)
		place->warning =
			xasprintf("CPython %s is newer than this pyrope knows (%s): read as if it were %s",
				place->version, python_known_range(), layout_newest()->name);
}

int runtime_find(struct target *target, const struct python_options *options, struct runtime_place *place,
	struct error *err)
{
	struct finder *finder = xcalloc(1, sizeof(*finder));
	enum round_result result;

	*place = (struct runtime_place){ 0 };
	*finder = (struct finder){
		.target = target,
		.options = options,
		.place = place,
		.begin_ns = monotonic_ns(),
	};
	do {
		result = one_round(finder, err);
		maps_release(&finder->maps);
	} while (result == ROUND_AGAIN);
	if (result == ROUND_FOUND)
		finish_place(finder);
	free(finder);
	return result == ROUND_FOUND ? 0 : -1;
}

int runtime_find_forked(struct target *target, const struct runtime_place *parent,
	struct runtime_place *place, struct error *err)
{
	*place = *parent;
	place->warning = NULL;
	if (check_place(target, place, true) != PLACE_FOUND)
		return error_set(err, ERROR_RACED,
			"the interpreter of process %d is not where that of its parent is",
			target_pid(target));
	target_remember_image(target);
	return 0;
}

void runtime_place_release(struct runtime_place *place)
{
	free(place->warning);
	place->warning = NULL;
}
