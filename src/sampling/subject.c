/* SPDX-License-Identifier: MIT */
/* Ranges and buffers of one thread. What is done with them is in look.c. */
#include "config.h"

#include "sampling/subject.h"

#include <stdlib.h>
#include <string.h>

/*
 * Ranges nearer than this become one: another range costs about as much as copying 4 KB. The bytes between lie in the
 * page of the one's end or of the other's start, so that they are mapped.
 */
#define MERGE_GAP 2048
#define HARD_LOOKS 64          /* over so many the hard ones are counted */
#define RANGE_AGE 1024    /* looks after which a range in which there is no frame any more is forgotten */
#define RANGE_PROBATION 32 /* and so soon when there never was one */
#define ROOM_FRAMES 16384      /* less is not worth giving back */
#define ROOM_BYTES 4194304
#define ROOM_FRAME_BYTES 4096  /* more than that for each frame is room that they do not need */
#define ROOM_FACTOR 16

struct subject *subject_new(const struct python_thread *thread, size_t state_bytes)
{
	struct subject *subject = xcalloc(1, sizeof(*subject));

	subject->thread = *thread;
	subject->weight = 1;
	subject->state = xcalloc(1, state_bytes);
	subject_mark_checked(subject);
	return subject;
}

/* What grows with the depth of the chain. */
static void release_room(struct subject *subject)
{
	free(subject->ranges);
	free(subject->copy);
	free(subject->frames);
	free(subject->memo);
	free(subject->trunk_frames);
	walk_release(&subject->walk);
}

void subject_free(struct subject *subject)
{
	if (!subject)
		return;
	release_room(subject);
	free(subject->state);
	free(subject->state_after);
	free(subject->checked);
	free(subject->trunk);
	free(subject->pointer_bytes);
	free(subject->pointer_bytes_after);
	u64_map_release(&subject->roots);
	free(subject->kept);
	native_merged_release(&subject->kept_merged);
	free(subject);
}

void subject_fit(struct subject *subject, size_t frame_count)
{
	if ((subject->walk.capacity <= ROOM_FRAMES || subject->walk.capacity / ROOM_FACTOR <= frame_count) &&
		(subject->copy_capacity <= ROOM_BYTES || subject->copy_capacity / ROOM_FRAME_BYTES <= frame_count))
		return;
	release_room(subject);
	subject->ranges = NULL;
	subject->range_capacity = 0;
	subject->copy = NULL;
	subject->copy_capacity = 0;
	subject->frames = NULL;
	subject->frame_count = subject->frame_capacity = 0;
	subject->innermost.code = 0;
	subject->memo = NULL;
	subject->memo_capacity = 0;
	subject->trunk_frames = NULL;
	subject->trunk_count = subject->trunk_capacity = 0;
	subject->is_kept = false; /* a merged stack goes with its walk */
	subject_clear_ranges(subject);
}

/* No more memory than for so many. */
static void array_fit(void *array, size_t *capacity, size_t count, size_t element_bytes)
{
	void **slot = array;

	if (*capacity <= count)
		return;
	*slot = xreallocarray(*slot, count, element_bytes);
	*capacity = count;
}

