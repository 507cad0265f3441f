/* SPDX-License-Identifier: MIT */
/*
 * Hashing of addresses and bytes, and the one hash map of the program. What is hashed comes from the target,
 * which may choose texts and addresses so that all of them fall on one place of a table. So what decides
 * about a place is SipHash-1-3 (Aumasson, Bernstein: SipHash: a fast short-input PRF, 2012; its section 2 has
 * the algorithm, and CPython hashes its strings with the same number of rounds) under a key that each run
 * draws.
 *
 * hash_u64 and hash_combine have no key: they make the same sequence in each run, as the random points of
 * ticks need it for a given seed. Their mixing constants are those of the public-domain SplitMix64 generator
 * (Steele, Lea, Flood 2014). What they make of a target's numbers begins with hash_seed, and a map hashes its
 * keys itself.
 */
#include "config.h"

#include "pyrope/base.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

static uint64_t run_key[2];

/* Before main, so that no thread has to ask whether it is there. */
__attribute__((__constructor__)) static void draw_run_key(void)
{
	const void *given = (const void *)getauxval(AT_RANDOM); /* 16 random bytes; getauxval(3) */

	if (getrandom(run_key, sizeof(run_key), GRND_NONBLOCK) == (ssize_t)sizeof(run_key))
		return;
	if (given)
		memcpy(run_key, given, sizeof(run_key));
	run_key[0] ^= hash_u64((uint64_t)monotonic_ns());
}

/* ---- without a key ---- */

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

/* ---- with a key ---- */

struct siphash {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static inline struct siphash siphash_begin(const uint64_t key[2])
{
	return (struct siphash){
		.v0 = key[0] ^ UINT64_C(0x736f6d6570736575),
		.v1 = key[1] ^ UINT64_C(0x646f72616e646f6d),
		.v2 = key[0] ^ UINT64_C(0x6c7967656e657261),
		.v3 = key[1] ^ UINT64_C(0x7465646279746573),
	};
}

static inline void siphash_round(struct siphash *state)
{
	state->v0 += state->v1;
	state->v2 += state->v3;
	state->v1 = rotate(state->v1, 13) ^ state->v0;
	state->v3 = rotate(state->v3, 16) ^ state->v2;
	state->v0 = rotate(state->v0, 32);
	state->v2 += state->v1;
	state->v0 += state->v3;
	state->v1 = rotate(state->v1, 17) ^ state->v2;
	state->v3 = rotate(state->v3, 21) ^ state->v0;
	state->v2 = rotate(state->v2, 32);
}

static inline void siphash_word(struct siphash *state, uint64_t word)
{
	state->v3 ^= word;
	siphash_round(state);
	state->v0 ^= word;
}

static inline uint64_t siphash_end(struct siphash *state)
{
	state->v2 ^= 0xff;
	siphash_round(state);
	siphash_round(state);
	siphash_round(state);
	return state->v0 ^ state->v1 ^ state->v2 ^ state->v3;
}

/* A word of the paper has its first byte lowest. */
static inline uint64_t load_word(const unsigned char *bytes, size_t length)
{
	uint64_t word = 0;

	memcpy(&word, bytes, length);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

uint64_t hash_siphash(const uint64_t key[2], const void *bytes, size_t length)
{
	struct siphash state = siphash_begin(key);
	const unsigned char *at = bytes;
	uint64_t last = (uint64_t)length << 56;

	for (; length >= sizeof(last); at += sizeof(last), length -= sizeof(last))
		siphash_word(&state, load_word(at, sizeof(last)));
	if (length)
		last |= load_word(at, length);
	siphash_word(&state, last);
	return siphash_end(&state);
}

uint64_t hash_bytes(const void *bytes, size_t length)
{
	return hash_siphash(run_key, bytes, length);
}

uint64_t hash_seed(void)
{
	return run_key[0];
}

/* ---- map ---- */

/* All keys have one length, so that the paper's last word, which holds it, would only cost a round. */
static inline size_t place_of(uint64_t key)
{
	struct siphash state = siphash_begin(run_key);

	siphash_word(&state, key);
	return (size_t)siphash_end(&state);
}

/* The slot where key is, or where it would go. The map has a free slot. */
static size_t u64_map_slot(const struct u64_map *map, uint64_t key)
{
	size_t slot = place_of(key) & (map->capacity - 1);

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

static void u64_map_grow(struct u64_map *map, size_t capacity)
{
	struct u64_map grown = { .capacity = capacity, .count = map->count };

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

void u64_map_reserve(struct u64_map *map, size_t more)
{
	size_t capacity = map->capacity ? map->capacity : 64;

	while ((map->count + more) * 4 > capacity * 3)
		capacity *= 2;
	if (capacity > map->capacity)
		u64_map_grow(map, capacity);
}

void u64_map_put(struct u64_map *map, uint64_t key, uint64_t value)
{
	size_t slot;

	if (map->count * 4 >= map->capacity * 3)
		u64_map_grow(map, map->capacity ? map->capacity * 2 : 64);
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
