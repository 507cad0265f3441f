/* SPDX-License-Identifier: MIT */
/* Files by a path as the target means it: in its own root directory, which may be another than ours. */
#ifndef PYROPE_NATIVE_FILES_ROOT_H
#define PYROPE_NATIVE_FILES_ROOT_H

#include "pyrope/target.h"

/* Where to look, in order: the target's root, then ours if that is another. */
struct roots {
	int fds[2];
	size_t count;
};

void roots_open(struct roots *roots, struct target *target);
void roots_close(struct roots *roots);
/*
 * A regular file in that root, for reading; -1: none. Symbolic links are followed, but not out of the root.
 */
int root_open_file(int root, const char *path);

#endif
