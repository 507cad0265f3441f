/* SPDX-License-Identifier: MIT */
/*
 * Facts: Include/internal/pycore_object.h (managed dicts and inline values), Objects/dictobject.c,
 * Objects/object.c (_PyObject_GetDictPtr) of each version.
 */
#include "config.h"

#include "python/instances.h"

#define TYPE_FLAG_INLINE_VALUES (UINT64_C(1) << 2)
#define TYPE_FLAG_MANAGED_DICT (UINT64_C(1) << 4)
#define DICT_OFFSET_LIMIT (64 * 1024)

static bool read_word(const struct dict_memory *memory, raddr_t address, uint64_t *word)
{
	return memory->read(memory, address, word, sizeof(*word));
}

/* Values without a dict; their names are in the keys that the type keeps. */
static bool open_values(const struct layout *layout, const struct dict_memory *memory, raddr_t type,
	raddr_t values, struct dict *dict)
{
	raddr_t keys;

	return read_word(memory, type + layout->type_object.ht_cached_keys, &keys) && keys &&
		dict_open_keys(layout, memory, keys, values + layout->dict.values_data, dict);
}

static bool open_managed(const struct layout *layout, const struct dict_memory *memory, raddr_t object,
	raddr_t type, uint64_t flags, struct dict *dict)
{
	uint64_t word, size;

	if (!read_word(memory, object - layout->instance.dict, &word))
		return false;
	if (layout->instances == INSTANCE_TAGGED && word & 1)
		return open_values(layout, memory, type, word + 1, dict);
	if (word)
		return dict_open(layout, memory, word, dict);
	if (layout->instances == INSTANCE_APART)
		return read_word(memory, object - layout->instance.values, &word) && word &&
			open_values(layout, memory, type, word, dict);
	return layout->instances == INSTANCE_INLINE && flags & TYPE_FLAG_INLINE_VALUES &&
		read_word(memory, type + layout->type_object.tp_basicsize, &size) &&
		size < DICT_OFFSET_LIMIT && open_values(layout, memory, type, object + size, dict);
}

bool instance_open(
	const struct layout *layout, const struct dict_memory *memory, raddr_t object, struct dict *dict)
{
	uint64_t flags, offset;
	raddr_t type, address;

	if (!read_word(memory, object + layout->object.ob_type, &type) || !type ||
		!read_word(memory, type + layout->type_object.tp_flags, &flags))
		return false;
	if (layout->instances != INSTANCE_DICT_OFFSET && flags & TYPE_FLAG_MANAGED_DICT)
		return open_managed(layout, memory, object, type, flags, dict);
	return read_word(memory, type + layout->type_object.tp_dictoffset, &offset) && offset > 0 &&
		offset < DICT_OFFSET_LIMIT && read_word(memory, object + offset, &address) && address &&
		dict_open(layout, memory, address, dict);
}
