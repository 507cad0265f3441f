/* SPDX-License-Identifier: MIT */
/*
 * Samples on their way from the sampler's thread to the caller's. A batch is kept back until the code objects
 * that it names have been checked once more: an entry of the code cache that was true before the batch and is
 * true after it was true for each of its samples. (After a target has exited there is nothing left to check.)
 */
#ifndef PYROPE_SAMPLING_BATCH_H
#define PYROPE_SAMPLING_BATCH_H

#include "sampling/snapshot.h"
#include "pyrope/sampling.h"

struct batch_sample {
	struct sample sample;  /* frames is set when it is delivered */
	size_t first_frame;    /* in the batch's frames */
	struct native *native; /* that names its native frames */
};

/* A frame that has its function already, or one that is named when the sample is delivered. */
struct batch_frame {
	const struct function *function;
	int line;
	const struct native_address *address; /* NULL, or there is no function yet */
	bool is_doubted;                      /* no snapshot has checked its code object */
};

struct batch {
	struct batch_sample *samples;
	size_t count, capacity;
	struct batch_frame *frames;
	size_t frame_count, frame_capacity;
	int64_t begin_ns;
	struct native *native; /* of all samples that are added; borrowed */

	/*
	 * distinct code objects that the batch names, of which it is to be told whether they are still
	 * there
	 */
	struct code **codes;
	size_t code_count, code_capacity;
	uint64_t mark; /* what code->mark is for these */
};

/* Adds a sample; its frames follow by batch_add_frame. */
struct batch_sample *batch_add(struct batch *batch, const struct sample *sample);
void batch_add_frame(struct batch *batch, const struct function *function, int line);
/* A native frame: the functions at this address. */
void batch_add_address(struct batch *batch, const struct native_address *address);
/*
 * As batch_add_frame, for a code object that is checked before the batch is delivered, unless its own
 * snapshot has done so.
 */
void batch_add_code(struct batch *batch, const struct resolved_frame *frame);
/* What takes the place of frames in doubt: "(partial)" inside of others, "(failed)" where none is left. */
struct doubt_markers {
	const struct function *partial, *failed;
};
/*
 * Checks the code objects. Frames of one that was replaced meanwhile, and all within them, become one marker,
 * unless the snapshot that showed them has checked it already. Counts those samples as partial or failed.
 */
void batch_confirm(struct batch *batch, struct snapshot_reader *reader, const struct doubt_markers *markers,
	struct sampling_statistics *statistics);
/* The code objects cannot have been replaced: they need no check. */
void batch_trust(struct batch *batch);
/* Takes back all samples but the first `count`. */
void batch_take_back(struct batch *batch, size_t count);
/* Moves all samples of from behind those of to; from is empty then. */
void batch_move(struct batch *to, struct batch *from);
size_t batch_bytes(const struct batch *batch);
void batch_clear(struct batch *batch);
void batch_release(struct batch *batch);

#endif
