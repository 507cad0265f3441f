/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "sampling/scout.h"

#include <stdlib.h>
#include <string.h>

#define LEAF_SLACK 1024 /* bytes behind the innermost frame that are fetched for frames to come */
#define PAGE 4096u
#define SCOUT_PAGES 64
#define SCOUTED_IN_HOLD 512

/* Live memory for the first walk along a chain: whole pages, of which the last few are kept. */
struct scout {
	struct memory_view view;
	struct snapshot_reader *reader;
	struct thread *thread;
	unsigned steps;
	struct scout_page {
		raddr_t address; /* 0: none */
		size_t length;
		unsigned char bytes[PAGE];
	} pages[SCOUT_PAGES];
	unsigned char joined[PAGE]; /* for what crosses pages */
	struct touched {
		raddr_t address;
		size_t length;
	} * touched;
	size_t touched_count, touched_capacity;
};

struct scout *scout_new(void)
{
	return xcalloc(1, sizeof(struct scout));
}

void scout_free(struct scout *scout)
{
	if (scout)
		free(scout->touched);
	free(scout);
}

static const unsigned char *scout_page(struct scout *scout, raddr_t page)
{
	struct scout_page *slot = &scout->pages[page / PAGE % SCOUT_PAGES];

	if (slot->address != page) {
		slot->address = page;
		slot->length =
			target_read(python_target(scout->reader->python), page, slot->bytes, PAGE) ? PAGE : 0;
	}
	return slot->length ? slot->bytes : NULL;
}

/*
 * Most frames lie beside the one before: those are joined at once, so that few are to be sorted however
 * deep the stack is.
 */
static void note_touched(struct scout *scout, raddr_t address, size_t length)
{
	struct touched *last = scout->touched_count ? &scout->touched[scout->touched_count - 1] : NULL;

	if (last && last->address != scout->thread->identity.state &&
		last->address != scout->thread->walk.pointer &&
		address + length + PAGE / 2 >= last->address &&
		address <= last->address + last->length + PAGE / 2) {
		const raddr_t last_end = last->address + last->length, end = address + length;

		last->address = address < last->address ? address : last->address;
		last->length = (end > last_end ? end : last_end) - last->address;
		return;
	}
	array_reserve(
		&scout->touched, &scout->touched_capacity, scout->touched_count + 1, sizeof(*scout->touched));
	scout->touched[scout->touched_count++] = (struct touched){ address, length };
}

static const void *scout_at(struct memory_view *view, raddr_t address, size_t length)
{
	struct scout *scout = (struct scout *)view;
	raddr_t page = address - address % PAGE;
	size_t into = address % PAGE;
	const unsigned char *bytes;

	if (length > PAGE || address > UINT64_MAX - 2 * PAGE ||
		snapshot_reader_is_late_at(scout->reader, &scout->steps))
		return NULL;
	note_touched(scout, address, length);
	bytes = scout_page(scout, page);
	if (!bytes)
		return NULL;
	if (into + length <= PAGE)
		return bytes + into;
	memcpy(scout->joined, bytes + into, PAGE - into);
	bytes = scout_page(scout, page + PAGE);
	if (!bytes)
		return NULL;
	memcpy(scout->joined + (PAGE - into), bytes, length - (PAGE - into));
	return scout->joined;
}

void scout_add_range(
	struct snapshot_reader *reader, struct thread *thread, raddr_t address, size_t length, bool is_leaf)
{
	size_t to_page_end = PAGE - (address + length) % PAGE;

	if (is_leaf && python_frames_are_neighbours(reader->python))
		length += to_page_end < LEAF_SLACK ? to_page_end % PAGE : LEAF_SLACK;
	thread_add_range(thread, address, length);
}

static int compare_touched(const void *left, const void *right)
{
	raddr_t a = ((const struct touched *)left)->address, b = ((const struct touched *)right)->address;

	return (a > b) - (a < b);
}

/* Makes ranges of what a walk has touched. */
void scout_note_ranges(struct snapshot_reader *reader, struct thread *thread)
{
	struct scout *scout = reader->scout;
	raddr_t end = 0, start = 0;

	if (thread->walk.pointer)
		thread_add_pointer(thread, thread->walk.pointer, WALK_POINTER_BYTES);
	qsort(scout->touched, scout->touched_count, sizeof(*scout->touched), compare_touched);
	/* neighbours are joined here already, so that a deep stack is not inserted frame by frame */
	for (size_t i = 0; i < scout->touched_count && !is_interrupted(); i++) {
		const struct touched *touched = &scout->touched[i];

		if (touched->address == thread->identity.state ||
			thread_pointer(thread, touched->address, touched->length))
			continue;
		if (end && touched->address <= end + PAGE / 2) {
			if (touched->address + touched->length > end)
				end = touched->address + touched->length;
			continue;
		}
		if (end)
			scout_add_range(reader, thread, start, end - start, false);
		start = touched->address;
		end = start + touched->length;
	}
	if (end)
		scout_add_range(reader, thread, start, end - start, false);
	if (thread->walk.leaf && thread->walk.count)
		scout_add_range(reader, thread, thread->walk.leaf, 8, true);
}

/* Walks live memory to learn where the chain lies; what it shows is not used for anything else. */
void scout_walk(struct snapshot_reader *reader, struct thread *thread)
{
	struct scout *scout = reader->scout;

	scout->view.at = scout_at;
	scout->reader = reader;
	scout->thread = thread;
	scout->touched_count = 0;
	for (size_t i = 0; i < SCOUT_PAGES; i++)
		scout->pages[i].address = 0;
	python_walk(reader->python, &scout->view, thread->identity.state, reader->max_frames, &thread->walk);
	/* where a thread is held and this takes longer, it is done when it runs again */
	reader->has_scouted =
		reader->deadline_ns && (reader->is_late || scout->touched_count > SCOUTED_IN_HOLD);
	if (reader->has_scouted)
		reader->is_late = true;
	else if (!snapshot_reader_is_late(reader))
		scout_note_ranges(reader, thread);
}
