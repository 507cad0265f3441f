/* SPDX-License-Identifier: MIT */
/*
 * From registers and a copy of the stack to the chain of calls, by the unwind tables of the files (rows,
 * see cfi.h), kept by code address. Nothing that is read is trusted: the stack may be garbage, tables may
 * lie. Each step must go up the stack.
 */
#ifndef PYROPE_NATIVE_UNWIND_UNWIND_H
#define PYROPE_NATIVE_UNWIND_UNWIND_H

#include "native/files/module.h"
#include "pyrope/native.h"

#define SAVED_REGISTERS 12 /* those that a call preserves; register_roles.saved lists them */
#define NATIVE_DEPTH_LIMIT 100000

struct native_frame {
	raddr_t pc;            /* where its call returns to; or, if exact_pc, the instruction that it is at */
	raddr_t stack_pointer; /* the frame owns the addresses [stack_pointer, end) */
	/* its CFA, its caller's stack pointer; where that is not known, stack_pointer */
	raddr_t end;
	bool exact_pc;        /* the innermost frame, and what a signal has interrupted */
	uint16_t saved_known; /* bit n: saved[n] is known; none of a frame that was found by its anchor */
	uint64_t saved[SAVED_REGISTERS]; /* what these registers held while the frame was at pc */
};

enum unwind_end {
	UNWIND_WHOLE, /* up to the thread's first function */
	UNWIND_STUCK, /* nothing tells who called the last frame of the list */
};

struct native_frames {
	struct native_frame *list; /* innermost first */
	size_t count, capacity;
};

struct unwinder;

struct unwinder *unwinder_new(struct modules *modules);
void unwinder_free(struct unwinder *unwinder);

/*
 * Appends the frames from registers outwards. anchors: addresses that lie in frames of the evaluation loop,
 * innermost first (may be none); where no table, expression or frame pointer leads on, it goes on at the
 * next of them, if the shape of such a frame is known (unwinder_learn); *skipped counts how often.
 */
enum unwind_end unwinder_unwind(struct unwinder *unwinder, const struct registers *registers,
	const struct native_copy *copy, const raddr_t *anchors, size_t anchor_count,
	struct native_frames *frames, size_t *skipped);
/* This frame is a call of the evaluation loop and holds this anchor: from then on its shape is known. */
void unwinder_learn(struct unwinder *unwinder, const struct native_frame *frame, raddr_t anchor);
uint64_t unwinder_row_count(const struct unwinder *unwinder);

#endif
