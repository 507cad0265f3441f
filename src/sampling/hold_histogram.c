/* SPDX-License-Identifier: MIT */
/*
 * How long the holds were, in classes that grow with the length: a few hundred bytes for any number of
 * them.
 */
#include "config.h"

#include "sampling/hold_histogram.h"

unsigned hold_histogram_class(int64_t held_ns)
{
	uint64_t length = held_ns > 1 ? (uint64_t)held_ns : 1;
	unsigned doublings = 63 - (unsigned)__builtin_clzll(length);
	unsigned quarter = doublings < 2 ? 0 : (unsigned)(length >> (doublings - 2)) & 3;
	unsigned class = doublings * 4 + quarter;

	return class < HELD_CLASSES ? class : HELD_CLASSES - 1;
}

/* Where the class ends. */
static int64_t class_end(unsigned class)
{
	const uint64_t start = UINT64_C(1) << class / 4;

	return (int64_t)(start + start / 4 * (class % 4 + 1));
}

int64_t sampling_held_ns(const struct sampling_statistics *statistics, unsigned permille)
{
	uint64_t total = 0, so_far = 0;

	for (unsigned i = 0; i < HELD_CLASSES; i++)
		total += statistics->held_classes[i];
	for (unsigned i = 0; i < HELD_CLASSES; i++) {
		so_far += statistics->held_classes[i];
		if (so_far && so_far * 1000 >= total * permille)
			return class_end(i) < statistics->held_longest_ns ? class_end(i)
									  : statistics->held_longest_ns;
	}
	return 0;
}
