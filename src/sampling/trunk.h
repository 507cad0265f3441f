/* SPDX-License-Identifier: MIT */
/*
 * The outer frames of a chain that could not be walked. Code whose frames change all the time often shows a chain that is
 * broken, or that leads to where the last looks did not; when it is whole again, the thread may be elsewhere. But its outer
 * frames lie where they lay before, and what they say in the first look tells which moment the sample belongs to.
 *
 * A place is believed when it links to its caller in the very words in which it did before, and is in use: not in the free
 * part of the data stack, or, to 3.10, referred to. (A suspended generator's link is cleared.)
 */
#ifndef PYROPE_SAMPLING_TRUNK_H
#define PYROPE_SAMPLING_TRUNK_H

#include "pyrope/python.h"

#define TRUNK_DEPTH 32
#define TRUNK_WAYS 8 /* frames that have been seen at one depth and are remembered: to 3.9 each function has its own */

struct trunk {
	struct trunk_depth {
		struct trunk_place {
			raddr_t address; /* 0: none */
			raddr_t caller;  /* the next frame further out; 0: it is the outermost one */
			uint64_t link;   /* what it holds to say so, as it is */
		} places[TRUNK_WAYS];
		uint8_t last, next;
	} depths[TRUNK_DEPTH]; /* by distance from the outermost frame */
};

/* Where the frames of a whole chain lie. view: of what was walked. */
void trunk_learn(struct trunk *trunk, const struct python *python, struct memory_view *view, const struct walk *walk);
/*
 * The outermost frames that view still shows, into walk->frames, innermost first, and walk->count. state: the bytes of the thread
 * state in the same look.
 */
void trunk_find(const struct trunk *trunk, const struct python *python, struct memory_view *view, const void *state,
	struct walk *walk);

#endif
