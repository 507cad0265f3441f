/* SPDX-License-Identifier: MIT */
/* Objects and the variables of frames, as text: see pyrope/values.h. */
#ifndef PYROPE_PYTHON_VALUES_H
#define PYROPE_PYTHON_VALUES_H

#include "python/layout.h"
#include "python/pages.h"
#include "pyrope/values.h"

/* What an object's type says. */
struct type_facts {
	uint64_t flags;
	char name[128]; /* as it is in memory */
};

#define TYPE_IS_HEAP (UINT64_C(1) << 9)
#define TYPE_IS_READY (UINT64_C(1) << 12)
#define TYPE_IS_INT_2 (UINT64_C(1) << 23)
#define TYPE_IS_INT (UINT64_C(1) << 24)
#define TYPE_IS_LIST (UINT64_C(1) << 25)
#define TYPE_IS_TUPLE (UINT64_C(1) << 26)
#define TYPE_IS_BYTES (UINT64_C(1) << 27)
#define TYPE_IS_STR (UINT64_C(1) << 28)
#define TYPE_IS_DICT (UINT64_C(1) << 29)
#define TYPE_IS_TYPE (UINT64_C(1) << 31)

/* False: there is no object at this address, for all that can be seen. */
bool object_type(const struct layout *layout, struct pages *pages, raddr_t object, struct type_facts *facts);
/* Is it of this type of the interpreter's own, and no class of the program's that is called the same? */
bool type_is(const struct type_facts *facts, const char *name);

/* Appends what the object is, in at most so many characters and what is missing; and its type's name. */
void value_append(const struct layout *layout, struct pages *pages, raddr_t object, size_t characters,
	struct buffer *text, struct buffer *type);
/* A str (2.x: a byte string) as it is, cleaned, of which so many characters at most. False: it is none. */
bool value_append_name(const struct layout *layout, struct pages *pages, raddr_t object, size_t characters,
	struct buffer *text);

/* What the variables of a code object are called. Kept by the address of the code object. */
struct variable_names;
struct variable_reader {
	const struct layout *layout;
	struct pages *pages;
	size_t characters; /* of a value */
	struct u64_map known;
	struct variable_names **list;
	size_t count, capacity;
};

void variable_reader_release(struct variable_reader *reader);
/* The variables of a frame that executes the code object. */
void variables_read(struct variable_reader *reader, raddr_t frame, raddr_t code, struct variables *variables);

#define FRAME_STACK_LIMIT 64 /* words of what a frame computes with that are looked at */
/*
 * The words of a frame: its variables (what is in a cell in place of the cell), and behind them what it
 * computes with, of which the last ones may be what is left of something else. At most limit; the count.
 */
size_t frame_slots(struct variable_reader *reader, raddr_t frame, raddr_t code, raddr_t *slots, size_t limit,
	size_t *variable_count);
/* What the variable in this word is called; NULL: it is none. Until the next frame is read. */
const char *frame_slot_name(struct variable_reader *reader, raddr_t code, size_t index);

#endif
