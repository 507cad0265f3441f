/* SPDX-License-Identifier: MIT */
/* Strings kept once, so that two equal ones have one address and can be compared by it. */
#ifndef PYROPE_PROFILE_POOL_H
#define PYROPE_PROFILE_POOL_H

#include "pyrope/base.h"

struct pool_string;
struct pool_block;

/* Zero-initialise. */
struct string_pool {
	struct u64_map by_hash; /* hash -> address of the first pool_string of a chain */
	struct pool_block *blocks;
	size_t block_used;
};

/* The pool's own copy of text, good until the pool is released. */
const char *pool_intern(struct string_pool *pool, const char *text);
void pool_release(struct string_pool *pool);

#endif
