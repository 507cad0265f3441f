/* SPDX-License-Identifier: MIT */
/* From looks to one stack: look, verify, look again, pause. The policy of --pause lives here. */
#ifndef PYROPE_SAMPLING_TAKE_H
#define PYROPE_SAMPLING_TAKE_H

#include "look.h"
#include "proof.h"
#include "pyrope/sampling.h"

/* What a taker needs; owned by the sampler. */
struct taker {
	struct looker looker;
	struct proofs proofs;
	enum pause_policy policy;
	int64_t pause_deadline_ns;
	int64_t began_ns;
	int64_t charged_ns; /* time in pauses as --pause=auto counts it */
	int patience;  /* how many times the usual number of tries one sample may take */
	uint64_t seen; /* proof_sighting of the first look */
	struct sampling_statistics *statistics;
	char note[ERROR_MESSAGE_BYTES]; /* why pausing was given up; "" */

	/* the stack that was taken, outermost first; good until the next take */
	struct resolved_frame *frames;
	size_t frame_count, frame_capacity;
	bool is_cut; /* the outermost frames are missing */
	enum sample_quality quality;
};

void taker_init(struct taker *taker, struct python *python, const struct sampling_options *options,
	struct sampling_statistics *statistics);
void taker_release(struct taker *taker);

enum take_result {
	TAKEN,
	TAKE_FOREIGN, /* the thread is gone, or its state another's: list the threads again */
	TAKE_OTHER,   /* gil was given and another thread, or none, holds it: *holder says which */
};

/*
 * Takes the stack of a thread. gil: the lock that its interpreter has, NULL when there is none; *holder becomes the thread
 * that held it when the look began. must_hold: only if that is this thread.
 */
enum take_result take(struct taker *taker, struct subject *subject, const struct gil *gil, bool must_hold,
	raddr_t *holder);
/* Remembers what was taken, for take_kept, if it is sure. */
void take_keep(const struct taker *taker, struct subject *subject);
/* Takes what was remembered: the caller knows that the thread has not run since. False: there is nothing. */
bool take_kept(struct taker *taker, const struct subject *subject);

#endif
