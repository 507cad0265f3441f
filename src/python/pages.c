/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "python/pages.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES 4096
#define PAGES_LIMIT 4096
#define JOINED_LIMIT (64 * 1024) /* of one request */
#define NO_PAGE UINT64_MAX       /* it cannot be read */

static const void *view_at(struct memory_view *view, raddr_t address, size_t length)
{
	struct pages *pages = (struct pages *)view;

	if (length > JOINED_LIMIT)
		return NULL;
	buffer_clear(&pages->joined);
	for (size_t done = 0; done < length;) {
		unsigned char piece[PAGE_BYTES];
		const size_t now = length - done < sizeof(piece) ? length - done : sizeof(piece);

		if (!pages_read(pages, address + done, piece, now))
			return NULL;
		buffer_append(&pages->joined, piece, now);
		done += now;
	}
	return pages->joined.data;
}

void pages_init(struct pages *pages, struct target *target)
{
	*pages = (struct pages){ .view = { view_at }, .target = target };
}

void pages_forget(struct pages *pages)
{
	u64_map_clear(&pages->index);
	pages->count = 0;
	pages->is_late = false;
}

void pages_release(struct pages *pages)
{
	for (size_t i = 0; i < pages->capacity; i++)
		free(pages->list[i]);
	free(pages->list);
	u64_map_release(&pages->index);
	buffer_release(&pages->joined);
}

/* The memory of pages that were forgotten is used again. */
static unsigned char *next_page(struct pages *pages)
{
	const size_t before = pages->capacity;

	array_reserve(&pages->list, &pages->capacity, pages->count + 1, sizeof(*pages->list));
	for (size_t i = before; i < pages->capacity; i++)
		pages->list[i] = NULL;
	if (!pages->list[pages->count])
		pages->list[pages->count] = xmalloc(PAGE_BYTES);
	return pages->list[pages->count];
}

static const unsigned char *page_of(struct pages *pages, raddr_t start)
{
	const uint64_t *known = u64_map_get(&pages->index, start);
	unsigned char *page;

	if (known)
		return *known == NO_PAGE ? NULL : pages->list[*known];
	if (pages->count >= PAGES_LIMIT || (pages->deadline_ns && monotonic_ns() >= pages->deadline_ns)) {
		pages->is_late = true;
		return NULL;
	}
	page = next_page(pages);
	if (!target_read(pages->target, start, page, PAGE_BYTES)) {
		u64_map_put(&pages->index, start, NO_PAGE);
		return NULL;
	}
	u64_map_put(&pages->index, start, pages->count++);
	return page;
}

size_t pages_read_upto(struct pages *pages, raddr_t address, void *data, size_t length)
{
	size_t done = 0;

	while (done < length) {
		const raddr_t at = address + done;
		const size_t offset = at % PAGE_BYTES;
		const size_t left = PAGE_BYTES - offset;
		const size_t now = length - done < left ? length - done : left;
		const unsigned char *page = at >= address ? page_of(pages, at - offset) : NULL;

		if (!page)
			break;
		memcpy((char *)data + done, page + offset, now);
		done += now;
	}
	return done;
}

bool pages_read(struct pages *pages, raddr_t address, void *data, size_t length)
{
	return pages_read_upto(pages, address, data, length) == length;
}

bool pages_word(struct pages *pages, raddr_t address, uint64_t *word)
{
	return pages_read(pages, address, word, sizeof(*word));
}

bool pages_pointer(struct pages *pages, raddr_t address, raddr_t *pointer)
{
	return pages_word(pages, address, pointer) && *pointer != 0;
}
