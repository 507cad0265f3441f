/* SPDX-License-Identifier: MIT */
/* Ranges and buffers of one thread. What is done with them is in snapshot_read.c and snapshot.c. */
#include "config.h"

#include "sampling/thread.h"

#include <stdlib.h>
#include <string.h>

/*
 * Ranges nearer than this become one: another range costs about as much as copying 4 KB. The bytes between
 * lie in the page of the one's end or of the other's start, so that they are mapped.
 */
#define MERGE_GAP 2048
#define HARD_LOOKS 64 /* over so many the hard ones are counted */
/* looks after which a range in which there is no frame any more is forgotten */
#define RANGE_AGE 1024
#define RANGE_PROBATION 32 /* and so soon when there never was one */
#define ROOM_FRAMES 16384  /* less is not worth giving back */
#define ROOM_BYTES 4194304
#define ROOM_FRAME_BYTES 4096 /* more than that for each frame is room that they do not need */
#define ROOM_FACTOR 16

struct thread *thread_new(const struct python_thread *identity, size_t state_bytes)
{
	struct thread *thread = xcalloc(1, sizeof(*thread));

	thread->identity = *identity;
	thread->weight = 1;
	thread->state = xcalloc(1, state_bytes);
	thread_mark_checked(thread);
	return thread;
}

/* What grows with the depth of the chain. */
static void release_room(struct thread *thread)
{
	free(thread->ranges);
	free(thread->copy);
	free(thread->frames);
	free(thread->memo);
	free(thread->outer_frames);
	walk_release(&thread->walk);
}

void thread_free(struct thread *thread)
{
	if (!thread)
		return;
	release_room(thread);
	free(thread->state);
	free(thread->state_after);
	free(thread->checked);
	free(thread->outer);
	free(thread->pointer_bytes);
	free(thread->pointer_bytes_after);
	u64_map_release(&thread->roots);
	free(thread->kept.frames);
	native_merged_release(&thread->kept.merged);
	free(thread);
}

