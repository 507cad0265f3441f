/* SPDX-License-Identifier: MIT */
/* A control group as a folder of files (cgroups(7)), of version 1 or 2. */
#ifndef PYROPE_SESSION_CGROUP_H
#define PYROPE_SESSION_CGROUP_H

#include <sys/types.h>

#include "pyrope/base.h"

/* The folder of this group, the caller's to free; path as tree_add_cgroup takes it. NULL: there is none. */
char *cgroup_find(const char *path, struct error *err);
bool cgroup_exists(const char *folder);
/* Calls visit for each process in the group and in those below it. */
void cgroup_walk(const char *folder, void (*visit)(void *context, pid_t pid), void *context);

#endif
