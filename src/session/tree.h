/* SPDX-License-Identifier: MIT */
/* What the tests of the tree script: the files in which it reads of processes. */
#ifndef PYROPE_SESSION_TREE_H
#define PYROPE_SESSION_TREE_H

#include "pyrope/session.h"

/* As tree_new, with another folder in the place of /proc. One that cannot be opened has no processes. */
struct tree *tree_new_at(const char *proc, size_t limit);

#endif
