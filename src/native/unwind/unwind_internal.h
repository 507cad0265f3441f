/* SPDX-License-Identifier: MIT */
/* What unwind.c and unwind_guess.c share; nobody else includes it. */
#ifndef PYROPE_NATIVE_UNWIND_UNWIND_INTERNAL_H
#define PYROPE_NATIVE_UNWIND_UNWIND_INTERNAL_H

#include <string.h>

#include "native/unwind/cfi.h"
#include "native/unwind/step_remote.h"
#include "native/unwind/unwind.h"

#define SHAPE_LIMIT 4 /* of evaluation loops: there may be two in one build */
#define SAME_FUNCTION_BYTES 131072

/* A frame of the evaluation loop. */
struct shape {
	raddr_t pc;           /* behind a call in its body, where it has saved all registers */
	uint64_t from_anchor; /* its CFA less the anchor */
	uint64_t bytes;       /* its CFA less its stack pointer */
};

#define PLACES 1024 /* a power of two */

/* A frame at which code without tables has been looked at. */
struct place {
	raddr_t pc, stack_pointer;
};

struct unwinder {
	struct modules *modules;
	struct cfi_rows rows;
	uint64_t generation; /* of the modules that these two are of */
	/* code of files that does more than to return, by a hash of its address */
	raddr_t no_epilogue[PLACES];
	struct place bottom[PLACES]; /* frames of threads' first functions, by a hash of the stack pointer */
	int64_t sought_ns;           /* when such a frame was sought last */
	struct shape shapes[SHAPE_LIMIT];
	size_t shape_count;
	struct remote *remote; /* for rows with expressions; NULL: none was met yet */
};

/* One stack on its way outwards. */
struct progress {
	struct unwinder *unwinder;
	const struct native_copy *copy;
	struct registers registers; /* of the frame that is looked at */
	bool exact_pc;
	const raddr_t *anchors; /* those that were not passed yet */
	size_t anchor_count;
	struct native_frames *frames;
	size_t first;               /* how many frames the list had before */
	struct registers innermost; /* as they were at the start */
};

enum step {
	STEP_DONE,
	STEP_END, /* there is no caller */
	STEP_STUCK,
};

static inline bool get_register(const struct registers *registers, unsigned number, uint64_t *value)
{
	*value = registers->values[number];
	return registers->known >> number & 1;
}

static inline void set_register(struct registers *registers, unsigned number, uint64_t value)
{
	registers->values[number] = value;
	registers->known |= UINT64_C(1) << number;
}

/* The 8 bytes that the copy holds at address. */
static inline bool copy_load(const struct native_copy *copy, raddr_t address, uint64_t *value)
{
	const void *bytes = native_copy_at(copy, address, sizeof(*value));

	if (bytes)
		memcpy(value, bytes, sizeof(*value));
	return bytes != NULL;
}

static inline uint64_t stack_pointer(const struct progress *progress)
{
	return progress->registers.values[register_roles.stack_pointer];
}

/* Goes on in the caller, of whose registers only what is in `registers` is known. */
void enter_caller(
	struct progress *progress, struct registers *registers, raddr_t cfa, raddr_t pc, bool exact_pc);
/* By the row of the unwind tables for the frame's pc. */
enum step step_by_row(struct progress *progress, const struct cfi_row *row, struct native_frame *frame);

/* ---- unwind_guess.c ---- */

/* The row for pc if tables describe it. Good until the next row is asked for. */
const struct cfi_row *known_row(struct progress *progress, raddr_t pc);
/* Does the row count from a frame pointer of which the value is not known? */
bool lacks_frame_pointer(const struct progress *progress, const struct cfi_row *row);
/* Finds it, if it can. Asks for rows: `row`, that of the frame, is good no more behind it. */
void search_frame_pointer(
	struct progress *progress, const struct cfi_row *row, const struct native_frame *frame);
/* For the innermost frame, where no table describes it. */
enum step step_by_first_words(struct progress *progress, struct native_frame *frame);
/*
 * Code that only returns says itself where its return address is: the trampolines of python -X perf behind
 * their call.
 */
enum step step_by_epilogue(struct progress *progress, struct native_frame *frame);
enum step step_by_frame_pointer(struct progress *progress, struct native_frame *frame);
/* Where nothing else leads on: is this the thread's first function, in start code that no table describes? */
bool is_bottom(struct progress *progress, const struct native_frame *frame);

#endif
