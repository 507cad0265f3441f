/* SPDX-License-Identifier: MIT */
/*
 * Code that the interpreter has compiled at run time and announced to debuggers: where it is, its unwind
 * table, its name.
 *
 * CPython 3.15 with its JIT keeps gdb's list of such code ("JIT Compilation Interface" in gdb's manual;
 * Python/jit_unwind.c): a descriptor with a symbol of its own, and for each piece of code an entry that leads
 * to a small ELF file in memory.
 */
#ifndef PYROPE_NATIVE_UNWIND_JIT_H
#define PYROPE_NATIVE_UNWIND_JIT_H

#include "native/unwind/cfi.h"

struct jit_code {
	raddr_t start, end; /* of the code */
	const char *
		/*
		 * as in its symbol table, not cleaned; good as long as the jit. NULL: none, or no row was
		 * asked for
		 */
		name;
	raddr_t entry, next; /* in the list */
	raddr_t file;        /* the ELF file in memory */
	uint64_t file_bytes;
	bool is_read;       /* of that: row, row_extent and name */
	int64_t checked_ns; /* when the entry was seen in the list last */
	struct cfi_row row;
	struct cfi_extent row_extent; /* the row is good for these addresses */
};

struct jit;

/* descriptor: where __jit_debug_descriptor is in that memory. */
struct jit *jit_new(struct elf_memory memory, raddr_t descriptor);
void jit_free(struct jit *jit); /* accepts NULL */
/*
 * That of the interpreter among these modules, which own it; NULL: it has none. Only the sampling thread
 * asks.
 */
struct jit *modules_jit(struct modules *modules);
/*
 * What was announced for pc, with its row and name read; NULL: nothing, or reading it has cost too much
 * lately. It is in the list now: what was freed is not believed. The row may be one that is not known. Good
 * until the next call.
 */
const struct jit_code *jit_find(struct jit *jit, raddr_t pc);

#endif
