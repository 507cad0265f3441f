/* SPDX-License-Identifier: MIT */
/*
 * Which native frames are calls of the evaluation loop, and whose Python frames they run: both kinds of
 * frames become one list. Works on what unwinding and walking have brought; reads nothing of the target.
 */
#ifndef PYROPE_NATIVE_UNWIND_MERGE_H
#define PYROPE_NATIVE_UNWIND_MERGE_H

#include "native/unwind/unwind.h"

/* What is merged. Frames, anchors and evaluations are innermost first. */
struct merge_input {
	const struct native_frame *frames;
	size_t frame_count;
	bool whole;              /* unwound up to the thread's first function */
	const struct walk *walk; /* NULL: a thread without Python */
	const struct anchors *anchors;
	/* this version has them, with their frames; else frames are found in registers and slots */
	bool has_anchors;
	const bool *evaluates; /* by native frame: is its code the evaluation loop's? */
	const struct native_copy *copy;
};

/*
 * Appends the merged stack to merged, innermost first: MERGED_NATIVE has the index of the native frame.
 * Returns how many Python frames found no evaluation call of their own, though the native stack is whole.
 */
size_t merge_frames(const struct merge_input *input, struct native_merged *merged);

/*
 * Does an anchor lie in the frame? Then *at is its index; goes on from *at, for frames from the innermost
 * on.
 */
bool merge_has_anchor(const struct anchors *anchors, const struct native_frame *frame, size_t *at);

/*
 * Only the innermost call of the evaluation loop may be without an anchor, while it is being entered or left;
 * any other that is further in than one that has an anchor says that the chain is not that of this moment. So
 * does one that is further in than a call that runs nothing: it cannot have been called from there. Further
 * out there may be calls of other greenlets; but not together with Python frames that found no call (left).
 */
bool merge_contradicts(const struct merge_input *input, size_t left);

#endif
