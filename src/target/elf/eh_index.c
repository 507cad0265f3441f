/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "target/elf/eh_index.h"

#include <string.h>

/* DW_EH_PE_ of the LSB, section 10.5.1 */
#define ENCODING_SIGNED_4_OF_TABLE 0x3b /* datarel | sdata4 */
#define ENCODING_UNSIGNED_4 0x03
#define ENCODING_SIGNED_4_HERE 0x1b /* pcrel | sdata4 */

bool eh_index_open(struct eh_index *index)
{
	struct {
		uint8_t version, frame_encoding, count_encoding, table_encoding;
		int32_t frame; /* relative to itself */
		uint32_t count;
	} header;

	_Static_assert(sizeof(header) == EH_INDEX_HEADER_BYTES, "as the table has it");
	if (!index->read(index->context, 0, &header, sizeof(header)) || header.version != 1 ||
		header.frame_encoding != ENCODING_SIGNED_4_HERE ||
		header.count_encoding != ENCODING_UNSIGNED_4 ||
		header.table_encoding != ENCODING_SIGNED_4_OF_TABLE)
		return false;
	index->entries = index->vaddr + 4 + (uint64_t)(int64_t)header.frame;
	index->count = header.count;
	return true;
}

static bool read_pair(const struct eh_index *index, uint64_t number, struct eh_index_pair *pair)
{
	int32_t distances[2];

	_Static_assert(sizeof(distances) == EH_INDEX_PAIR_BYTES, "as the table has it");
	if (!index->read(index->context, EH_INDEX_HEADER_BYTES + number * sizeof(distances), distances,
		    sizeof(distances)))
		return false;
	pair->start = index->vaddr + (uint64_t)(int64_t)distances[0];
	pair->entry = index->vaddr + (uint64_t)(int64_t)distances[1];
	return true;
}

bool eh_index_find(const struct eh_index *index, uint64_t vaddr, struct eh_index_pair *pair)
{
	uint64_t low = 0, high = index->count;

	while (low < high) {
		const uint64_t middle = low + (high - low) / 2;

		if (!read_pair(index, middle, pair))
			return false;
		if (pair->start <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	/* where the table is not sorted, what was found may begin later */
	return low && read_pair(index, low - 1, pair) && pair->start <= vaddr;
}
