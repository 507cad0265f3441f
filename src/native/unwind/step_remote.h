/* SPDX-License-Identifier: MIT */
/*
 * One step by libunwind, for what a row cannot hold: expressions, as the linker's stubs and signal frames
 * have them. libunwind sees the entry of the unwind table, the registers and the copy of the stack, and
 * nothing else. Without libunwind (HAVE_LIBUNWIND) no such step leads on, and unwinding goes its other
 * ways.
 */
#ifndef PYROPE_NATIVE_UNWIND_STEP_REMOTE_H
#define PYROPE_NATIVE_UNWIND_STEP_REMOTE_H

#include "native/unwind/cfi.h"

struct remote_step {
	const struct cfi_entry *entry;
	const unsigned char *bytes; /* of all entries */
	const struct registers *registers;
	raddr_t lookup_pc; /* in the entry's code */
	const struct native_copy *copy;
	/* what comes of it; cfa is the caller's stack pointer, pc 0: there is no caller */
	raddr_t cfa, pc;
	struct registers caller;
};

struct remote;

struct remote *remote_new(void);         /* NULL: it cannot be had */
void remote_free(struct remote *remote); /* accepts NULL */
/* False: it needs a register that is not known, or memory outside of the copy, or it makes no sense. */
bool remote_step(struct remote *remote, struct remote_step *step);

#endif
