/* SPDX-License-Identifier: MIT */
/*
 * Python's own names of threads: sys.modules["threading"]._active[ident]._name, walked from outside through
 * the structs of dict, module, int and instance. Nothing stands still meanwhile and all of it is untrusted:
 * every count has a limit, a chain is as long as the path above, and what does not look right is no name.
 *
 * Facts: Objects/dictobject.c, Include/internal/pycore_dict.h, Include/internal/pycore_object.h (managed
 * dicts and inline values), Include/cpython/longintrepr.h, Lib/threading.py of each version.
 */
#include "config.h"

#include "python/decode.h"
#include "python/dicts.h"

#include <assert.h>
#include <string.h>

#define ENTRIES_AT_ONCE 64
/* of a key: its header, and the longest text that is looked for */
#define KEY_BYTES (OBJECT_HEAD_LIMIT + 32)

#define TYPE_FLAG_INLINE_VALUES (UINT64_C(1) << 2)
#define TYPE_FLAG_MANAGED_DICT (UINT64_C(1) << 4)

/* Attributes that have a place of their own are at most this far into an instance. */
#define DICT_OFFSET_LIMIT (64 * 1024)

/* What everything here needs. */
struct reader {
	struct dict_memory memory; /* first: see read_memory */
	const struct layout *layout;
	struct target *target;
	/* of the instances whose attribute is read; NULL: they are not of one type */
	struct type_cache *cache;
};

static bool read_memory(const struct dict_memory *memory, raddr_t address, void *data, size_t length)
{
	return target_read(((const struct reader *)memory)->target, address, data, length);
}

static bool read_word(const struct reader *reader, raddr_t address, uint64_t *word)
{
	return target_read(reader->target, address, word, sizeof(*word));
}

/* A pointer that is not NULL. */
static bool read_pointer(const struct reader *reader, raddr_t address, raddr_t *pointer)
{
	return read_word(reader, address, pointer) && *pointer != 0;
}

/* ---- keys ---- */

/* How many bytes of a str object, or of an int where text is NULL, tell which it is. */
static size_t key_bytes(const struct layout *layout, const char *text)
{
	if (!text)
		return layout->integer.digits + 3 * sizeof(uint32_t);
	if (layout->strings == STRINGS_BYTES)
		return layout->bytes.ob_sval + strlen(text);
	return layout->unicode.ascii_data + strlen(text);
}

/* 3.x: digits of 30 bits, lowest first. False: negative, or more than three digits. */
static bool integer_value(const struct layout *layout, const uint8_t *object, uint64_t *value)
{
	uint64_t size;
	uint32_t digit;

	*value = 0;
	if (layout->integers == INTEGERS_PLAIN) {
		memcpy(value, object + layout->integer.digits, sizeof(*value));
		return true;
	}
	memcpy(&size, object + layout->integer.size, sizeof(size));
	if (layout->integers == INTEGERS_TAGGED)
		size = size & 3 ? 0 : size >> 3;
	if (size < 1 || size > 3)
		return false;
	for (unsigned i = 0; i < size; i++) {
		memcpy(&digit, object + layout->integer.digits + i * sizeof(digit), sizeof(digit));
		*value |= (uint64_t)(digit & 0x3fffffff) << (30 * i);
	}
	return true;
}

static bool text_matches(const struct layout *layout, const uint8_t *object, const char *text)
{
	uint64_t length;
	uint32_t state;

	if (layout->strings == STRINGS_BYTES) {
		memcpy(&length, object + layout->bytes.ob_size, sizeof(length));
		return length == strlen(text) && memcmp(object + layout->bytes.ob_sval, text, length) == 0;
	}
	memcpy(&length, object + layout->unicode.length, sizeof(length));
	memcpy(&state, object + layout->unicode.state, sizeof(state));
	/* kind 1, compact, ascii */
	return length == strlen(text) && (state >> layout->unicode.kind_shift & 0x1f) == 0x19 &&
		memcmp(object + layout->unicode.ascii_data, text, length) == 0;
}

/* ---- looking up ---- */

/*
 * What is done with each entry that has a key and a value: its key object's first bytes, and the value.
 * False: that was enough.
 */
struct visitor {
	bool (*visit)(struct visitor *visitor, const uint8_t *key, raddr_t value);
	const struct layout *layout;
	const char *text; /* the str of ASCII characters that is looked for; NULL: each int */
	size_t index;     /* of the entry that is visited */
	raddr_t found;
	struct u64_map *values; /* int -> value */
	uint64_t salt;
};

