/* SPDX-License-Identifier: MIT */
/*
 * One thread that is looked at again and again, and what is known of where its frames lie. The ranges of
 * memory that the last walks touched are the prediction for the next snapshot, so that all of it can be
 * fetched in one system call.
 */
#ifndef PYROPE_SAMPLING_THREAD_H
#define PYROPE_SAMPLING_THREAD_H

#include "sampling/activity.h"
#include "pyrope/native.h"
#include "pyrope/python.h"
#include "sampling/outer_frames.h"

#define POINTER_WINDOW 4096 /* bytes that are read for them at most */
#define HARD_ALWAYS 4096

/* [start, start + length) of the target, at offset in the copy. */
struct range {
	raddr_t start;
	size_t length;
	size_t offset;
	uint32_t used;  /* the number of the snapshot that found a frame of a whole chain there */
	uint64_t asked; /* the number of the read that it is in already */
};

/* A frame of the user's, decoded. */
struct resolved_frame {
	struct code *code;
	uint64_t path; /* this frame and its callers, as one number: known_stacks_path() */
	int line;
	/* the snapshot that showed it has read that the code object is still the same, behind the frames */
	bool is_checked;
};

/* A stack that was taken. */
struct capture {
	struct resolved_frame *frames; /* outermost first */
	size_t count, capacity;
	enum sample_quality quality;
	bool is_cut; /* the outermost frames are missing */

	/* native frames */
	bool lacks_native; /* Python's frames are certain, the native ones could not be had */
	bool has_merged; /* merged is the whole stack, Python's frames as indices of the thread's last walk */
	struct native_merged merged;
	bool was_asleep; /* all the time while it was read, with these times of schedstat */
	uint64_t slept_cpu_ns, slept_slices;
};

struct thread {
	struct python_thread identity;
	const char *name;     /* owned by the sampler's pool; NULL: not asked yet */
	int64_t name_read_ns; /* when */
	struct activity activity;
	uint64_t weight;   /* of the sample that is being taken, in ticks */
	int64_t taken_ns;  /* the tick in which it was taken as the holder of a GIL */
	bool has_shown;    /* frames, at some time */
	bool is_outside;   /* had none last time, and had some before */
	bool has_returned; /* had some again after that */
	bool listed;       /* in the thread list when that was read last */

	/* the prediction: sorted, disjoint */
	struct range *ranges;
	size_t range_count, range_capacity;
	size_t bytes;       /* sum of the lengths */
	uint32_t snapshots; /* that showed a whole chain */
	uint64_t last_read; /* the number of the read that the copy is of */
	uint32_t snapshots_since_rebuild;

	/* what the last snapshot brought: the thread state, and the ranges one behind the other */
	unsigned char *state, *state_after;
	/*
	 * where the words lie that point at the leaf (3.11, 3.12): on the C stack, in the frames of calls
	 * that come and go
	 */
	raddr_t pointers;
	size_t pointers_length; /* 0: in the thread state */
	unsigned char *pointer_bytes, *pointer_bytes_after;
	size_t pointer_capacity, pointer_after_capacity;
	/*
	 * what leads to the leaf was read once more behind the ranges; and that is what the walk has gone
	 * by
	 */
	bool has_after, uses_after;
	unsigned hardness; /* which part of the last snapshots was not enough, in 1 / HARD_ALWAYS */
	unsigned char *copy;
	size_t copy_capacity;

	/* code objects whose identity the next snapshot has to check: volatile and fresh ones */
	struct code **checked;
	size_t checked_count, checked_capacity;
	uint64_t check_mark; /* what code->listed is of those */

	struct walk walk; /* of the last snapshot */

	/* the stack that was taken last, while the GIL says that this thread cannot have run since */
	struct capture kept;
	bool is_kept;

	raddr_t stack_end; /* of its native stack, as native_copy.stack_end */

	/*
	 * made when a snapshot has failed for the first time; and what it told of the first snapshot of
	 * this sample, outermost first
	 */
	struct outer_frames *outer;
	bool wants_outer;
	struct resolved_frame *outer_frames;
	size_t outer_count, outer_capacity;

	/*
	 * Where this thread's outermost frame is, 0: not learned; all places where it was, for greenlets have
	 * one each; and how often yet another one was seen since.
	 */
	raddr_t root, root_candidate;
	struct u64_map roots;
	unsigned root_votes;
	uint64_t root_cpu_ns; /* its CPU time at the last stop that was counted */

	/* decoded, outermost first; and the raw frames they were decoded from, to be used again */
	struct resolved_frame *frames;
	size_t frame_count, frame_capacity;
	struct raw_frame innermost; /* that of the last of frames; code 0: there are none */
	struct memo {
		raddr_t code;
		uint64_t instruction;
		struct code *entry;
		int line;
		uint32_t function_id;
	} * memo; /* by distance from the outermost frame */
	size_t memo_capacity;
	uint64_t memo_generation; /* of the code cache when the memo was made */
};

struct thread *thread_new(const struct python_thread *identity, size_t state_bytes);
void thread_free(struct thread *thread);

/* Adds a range to the prediction (merged with its neighbours). */
void thread_add_range(struct thread *thread, raddr_t start, size_t length);
/* The walk of the last snapshot was whole: the ranges in which its frames lie are of use. */
void thread_mark_ranges(struct thread *thread);
/*
 * Forgets ranges that have been of no use for long, and those that were added lately because a broken chain
 * led there. What was copied is no longer valid.
 */
void thread_drop_ranges(struct thread *thread);
/* The range that has this address, or NULL. */
struct range *thread_range_of(const struct thread *thread, raddr_t address);
/* Forgets the prediction. */
void thread_clear_ranges(struct thread *thread);
/*
 * Gives back the memory of the snapshots, and forgets what they showed, when it is far more than a sample of
 * so many frames needs: garbage has led there, or a recursion that is over.
 */
void thread_fit(struct thread *thread, size_t frame_count);
/*
 * Gives back what only a snapshot needs, for a thread that sleeps and may not be looked at again for long:
 * there may be thousands of them. What was copied is no longer there.
 */
void thread_rest(struct thread *thread);
/*
 * Has the words at this address read beside the thread state, and those that were, if they are near each
 * other.
 */
void thread_add_pointer(struct thread *thread, raddr_t address, size_t length);
/* The first snapshot of a tick was enough, or not. */
void thread_count_snapshot(struct thread *thread, bool was_hard);
/* length bytes at address of what was read there, or NULL. */
const void *thread_pointer(const struct thread *thread, raddr_t address, size_t length);
/* length bytes at address in the copy, or NULL. */
const void *thread_bytes(const struct thread *thread, raddr_t address, size_t length);
/*
 * The code objects that the next snapshot checks. Those that have been added are known by their mark, which
 * another thread's may have taken: thread_mark_checked before a thread is looked at, and whenever the list
 * has been changed otherwise.
 */
void thread_mark_checked(struct thread *thread);
bool thread_checks_code(const struct thread *thread, const struct code *code);
/*
 * Checks that have been made are not made again, but for code objects of thread->frames at addresses that
 * change hands.
 */
void thread_prune_checked(struct thread *thread);
/* Adds it, if it is not among them. */
void thread_check_code(struct thread *thread, struct code *code);

#endif
