/* SPDX-License-Identifier: MIT */
/*
 * The outer frames of a chain that could not be walked. Code whose frames change all the time often shows a
 * chain that is broken, or that leads to where the last snapshots did not; when it is whole again, the thread
 * may be elsewhere. But its outer frames lie where they lay before, and what they say in the first snapshot
 * tells which moment the sample belongs to.
 *
 * A place is believed when it links to its caller in the very words in which it did before, and is in use:
 * not in the free part of the data stack, or, to 3.10, referred to. (A suspended generator's link is
 * cleared.)
 */
#ifndef PYROPE_SAMPLING_OUTER_FRAMES_H
#define PYROPE_SAMPLING_OUTER_FRAMES_H

#include "pyrope/python.h"

#define OUTER_DEPTH 32
/* frames that have been seen at one depth and are remembered: to 3.9 each function has its own */
#define OUTER_WAYS 8

struct outer_frames {
	struct outer_depth {
		struct outer_place {
			raddr_t address; /* 0: none */
			raddr_t caller;  /* the next frame further out; 0: it is the outermost one */
			uint64_t link;   /* what it holds to say so, as it is */
		} places[OUTER_WAYS];
		uint8_t last, next;
	} depths[OUTER_DEPTH]; /* by distance from the outermost frame */
};

/* Where the frames of a whole chain lie. view: of what was walked. */
void outer_frames_learn(struct outer_frames *outer, const struct python *python, struct memory_view *view,
	const struct walk *walk);
/*
 * The outermost frames that view still shows, into walk->frames, innermost first, and walk->count. state: the
 * bytes of the thread state in the same look.
 */
void outer_frames_find(const struct outer_frames *outer, const struct python *python,
	struct memory_view *view, const void *state, struct walk *walk);

#endif
