/* SPDX-License-Identifier: MIT */
#ifndef PYROPE_COMMANDS_DUMP_VARIABLES_H
#define PYROPE_COMMANDS_DUMP_VARIABLES_H

#include "pyrope/output.h"

/*
 * Gives the frames of a thread its variables. A thread that runs is read for its stack first, and for its
 * variables then, at another moment: what is told is the stack that its variables are of.
 */
void dump_add_variables(struct dump_thread *thread, const struct values *values);

#endif
