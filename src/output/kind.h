/* SPDX-License-Identifier: MIT */
/* What a frame is, for who looks at a picture: its own code, somebody else's, or no code at all. */
#ifndef PYROPE_OUTPUT_KIND_H
#define PYROPE_OUTPUT_KIND_H

#include <stdbool.h>

#include "pyrope/functions.h"

enum frame_kind {
	KIND_OWN,
	KIND_LIBRARY,
	KIND_STANDARD,
	KIND_NATIVE,
	KIND_KERNEL,
	KIND_GC,
	KIND_IDLE,
	KIND_PARTIAL, /* stands for frames that could not be read */
	KIND_OTHER,   /* a process, a thread: what stacks are grouped by */
	FRAME_KINDS
};

extern const char *const frame_kind_names[FRAME_KINDS];

enum frame_kind frame_kind(const struct function *function);

/*
 * Does it only lead to the program: runpy, which looks for what -m names, the beginning of a thread in
 * threading, the import of a module?
 */
bool frame_is_bootstrap(const struct function *function);

#endif
