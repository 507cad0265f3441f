/* SPDX-License-Identifier: MIT */
/*
 * Where a file was loaded. The loader maps each PT_LOAD at bias + vaddr rounded down to a page, with the
 * file offset rounded down likewise; then mprotect splits mappings (RELRO), the kernel joins neighbours,
 * and the program may map the same file for purposes of its own. So each pair of a segment and a mapping
 * that begin at the same page of the file proposes a bias, and the bias that explains most segments is
 * taken.
 */
#include "config.h"

#include "target/elf/internal.h"

#include <string.h>
#include <unistd.h>

#define PROPOSAL_LIMIT 256 /* a target may map its file as often as it likes */

bool mapping_same_file(const struct mapping *first, const struct mapping *second)
{
	return first->inode == second->inode && first->device_major == second->device_major &&
		first->device_minor == second->device_minor && strcmp(first->path, second->path) == 0;
}

/*
 * Does a mapping hold the first page of the segment, where this bias puts it? 2: with the right protection,
 * too.
 */
static unsigned explains(const struct elf_segment *segment, const struct mapping *const *mappings,
	size_t count, uint64_t page_mask, raddr_t bias)
{
	raddr_t address = (bias + segment->vaddr) & page_mask;

	for (size_t i = 0; i < count; i++) {
		const struct mapping *mapping = mappings[i];

		if (address >= mapping->start && address < mapping->end &&
			address - mapping->start + mapping->offset == (segment->offset & page_mask))
			return mapping->executable == segment->executable ? 2 : 1;
	}
	return 0;
}

static unsigned score_bias(const struct elf_segment *segments, size_t segment_count,
	const struct mapping *const *mappings, size_t mapping_count, uint64_t page_mask, raddr_t bias)
{
	unsigned score = 0;

	for (size_t i = 0; i < segment_count; i++)
		if (segments[i].file_bytes)
			score += explains(&segments[i], mappings, mapping_count, page_mask, bias);
	return score;
}

bool elf_load_bias(const struct elf_segment *segments, size_t segment_count,
	const struct mapping *const *mappings, size_t mapping_count, raddr_t *bias)
{
	uint64_t page_mask = ~((uint64_t)sysconf(_SC_PAGESIZE) - 1);
	unsigned best = 0, perfect = 0, proposals = 0;

	for (size_t i = 0; i < segment_count; i++)
		perfect += segments[i].file_bytes ? 2 : 0;
	for (size_t i = 0; i < mapping_count; i++) {
		for (size_t j = 0; j < segment_count; j++) {
			raddr_t proposed;
			unsigned score;

			if (!segments[j].file_bytes ||
				mappings[i]->offset != (segments[j].offset & page_mask))
				continue;
			if (best == perfect || proposals++ == PROPOSAL_LIMIT)
				return best > 0;
			proposed = mappings[i]->start - (segments[j].vaddr & page_mask);
			score = score_bias(
				segments, segment_count, mappings, mapping_count, page_mask, proposed);
			if (score > best) {
				best = score;
				*bias = proposed;
			}
		}
	}
	return best > 0;
}
