/* SPDX-License-Identifier: MIT */
/*
 * The Pythons that descend from a process, for commands that do not follow them: what is not shown is told.
 */
#ifndef PYROPE_COMMANDS_CHILDREN_H
#define PYROPE_COMMANDS_CHILDREN_H

#include "pyrope/functions.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * The children of the process that are Pythons now, at most capacity of them; the number. abi: as in struct
 * python_options. *has_more: there are more children than were looked at.
 */
size_t children_that_are_pythons(
	pid_t pid, struct functions *functions, int abi, pid_t *pids, size_t capacity, bool *has_more);

#endif