void subject_rest(struct subject *subject)
{
	free(subject->copy);
	subject->copy = NULL;
	subject->copy_capacity = 0;
	free(subject->state_after);
	subject->state_after = NULL;
	subject->has_after = subject->uses_after = false;
	array_fit(&subject->ranges, &subject->range_capacity, subject->range_count, sizeof(*subject->ranges));
	array_fit(&subject->frames, &subject->frame_capacity, subject->frame_count, sizeof(*subject->frames));
	array_fit(&subject->kept, &subject->kept_capacity, subject->kept_count, sizeof(*subject->kept));
	array_fit(&subject->memo, &subject->memo_capacity, subject->walk.count, sizeof(*subject->memo));
	array_fit(&subject->walk.frames, &subject->walk.capacity, subject->walk.count, sizeof(*subject->walk.frames));
	array_fit(&subject->kept_merged.frames, &subject->kept_merged.capacity, subject->kept_merged.count,
		sizeof(*subject->kept_merged.frames));
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
	uint32_t used = subject->looks + RANGE_PROBATION - RANGE_AGE;

	if (end < start)
		return;
	while (last < subject->range_count && subject->ranges[last].start <= end + MERGE_GAP) {
		if (subject->ranges[last].start < start)
			start = subject->ranges[last].start;
		if (range_end(&subject->ranges[last]) > end)
			end = range_end(&subject->ranges[last]);
		if (subject->looks - subject->ranges[last].used < subject->looks - used)
			used = subject->ranges[last].used;
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
	subject->ranges[first] = (struct range){ .start = start, .length = end - start, .used = used };
	lay_out(subject);
}

/* Most frames lie in the range of the one before. */
static struct range *mark_used(struct subject *subject, struct range *range, raddr_t address)
{
	if (!range || address < range->start || address - range->start >= range->length) {
		range = subject_range_of(subject, address);
		if (range)
			range->used = subject->looks;
	}
	return range;
}

void subject_mark_ranges(struct subject *subject)
{
	const struct walk *walk = &subject->walk;
	struct range *range = NULL;

	subject->looks++;
	for (size_t i = 0; i < walk->count; i++)
		range = mark_used(subject, range, walk->frames[i].address);
	for (size_t i = 0; i < walk->group_count; i++)
		range = mark_used(subject, range, walk->groups[i].shim);
}

void subject_drop_ranges(struct subject *subject)
{
	size_t kept = 0;

	if (subject->looks % RANGE_PROBATION)
		return;
	for (size_t i = 0; i < subject->range_count; i++) {
		if (subject->looks - subject->ranges[i].used <= RANGE_AGE)
			subject->ranges[kept++] = subject->ranges[i];
	}
	if (kept == subject->range_count)
		return;
	subject->range_count = kept;
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
	array_reserve(&subject->pointer_bytes_after, &subject->pointer_after_capacity, subject->pointers_length, 1);
}

const void *subject_pointer(const struct subject *subject, raddr_t address, size_t length)
{
	if (address < subject->pointers || length > subject->pointers_length ||
		address - subject->pointers > subject->pointers_length - length)
		return NULL;
	return (subject->uses_after ? subject->pointer_bytes_after : subject->pointer_bytes) + (address - subject->pointers);
}

void subject_count_look(struct subject *subject, bool was_hard)
{
	subject->hardness -= subject->hardness / HARD_LOOKS;
	if (was_hard)
		subject->hardness += HARD_ALWAYS / HARD_LOOKS;
}

void subject_clear_ranges(struct subject *subject)
{
	subject->range_count = 0;
	subject->bytes = 0;
	subject->looks_since_rebuild = 0;
}

struct range *subject_range_of(const struct subject *subject, raddr_t address)
{
	size_t low = 0, high = subject->range_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct range *range = &subject->ranges[middle];

		if (address < range->start)
			high = middle;
		else if (address - range->start >= range->length)
			low = middle + 1;
		else
			return range;
	}
	return NULL;
}

const void *subject_bytes(const struct subject *subject, raddr_t address, size_t length)
{
	const struct range *range = subject_range_of(subject, address);

	if (!range || length > range->length - (address - range->start))
		return NULL;
	return subject->copy + range->offset + (address - range->start);
}

static uint64_t marks; /* only the sampling thread's */

void subject_mark_checked(struct subject *subject)
{
	subject->check_mark = ++marks;
	for (size_t i = 0; i < subject->checked_count; i++)
		subject->checked[i]->listed = subject->check_mark;
}

bool subject_checks_code(const struct subject *subject, const struct code *code)
{
	return code->listed == subject->check_mark;
}

void subject_check_code(struct subject *subject, struct code *code)
{
	if (subject_checks_code(subject, code))
		return;
	array_reserve(&subject->checked, &subject->checked_capacity, subject->checked_count + 1, sizeof(struct code *));
	subject->checked[subject->checked_count++] = code;
	code->listed = subject->check_mark;
}

void subject_prune_checked(struct subject *subject)
{
	const uint64_t before = subject->check_mark;
	size_t kept = 0;

	if (!subject->checked_count)
		return;
	subject->check_mark = ++marks;
	for (size_t i = 0; i < subject->frame_count; i++) {
		struct code *code = subject->frames[i].code;

		if (code_may_go(code) && code->listed == before)
			code->listed = subject->check_mark;
	}
	for (size_t i = 0; i < subject->checked_count; i++) {
		if (subject_checks_code(subject, subject->checked[i]))
			subject->checked[kept++] = subject->checked[i];
	}
	subject->checked_count = kept;
}
