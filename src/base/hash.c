/* SPDX-License-Identifier: MIT */
/*
 * Hashing of addresses and bytes, and the one hash map of the program. The mixing constants are those of the
 * public-domain SplitMix64 generator (Steele, Lea, Flood 2014).
 */
#include "config.h"

#include "pyrope/base.h"

#include <stdlib.h>
#include <string.h>

uint64_t hash_u64(uint64_t value)
{
	value += UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return value ^ (value >> 31);
}

uint64_t hash_combine(uint64_t hash, uint64_t value)
{
	return hash_u64(hash ^ (value * UINT64_C(0x9e3779b97f4a7c15)));
}

uint64_t hash_bytes(const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	uint64_t hash = hash_u64(length);
	uint64_t word;

	for (; length >= sizeof(word); at += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = hash_combine(hash, word);
	}
	if (length) {
		word = 0;
		memcpy(&word, at, length);
		hash = hash_combine(hash, word);
	}
	return hash;
}

/* The slot where key is, or where it would go. The map has a free slot. */
static size_t u64_map_slot(const struct u64_map *map, uint64_t key)
{
	size_t slot = hash_u64(key) & (map->capacity - 1);

	while (map->used[slot] && map->keys[slot] != key)
		slot = (slot + 1) & (map->capacity - 1);
	return slot;
}

uint64_t *u64_map_get(const struct u64_map *map, uint64_t key)
{
	size_t slot;

	if (!map->count)
		return NULL;
	slot = u64_map_slot(map, key);
	return map->used[slot] ? &map->values[slot] : NULL;
}

static void u64_map_grow(struct u64_map *map)
{
	struct u64_map grown = { .capacity = map->capacity ? map->capacity * 2 : 64, .count = map->count };

	grown.keys = xreallocarray(NULL, grown.capacity, sizeof(*grown.keys));
	grown.values = xreallocarray(NULL, grown.capacity, sizeof(*grown.values));
	grown.used = xcalloc(grown.capacity, sizeof(*grown.used));
	for (size_t i = 0; i < map->capacity; i++) {
		size_t slot;

		if (!map->used[i])
			continue;
		slot = u64_map_slot(&grown, map->keys[i]);
		grown.used[slot] = 1;
		grown.keys[slot] = map->keys[i];
		grown.values[slot] = map->values[i];
	}
	u64_map_release(map);
	*map = grown;
}

void u64_map_put(struct u64_map *map, uint64_t key, uint64_t value)
{
	size_t slot;

	if (map->count * 4 >= map->capacity * 3)
		u64_map_grow(map);
	slot = u64_map_slot(map, key);
	if (!map->used[slot])
		map->count++;
	map->used[slot] = 1;
	map->keys[slot] = key;
	map->values[slot] = value;
}

void u64_map_clear(struct u64_map *map)
{
	if (map->capacity)
		memset(map->used, 0, map->capacity * sizeof(*map->used));
	map->count = 0;
}

void u64_map_release(struct u64_map *map)
{
	free(map->keys);
	free(map->values);
	free(map->used);
	memset(map, 0, sizeof(*map));
}
