/* SPDX-License-Identifier: MIT */
/* Facts: Objects/dictobject.c, Include/dictobject.h, Include/internal/pycore_dict.h of each version. */
#include "config.h"

#include "python/dicts.h"

#include <string.h>

static bool read_word(const struct dict_memory *memory, raddr_t address, uint64_t *word)
{
	return memory->read(memory, address, word, sizeof(*word));
}

/* A pointer that is not NULL. */
static bool read_pointer(const struct dict_memory *memory, raddr_t address, raddr_t *pointer)
{
	return read_word(memory, address, pointer) && *pointer != 0;
}

static bool dict_open_table(
	const struct layout *layout, const struct dict_memory *memory, raddr_t address, struct dict *dict)
{
	uint64_t mask;

	if (!read_word(memory, address + layout->dict.mask, &mask) ||
		!read_pointer(memory, address + layout->dict.table, &dict->entries))
		return false;
	dict->count = mask >= ENTRY_LIMIT ? 0 : (size_t)mask + 1;
	dict->words = ENTRY_WORDS;
	dict->values = 0;
	return dict->count > 0;
}

/* How many bytes an index has in a table of so many. */
static unsigned index_bytes(uint64_t size)
{
	if (size <= 0xff)
		return 1;
	if (size <= 0xffff)
		return 2;
	return size <= UINT32_MAX ? 4 : 8;
}

bool dict_open_keys(const struct layout *layout, const struct dict_memory *memory, raddr_t keys,
	raddr_t values, struct dict *dict)
{
	uint8_t header[64];
	uint64_t size = 0, count;

	if (!memory->read(memory, keys, header, layout->dict_keys.entries))
		return false;
	if (layout->dict_keys.size != OFFSET_NONE)
		memcpy(&size, header + layout->dict_keys.size, sizeof(size));
	if (layout->dict_keys.nentries != OFFSET_NONE)
		memcpy(&count, header + layout->dict_keys.nentries, sizeof(count));
	else
		count = size;
	if (count > ENTRY_LIMIT || size > 2 * ENTRY_LIMIT)
		return false;

	dict->entries = keys + layout->dict_keys.entries;
	dict->count = (size_t)count;
	dict->words = ENTRY_WORDS;
	dict->values = values;
	if (layout->dicts == DICT_KEYS_SPARSE) {
		dict->entries += size * index_bytes(size);
	} else if (layout->dicts == DICT_KEYS_LOG2) {
		unsigned log2_bytes = header[layout->dict_keys.log2_index_bytes];

		if (log2_bytes >= 32)
			return false;
		dict->entries += UINT64_C(1) << log2_bytes;
		if (header[layout->dict_keys.kind] != 0)
			dict->words = ENTRY_WORDS - 1;
	}
	return true;
}

bool dict_open(
	const struct layout *layout, const struct dict_memory *memory, raddr_t address, struct dict *dict)
{
	raddr_t keys, values;

	if (layout->dicts == DICT_TABLE)
		return dict_open_table(layout, memory, address, dict);
	if (!read_pointer(memory, address + layout->dict.keys, &keys) ||
		!read_word(memory, address + layout->dict.values, &values))
		return false;
	return dict_open_keys(layout, memory, keys, values ? values + layout->dict.values_data : 0, dict);
}

bool dict_entry(
	const struct dict *dict, const struct dict_memory *memory, size_t place, raddr_t *key, raddr_t *value)
{
	uint64_t words[ENTRY_WORDS];
	const size_t bytes = dict->words * sizeof(*words);

	if (!memory->read(memory, dict->entries + place * bytes, words, bytes))
		return false;
	*key = words[dict->words - 2];
	*value = words[dict->words - 1];
	if (dict->values &&
		!memory->read(memory, dict->values + place * sizeof(*value), value, sizeof(*value)))
		return false;
	return *key && *value;
}
