/* SPDX-License-Identifier: MIT */
/* A sorted array, searched by halves. */
#include "config.h"

#include "native/names/ranges.h"

#include <stdlib.h>

void ranges_add(struct ranges *ranges, uint64_t start, uint64_t end, uint64_t value)
{
	if (start >= end)
		return;
	array_reserve(&ranges->list, &ranges->capacity, ranges->count + 1, sizeof(*ranges->list));
	ranges->list[ranges->count++] = (struct range){ .start = start, .end = end, .value = value };
}

static int compare_ranges(const void *left_range, const void *right_range)
{
	const struct range *left = left_range, *right = right_range;

	if (left->start != right->start)
		return left->start < right->start ? -1 : 1;
	return left->value < right->value ? -1 : left->value > right->value;
}

void ranges_sort(struct ranges *ranges)
{
	if (ranges->count)
		qsort(ranges->list, ranges->count, sizeof(*ranges->list), compare_ranges);
}

const struct range *ranges_find(const struct ranges *ranges, uint64_t vaddr)
{
	size_t low;

	LOWER_BOUND(low, ranges->count, i, ranges->list[i].start <= vaddr);
	return low && vaddr < ranges->list[low - 1].end ? &ranges->list[low - 1] : NULL;
}

void ranges_release(struct ranges *ranges)
{
	free(ranges->list);
	*ranges = (struct ranges){ .list = NULL };
}
