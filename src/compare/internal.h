/* SPDX-License-Identifier: MIT */
#ifndef PYROPE_COMPARE_INTERNAL_H
#define PYROPE_COMPARE_INTERNAL_H

#include "pyrope/compare.h"

#define BINS_LIMIT 2048 /* of time; when there are more, two become one */
#define ENTRIES_LIMIT ((size_t)1 << 19)
#define BLOCKS_LEAST 10 /* of a run: fewer say too little of how much they differ */

struct entry {
	uint32_t bin, key;
	uint64_t count;
};

/*
 * A stack that was met: its keys are found once, and what it has of the open bin is added to them when that
 * is closed.
 */
struct series_stack {
	uint64_t stack_key;
	uint32_t *keys;
	size_t count, capacity;
	uint64_t pending;
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

	struct series_stack *stacks; /* by the end of their stack_key; NULL: no stack had one */
	uint16_t *pending;           /* those of them that have samples of the open bin */
	size_t pending_count;
};

/* What there is of each bin and key, perhaps in several parts. */
const struct entry *series_entries(struct series *series, size_t *count);

/*
 * What one run has of each key, by key: for one run after the other. A key has the samples of the places from
 * itself to ends[key], as a frame has those of the frames below it.
 */
struct courses {
	const struct series *series;
	struct entry *entries; /* by place, then by bin; where an entry's key is its place */
	size_t *first;         /* by place: its first entry; one more at the end */
	const uint32_t *ends;  /* NULL: each key has its own samples alone */
};

/* places: by key of the series; NULL: it is its own place. key_count: of places. */
void courses_init(
	struct courses *courses, struct series *series, size_t key_count, const struct key_nesting *nesting);
void courses_release(struct courses *courses);
/* The entries that a key has. */
const struct entry *courses_of(const struct courses *courses, uint32_t key, size_t *count);
/* By bin: what the key has more than its share of the run would be. */
void courses_excess(const struct courses *courses, uint32_t key, double course[BINS_LIMIT]);

/* How long the samples of a run remember each other. */
struct blocks {
	size_t length; /* bins */
	double growth; /* variances are larger than what blocks of that length show, so many times */
};

/* By what these keys have, which have most. */
struct blocks blocks_choose(const struct courses *courses, const uint32_t *leaders, size_t leader_count);

/* Blocks of one length that begin at any bin of a run, its end joined to its beginning. */
struct window {
	size_t length, bin_count;
	double samples[BINS_LIMIT]; /* by their first bin: samples in the block */
	double around[BINS_LIMIT];  /* by bin: the samples of all blocks that it is in */
	double squares;             /* of samples, summed */
};

/* What is drawn of a run: as many bins as it has, in blocks, the last of which may be shorter. */
struct draw {
	struct window whole, rest; /* rest: its length may be 0 */
	size_t whole_count;
};

void draw_init(struct draw *draw, const struct series *series, size_t block);
/*
 * The variance of what a draw has of the key more than `share` of the samples that it has. *sum: what the run
 * itself has more than that.
 */
double draw_variance(
	const struct draw *draw, const struct courses *courses, uint32_t key, double share, double *sum);

#endif
