/* SPDX-License-Identifier: MIT */
/* Ranges of addresses, each with a number that says what lies there. */
#ifndef PYROPE_NATIVE_NAMES_RANGES_H
#define PYROPE_NATIVE_NAMES_RANGES_H

#include "pyrope/base.h"

struct range {
	uint64_t start, end; /* [start, end) */
	uint64_t value;
};

/* Zero-initialise. */
struct ranges {
	struct range *list;
	size_t count, capacity;
};

/* An empty range is left out. */
void ranges_add(struct ranges *ranges, uint64_t start, uint64_t end, uint64_t value);
/* To be called between the last ranges_add and the first ranges_find. */
void ranges_sort(struct ranges *ranges);
/* The one that holds vaddr, if it does not overlap with others; NULL: none. */
const struct range *ranges_find(const struct ranges *ranges, uint64_t vaddr);
void ranges_release(struct ranges *ranges);

#endif
