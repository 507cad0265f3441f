/* SPDX-License-Identifier: MIT */
/* One look at one thread: one batch of reads, a walk over what it brought, and what it proves. */
#ifndef PYROPE_SAMPLING_LOOK_H
#define PYROPE_SAMPLING_LOOK_H

#include "sampling/subject.h"

enum look_result {
	LOOK_WHOLE,   /* a chain that ends where it must; whether it is one moment's is not said */
	LOOK_CUT,     /* the same, but more than max_frames deep */
	LOOK_BROKEN,  /* no chain could be made of it */
	LOOK_FOREIGN, /* the thread state is gone or belongs to another thread now */
	LOOK_LATE,    /* a thread that is held has to be let go: see look_finish; or pyrope has to end */
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
	/* the code objects that were read along with the last look, and where in check_bytes each begins */
	struct checked_code {
		const struct code *code;
		size_t at;
	} *checked;
	size_t checked_count, checked_capacity;
	unsigned char *check_bytes;
	size_t check_capacity;
	unsigned char gil_before[GIL_BYTES], gil_after[GIL_BYTES];
	struct scout *scout;

	/* between look_hold and look_release */
	int64_t deadline_ns; /* 0: no thread is held */
	bool is_late;        /* it is over */
	bool has_read;       /* and all ranges of the last look were read before */
	bool is_whole;       /* the last look showed a whole chain, which is still to be noted */
	bool has_scouted;    /* live memory was walked, and where the frames lie is still to be noted */
	uint64_t hold;       /* the number of this one: what code->sure is of a code object that has been checked in it */
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
	RESOLVE_TORN,  /* a frame's instruction is not one of its code object's, or there is no code object (or no time for it) */
};

/* Decodes subject->walk into subject->frames. */
enum resolve_result look_resolve(struct looker *looker, struct subject *subject);

/* A code object was found to be the same as ever at that time: from some age on that need not be checked in every look. */
void look_settle(struct code *code, int64_t now_ns);

/* Has the last look checked that all code objects of subject->frames are those that they were? If not, the next look does. */
bool look_has_checked(struct subject *subject);

/*
 * The thread that is looked at is held, until deadline_ns at most: from then on nothing more is read or walked, and what takes
 * long to decode is not. look() may say LOOK_LATE, and look_resolve() RESOLVE_TORN for it.
 */
void look_hold(struct looker *looker, int64_t deadline_ns);
/* It has been let go. looker->is_late, has_read and hold stay for look_finish. */
void look_release(struct looker *looker);
/*
 * What a hold has left for later: notes where the frames of a stack lie that was read, or that was only found in time, so that the
 * next look reads them at once.
 */
void look_learn_held(struct looker *looker, struct subject *subject);
/* Walks what a look has read that was late, and checks what it has read of code objects. LOOK_BROKEN: that was not all. */
enum look_result look_finish(struct looker *looker, struct subject *subject);

enum check_result {
	CHECK_DONE,    /* each code object of subject->frames is the one that it was when it was decoded */
	CHECK_CHANGED, /* one was not, and is decoded anew: look again */
	CHECK_LATE,    /* code->sure says which are */
};
/*
 * Asks of the code objects of subject->frames in a hold: of those behind the first `known` frames, which are a proven stack, and
 * then of those as well until known_until_ns.
 */
enum check_result look_check_held(struct looker *looker, struct subject *subject, size_t known, int64_t known_until_ns);

/* Remembers where the frames of the last walk lie, which was whole, for a subject that has been hard to look at. */
void look_learn_trunk(struct looker *looker, struct subject *subject);
/*
 * What the last look's copy shows of the outer frames, though its chain is broken or leads elsewhere, into
 * subject->trunk_frames; once for each time that subject->wants_trunk is set. look() does so when its first round fails.
 */
void look_find_trunk(struct looker *looker, struct subject *subject);

#endif
