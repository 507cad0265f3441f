/* SPDX-License-Identifier: MIT */
/* Where the interpreter of a process is: which ELF file, at which address, which version, which layout. */
#ifndef PYROPE_PYTHON_FIND_H
#define PYROPE_PYTHON_FIND_H

#include "python/layout.h"
#include "pyrope/python.h"

struct runtime_place {
	struct layout layout; /* ready for use: a row, or a row and the target's own debug offsets */
	/* "3.11.7", "3.13.0 free-threaded"; "3.8" when only the minor version is known */
	char version[64];
	char *warning; /* NULL, or text for the user; owned */
	enum python_evidence evidence;
	raddr_t runtime;        /* _PyRuntime; 0 to 3.6 */
	raddr_t interp_head;    /* the address of the variable interp_head, to 3.6; 0: not found (stripped) */
	raddr_t current_thread; /* the address of the variable _PyThreadState_Current, to 3.6; else 0 */
	raddr_t interpreter; /* to 3.6 without interp_head: the interpreter found by following a thread or by
				scanning .bss; else 0 */
};

/*
 * Waits up to options->wait_ns for a first thread state. place is filled on success; release with
 * runtime_place_release.
 */
int runtime_find(struct target *target, const struct python_options *options, struct runtime_place *place,
	struct error *err);
/* As runtime_find, in a process that has been forked from one with this place: nothing is searched for. */
int runtime_find_forked(struct target *target, const struct runtime_place *parent,
	struct runtime_place *place, struct error *err);
void runtime_place_release(struct runtime_place *place);

#endif
