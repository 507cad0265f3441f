/* SPDX-License-Identifier: MIT */
/* Files of samples: recordings, and collapsed stacks of any tool. */
#ifndef PYROPE_COMMANDS_INPUT_H
#define PYROPE_COMMANDS_INPUT_H

#include "pyrope/recording.h"

/* A regular file, for reading; -1: ERROR_SYSTEM, or ERROR_UNSUPPORTED when it is something else. */
int input_open(const char *path, struct error *err);
bool input_is_recording(int fd);
/*
 * Gives all that is in fd, which is closed, to the sink. What is missing at its end is said on stderr;
 * *damaged is set when it is damage.
 */
int input_read(int fd, const char *path, struct functions *functions, struct sink *sink, bool *damaged,
	struct error *err);

#endif