/* The value of an entry, which may be in an array of its own. */
static raddr_t entry_value(
	const struct reader *reader, const struct dict *dict, size_t index, const uint64_t *entry)
{
	raddr_t value = 0;

	if (!dict->values)
		return entry[dict->words - 1];
	read_pointer(reader, dict->values + index * sizeof(value), &value);
	return value;
}

/* False: the visitor has had enough. */
static bool visit_entries(const struct reader *reader, const struct dict *dict, size_t first,
	const uint64_t *entries, size_t count, struct visitor *visitor)
{
	uint8_t objects[ENTRIES_AT_ONCE][KEY_BYTES];
	struct read_request requests[ENTRIES_AT_ONCE];
	size_t index[ENTRIES_AT_ONCE];
	size_t bytes = key_bytes(reader->layout, visitor->text), wanted = 0, at = 0;

	if (bytes > KEY_BYTES)
		return false;
	for (size_t i = 0; i < count; i++) {
		raddr_t object = entries[i * dict->words + dict->words - 2];

		if (object == 0)
			continue;
		requests[wanted] = (struct read_request){ object, &objects[wanted], bytes };
		index[wanted++] = i;
	}
	while (at < wanted) {
		size_t end = at + target_read_batch(reader->target, requests + at, wanted - at);

		assert(end <= wanted);
		for (; at < end; at++) {
			const size_t i = index[at];

			if (visitor->text && !text_matches(reader->layout, objects[at], visitor->text))
				continue;
			visitor->index = first + i;
			if (!visitor->visit(visitor, objects[at],
				    entry_value(reader, dict, first + i, entries + i * dict->words)))
				return false;
		}
		at++; /* the one that could not be read */
	}
	return true;
}

/* Goes through all entries: the hash of a str is secret, and a table that changes is not worth the trust. */
static void dict_visit(const struct reader *reader, const struct dict *dict, struct visitor *visitor)
{
	uint64_t entries[ENTRIES_AT_ONCE * ENTRY_WORDS];

	for (size_t at = 0; at < dict->count; at += ENTRIES_AT_ONCE) {
		size_t count = dict->count - at < ENTRIES_AT_ONCE ? dict->count - at : ENTRIES_AT_ONCE;
		size_t entry_bytes = dict->words * sizeof(*entries);

		if (!target_read(
			    reader->target, dict->entries + at * entry_bytes, entries, count * entry_bytes) ||
			!visit_entries(reader, dict, at, entries, count, visitor))
			return;
	}
}

static bool keep_first(struct visitor *visitor, const uint8_t *key, raddr_t value)
{
	(void)key;
	visitor->found = value;
	return false;
}

static bool dict_find(const struct reader *reader, const struct dict *dict, const char *text, raddr_t *value)
{
	struct visitor visitor = { .visit = keep_first, .text = text };

	dict_visit(reader, dict, &visitor);
	*value = visitor.found;
	return *value != 0;
}

static bool dict_find_at(const struct reader *reader, raddr_t address, const char *text, raddr_t *value)
{
	struct dict dict;

	return dict_open(reader->layout, &reader->memory, address, &dict) &&
		dict_find(reader, &dict, text, value);
}

/* ---- attributes of instances ---- */

/*
 * Values in an array of their own, whose keys other instances share. A key that has been added to those stays
 * where it is: what was found of one instance holds for all.
 */
static bool find_shared(
	const struct reader *reader, raddr_t keys, raddr_t values, const char *text, raddr_t *value)
{
	struct visitor visitor = { .visit = keep_first, .text = text };
	struct type_cache *cache = reader->cache;
	struct dict dict;

	if (cache->keys && cache->keys == keys)
		return read_pointer(reader, values + cache->index * sizeof(*value), value);
	if (!dict_open_keys(reader->layout, &reader->memory, keys, values, &dict))
		return false;
	dict_visit(reader, &dict, &visitor);
	*value = visitor.found;
	if (!visitor.found)
		return false;
	cache->keys = keys;
	cache->index = visitor.index;
	return true;
}

/* Values without a dict; their names are in the keys that the type keeps. */
static bool find_in_values(
	const struct reader *reader, raddr_t type, raddr_t values, const char *text, raddr_t *value)
{
	struct type_cache *cache = reader->cache;

	if (!cache->own_keys &&
		!read_pointer(reader, type + reader->layout->type_object.ht_cached_keys, &cache->own_keys))
		return false;
	return find_shared(reader, cache->own_keys, values + reader->layout->dict.values_data, text, value);
}

static bool find_in_dict(const struct reader *reader, raddr_t address, const char *text, raddr_t *value)
{
	const struct layout *layout = reader->layout;
	raddr_t keys, values;

	if (layout->dicts == DICT_TABLE)
		return dict_find_at(reader, address, text, value);
	if (!read_pointer(reader, address + layout->dict.keys, &keys) ||
		!read_word(reader, address + layout->dict.values, &values))
		return false;
	return values ? find_shared(reader, keys, values + layout->dict.values_data, text, value)
		      : dict_find_at(reader, address, text, value);
}

