/* SPDX-License-Identifier: MIT */
/* Line tables, strings and names: bytes of a target in, numbers and clean text out. No state. */
#ifndef PYROPE_PYTHON_DECODE_H
#define PYROPE_PYTHON_DECODE_H

#include "python/layout.h"
#include "pyrope/python.h"

/* Bounds on what is read from a target. */
#define STRING_LIMIT_CHARACTERS (256 * 1024)
#define LINE_TABLE_LIMIT_BYTES (4 * 1024 * 1024)
/* of one code object; its lines are decoded while its thread may be held */
#define CODE_LIMIT_UNITS (4 * 1024 * 1024)
/*
 * The same, and the bytes of a string, of those that are decoded while a thread is held: a tenth of a
 * millisecond
 */
#define BRIEF_LIMIT_UNITS (64 * 1024)
#define BRIEF_LIMIT_BYTES 4096
/* of all that are kept, 4 bytes each; the whole standard library of 3.11 has 2.1 million, 12,400 in one */
#define CODES_LIMIT_UNITS (48 * 1024 * 1024)

/*
 * Decodes a whole line table: lines[i] becomes the line of the instruction unit i (a unit is 2 bytes, but 1
 * byte where instructions have no fixed size: to 3.5, see line_unit_bytes), 0 where there is no line. Units
 * that the table does not reach keep the last line. Garbage gives garbage lines, but never reads or writes
 * out of bounds; lines below 0 or over INT_MAX become 0. line_count is the number of units.
 */
void lines_decode(const struct layout *layout, const uint8_t *table, size_t table_length, int first_line,
	int *lines, size_t line_count);
/* Bytes of an instruction unit: 1 to 3.5, 2 from 3.6 on. */
unsigned line_unit_bytes(const struct layout *layout);

/*
 * Reads the str (or the 2.x byte string) at address through live reads and appends it, cleaned (utf8_clean),
 * to text. false: unreadable, or its header makes no sense. Longer ones are cut at STRING_LIMIT_CHARACTERS,
 * "..." appended.
 */
bool string_read(const struct layout *layout, struct target *target, raddr_t address, struct buffer *text);
/* What the header of a str says. */
struct unicode_header {
	size_t length;
	unsigned kind; /* bytes of a character */
	bool is_compact;
	raddr_t address;  /* of the characters */
	uint32_t data_at; /* where they stand behind the header, when they do */
};
/* header: the first bytes of the object. False: it makes no sense. 3.x. */
bool unicode_header_parse(const struct layout *layout, raddr_t address, const uint8_t *header,
	size_t available, struct unicode_header *parsed);
/* The pieces of it, for tests and fuzzers: characters of one kind (1, 2, 4 bytes) to clean UTF-8. */
void string_decode(const void *characters, size_t count, unsigned kind, struct buffer *text);
/*
 * Reads a bytes object (2.x str): appends its raw bytes, at most limit. false: unreadable or a length that is
 * negative.
 */
bool bytes_read(const struct layout *layout, struct target *target, raddr_t address, size_t limit,
	struct buffer *bytes);

/*
 * What threading._active of this interpreter has: thread_object_key(interpreter, ident) -> the Thread, one
 * for each. Others that are in the map stay. The one of THREAD_MAIN is threading._main_thread, or to 3.3 what
 * threading._shutdown is a method of, whatever ident that has. false: there is no such dict (yet).
 */
bool thread_objects_read(
	const struct layout *layout, struct target *target, raddr_t interpreter, struct u64_map *objects);
#define THREAD_MAIN 0 /* no thread has this ident */
uint64_t thread_object_key(raddr_t interpreter, uint64_t ident);
/*
 * What the objects of one type have in common, so that it is read once for all of them. Zero-initialise; and
 * anew for each thread_objects_read: the target may change it.
 */
struct type_cache {
	raddr_t type; /* 0: nothing is known yet */
	uint64_t flags, dict_offset, size;
	raddr_t own_keys; /* its ht_cached_keys; 0: not read yet */
	raddr_t keys;     /* of dicts that share theirs; 0: none were met yet */
	size_t index;     /* of the attribute among them */
};
/* The name of a Thread, cleaned. */
bool thread_object_name(const struct layout *layout, struct target *target, struct type_cache *cache,
	raddr_t object, struct buffer *name);

#endif
