/* SPDX-License-Identifier: MIT */
/* Locks in frames: see pyrope/locks.h. */
#ifndef PYROPE_PYTHON_LOCKS_H
#define PYROPE_PYTHON_LOCKS_H

#include "python/values.h"
#include "pyrope/locks.h"

/* A frame, innermost first. */
struct lock_frame {
	raddr_t address, code;
	uint64_t instruction;
	int64_t unit;         /* of the code that it is at; -1: not known */
	const char *function; /* its name, without that of its class */
	bool is_threading;    /* of Lib/threading.py */
};

bool locks_find_wait(struct variable_reader *reader, const struct lock_frame *frames, size_t count,
	raddr_t futex, struct lock_wait *wait);
size_t locks_find_entered(struct variable_reader *reader, const struct lock_frame *frames, size_t count,
	const raddr_t *locks, size_t lock_count, struct entered_lock *list, size_t limit);

/* How deep the stack of a frame is at least at this unit, by a table of so many bytes (3.11+). */
uint32_t exception_table_depth(const uint8_t *table, size_t length, uint64_t unit);

#endif
