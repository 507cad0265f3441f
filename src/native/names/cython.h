/* SPDX-License-Identifier: MIT */
/* Functions that Cython has made out of Python's: their names there, and their lines in the .pyx file. */
#ifndef PYROPE_NATIVE_NAMES_CYTHON_H
#define PYROPE_NATIVE_NAMES_CYTHON_H

#include "native/files/root.h"

/*
 * "demo.Accumulator.add" for "__pyx_pw_4demo_11Accumulator_3add", appended. module: the name of the file it
 * is in, which tells where in the name its module ends. False, and nothing appended: not such a name.
 */
bool cython_name(struct buffer *buffer, const char *symbol, const char *module);

/* Was it made out of a function in the .pyx file? Cython adds others, of which no line of that tells. */
bool cython_is_source(const char *symbol);

/* The lines of the .pyx file for those of one generated C file. Zero-initialise. */
struct cython_lines {
	char *path; /* of the C file; NULL: none was read yet */
	struct cython_line {
		int generated, original;
	} * list; /* by generated */
	size_t count, capacity;
	bool is_mapped; /* by the compiler: #line directives are in it */
};

/*
 * The line of the .pyx file for a line of the generated file at path, which is read at the first call for it.
 * 0: not known.
 */
int cython_line(struct cython_lines *lines, const struct roots *roots, const char *path, int generated);
void cython_lines_release(struct cython_lines *lines);

#endif
