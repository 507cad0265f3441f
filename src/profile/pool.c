/* SPDX-License-Identifier: MIT */
/*
 * Strings kept once. They lie one behind the other in blocks, because most are short and there are many: a
 * malloc for each would cost more than the text.
 */
#include "config.h"

#include "profile/pool.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 16384

struct pool_string {
	struct pool_string *next; /* another string with the same hash */
	char text[];
};

struct pool_block {
	struct pool_block *next;
	_Alignas(struct pool_string) char bytes[];
};

/* Room for a string of this length. One that does not fit a block gets a block of its own. */
static struct pool_string *new_string(struct string_pool *pool, size_t length)
{
	size_t alignment = _Alignof(struct pool_string);
	size_t bytes = (sizeof(struct pool_string) + length + 1 + alignment - 1) / alignment * alignment;
	struct pool_string *string;

	if (!pool->blocks || bytes > BLOCK_BYTES - pool->block_used) {
		struct pool_block *block =
			xmalloc(sizeof(*block) + (bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES));

		block->next = pool->blocks;
		pool->blocks = block;
		pool->block_used = 0;
	}
	string = (struct pool_string *)(void *)(pool->blocks->bytes + pool->block_used);
	pool->block_used += bytes;
	if (pool->block_used > BLOCK_BYTES)
		pool->block_used = BLOCK_BYTES; /* a block of its own is full */
	return string;
}

const char *pool_intern(struct string_pool *pool, const char *text)
{
	size_t length = strlen(text);
	uint64_t hash = hash_bytes(text, length);
	uint64_t *first = u64_map_get(&pool->by_hash, hash);
	struct pool_string *chain = first ? (struct pool_string *)(uintptr_t)*first : NULL;
	struct pool_string *string;

	for (string = chain; string; string = string->next)
		if (strcmp(string->text, text) == 0)
			return string->text;
	string = new_string(pool, length);
	string->next = chain;
	memcpy(string->text, text, length + 1);
	u64_map_put(&pool->by_hash, hash, (uintptr_t)string);
	return string->text;
}

void pool_release(struct string_pool *pool)
{
	while (pool->blocks) {
		struct pool_block *block = pool->blocks;

		pool->blocks = block->next;
		free(block);
	}
	u64_map_release(&pool->by_hash);
	memset(pool, 0, sizeof(*pool));
}
