/* SPDX-License-Identifier: MIT */
/*
 * Threads of an interpreter without a GIL, which all run at once: those whose samples take a pause are held
 * at one moment, so that their stacks belong together, and each for no longer than that takes.
 */
#ifndef PYROPE_SAMPLING_GROUP_PAUSE_H
#define PYROPE_SAMPLING_GROUP_PAUSE_H

#include "sampling/capture.h"

struct deferral {
	struct thread *thread;
	struct first_snapshot first;
	struct held_snapshot snapshot;
	struct pause pause;
	enum pause_result result;
};

/* Zero-initialised it is empty. */
struct group_pause {
	struct deferral *list;
	size_t count, capacity;
};

/* Adds the sample that was just put off: capture_stack() has said CAPTURE_DEFERRED. */
void group_pause_add(struct group_pause *group_pause, const struct capturer *capturer, struct thread *thread);
/* Holds all threads, looks at them, and lets them go. capture_deferred makes samples of it. */
void group_pause_snapshot(struct group_pause *group_pause, struct capturer *capturer);
void group_pause_clear(struct group_pause *group_pause);
void group_pause_release(struct group_pause *group_pause);

#endif
