/* SPDX-License-Identifier: MIT */
/*
 * From a code address to the functions it lies in: symbols of every table there is, separate debug files,
 * inlined functions and lines, Cython's own names, code that a JIT has compiled. Used by one thread, that
 * which consumes samples.
 */
#ifndef PYROPE_NATIVE_NAMES_NAMES_H
#define PYROPE_NATIVE_NAMES_NAMES_H

#include "native/files/module.h"
#include "pyrope/sample.h"

/*
 * A place in a module. Written once by the sampling thread, before it is handed out; `named` belongs to the
 * naming one.
 */
struct native_address {
	const struct module *module; /* NULL: nothing was mapped there */
	uint64_t vaddr;              /* as linked: less the bias; MODULE_CODE: the address itself */
	raddr_t mapping;             /* MODULE_CODE: where the mapping began that it was in */
	const char *announced; /* MODULE_CODE: the name that debuggers were told, not cleaned; NULL: none */
	bool exact_pc;         /* the instruction itself; else what stands behind a call: look up vaddr - 1 */
	struct named *named;   /* NULL: not looked up yet */
};

struct named {
	struct sample_frame *frames; /* outermost first, of kind FUNCTION_NATIVE; owned by the names */
	size_t count;                /* at least 1 */
	/*
	 * those without what is hidden unless asked for: plumbing of the interpreter and of the start of a
	 * thread
	 */
	struct sample_frame *shown;
	size_t shown_count;
	bool is_nameless_interpreter; /* a function of the interpreter of which only the place is known */
};

struct names;

/* Borrows target: for its root directory, its pids. */
struct names *names_new(struct target *target, struct functions *functions);
void names_free(struct names *names);
/* Looks it up now if it was not yet. Never NULL: what has no symbol is named by where it lies. */
const struct named *names_of(struct names *names, struct native_address *address);
/*
 * How many addresses have no name, and debug files were not read, because looking up names has cost too
 * much. From any thread.
 */
void names_left_out(const struct names *names, uint64_t *addresses, uint64_t *files);

#endif
