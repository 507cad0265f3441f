/* SPDX-License-Identifier: MIT */
/*
 * Names of what is compared. A frame is looked up by its function's number and line; only what is new is
 * named.
 */
#include "config.h"

#include "compare/internal.h"

#include <stdlib.h>
#include <string.h>

#define RECENT 1024 /* frames whose keys are found without a map */

struct keys {
	key_name *name;
	const void *context;
	struct u64_map by_frame; /* function id << 32 | line -> key */
	struct u64_map by_text;  /* hash, or the next number after it that is free -> key */
	struct {
		uint64_t frame;
		uint32_t key;
		bool is_used;
	} recent[RECENT];
	char **texts;
	size_t count, capacity;
};

struct keys *keys_new(key_name *name, const void *context)
{
	struct keys *keys = xcalloc(1, sizeof(*keys));

	keys->name = name;
	keys->context = context;
	return keys;
}

void keys_free(struct keys *keys)
{
	if (!keys)
		return;
	for (size_t i = 0; i < keys->count; i++)
		free(keys->texts[i]);
	free(keys->texts);
	u64_map_release(&keys->by_frame);
	u64_map_release(&keys->by_text);
	free(keys);
}

size_t keys_count(const struct keys *keys)
{
	return keys->count;
}

const char *keys_text(const struct keys *keys, uint32_t key)
{
	return keys->texts[key];
}

/* Takes the text over. */
static uint32_t find_text(struct keys *keys, char *text)
{
	uint64_t hash = hash_bytes(text, strlen(text));
	const uint64_t *known;

	for (; (known = u64_map_get(&keys->by_text, hash)); hash++) {
		if (strcmp(keys->texts[*known], text) != 0)
			continue;
		free(text);
		return (uint32_t)*known;
	}
	u64_map_put(&keys->by_text, hash, keys->count);
	array_reserve(&keys->texts, &keys->capacity, keys->count + 1, sizeof(*keys->texts));
	keys->texts[keys->count] = text;
	return (uint32_t)keys->count++;
}

static uint32_t find_frame(struct keys *keys, const struct function *function, int line, uint64_t frame)
{
	const uint64_t *known = u64_map_get(&keys->by_frame, frame);
	uint32_t key;

	if (known)
		return (uint32_t)*known;
	key = find_text(keys, keys->name(function, line, keys->context));
	u64_map_put(&keys->by_frame, frame, key);
	return key;
}

uint32_t keys_find(struct keys *keys, const struct function *function, int line)
{
	const uint64_t frame = (uint64_t)function->id << 32 | (uint32_t)line;
	const size_t place = (function->id * 31 + (uint32_t)line) % RECENT;

	if (!keys->recent[place].is_used || keys->recent[place].frame != frame) {
		keys->recent[place].key = find_frame(keys, function, line, frame);
		keys->recent[place].frame = frame;
		keys->recent[place].is_used = true;
	}
	return keys->recent[place].key;
}

void keys_forget_frames(struct keys *keys)
{
	u64_map_clear(&keys->by_frame);
	memset(keys->recent, 0, sizeof(keys->recent));
}
