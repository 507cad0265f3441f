/* SPDX-License-Identifier: MIT */
/* What the files of this stage know of an interpreter. */
#ifndef PYROPE_PYTHON_INTERNAL_H
#define PYROPE_PYTHON_INTERNAL_H

#include "python/decode.h"
#include "python/find.h"
#include "python/layout.h"
#include "pyrope/python.h"

/* Machine code: [start, end). */
struct code_span {
	raddr_t start, end;
	bool is_own; /* of the file that the loop is in */
};

#define EVALUATION_PARTS 5

/* See evaluation.c. */
struct evaluation {
	struct code_span parts[EVALUATION_PARTS];
	size_t part_count;
	bool is_whole; /* the parts are all of the loop */
	raddr_t file_address;
	uint64_t inode;          /* of that file; 0: it is not known */
	struct code_span *files; /* code of files, ascending */
	size_t file_count, file_capacity;
	int64_t read_ns; /* 0: not read yet */
};

struct python {
	struct target *target;
	bool is_none; /* there is no interpreter: python_attach_none */
	struct runtime_place place;
	struct layout layout; /* place.layout */

	struct u64_map codes; /* address -> struct code *, the entry that was last seen to be true */
	struct code **all_codes;
	size_t code_count, code_capacity;
	raddr_t code_type; /* PyCode_Type, learned from the first code object; 0: not yet */

	struct code **stale_codes; /* replaced, and perhaps still in use: see python_release_stale */
	size_t stale_count, stale_capacity;
	size_t unit_count; /* of all entries, stale ones too */
	bool is_brief;     /* python_be_brief */

	struct functions *functions; /* borrowed: the run's */

	struct evaluation evaluation;

	struct u64_map thread_objects;    /* see thread_objects_read */
	struct u64_map thread_objects_of; /* the interpreters whose are in there */
	int64_t thread_objects_ns;        /* since when */
	struct type_cache thread_type;    /* what those have in common */

	/* of the kernel tid in the C library's thread descriptor; OFFSET_NONE: not learned */
	uint32_t tid_offset;
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

#endif
