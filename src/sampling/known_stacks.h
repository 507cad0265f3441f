/* SPDX-License-Identifier: MIT */
/*
 * The stacks that are known to have existed in this run, as they are printed: a sequence of (code object,
 * line), from the outermost frame on.
 *
 * A stack that was read without a pause while frames came and went may be a mixture of two moments. If the
 * very same sequence has been seen before while the thread stood still, then what would be printed is a stack
 * that did exist, and the sample may keep it, and its own moment. So a hard stack costs a pause once, not
 * each time; and code whose frames change fast is not pushed out of the profile by samples that could not be
 * verified.
 *
 * With a stack all its beginnings are proven: before the inner call was made, the caller was at that line.
 *
 * A thread that is stopped between any two machine instructions may be in the middle of pushing its innermost
 * frame: the compiler orders those stores as it likes, and the frame that is already linked may still hold
 * the words of the one that was there before (measured on 3.13: once in 10^4 stops). The frames outside of it
 * were linked long ago. So a callee in the innermost place is believed when it has been seen there, under the
 * same callers, in two stops close to each other between which the thread has run, or in a stop and in the
 * snapshot that led to it, if it has gone on between them.
 *
 * A frame that has executed nothing yet can also be whole but for its link, which still leads to the caller
 * of the frame that was there before (measured on 3.12: once in 10^4 stops in code that does nothing but
 * call; in a coroutine that was awaited, so that its awaiting frame was left out). One that has executed
 * something is linked. So what has executed nothing is believed when its call is known from one that had, or
 * when it was seen so in FRESH_STOPS stops, each close to the one before. (To 3.10 a frame is made by one
 * function and linked by another, so that it is whole when it is seen.)
 */
#ifndef PYROPE_SAMPLING_KNOWN_STACKS_H
#define PYROPE_SAMPLING_KNOWN_STACKS_H

#include "sampling/thread.h"

/*
 * CPU time between two stops that are two: more than what stopping and going on costs a thread that
 * executes nothing.
 */
#define RUN_BETWEEN_NS 20000

/* What frame->path is: callers is that of the frame before, or hash_seed() for the outermost one. */
uint64_t known_stacks_path(uint64_t callers, uint32_t function_id, int line);

struct known_stacks {
	/* hash of a sequence, or of one that ends with any line of its innermost frame -> 1 */
	struct u64_map paths;
	/*
	 * known_stacks_sighting() of what was seen in one stop -> CPU time of the thread and number of the
	 * stop
	 */
	struct u64_map sighted;
	uint64_t stops;
	struct u64_map callers; /* a function's id -> the hash of its only proven call, or MANY_CALLS */
	bool callers_lost;      /* there were too many functions to remember */
	/* hash of a proven beginning and the frame behind it -> how often it was asked for */
	struct u64_map doubts;
};

bool known_stacks_has(
	const struct known_stacks *known_stacks, const struct resolved_frame *frames, size_t count);
/* How many frames, from the outermost, are a proven stack. */
size_t known_stacks_prefix(
	const struct known_stacks *known_stacks, const struct resolved_frame *frames, size_t count);
/*
 * Are all but the innermost one of these frames a proven stack, and was a call of its function from there
 * proven too, at whatever line? *is_only: no other call of that function ever was, so that a line of it can
 * be of no other call.
 */
bool known_stacks_has_call(const struct known_stacks *known_stacks, const struct resolved_frame *frames,
	size_t count, bool *is_only);
/* Was its function the outermost one of a stack that is proven? True when none is proven yet. */
bool known_stacks_has_root(const struct known_stacks *known_stacks, const struct resolved_frame *outermost);
/*
 * How often it was asked (by known_stacks_doubt) whether the frame behind the first `known` ones, which are a
 * proven stack, belongs to a stack that has not been proven yet. What was asked for often and never proven is
 * a mixture.
 */
uint64_t known_stacks_doubts(const struct known_stacks *known_stacks, const struct resolved_frame *frames,
	size_t known, size_t count);
/* The same, and asks. */
uint64_t known_stacks_doubt(
	struct known_stacks *known_stacks, const struct resolved_frame *frames, size_t known, size_t count);
/*
 * The thread stood still in a function that was called properly (a system call, a wait for the GIL): all is
 * proven.
 */
void known_stacks_add(struct known_stacks *known_stacks, const struct resolved_frame *frames, size_t count);
/* The callers with their lines, and the innermost frame's code object, as one number. */
uint64_t known_stacks_sighting(const struct resolved_frame *frames, size_t count);

struct sighting {
	uint64_t path;        /* known_stacks_sighting(); 0: nothing was seen */
	uint64_t instruction; /* of the innermost frame, as it is stored */
	bool is_fresh;        /* it may have executed nothing yet */
};
/*
 * The thread was stopped anywhere: all is proven but perhaps the innermost frame. now: what the stop shows;
 * before: what the look that led to it has shown. cpu_ns: the CPU time of the thread at this stop. True: the
 * innermost frame is proven too.
 */
bool known_stacks_add_stopped(struct known_stacks *known_stacks, const struct resolved_frame *frames,
	size_t count, const struct sighting *now, const struct sighting *before, int64_t cpu_ns);
void known_stacks_release(struct known_stacks *known_stacks);

#endif
