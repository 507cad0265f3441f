/* SPDX-License-Identifier: MIT */
#ifndef PYROPE_COMPARE_INTERNAL_H
#define PYROPE_COMPARE_INTERNAL_H

#include "pyrope/compare.h"

#define BINS_LIMIT 2048 /* of time; when there are more, two become one */
#define ENTRIES_LIMIT ((size_t)1 << 20)

struct entry {
	uint32_t bin, key;
	uint64_t count;
};

struct series {
	struct sink sink;
	struct keys *keys;
	enum compare_part part;
	uint64_t missed, samples;
	int64_t begin_ns; /* of the first sample; 0: none yet */
	int64_t bin_ns;   /* how long a bin is; 0: there is no time */

	/* by bin: all samples; by bin and key: those that count */
	uint64_t bins[BINS_LIMIT];
	size_t bin_count;
	struct entry *entries; /* of bins that are closed; series_entries gives all */
	size_t entry_count, entry_capacity, entry_limit;
	uint32_t open_bin;
	uint64_t *counts; /* of the open bin, by key */
	size_t count_capacity;
	uint32_t *open; /* keys that the open bin has */
	size_t open_count, open_capacity;

	/* the stack that was looked at last */
	uint32_t *found;
	size_t found_count, found_capacity;
	uint32_t *marks; /* by key: the number of the stack in which it was met last */
	size_t mark_count, mark_capacity;
	uint32_t stack;
};

/* What there is of each bin and key, perhaps in several parts. */
const struct entry *series_entries(struct series *series, size_t *count);

#endif
