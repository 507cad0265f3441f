/* SPDX-License-Identifier: MIT */
/* From looks to one stack: look, verify, look again, pause. The policy of --pause lives here. */
#ifndef PYROPE_SAMPLING_CAPTURE_H
#define PYROPE_SAMPLING_CAPTURE_H

#include "sampling/snapshot.h"
#include "sampling/known_stacks.h"
#include "pyrope/sampling.h"

/* What a snapshot is worth. */
enum verdict {
	VERDICT_PROVEN,   /* thread->frames is a stack that existed */
	VERDICT_UNPROVEN, /* it may be a mixture */
	/* the same, and with code objects that were only decoded after the snapshot: look again */
	VERDICT_FRESH,
	VERDICT_TORN,    /* thread->frames is not the whole stack, or nothing is known yet that would tell */
	VERDICT_NOTHING, /* no chain */
	VERDICT_FOREIGN,
};

/* What the first snapshot of a sample showed, which what is looked at later is held against. */
struct first_snapshot {
	enum verdict verdict;
	struct resolved_frame *frames;
	size_t count, capacity;
	enum sample_quality quality;
	struct sighting seen;
	bool may_be_new, is_cut, is_holder;
};

/* What a capturer needs; owned by the sampler. */
struct capturer {
	struct snapshot_reader reader;
	struct known_stacks known_stacks;
	enum pause_policy policy, asked_policy; /* PAUSE_NEVER for a while when pausing was refused */
	int64_t pause_deadline_ns;
	int64_t began_ns;
	int64_t charged_ns; /* time in pauses as --pause=auto counts it */
	bool is_once; /* there is one sample only: it may be of any moment, and takes what time it needs */
	int patience; /* how many times the usual number of tries one sample may take */
	int64_t interval_ns;
	bool is_slow;         /* ticks are far from each other */
	int pauses_for_new;   /* when what was looked at may be new, and a pause shows something else */
	struct sighting seen; /* of the first snapshot */
	/* of the last stop, if its innermost frame alone is in doubt; path 0: it is not */
	struct sighting stopped;
	struct resolved_frame *stop_frames; /* what that has shown, while the thread is looked at again */
	size_t stop_count, stop_capacity;
	/*
	 * what the first snapshot showed behind its outer frames may be a stack that has not been proven
	 * yet
	 */
	bool may_be_new;
	struct sampling_statistics *statistics;
	bool defers; /* a sample that takes a pause is put off: CAPTURE_DEFERRED */
	bool is_deferred;
	enum verdict first;    /* of the snapshot or stop that the sample belongs to */
	struct pause *held;    /* the thread is held already, and stays so */
	const struct gil *gil; /* of the thread that is being taken; NULL: its interpreter has none */
	/* it held that when the first snapshot began; without a GIL: it was attached */
	bool is_holder;
	bool is_stop_late; /* the last stop has ended before all was read */
	/* when all threads that are held together have to be let go; 0: one alone is held */
	int64_t hold_end_ns;
	struct still_words {
		struct {
			raddr_t address;
			uint64_t word;
		} list[4];
		size_t count;
		bool is_over; /* the thread runs again */
	} still;              /* read of a thread that stood still, besides its snapshot */
	int64_t retry_ns;     /* when to pause again; 0: pausing was not refused */
	int64_t refused_ns;   /* how long it was not paused for that, until counted_ns */
	int64_t counted_ns;
	char refusal[ERROR_MESSAGE_BYTES];   /* why */
	char note[ERROR_MESSAGE_BYTES + 64]; /* the same, with the time; "" */

	/* native frames: what the last stop has copied, and what became of it */
	struct native *native; /* NULL: not asked for */
	struct native_copy copy;
	bool has_copy; /* of the last snapshot of a still thread */
	/* native frames by stack pointer and pc alone: there are no registers to be had */
	bool may_do_with_less;

	/* what a first snapshot showed that met code objects it had not checked */
	struct resolved_frame *fresh_frames;
	size_t fresh_capacity;

	struct capture capture; /* what becomes the stack that is taken */
};

void capturer_init(struct capturer *capturer, struct python *python, const struct sampling_options *options,
	struct sampling_statistics *statistics);
void capturer_release(struct capturer *capturer);
/* A thread has been held, by whomever. is_late: until the time was over that it takes at most. */
void capturer_count_hold(struct capturer *capturer, const struct pause *pause, bool is_late);
/* The same for one that was held while others were: time in which the process was held is counted once. */
void capturer_count_hold_beside(struct capturer *capturer, const struct pause *pause);

enum capture_result {
	CAPTURED,
	CAPTURE_FOREIGN, /* the thread is gone, or its state another's: list the threads again */
	/*
	 * capturer.defers is set, and it takes a pause: capture_save, capture_held when it is held,
	 * capture_deferred
	 */
	CAPTURE_DEFERRED,
	CAPTURE_OTHER, /* gil was given and another thread, or none, holds it: *holder says which */
};

/*
 * Takes the stack of a thread. gil: the lock that its interpreter has, NULL when there is none; *holder
 * becomes the thread that held it when the snapshot began. must_hold: only if that is this thread. CAPTURED:
 * *stack is what was taken, good until the next call.
 */
enum capture_result capture_stack(struct capturer *capturer, struct thread *thread, const struct gil *gil,
	bool must_hold, raddr_t *holder, const struct capture **stack);

/* What was seen of a thread while it was held. */
struct held_snapshot {
	enum verdict verdict;    /* VERDICT_UNPROVEN: it could not be held, or nothing is certain */
	struct native_copy copy; /* with native frames */
	bool has_copy, is_cut;
};

/* Puts a sample off: what the first snapshot showed is kept. */
void capture_save(const struct capturer *capturer, struct first_snapshot *first);
/* Looks at the thread, which is held. */
void capture_held(struct capturer *capturer, struct thread *thread, const struct first_snapshot *first,
	struct pause *held, struct held_snapshot *snapshot);
/* Takes the stack by what was seen, or by pauses of its own. */
enum capture_result capture_deferred(struct capturer *capturer, struct thread *thread,
	const struct first_snapshot *first, struct held_snapshot *snapshot, const struct capture **stack);

/* ---- kept.c ---- */

/* Remembers what was taken, for capture_kept, if it is sure. */
void capture_keep(const struct capture *stack, struct thread *thread);
/* Has the thread not run at all since its stack was remembered, native frames and all? */
bool capture_sleeps_still(const struct capturer *capturer, const struct thread *thread);
/* What was remembered, or NULL: the caller knows that the thread has not run since. */
const struct capture *capture_kept(const struct thread *thread);

#endif
