/* SPDX-License-Identifier: MIT */
/*
 * Every function of the run, once. Code objects are compiled again and again, libraries are loaded by several
 * processes, recordings of several runs are merged: what has the same texts is one function here, with one
 * dense id. So whatever comes behind this stage compares and counts numbers, and never looks at a text again.
 */
#ifndef PYROPE_FUNCTIONS_H
#define PYROPE_FUNCTIONS_H

#include "pyrope/base.h"

enum function_kind {
	FUNCTION_PYTHON,
	FUNCTION_MARKER, /* "(idle)", "(partial)", "(failed)", "(truncated)", "(gc)": no file, no line */
	/* C, C++, Rust, Cython: the file is the name of its module ("libc.so.6", "[vdso]") */
	FUNCTION_NATIVE,
	FUNCTION_KINDS
};

/*
 * One code object as it was decoded, a native function, or a marker. Immutable. Texts are clean UTF-8 (see
 * utf8_clean), never NULL.
 */
struct function {
	uint32_t id; /* of its table: 0, 1, 2, ... in the order in which they were first seen */
	enum function_kind kind;
	const char *name; /* co_qualname where there is one (3.11+), else co_name */
	const char *file; /* co_filename; "" for markers */
	int first_line;   /* co_firstlineno; 0 for markers and native functions */
};

/* All calls are safe in any thread; a function lives and stays where it is until the table is freed. */
struct functions;

struct functions *functions_new(void);
void functions_free(struct functions *functions); /* accepts NULL */
/* The one function like this; its texts are copied, its id is ignored. */
const struct function *functions_intern(struct functions *functions, const struct function *like);
/*
 * The same for a thread that may not wait: NULL when another one has the table and does not give it back at
 * once.
 */
const struct function *functions_try_intern(struct functions *functions, const struct function *like);
/* Room for so many more, so that as many calls of the two above do not make the table grow. */
void functions_reserve(struct functions *functions, size_t more);
/* The marker with this name. */
const struct function *functions_marker(struct functions *functions, const char *name);
/* The function with this id, which the table must have given. */
const struct function *functions_get(struct functions *functions, uint32_t id);
size_t functions_count(struct functions *functions);

#endif
