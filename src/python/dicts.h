/* SPDX-License-Identifier: MIT */
/* How a dict of each version holds its entries. What is read is bounded, and nothing of it is trusted. */
#ifndef PYROPE_PYTHON_DICTS_H
#define PYROPE_PYTHON_DICTS_H

#include "python/layout.h"

/*
 * More entries than any of the dicts on the way to a name has: sys.modules, a module's globals, one entry per
 * thread.
 */
#define ENTRY_LIMIT 100000
#define ENTRY_WORDS 3

/* Where a dict is read from. */
struct dict_memory {
	bool (*read)(const struct dict_memory *memory, raddr_t address, void *data, size_t length);
};

/* The entries of a dict as they lie in memory. */
struct dict {
	raddr_t entries;
	size_t count;   /* of places; in some of them there is none */
	unsigned words; /* of an entry: hash, key, value, or only the last two */
	raddr_t values; /* 0: in the entries; else an array beside the keys, which other instances share */
};

/* False: it cannot be read, or has more than ENTRY_LIMIT. */
bool dict_open(
	const struct layout *layout, const struct dict_memory *memory, raddr_t address, struct dict *dict);
/* The keys object of a dict, or of a type whose instances have values of their own. */
bool dict_open_keys(const struct layout *layout, const struct dict_memory *memory, raddr_t keys,
	raddr_t values, struct dict *dict);
/* Key and value at a place of the table. False: there is none, or it cannot be read. */
bool dict_entry(const struct dict *dict, const struct dict_memory *memory, size_t place, raddr_t *key,
	raddr_t *value);

#endif
