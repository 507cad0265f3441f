/* SPDX-License-Identifier: MIT */
/* One look at one thread: one batch of reads, a walk over what it brought, and what it proves. */
#ifndef PYROPE_SAMPLING_LOOK_H
#define PYROPE_SAMPLING_LOOK_H

#include "subject.h"

enum look_result {
	LOOK_WHOLE,   /* a chain that ends where it must; whether it is one moment's is not said */
	LOOK_CUT,     /* the same, but more than max_frames deep */
	LOOK_BROKEN,  /* no chain could be made of it */
	LOOK_FOREIGN, /* the thread state is gone or belongs to another thread now */
};

struct looker {
	struct python *python;
	size_t state_bytes;
	size_t max_frames;
	uint64_t code_generation; /* grows whenever an address turns out to hold another code object */
	uint64_t looks;           /* statistics */
	uint64_t stale_codes;
	struct read_request *requests;
	size_t request_capacity;
	unsigned char gil_before[GIL_BYTES], gil_after[GIL_BYTES];
	struct scout *scout;
};

void looker_init(struct looker *looker, struct python *python, size_t max_frames);
void looker_release(struct looker *looker);

/*
 * Reads the subject's memory, again until the prediction holds all that the chain touches, and walks it into
 * subject->walk. gil: NULL, or the lock whose words are read first and last (looker->gil_before, gil_after).
 */
enum look_result look(struct looker *looker, struct subject *subject, const struct gil *gil);

/*
 * Reads what look would and forgets it, where the last looks were hard: behind a sleep the first read takes several times as
 * long as the next one, and the longer it takes, the more often it is a mixture of two moments.
 */
void look_warm(struct looker *looker, struct subject *subject, const struct gil *gil);
/*
 * Walks what the last look has copied once more: from the thread state as it was behind the ranges, or as it was before
 * them. LOOK_BROKEN: no chain, or it was not read a second time.
 */
enum look_result look_from(struct looker *looker, struct subject *subject, bool after);

enum resolve_result {
	RESOLVED,      /* subject->frames is the stack, outermost first */
	RESOLVE_LOADED, /* code objects were met that were not known or not checked; they are now: look again */
	RESOLVE_TORN,  /* a frame's instruction is not one of its code object's, or there is no code object */
};

/* Decodes subject->walk into subject->frames. */
enum resolve_result look_resolve(struct looker *looker, struct subject *subject);

/* Has the last look checked that all code objects of subject->frames are those that they were? If not, the next look does. */
bool look_has_checked(struct subject *subject);

/* Remembers where the frames of the last walk lie, which was whole, for a subject that has been hard to look at. */
void look_learn_trunk(struct looker *looker, struct subject *subject);
/*
 * What the last look's copy shows of the outer frames, though its chain is broken or leads elsewhere, into
 * subject->trunk_frames; once for each time that subject->wants_trunk is set. look() does so when its first round fails.
 */
void look_find_trunk(struct looker *looker, struct subject *subject);

#endif
