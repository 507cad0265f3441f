/* SPDX-License-Identifier: MIT */
/*
 * What leaves this stage: functions, one for each distinct text. A program that compiles the same source again and again
 * makes ever new code objects, but no new functions; so what is kept for the whole run grows with what can be printed.
 */
#include "config.h"

#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* Unique in the run of pyrope, also when it attaches again after an exec: samples of both go into one profile. */
uint64_t function_new_id(void)
{
	static _Atomic uint64_t last;

	return ++last;
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

const struct function *python_intern_function(struct python *python, const struct function *function)
{
	uint64_t hash = hash_function(function);
	uint64_t *slot;
	struct function *kept;

	/* what collides takes the next number */
	while ((slot = u64_map_get(&python->function_by_hash, hash))) {
		if (same_function(python->functions[*slot], function))
			return python->functions[*slot];
		hash++;
	}
	kept = xmalloc(sizeof(*kept));
	*kept = *function;
	kept->id = function_new_id();
	kept->file = xstrdup(function->file);
	kept->name = xstrdup(function->name);
	array_reserve(&python->functions, &python->function_capacity, python->function_count + 1,
		sizeof(struct function *));
	u64_map_put(&python->function_by_hash, hash, python->function_count);
	python->functions[python->function_count++] = kept;
	return kept;
}

const struct function *python_marker(struct python *python, const char *text)
{
	const struct function marker = { .kind = FUNCTION_MARKER, .name = text, .file = "" };

	return python_intern_function(python, &marker);
}

void python_free_functions(struct python *python)
{
	for (size_t i = 0; i < python->function_count; i++) {
		free((char *)python->functions[i]->name);
		free((char *)python->functions[i]->file);
		free(python->functions[i]);
	}
	free(python->functions);
	u64_map_release(&python->function_by_hash);
}
