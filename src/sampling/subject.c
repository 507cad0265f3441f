/* SPDX-License-Identifier: MIT */
/* Ranges and buffers of one thread. What is done with them is in look.c. */
#include "config.h"

#include "subject.h"

#include <stdlib.h>
#include <string.h>

/*
 * Ranges nearer than this become one: another range costs about as much as copying 4 KB. The bytes between lie in the
 * page of the one's end or of the other's start, so that they are mapped.
 */
#define MERGE_GAP 2048

struct subject *subject_new(const struct python_thread *thread, size_t state_bytes)
{
	struct subject *subject = xcalloc(1, sizeof(*subject));

	subject->thread = *thread;
	subject->state = xcalloc(1, state_bytes);
	return subject;
}

void subject_free(struct subject *subject)
{
	if (!subject)
		return;
	free(subject->ranges);
	free(subject->state);
	free(subject->copy);
	free(subject->checked);
	free(subject->check_bytes);
	free(subject->frames);
	free(subject->memo);
	free(subject->trunk);
	free(subject->pointer_bytes);
	free(subject->trunk_frames);
	free(subject->kept);
	native_merged_release(&subject->kept_merged);
	walk_release(&subject->walk);
	free(subject);
}

static raddr_t range_end(const struct range *range)
{
	return range->start + range->length;
}

/* The first range that ends at or behind address - MERGE_GAP. */
static size_t lower_bound(const struct subject *subject, raddr_t address)
{
	size_t low = 0, high = subject->range_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (range_end(&subject->ranges[middle]) + MERGE_GAP < address && range_end(&subject->ranges[middle]) < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void lay_out(struct subject *subject)
{
	subject->bytes = 0;
	for (size_t i = 0; i < subject->range_count; i++) {
		subject->ranges[i].offset = subject->bytes;
		subject->bytes += subject->ranges[i].length;
	}
	array_reserve(&subject->copy, &subject->copy_capacity, subject->bytes, 1);
}

void subject_add_range(struct subject *subject, raddr_t start, size_t length)
{
	raddr_t end = start + length;
	size_t first = lower_bound(subject, start), last = first;

	if (end < start)
		return;
	while (last < subject->range_count && subject->ranges[last].start <= end + MERGE_GAP) {
		if (subject->ranges[last].start < start)
			start = subject->ranges[last].start;
		if (range_end(&subject->ranges[last]) > end)
			end = range_end(&subject->ranges[last]);
		last++;
	}
	if (last == first) {
		array_reserve(&subject->ranges, &subject->range_capacity, subject->range_count + 1,
			sizeof(*subject->ranges));
		memmove(subject->ranges + first + 1, subject->ranges + first,
			(subject->range_count - first) * sizeof(*subject->ranges));
		subject->range_count++;
	} else {
		memmove(subject->ranges + first + 1, subject->ranges + last,
			(subject->range_count - last) * sizeof(*subject->ranges));
		subject->range_count -= last - first - 1;
	}
	subject->ranges[first] = (struct range){ .start = start, .length = end - start };
	lay_out(subject);
}

void subject_add_pointer(struct subject *subject, raddr_t address, size_t length)
{
	raddr_t start = address, end = address + length;

	if (subject->pointers_length) {
		const raddr_t had_end = subject->pointers + subject->pointers_length;

		start = subject->pointers < start ? subject->pointers : start;
		end = had_end > end ? had_end : end;
	}
	if (end - start > POINTER_WINDOW) {
		start = address;
		end = address + length;
	}
	subject->pointers = start;
	subject->pointers_length = end - start;
	array_reserve(&subject->pointer_bytes, &subject->pointer_capacity, subject->pointers_length, 1);
}

const void *subject_pointer(const struct subject *subject, raddr_t address, size_t length)
{
	if (address < subject->pointers || length > subject->pointers_length ||
		address - subject->pointers > subject->pointers_length - length)
		return NULL;
	return subject->pointer_bytes + (address - subject->pointers);
}

void subject_clear_ranges(struct subject *subject)
{
	subject->range_count = 0;
	subject->bytes = 0;
	subject->looks_since_rebuild = 0;
}

const void *subject_bytes(const struct subject *subject, raddr_t address, size_t length)
{
	size_t low = 0, high = subject->range_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct range *range = &subject->ranges[middle];

		if (address < range->start) {
			high = middle;
		} else if (address - range->start >= range->length) {
			low = middle + 1;
		} else {
			size_t into = address - range->start;

			return length <= range->length - into ? subject->copy + range->offset + into : NULL;
		}
	}
	return NULL;
}

void subject_check_code(struct subject *subject, struct code *code)
{
	for (size_t i = 0; i < subject->checked_count; i++) {
		if (subject->checked[i] == code)
			return;
	}
	array_reserve(&subject->checked, &subject->checked_capacity, subject->checked_count + 1, sizeof(struct code *));
	subject->checked[subject->checked_count++] = code;
}
