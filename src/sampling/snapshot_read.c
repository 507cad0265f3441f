/* SPDX-License-Identifier: MIT */
/*
 * The reads of a snapshot, in one process_vm_readv, which serves them in this order:
 *
 * the GIL; the thread state and pointers to the leaf; the range of the leaf and other ranges; the state and
 * the pointers once more; what identifies code objects; the GIL
 */
#include "config.h"

#include "sampling/snapshot.h"

#define ORDERED_FRAMES 16              /* from the innermost on, whose ranges are read in this order */
#define HARD_ENOUGH (HARD_ALWAYS / 64) /* to read what leads to the leaf twice */
#define PIECE_BYTES 131072             /* in a hold the clock is looked at behind each piece of memory */
#define PIECE_REQUESTS 64

static bool read_in_pieces(struct snapshot_reader *reader, const struct read_request *request)
{
	struct target *target = python_target(reader->python);

	for (size_t done = 0, part; done < request->length; done += part) {
		part = request->length - done < PIECE_BYTES ? request->length - done : PIECE_BYTES;
		if (snapshot_reader_is_late(reader) ||
			!target_read(target, request->address + done, (char *)request->data + done, part))
			return false;
	}
	return true;
}

/* target_read_batch, but that it ends when a thread that is held has to be let go, or pyrope has to end. */
static size_t read_requests(struct snapshot_reader *reader, const struct read_request *requests, size_t count)
{
	struct target *target = python_target(reader->python);
	size_t done = 0;

	if (!reader->deadline_ns && count <= PIECE_REQUESTS)
		return target_read_batch(target, requests, count);
	while (done < count && !snapshot_reader_is_late(reader)) {
		size_t end = done, bytes = 0, read;

		while (end < count && end - done < PIECE_REQUESTS &&
			bytes + requests[end].length <= PIECE_BYTES)
			bytes += requests[end++].length;
		if (end == done) {
			if (!read_in_pieces(reader, &requests[done]))
				return done;
			done++;
			continue;
		}
		read = target_read_batch(target, requests + done, end - done);
		done += read;
		if (done < end)
			return done;
	}
	return done;
}

static void add_request(
	struct snapshot_reader *reader, size_t *count, raddr_t address, void *data, size_t length)
{
	array_reserve(&reader->requests, &reader->request_capacity, *count + 1, sizeof(*reader->requests));
	reader->requests[(*count)++] =
		(struct read_request){ .address = address, .data = data, .length = length };
}

static void add_range_request(
	struct snapshot_reader *reader, struct thread *thread, size_t *count, struct range *range)
{
	if (!range || range->asked == reader->snapshots)
		return;
	range->asked = reader->snapshots;
	add_request(reader, count, range->start, thread->copy + range->offset, range->length);
}

/*
 * What changes most comes first, right behind what points at it: the innermost frames of the last walk, one
 * after the other. The less time lies between them, the fewer looks are a mixture of two moments.
 */
static void add_ranges(struct snapshot_reader *reader, struct thread *thread, size_t *count)
{
	const struct walk *walk = &thread->walk;

	for (size_t i = 0; i < walk->count && i < ORDERED_FRAMES; i++)
		add_range_request(reader, thread, count, thread_range_of(thread, walk->frames[i].address));
	for (size_t i = 0; i < thread->range_count; i++)
		add_range_request(reader, thread, count, &thread->ranges[i]);
}

static void add_checks(struct snapshot_reader *reader, struct thread *thread, size_t *count)
{
	size_t at = 0;

	array_reserve(&reader->check_bytes, &reader->check_capacity,
		thread->checked_count * CODE_CHECKS * CODE_CHECK_BYTES, 1);
	array_reserve(
		&reader->checked, &reader->checked_capacity, thread->checked_count, sizeof(*reader->checked));
	reader->checked_count = thread->checked_count;
	for (size_t i = 0; i < thread->checked_count; i++) {
		const struct code *code = thread->checked[i];

		reader->checked[i] = (struct checked_code){ code, at };
		for (size_t j = 0; j < code->check_count; j++, at += CODE_CHECK_BYTES)
			add_request(reader, count, code->checks[j].address, reader->check_bytes + at,
				code->checks[j].length);
	}
}

/* Removes the range or check that could not be read. False: it was the thread state itself. */
static bool drop_unreadable(struct thread *thread, raddr_t address)
{
	if (thread->pointers_length && address == thread->pointers) {
		thread->pointers_length = 0;
		return true;
	}
	for (size_t i = 0; i < thread->range_count; i++) {
		if (thread->ranges[i].start == address) {
			thread_clear_ranges(thread);
			return true;
		}
	}
	for (size_t i = 0; i < thread->checked_count; i++) {
		for (size_t j = 0; j < thread->checked[i]->check_count; j++) {
			if (thread->checked[i]->checks[j].address == address) {
				/* its memory is gone: decoded anew when met again */
				thread->checked[i]->is_volatile = true;
				thread->checked[i]->listed = 0;
				thread->checked[i] = thread->checked[--thread->checked_count];
				return true;
			}
		}
	}
	return false;
}

enum snapshot_result snapshot_read(
	struct snapshot_reader *reader, struct thread *thread, const struct gil *gil)
{
	size_t count = 0, done;

	thread->last_read = ++reader->snapshots;
	array_reserve(&thread->copy, &thread->copy_capacity, thread->bytes, 1);
	reader->has_read = false;
	if (gil)
		add_request(reader, &count, gil->address, reader->gil_before, gil->length);
	add_request(reader, &count, thread->identity.state, thread->state, reader->state_bytes);
	if (thread->pointers_length)
		add_request(reader, &count, thread->pointers, thread->pointer_bytes, thread->pointers_length);
	add_ranges(reader, thread, &count);
	thread->has_after = gil && thread->hardness > HARD_ENOUGH;
	if (thread->has_after && !thread->state_after)
		thread->state_after = xcalloc(1, reader->state_bytes);
	if (thread->has_after)
		add_request(reader, &count, thread->identity.state, thread->state_after, reader->state_bytes);
	if (thread->has_after && thread->pointers_length)
		add_request(reader, &count, thread->pointers, thread->pointer_bytes_after,
			thread->pointers_length);
	add_checks(reader, thread, &count);
	if (gil)
		add_request(reader, &count, gil->address, reader->gil_after, gil->length);
	done = read_requests(reader, reader->requests, count);
	reader->has_read = done == count;
	if (done == count)
		return SNAPSHOT_WHOLE;
	if (snapshot_reader_is_late(reader))
		return SNAPSHOT_LATE;
	return drop_unreadable(thread, reader->requests[done].address) ? SNAPSHOT_BROKEN : SNAPSHOT_FOREIGN;
}

void snapshot_warm(struct snapshot_reader *reader, struct thread *thread, const struct gil *gil)
{
	if (thread->hardness > HARD_ENOUGH)
		snapshot_read(reader, thread, gil);
}
