/* SPDX-License-Identifier: MIT */
/* One snapshot of one thread: one batch of reads, a walk over what it brought, and what it proves. */
#ifndef PYROPE_SAMPLING_SNAPSHOT_H
#define PYROPE_SAMPLING_SNAPSHOT_H

#include "sampling/thread.h"

enum snapshot_result {
	SNAPSHOT_WHOLE,   /* a chain that ends where it must; whether it is one moment's is not said */
	SNAPSHOT_CUT,     /* the same, but more than max_frames deep */
	SNAPSHOT_BROKEN,  /* no chain could be made of it */
	SNAPSHOT_FOREIGN, /* the thread state is gone or belongs to another thread now */
	/* a thread that is held has to be let go: see snapshot_finish; or pyrope has to end */
	SNAPSHOT_LATE,
};

struct snapshot_reader {
	struct python *python;
	size_t state_bytes;
	size_t max_frames;
	uint64_t code_generation; /* grows whenever an address turns out to hold another code object */
	uint64_t snapshots;       /* statistics */
	uint64_t stale_codes;
	struct read_request *requests;
	size_t request_capacity;
	/*
	 * the code objects that were read along with the last snapshot, and where in check_bytes each
	 * begins
	 */
	struct checked_code {
		const struct code *code;
		size_t at;
	} * checked;
	size_t checked_count, checked_capacity;
	unsigned char *check_bytes;
	size_t check_capacity;
	unsigned char gil_before[GIL_BYTES], gil_after[GIL_BYTES];
	struct scout *scout;

	/* between snapshot_hold and snapshot_release */
	int64_t deadline_ns; /* 0: no thread is held */
	bool is_late;        /* it is over */
	bool has_read;       /* and all ranges of the last snapshot were read before */
	bool is_whole;       /* the last snapshot showed a whole chain, which is still to be noted */
	bool has_scouted;    /* live memory was walked, and where the frames lie is still to be noted */
	/* the number of this one: what code->sure is of a code object that has been checked in it */
	uint64_t hold;
};

void snapshot_reader_init(struct snapshot_reader *reader, struct python *python, size_t max_frames);
void snapshot_reader_release(struct snapshot_reader *reader);
/* Has a thread that is held to be let go, or pyrope to end? */
bool snapshot_reader_is_late(struct snapshot_reader *reader);
/* The same for what takes many short steps, which it counts. */
bool snapshot_reader_is_late_at(struct snapshot_reader *reader, unsigned *step);

/*
 * Reads the thread's memory, again until the prediction holds all that the chain touches, and walks it into
 * thread->walk. gil: NULL, or the lock whose words are read first and last (reader->gil_before, gil_after).
 */
enum snapshot_result snapshot_take(
	struct snapshot_reader *reader, struct thread *thread, const struct gil *gil);

/*
 * Walks what the last snapshot has copied once more: from the thread state as it was behind the ranges, or as
 * it was before them. SNAPSHOT_BROKEN: no chain, or it was not read a second time.
 */
enum snapshot_result snapshot_walk_from(struct snapshot_reader *reader, struct thread *thread, bool after);

/*
 * A code object was found to be the same as ever at that time: from some age on that need not be checked in
 * every snapshot.
 */
void snapshot_settle(struct code *code, int64_t now_ns);

/*
 * The thread that is looked at is held, until deadline_ns at most: from then on nothing more is read or
 * walked, and what takes long to decode is not. snapshot_take() may say SNAPSHOT_LATE, and snapshot_resolve()
 * RESOLVE_TORN for it.
 */
void snapshot_hold(struct snapshot_reader *reader, int64_t deadline_ns);
/* It has been let go. reader->is_late, has_read and hold stay for snapshot_finish. */
void snapshot_release(struct snapshot_reader *reader);
/*
 * What a hold has left for later: notes where the frames of a stack lie that was read, or that was only found
 * in time, so that the next snapshot reads them at once.
 */
void snapshot_learn_held(struct snapshot_reader *reader, struct thread *thread);
/*
 * Walks what a snapshot has read that was late, and checks what it has read of code objects.
 * SNAPSHOT_BROKEN: that was not all.
 */
enum snapshot_result snapshot_finish(struct snapshot_reader *reader, struct thread *thread);

/*
 * Remembers where the frames of the last walk lie, which was whole, for a thread that has been hard to look
 * at.
 */
void snapshot_learn_outer(struct snapshot_reader *reader, struct thread *thread);
/*
 * What the last snapshot's copy shows of the outer frames, though its chain is broken or leads elsewhere,
 * into thread->outer_frames; once for each time that thread->wants_trunk is set. snapshot_take() does so when
 * its first round fails.
 */
void snapshot_find_outer(struct snapshot_reader *reader, struct thread *thread);

/* ---- snapshot_read.c ---- */

/* Reads what a snapshot takes, once: SNAPSHOT_BROKEN when something could not be read that was predicted. */
enum snapshot_result snapshot_read(
	struct snapshot_reader *reader, struct thread *thread, const struct gil *gil);
/*
 * Reads what a snapshot would and forgets it, where the last snapshots were hard: behind a sleep the first
 * read takes several times as long as the next one, and the longer it takes, the more often it is a mixture
 * of two moments.
 */
void snapshot_warm(struct snapshot_reader *reader, struct thread *thread, const struct gil *gil);

/* ---- resolve.c ---- */

enum resolve_result {
	RESOLVED, /* thread->frames is the stack, outermost first */
	/* code objects were met that were not known or not checked; they are now: look again */
	RESOLVE_LOADED,
	/*
	 * a frame's instruction is not one of its code object's, or there is no code object (or no time for
	 * it)
	 */
	RESOLVE_TORN,
};

/* Decodes thread->walk into thread->frames. */
enum resolve_result snapshot_resolve(struct snapshot_reader *reader, struct thread *thread);

/*
 * Has the last snapshot checked that all code objects of thread->frames are those that they were? If not,
 * the next snapshot does.
 */
bool snapshot_has_checked(struct thread *thread);

/* ---- held_codes.c ---- */

enum check_result {
	CHECK_DONE,    /* each code object of thread->frames is the one that it was when it was decoded */
	CHECK_CHANGED, /* one was not, and is decoded anew: look again */
	CHECK_LATE,    /* code->sure says which are */
};
/*
 * Asks of the code objects of thread->frames in a hold: of those behind the first `known` frames, which are a
 * proven stack, and then of those as well until known_until_ns.
 */
enum check_result snapshot_check_held(
	struct snapshot_reader *reader, struct thread *thread, size_t known, int64_t known_until_ns);

#endif
