/* SPDX-License-Identifier: MIT */
/*
 * Where the frames of a thread lie that no snapshot has shown yet: live memory is walked once, and what the
 * walk touches becomes the prediction of the next snapshot.
 */
#ifndef PYROPE_SAMPLING_SCOUT_H
#define PYROPE_SAMPLING_SCOUT_H

#include "sampling/snapshot.h"

struct scout *scout_new(void);
void scout_free(struct scout *scout); /* accepts NULL */
/*
 * Walks live memory; what it shows is not used for anything else. In a hold where that takes too long
 * reader->has_scouted is set, and scout_note_ranges is to be called when the thread runs again.
 */
void scout_walk(struct snapshot_reader *reader, struct thread *thread);
/* Makes ranges of what the walk has touched. */
void scout_note_ranges(struct snapshot_reader *reader, struct thread *thread);
/* Adds a range to the prediction; is_leaf: and room for frames to come behind it. */
void scout_add_range(
	struct snapshot_reader *reader, struct thread *thread, raddr_t address, size_t length, bool is_leaf);

#endif