/* Instances whose dict, or values in place of one, the interpreter keeps beside them. */
static bool find_managed(const struct reader *reader, raddr_t object, raddr_t type, uint64_t type_flags,
	const char *text, raddr_t *value)
{
	const struct layout *layout = reader->layout;
	uint64_t word;

	if (!read_word(reader, object - layout->instance.dict, &word))
		return false;
	if (layout->instances == INSTANCE_TAGGED && word & 1)
		return find_in_values(reader, type, word + 1, text, value);
	if (word)
		return find_in_dict(reader, word, text, value);
	if (layout->instances == INSTANCE_APART)
		return read_pointer(reader, object - layout->instance.values, &word) &&
			find_in_values(reader, type, word, text, value);
	if (layout->instances == INSTANCE_INLINE && type_flags & TYPE_FLAG_INLINE_VALUES)
		return reader->cache->size < DICT_OFFSET_LIMIT &&
			find_in_values(reader, type, object + reader->cache->size, text, value);
	return false;
}

static bool read_type(const struct reader *reader, raddr_t type)
{
	const struct layout *layout = reader->layout;
	struct type_cache *cache = reader->cache;

	*cache = (struct type_cache){ 0 };
	if (!read_word(reader, type + layout->type_object.tp_flags, &cache->flags) ||
		!read_word(reader, type + layout->type_object.tp_dictoffset, &cache->dict_offset) ||
		(layout->instances == INSTANCE_INLINE &&
			!read_word(reader, type + layout->type_object.tp_basicsize, &cache->size)))
		return false;
	cache->type = type;
	return true;
}

static bool find_attribute(const struct reader *reader, raddr_t object, const char *text, raddr_t *value)
{
	const struct layout *layout = reader->layout;
	struct type_cache *cache = reader->cache;
	raddr_t type, dict;

	if (!read_pointer(reader, object + layout->object.ob_type, &type) ||
		(type != cache->type && !read_type(reader, type)))
		return false;
	if (layout->instances != INSTANCE_DICT_OFFSET && cache->flags & TYPE_FLAG_MANAGED_DICT)
		return find_managed(reader, object, type, cache->flags, text, value);
	return cache->dict_offset > 0 && cache->dict_offset < DICT_OFFSET_LIMIT &&
		read_pointer(reader, object + cache->dict_offset, &dict) &&
		find_in_dict(reader, dict, text, value);
}

static bool keep_integer(struct visitor *visitor, const uint8_t *key, raddr_t value)
{
	uint64_t number;

	if (value && integer_value(visitor->layout, key, &number))
		u64_map_put(visitor->values, hash_combine(visitor->salt, number), value);
	return visitor->values->count < ENTRY_LIMIT;
}

uint64_t thread_object_key(raddr_t interpreter, uint64_t ident)
{
	return hash_combine(interpreter, ident);
}

bool thread_objects_read(
	const struct layout *layout, struct target *target, raddr_t interpreter, struct u64_map *objects)
{
	const struct reader reader = { .memory = { read_memory }, .layout = layout, .target = target };
	struct visitor visitor = {
		.visit = keep_integer, .layout = layout, .values = objects, .salt = interpreter
	};
	raddr_t modules, module, globals, active, shutdown, main;
	struct dict dict;

	if (!read_pointer(&reader, interpreter + layout->interpreter_state.modules, &modules) ||
		!dict_find_at(&reader, modules, "threading", &module) ||
		!read_pointer(&reader, module + layout->module.dict, &globals) ||
		!dict_find_at(&reader, globals, "_active", &active) ||
		!dict_open(layout, &reader.memory, active, &dict))
		return false;
	dict_visit(&reader, &dict, &visitor);
	/* before there was _main_thread, _shutdown was a method of it (Lib/threading.py) */
	if (dict_find_at(&reader, globals, "_main_thread", &main) ||
		(dict_find_at(&reader, globals, "_shutdown", &shutdown) &&
			read_pointer(&reader, shutdown + layout->method.self, &main)))
		u64_map_put(objects, thread_object_key(interpreter, THREAD_MAIN), main);
	return true;
}

bool thread_object_name(const struct layout *layout, struct target *target, struct type_cache *cache,
	raddr_t object, struct buffer *name)
{
	const struct reader reader = { { read_memory }, layout, target, cache };
	raddr_t text;

	return find_attribute(&reader, object, layout->thread_name_attribute, &text) &&
		string_read(layout, target, text, name);
}
