/* SPDX-License-Identifier: MIT */
/*
 * .eh_frame_hdr is a table of pairs, sorted by address: a function's start, and where its unwind entry is
 * (LSB Core 5.0, section 10.6.2). Linkers write one encoding only: 4 bytes, relative to the table itself. The
 * entry tells how long the function is.
 */
#include "config.h"

#include "native/names/function_start.h"

/* DW_EH_PE_ of the LSB, section 10.5.1 */
#define ENCODING_SIGNED_4_OF_TABLE 0x3b /* datarel | sdata4 */
#define ENCODING_UNSIGNED_4 0x03
#define ENCODING_SIGNED_4_HERE 0x1b /* pcrel | sdata4 */

struct index {
	uint64_t vaddr; /* of .eh_frame_hdr */
	uint32_t count;
};

struct pair {
	int32_t start, entry; /* from the start of .eh_frame_hdr */
};

static bool read_index(const struct object *object, struct index *index)
{
	const Elf64_Phdr *segment = object_segment(object, PT_GNU_EH_FRAME);
	struct {
		uint8_t version, frame_encoding, count_encoding, table_encoding;
		int32_t frame;
		uint32_t count;
	} header;

	if (!segment || !object_read_at(object, segment->p_vaddr, &header, sizeof(header)) ||
		header.version != 1 || (header.frame_encoding & 0x0f) != (ENCODING_SIGNED_4_HERE & 0x0f) ||
		header.count_encoding != ENCODING_UNSIGNED_4 ||
		header.table_encoding != ENCODING_SIGNED_4_OF_TABLE)
		return false;
	*index = (struct index){ .vaddr = segment->p_vaddr, .count = header.count };
	return true;
}

static bool read_pair(
	const struct object *object, const struct index *index, uint64_t number, struct pair *pair)
{
	return object_read_at(object, index->vaddr + 12 + number * sizeof(*pair), pair, sizeof(*pair));
}

/* How many bytes the entry covers; false: it says so in a way that is not the usual one. */
static bool read_length(const struct object *object, uint64_t entry, uint64_t start, uint64_t *length)
{
	struct {
		uint32_t length, cie;
		int32_t start; /* relative to itself */
		uint32_t range;
	} fde;

	if (!object_read_at(object, entry, &fde, sizeof(fde)) || fde.length == UINT32_MAX ||
		entry + 8 + (uint64_t)(int64_t)fde.start != start)
		return false;
	*length = fde.range;
	return true;
}

bool function_start(const struct object *object, uint64_t vaddr, uint64_t *start)
{
	uint64_t low = 0, high, length;
	struct index index;
	struct pair pair;

	if (!read_index(object, &index))
		return false;
	high = index.count;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (!read_pair(object, &index, middle, &pair))
			return false;
		if (index.vaddr + (uint64_t)(int64_t)pair.start <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || !read_pair(object, &index, low - 1, &pair))
		return false;
	*start = index.vaddr + (uint64_t)(int64_t)pair.start;
	if (*start > vaddr) /* the table is not sorted */
		return false;
	return !read_length(object, index.vaddr + (uint64_t)(int64_t)pair.entry, *start, &length) ||
		vaddr - *start < length;
}
