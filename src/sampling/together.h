/* SPDX-License-Identifier: MIT */
/*
 * Threads of an interpreter without a GIL, which all run at once: those whose samples take a pause are held at one moment, so
 * that their stacks belong together, and each for no longer than that takes.
 */
#ifndef PYROPE_SAMPLING_TOGETHER_H
#define PYROPE_SAMPLING_TOGETHER_H

#include "sampling/take.h"

struct deferral {
	struct subject *subject;
	struct first_look first;
	struct held_look look;
	struct pause pause;
	enum pause_result result;
};

/* Zero-initialised it is empty. */
struct together {
	struct deferral *list;
	size_t count, capacity;
};

/* Adds the sample that was just put off: take() has said TAKE_DEFERRED. */
void together_add(struct together *together, const struct taker *taker, struct subject *subject);
/* Holds all threads, looks at them, and lets them go. take_deferred makes samples of it. */
void together_look(struct together *together, struct taker *taker);
void together_clear(struct together *together);
void together_release(struct together *together);

#endif
