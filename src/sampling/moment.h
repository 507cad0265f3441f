/* SPDX-License-Identifier: MIT */
/* Looking again, or pausing, for the moment that a first snapshot belongs to. */
#ifndef PYROPE_SAMPLING_MOMENT_H
#define PYROPE_SAMPLING_MOMENT_H

#include "sampling/capture.h"

/*
 * Is what was looked at later the same moment as the first snapshot, of which `outer` frames are certain? The
 * next frame may belong to a mixture, but it may as well be of a stack that has not been proven yet: then
 * taking what is known, and never what is new, would go on for ever. So it has to be the same one for the
 * first few times (DOUBTS).
 */
bool capturer_same_moment(const struct capturer *capturer, const struct thread *thread, size_t outer);

/*
 * Is the line that the first snapshot shows of the innermost frame, which is not proven, one of its own
 * call for sure?
 */
bool capturer_line_is_sure(const struct capturer *capturer);

/* Does the thread not run Python, but compute in C or do a system call, without the GIL or detached? */
bool capturer_is_outside(const struct capturer *capturer);

/*
 * Something better than the first snapshot, which capturer holds: VERDICT_PROVEN, and what it is worth in
 * *quality.
 */
enum verdict capturer_find_better(struct capturer *capturer, struct thread *thread, const struct gil *gil,
	enum sample_quality *quality);

/*
 * Pauses for that moment, of which `outer` frames are certain. verdict: of a pause that there was already.
 * What may be new is given several pauses, each at another distance from the snapshot: what is known and
 * takes turns with it would be met at the same distance each time.
 */
enum verdict capturer_pause_for_moment(
	struct capturer *capturer, struct thread *thread, size_t outer, enum verdict verdict);

#endif
