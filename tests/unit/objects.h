/* SPDX-License-Identifier: MIT */
/*
 * Python's objects, made up in a child's memory in the structs of the version that `layout` is. Whoever
 * includes this defines OBJECTS_BYTES: so much of the memory they may take.
 */
#ifndef PYROPE_TESTS_UNIT_OBJECTS_H
#define PYROPE_TESTS_UNIT_OBJECTS_H

#include <check.h>
#include <string.h>

#include "../child.h"
#include "python/values.h"

static struct child child;
static size_t next_free;
static struct layout layout;
static struct pages pages;

static raddr_t allocate(size_t size)
{
	const raddr_t address = CHILD_ADDRESS + next_free;

	next_free += (size + 15) / 16 * 16;
	ck_assert_uint_le(next_free, OBJECTS_BYTES);
	return address;
}

static void put(raddr_t address, uint64_t value, size_t length)
{
	memcpy(child.bytes + (address - CHILD_ADDRESS), &value, length);
}

static raddr_t new_text(const char *text)
{
	const raddr_t at = allocate(strlen(text) + 1);

	memcpy(child.bytes + (at - CHILD_ADDRESS), text, strlen(text));
	return at;
}

static raddr_t new_type(const char *name, uint64_t flags)
{
	const raddr_t type = allocate(1024);

	put(type + layout.type_object.tp_name, new_text(name), 8);
	put(type + layout.type_object.tp_flags, flags | TYPE_IS_READY, 8);
	return type;
}

static raddr_t new_object(const char *name, uint64_t flags)
{
	const raddr_t object = allocate(512);

	put(object + layout.object.ob_type, new_type(name, flags), 8);
	return object;
}

/* In the kind that a version has most of. */
static raddr_t new_str(const char *ascii)
{
	const bool is_2 = layout.strings == STRINGS_BYTES;
	const raddr_t object = new_object("str", is_2 ? TYPE_IS_BYTES : TYPE_IS_STR);
	const raddr_t data = object + (is_2 ? layout.bytes.ob_sval : layout.unicode.ascii_data);

	put(object + (is_2 ? layout.bytes.ob_size : layout.unicode.length), strlen(ascii), 8);
	if (!is_2)
		put(object + layout.unicode.state, 0x19u << layout.unicode.kind_shift, 4);
	memcpy(child.bytes + (data - CHILD_ADDRESS), ascii, strlen(ascii));
	return object;
}

#endif
