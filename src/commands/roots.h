/* SPDX-License-Identifier: MIT */
/*
 * Where a program's own files are, by how and where it was started: what short paths leave out (see
 * short_path).
 */
#ifndef PYROPE_COMMANDS_ROOTS_H
#define PYROPE_COMMANDS_ROOTS_H

#include "pyrope/target.h"

#define ROOTS_LIMIT 16

struct roots {
	const char *list[ROOTS_LIMIT + 1]; /* NULL-terminated; each with its slash at the end */
	size_t count;
};

/* Adds the folder that the process works in, and that of the script that it runs. */
void roots_learn(struct roots *roots, struct target *target);
/* As one text, a newline after each; and back. */
void roots_append(const struct roots *roots, struct buffer *list);
void roots_add_list(struct roots *roots, const char *list);
void roots_release(struct roots *roots);

#endif
