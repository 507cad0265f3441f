/* SPDX-License-Identifier: MIT */
/* What the formats of pyrope dump share. */
#ifndef PYROPE_OUTPUT_DUMP_H
#define PYROPE_OUTPUT_DUMP_H

#include "pyrope/output.h"

/* Appends the name of a system call of this architecture: "epoll_wait", or "syscall 435" for one that never
 * mattered here. */
void syscall_append(struct buffer *buffer, long number);

#endif
