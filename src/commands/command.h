/* SPDX-License-Identifier: MIT */
/*
 * The commands. Each returns 0, or -1 with err set; err's exit code is that of pyrope, and an empty message
 * is not printed.
 */
#ifndef PYROPE_COMMANDS_COMMAND_H
#define PYROPE_COMMANDS_COMMAND_H

#include "commands/options.h"

int command_record(const struct options *options, struct error *err);
int command_dump(const struct options *options, struct error *err);

#endif
