/* SPDX-License-Identifier: MIT */
/* A process that can do no more than compute on what it has been given. */
#ifndef PYROPE_WEB_SANDBOX_H
#define PYROPE_WEB_SANDBOX_H

#include "pyrope/base.h"

struct sandbox_limits {
	uint64_t memory_bytes; /* of addresses */
	uint64_t file_bytes;   /* of one file that it writes */
	unsigned cpu_seconds;
};

/*
 * In a child, which has one thread: closes all descriptors but those in `kept` (in ascending order; the
 * standard ones become /dev/null), gives up user, groups and capabilities, and lets no system call through
 * that opens, connects, starts or signals anything. What is left: reading and writing those descriptors,
 * files without a name in the folder for temporary files, memory, clocks. For the rest of its life.
 */
int sandbox_enter(const int *kept, size_t count, const struct sandbox_limits *limits, struct error *err);

#endif
