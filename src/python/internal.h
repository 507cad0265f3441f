/* SPDX-License-Identifier: MIT */
/* What the files of this stage know of an interpreter. */
#ifndef PYROPE_PYTHON_INTERNAL_H
#define PYROPE_PYTHON_INTERNAL_H

#include "find.h"
#include "layout.h"
#include "pyrope/python.h"

/* Machine code: [start, end). */
struct code_span {
	raddr_t start, end;
};

#define EVALUATION_PARTS 5

/* See evaluation.c. */
struct evaluation {
	struct code_span parts[EVALUATION_PARTS];
	size_t part_count;
	bool is_whole; /* the parts are all of the loop */
	raddr_t file_address;
	struct code_span *files; /* code of files, ascending */
	size_t file_count, file_capacity;
	int64_t read_ns; /* 0: not read yet */
};

struct python {
	struct target *target;
	struct runtime_place place;
	struct layout layout; /* place.layout */

	struct u64_map codes; /* address -> struct code *, the entry that was last seen to be true */
	struct code **all_codes;
	size_t code_count, code_capacity;
	raddr_t code_type; /* PyCode_Type, learned from the first code object; 0: not yet */

	struct code **stale_codes; /* replaced, and perhaps still in use: see python_release_stale */
	size_t stale_count, stale_capacity;
	size_t unit_count; /* of all entries, stale ones too */

	struct function **functions;
	size_t function_count, function_capacity;
	struct u64_map function_by_hash; /* -> index in functions */

	struct evaluation evaluation;

	uint32_t tid_offset; /* of the kernel tid in the C library's thread descriptor; OFFSET_NONE: not learned */
};

/* The little-endian word of a field in bytes that start at the struct's own start. */
static inline uint64_t field_u64(const void *bytes, uint32_t offset)
{
	uint64_t value;

	__builtin_memcpy(&value, (const char *)bytes + offset, sizeof(value));
	return value;
}

static inline uint32_t field_u32(const void *bytes, uint32_t offset)
{
	uint32_t value;

	__builtin_memcpy(&value, (const char *)bytes + offset, sizeof(value));
	return value;
}

/* The interpreters of the process, at most capacity; the count. */
size_t python_list_interpreters(const struct python *python, raddr_t *interpreters, size_t capacity);
/* One pointer of the target; false when it cannot be read. */
bool python_read_pointer(const struct python *python, raddr_t address, raddr_t *value);

void python_free_evaluation(struct python *python);

void python_free_codes(struct python *python);

/* The one function with these texts; they are copied, the id is ignored. */
const struct function *python_intern_function(struct python *python, const struct function *function);
void python_free_functions(struct python *python);

#endif
