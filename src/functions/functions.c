/* SPDX-License-Identifier: MIT */
/*
 * The table of functions. The thread that samples adds Python's, the one that consumes samples adds native
 * ones, so it has a lock; both ask for a function when they meet a code object or an address for the first
 * time, never for a sample.
 */
#include "config.h"

#include "pyrope/functions.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/*
 * of a thread that may not wait: another one has the table for less than a microsecond, unless it has lost
 * its CPU
 */
#define TRIES 100

struct functions {
	pthread_mutex_t mutex;
	struct function **list; /* by id */
	size_t count, capacity;
	struct u64_map by_hash; /* -> id */
};

struct functions *functions_new(void)
{
	struct functions *functions = xcalloc(1, sizeof(*functions));

	pthread_mutex_init(&functions->mutex, NULL);
	return functions;
}

void functions_free(struct functions *functions)
{
	if (!functions)
		return;
	for (size_t i = 0; i < functions->count; i++) {
		free((char *)functions->list[i]->name);
		free((char *)functions->list[i]->file);
		free(functions->list[i]);
	}
	free(functions->list);
	u64_map_release(&functions->by_hash);
	pthread_mutex_destroy(&functions->mutex);
	free(functions);
}

static uint64_t hash_function(const struct function *function)
{
	uint64_t hash = hash_bytes(function->file, strlen(function->file));

	hash = hash_combine(hash, hash_bytes(function->name, strlen(function->name)));
	return hash_combine(hash, (uint64_t)function->kind << 32 | (uint32_t)function->first_line);
}

static bool same_function(const struct function *left, const struct function *right)
{
	return left->kind == right->kind && left->first_line == right->first_line &&
		strcmp(left->file, right->file) == 0 && strcmp(left->name, right->name) == 0;
}

static const struct function *find_or_add(struct functions *functions, const struct function *like)
{
	uint64_t hash = hash_function(like);
	struct function *kept;
	uint64_t *slot;

	/* what collides takes the next number */
	for (; (slot = u64_map_get(&functions->by_hash, hash)); hash++) {
		if (same_function(functions->list[*slot], like))
			return functions->list[*slot];
	}
	kept = xmalloc(sizeof(*kept));
	*kept = *like;
	kept->id = (uint32_t)functions->count;
	kept->file = xstrdup(like->file);
	kept->name = xstrdup(like->name);
	array_reserve(
		&functions->list, &functions->capacity, functions->count + 1, sizeof(struct function *));
	u64_map_put(&functions->by_hash, hash, functions->count);
	functions->list[functions->count++] = kept;
	return kept;
}

const struct function *functions_intern(struct functions *functions, const struct function *like)
{
	const struct function *function;

	pthread_mutex_lock(&functions->mutex);
	function = find_or_add(functions, like);
	pthread_mutex_unlock(&functions->mutex);
	return function;
}

const struct function *functions_try_intern(struct functions *functions, const struct function *like)
{
	const struct function *function;
	int tries = 0;

	while (pthread_mutex_trylock(&functions->mutex)) {
		if (++tries == TRIES)
			return NULL;
	}
	function = find_or_add(functions, like);
	pthread_mutex_unlock(&functions->mutex);
	return function;
}

void functions_reserve(struct functions *functions, size_t more)
{
	pthread_mutex_lock(&functions->mutex);
	u64_map_reserve(&functions->by_hash, more);
	pthread_mutex_unlock(&functions->mutex);
}

const struct function *functions_marker(struct functions *functions, const char *name)
{
	const struct function marker = { .kind = FUNCTION_MARKER, .name = name, .file = "" };

	return functions_intern(functions, &marker);
}

const struct function *functions_get(struct functions *functions, uint32_t id)
{
	const struct function *function;

	pthread_mutex_lock(&functions->mutex);
	function = functions->list[id];
	pthread_mutex_unlock(&functions->mutex);
	return function;
}

size_t functions_count(struct functions *functions)
{
	size_t count;

	pthread_mutex_lock(&functions->mutex);
	count = functions->count;
	pthread_mutex_unlock(&functions->mutex);
	return count;
}