void thread_fit(struct thread *thread, size_t frame_count)
{
	if ((thread->walk.capacity <= ROOM_FRAMES || thread->walk.capacity / ROOM_FACTOR <= frame_count) &&
		(thread->copy_capacity <= ROOM_BYTES ||
			thread->copy_capacity / ROOM_FRAME_BYTES <= frame_count))
		return;
	release_room(thread);
	thread->ranges = NULL;
	thread->range_capacity = 0;
	thread->copy = NULL;
	thread->copy_capacity = 0;
	thread->frames = NULL;
	thread->frame_count = thread->frame_capacity = 0;
	thread->innermost.code = 0;
	thread->memo = NULL;
	thread->memo_capacity = 0;
	thread->outer_frames = NULL;
	thread->outer_count = thread->outer_capacity = 0;
	thread->is_kept = false; /* a merged stack goes with its walk */
	thread_clear_ranges(thread);
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

void thread_rest(struct thread *thread)
{
	free(thread->copy);
	thread->copy = NULL;
	thread->copy_capacity = 0;
	free(thread->state_after);
	thread->state_after = NULL;
	thread->has_after = thread->uses_after = false;
	array_fit(&thread->ranges, &thread->range_capacity, thread->range_count, sizeof(*thread->ranges));
	array_fit(&thread->frames, &thread->frame_capacity, thread->frame_count, sizeof(*thread->frames));
	array_fit(&thread->kept.frames, &thread->kept.capacity, thread->kept.count,
		sizeof(*thread->kept.frames));
	array_fit(&thread->memo, &thread->memo_capacity, thread->walk.count, sizeof(*thread->memo));
	array_fit(&thread->walk.frames, &thread->walk.capacity, thread->walk.count,
		sizeof(*thread->walk.frames));
	array_fit(&thread->kept.merged.frames, &thread->kept.merged.capacity, thread->kept.merged.count,
		sizeof(*thread->kept.merged.frames));
}

static raddr_t range_end(const struct range *range)
{
	return range->start + range->length;
}

/* The first range that ends at or behind address - MERGE_GAP. */
static size_t first_near(const struct thread *thread, raddr_t address)
{
	size_t low;

	LOWER_BOUND(low, thread->range_count, i,
		range_end(&thread->ranges[i]) + MERGE_GAP < address &&
			range_end(&thread->ranges[i]) < address);
	return low;
}

static void lay_out(struct thread *thread)
{
	thread->bytes = 0;
	for (size_t i = 0; i < thread->range_count; i++) {
		thread->ranges[i].offset = thread->bytes;
		thread->bytes += thread->ranges[i].length;
	}
	array_reserve(&thread->copy, &thread->copy_capacity, thread->bytes, 1);
}

void thread_add_range(struct thread *thread, raddr_t start, size_t length)
{
	raddr_t end = start + length;
	size_t first = first_near(thread, start), last = first;
	uint32_t used = thread->snapshots + RANGE_PROBATION - RANGE_AGE;

	if (end < start)
		return;
	while (last < thread->range_count && thread->ranges[last].start <= end + MERGE_GAP) {
		if (thread->ranges[last].start < start)
			start = thread->ranges[last].start;
		if (range_end(&thread->ranges[last]) > end)
			end = range_end(&thread->ranges[last]);
		if (thread->snapshots - thread->ranges[last].used < thread->snapshots - used)
			used = thread->ranges[last].used;
		last++;
	}
	if (last == first) {
		array_reserve(&thread->ranges, &thread->range_capacity, thread->range_count + 1,
			sizeof(*thread->ranges));
		memmove(thread->ranges + first + 1, thread->ranges + first,
			(thread->range_count - first) * sizeof(*thread->ranges));
		thread->range_count++;
	} else {
		memmove(thread->ranges + first + 1, thread->ranges + last,
			(thread->range_count - last) * sizeof(*thread->ranges));
		thread->range_count -= last - first - 1;
	}
	thread->ranges[first] = (struct range){ .start = start, .length = end - start, .used = used };
	lay_out(thread);
}

/* Most frames lie in the range of the one before. */
static struct range *mark_used(struct thread *thread, struct range *range, raddr_t address)
{
	if (!range || address < range->start || address - range->start >= range->length) {
		range = thread_range_of(thread, address);
		if (range)
			range->used = thread->snapshots;
	}
	return range;
}

void thread_mark_ranges(struct thread *thread)
{
	const struct walk *walk = &thread->walk;
	struct range *range = NULL;

	thread->snapshots++;
	for (size_t i = 0; i < walk->count; i++)
		range = mark_used(thread, range, walk->frames[i].address);
	for (size_t i = 0; i < walk->group_count; i++)
		range = mark_used(thread, range, walk->groups[i].shim);
}

void thread_drop_ranges(struct thread *thread)
{
	size_t kept = 0;

	if (thread->snapshots % RANGE_PROBATION)
		return;
	for (size_t i = 0; i < thread->range_count; i++) {
		if (thread->snapshots - thread->ranges[i].used <= RANGE_AGE)
			thread->ranges[kept++] = thread->ranges[i];
	}
	if (kept == thread->range_count)
		return;
	thread->range_count = kept;
	lay_out(thread);
}

void thread_add_pointer(struct thread *thread, raddr_t address, size_t length)
{
	raddr_t start = address, end = address + length;

	if (thread->pointers_length) {
		const raddr_t had_end = thread->pointers + thread->pointers_length;

		start = thread->pointers < start ? thread->pointers : start;
		end = had_end > end ? had_end : end;
	}
	if (end - start > POINTER_WINDOW) {
		start = address;
		end = address + length;
	}
	thread->pointers = start;
	thread->pointers_length = end - start;
	array_reserve(&thread->pointer_bytes, &thread->pointer_capacity, thread->pointers_length, 1);
	array_reserve(
		&thread->pointer_bytes_after, &thread->pointer_after_capacity, thread->pointers_length, 1);
}

const void *thread_pointer(const struct thread *thread, raddr_t address, size_t length)
{
	if (address < thread->pointers || length > thread->pointers_length ||
		address - thread->pointers > thread->pointers_length - length)
		return NULL;
	return (thread->uses_after ? thread->pointer_bytes_after : thread->pointer_bytes) +
		(address - thread->pointers);
}

void thread_count_snapshot(struct thread *thread, bool was_hard)
{
	thread->hardness -= thread->hardness / HARD_LOOKS;
	if (was_hard)
		thread->hardness += HARD_ALWAYS / HARD_LOOKS;
}

void thread_clear_ranges(struct thread *thread)
{
	thread->range_count = 0;
	thread->bytes = 0;
	thread->snapshots_since_rebuild = 0;
}

struct range *thread_range_of(const struct thread *thread, raddr_t address)
{
	size_t low;

	LOWER_BOUND(low, thread->range_count, i,
		thread->ranges[i].start <= address &&
			address - thread->ranges[i].start >= thread->ranges[i].length);
	return low < thread->range_count && thread->ranges[low].start <= address ? &thread->ranges[low]
										 : NULL;
}

const void *thread_bytes(const struct thread *thread, raddr_t address, size_t length)
{
	const struct range *range = thread_range_of(thread, address);

	if (!range || length > range->length - (address - range->start))
		return NULL;
	return thread->copy + range->offset + (address - range->start);
}

static uint64_t marks; /* only the sampling thread's */

void thread_mark_checked(struct thread *thread)
{
	thread->check_mark = ++marks;
	for (size_t i = 0; i < thread->checked_count; i++)
		thread->checked[i]->listed = thread->check_mark;
}

bool thread_checks_code(const struct thread *thread, const struct code *code)
{
	return code->listed == thread->check_mark;
}

void thread_check_code(struct thread *thread, struct code *code)
{
	if (thread_checks_code(thread, code))
		return;
	array_reserve(&thread->checked, &thread->checked_capacity, thread->checked_count + 1,
		sizeof(struct code *));
	thread->checked[thread->checked_count++] = code;
	code->listed = thread->check_mark;
}

void thread_prune_checked(struct thread *thread)
{
	const uint64_t before = thread->check_mark;
	size_t kept = 0;

	if (!thread->checked_count)
		return;
	thread->check_mark = ++marks;
	for (size_t i = 0; i < thread->frame_count; i++) {
		struct code *code = thread->frames[i].code;

		if (code_may_go(code) && code->listed == before)
			code->listed = thread->check_mark;
	}
	for (size_t i = 0; i < thread->checked_count; i++) {
		if (thread_checks_code(thread, thread->checked[i]))
			thread->checked[kept++] = thread->checked[i];
	}
	thread->checked_count = kept;
}
