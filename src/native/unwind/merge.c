/* SPDX-License-Identifier: MIT */
/*
 * Merging by place, not by counting.
 *
 * From 3.11 on each call of the evaluation loop keeps a struct in its own C frame (the anchor). The native
 * frame that owns the anchor's address is that call, whatever its symbol: it is replaced by the Python frames
 * it runs. A call that is just being entered or left has no anchor, or one without frames; it stays a native
 * frame, which the names hide as plumbing.
 *
 * Before that nothing on the stack says so (in 3.10 only which calls there are, and not whether greenlet has
 * made one up), but the call has its PyFrameObject in a preserved register or in a slot of its frame. There
 * is one Python frame for each call, linked shortly after the call begins and unlinked shortly before it
 * ends: so at most the innermost call has none, and going from the outermost on each call is matched with the
 * next frame that it can be seen to hold. (A greenlet's chain begins further in than the thread's native
 * stack: the calls outside of it hold none of its frames.)
 *
 * No Python frame is ever left out: what found no place stands where it must at least be, in order.
 */
#include "config.h"

#include "native/unwind/merge.h"

#include <string.h>

static void emit(struct native_merged *merged, enum merged_kind kind, size_t index)
{
	array_reserve(&merged->frames, &merged->capacity, merged->count + 1, sizeof(*merged->frames));
	merged->frames[merged->count++] = (struct merged_frame){ .kind = kind, .index = index };
}

/* Calls are missing here. One mark is enough to say that of a stack: the innermost. */
static void emit_truncated(struct native_merged *merged)
{
	if (!merged->truncated)
		emit(merged, MERGED_TRUNCATED, 0);
	merged->truncated = true;
}

/* Python frames [*next, end), if they have not been emitted yet. */
static void emit_python(struct native_merged *merged, size_t *next, size_t end)
{
	for (; *next < end; (*next)++)
		emit(merged, MERGED_PYTHON, *next);
}

/* What is left of the Python frames lies further out than the native ones. */
static size_t emit_rest(const struct merge_input *input, struct native_merged *merged, size_t next)
{
	size_t count = input->walk ? input->walk->count : 0;
	size_t left = count - next;

	if (!input->whole) {
		emit_truncated(merged);
		left = 0;
	}
	emit_python(merged, &next, count);
	return left;
}

/* ---- by anchors ---- */

static size_t merge_anchored(const struct merge_input *input, struct native_merged *merged)
{
	const struct anchors *anchors = input->anchors;
	size_t next = 0, at = 0;

	/* a frame that is being left has no anchor any more, but is inside of all that have one */
	if (anchors->count)
		emit_python(merged, &next, anchors->list[0].begin);
	for (size_t i = 0; i < input->frame_count; i++) {
		const struct native_frame *frame = &input->frames[i];
		bool evaluates = false;

		/* below the stack: of a call that has ended, or was skipped */
		while (at < anchors->count && anchors->list[at].address < frame->stack_pointer)
			emit_python(merged, &next, anchors->list[at++].end);
		for (; at < anchors->count && anchors->list[at].address < frame->end; at++) {
			emit_python(merged, &next, anchors->list[at].end);
			evaluates |= anchors->list[at].end > anchors->list[at].begin;
		}
		if (!evaluates)
			emit(merged, MERGED_NATIVE, i);
		/* unwinding was stuck here and went on at the next anchor */
		if (i + 1 < input->frame_count && input->frames[i + 1].stack_pointer > frame->end)
			emit_truncated(merged);
	}
	return emit_rest(input, merged, next);
}

/* ---- by what the calls hold ---- */

static bool holds(const struct merge_input *input, const struct native_frame *frame, raddr_t address)
{
	const struct native_copy *copy = input->copy;
	raddr_t start = (frame->stack_pointer + 7) & ~UINT64_C(7), end = frame->end;

	for (size_t i = 0; i < SAVED_REGISTERS; i++) {
		if (frame->saved_known & 1u << i && frame->saved[i] == address)
			return true;
	}
	if (end > copy->start + copy->length)
		end = copy->start + copy->length;
	if (start < copy->start || start >= end)
		return false;
	for (raddr_t at = start; at + 8 <= end; at += 8) {
		uint64_t word;

		memcpy(&word, copy->bytes + (at - copy->start), sizeof(word));
		if (word == address)
			return true;
	}
	return false;
}

#define NO_MATCH SIZE_MAX

/*
 * The native stack is whole, and so is the chain: from the outermost on. match[i]: the Python frame of
 * native frame i.
 */
static void match_from_outermost(const struct merge_input *input, size_t *match)
{
	size_t left = input->walk->count;

	for (size_t i = input->frame_count; i-- > 0;) {
		match[i] = NO_MATCH;
		if (left && input->evaluates[i] &&
			holds(input, &input->frames[i], input->walk->frames[left - 1].address))
			match[i] = --left;
	}
}

/* The outer end is missing: each call from the innermost on is matched with the next frame that it holds. */
static void match_from_innermost(const struct merge_input *input, size_t *match)
{
	size_t next = 0;

	for (size_t i = 0; i < input->frame_count; i++) {
		match[i] = NO_MATCH;
		if (next < input->walk->count && input->evaluates[i] &&
			holds(input, &input->frames[i], input->walk->frames[next].address))
			match[i] = next++;
	}
}

static size_t merge_held(const struct merge_input *input, struct native_merged *merged)
{
	size_t *match, next = 0;

	array_reserve(&merged->match, &merged->match_capacity, input->frame_count + 1, sizeof(*match));
	match = merged->match;
	if (input->whole)
		match_from_outermost(input, match);
	else
		match_from_innermost(input, match);
	for (size_t i = 0; i < input->frame_count; i++) {
		if (match[i] == NO_MATCH)
			emit(merged, MERGED_NATIVE, i);
		else
			emit_python(merged, &next, match[i] + 1);
	}
	return emit_rest(input, merged, next);
}

size_t merge_frames(const struct merge_input *input, struct native_merged *merged)
{
	if (!input->walk || !input->walk->count) {
		for (size_t i = 0; i < input->frame_count; i++)
			emit(merged, MERGED_NATIVE, i);
		return emit_rest(input, merged, 0);
	}
	return input->has_anchors ? merge_anchored(input, merged) : merge_held(input, merged);
}

/* ---- what cannot be ---- */

bool merge_has_anchor(const struct anchors *anchors, const struct native_frame *frame, size_t *at)
{
	while (*at < anchors->count && anchors->list[*at].address < frame->stack_pointer)
		++*at;
	return *at < anchors->count && anchors->list[*at].address < frame->end;
}

bool merge_contradicts(const struct merge_input *input, size_t left)
{
	size_t at = 0, without = 0, allowed = 1;

	for (size_t i = 0; i < input->frame_count; i++) {
		if (merge_has_anchor(input->anchors, &input->frames[i], &at)) {
			const struct anchor *anchor = &input->anchors->list[at];

			if (without > allowed || (without && anchor->begin == anchor->end))
				return true;
			without = allowed = 0;
		} else {
			without += input->evaluates[i];
		}
	}
	return left ? without > allowed : allowed && without > allowed;
}
