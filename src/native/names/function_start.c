/* SPDX-License-Identifier: MIT */
/*
 * The index of the unwind tables says where functions begin, and the entry that it leads to how long one
 * is.
 */
#include "config.h"

#include "native/names/function_start.h"

#include "target/elf/eh_index.h"

struct index_place {
	const struct elf_object *object;
	uint64_t vaddr;
};

static bool read_index(const void *context, uint64_t offset, void *data, size_t length)
{
	const struct index_place *place = context;

	return elf_object_read_at(place->object, place->vaddr + offset, data, length);
}

/* How many bytes the entry covers; false: it says so in a way that is not the usual one. */
static bool read_length(const struct elf_object *object, uint64_t entry, uint64_t start, uint64_t *length)
{
	struct {
		uint32_t length, cie;
		int32_t start; /* relative to itself */
		uint32_t range;
	} fde;

	if (!elf_object_read_at(object, entry, &fde, sizeof(fde)) || fde.length == UINT32_MAX ||
		entry + 8 + (uint64_t)(int64_t)fde.start != start)
		return false;
	*length = fde.range;
	return true;
}

bool function_start(const struct elf_object *object, uint64_t vaddr, uint64_t *start)
{
	const Elf64_Phdr *segment = elf_object_segment(object, PT_GNU_EH_FRAME);
	const struct index_place place = { .object = object, .vaddr = segment ? segment->p_vaddr : 0 };
	struct eh_index index = { .vaddr = place.vaddr, .read = read_index, .context = &place };
	struct eh_index_pair pair;
	uint64_t length;

	if (!segment || !eh_index_open(&index) || !eh_index_find(&index, vaddr, &pair))
		return false;
	*start = pair.start;
	return !read_length(object, pair.entry, *start, &length) || vaddr - *start < length;
}
