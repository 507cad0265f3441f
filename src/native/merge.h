/* SPDX-License-Identifier: MIT */
/*
 * Which native frames are calls of the evaluation loop, and whose Python frames they run: both kinds of
 * frames become one list. Works on what unwinding and walking have brought; reads nothing of the target.
 */
#ifndef PYROPE_NATIVE_MERGE_H
#define PYROPE_NATIVE_MERGE_H

#include "unwind.h"

/* What is merged. Frames, anchors and evaluations are innermost first. */
struct merge_input {
	const struct native_frame *frames;
	size_t frame_count;
	bool whole; /* unwound up to the thread's first function */
	const struct walk *walk; /* NULL: a thread without Python */
	const struct anchors *anchors;
	bool has_anchors;        /* this version has them, with their frames; else frames are found in registers and slots */
	const bool *evaluates;   /* by native frame, where there are no anchors: is its code the evaluation loop's? */
	const struct native_copy *copy;
};

/*
 * Appends the merged stack to merged, innermost first: MERGED_NATIVE has the index of the native frame.
 * Returns how many Python frames found no evaluation call of their own, though the native stack is whole.
 */
size_t merge(const struct merge_input *input, struct native_merged *merged);

#endif
