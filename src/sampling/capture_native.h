/* SPDX-License-Identifier: MIT */
/* What capture.c and capture_native.c have of each other. */
#ifndef PYROPE_SAMPLING_CAPTURE_NATIVE_H
#define PYROPE_SAMPLING_CAPTURE_NATIVE_H

#include "sampling/capture.h"

/* ---- capture_native.c ---- */

/* The snapshot was worth that. *stack becomes what was taken, if it is not capturer->capture. */
enum capture_result capture_native(
	struct capturer *capturer, struct thread *thread, enum verdict first, const struct capture **stack);
/* The thread has been looked at in its sleep or in a stop, which was worth `verdict`. */
enum capture_result capture_finish_native(struct capturer *capturer, struct thread *thread,
	enum verdict first, enum verdict verdict, enum sample_quality quality);

/* ---- capture.c ---- */

/* The outermost `count` frames that the thread has shown last become the stack that is taken. */
void capturer_keep(
	struct capturer *capturer, const struct thread *thread, size_t count, enum sample_quality quality);
/* CAPTURED. */
void capturer_keep_frames(struct capturer *capturer, const struct resolved_frame *frames, size_t count,
	enum sample_quality quality);
enum capture_result capturer_finish(struct thread *thread);

#endif
