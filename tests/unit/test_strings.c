/* SPDX-License-Identifier: MIT */
/* Strings out of another process's memory, in the layout of every version that differs. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../child.h"
#include "python/decode.h"
#include "suite.h"

#define MEMORY_BYTES (8u << 20)
#define DATA_AT 4096 /* of a str that is not compact */

static struct child child;
static struct buffer text;

static void setup(void)
{
	memset(child.bytes, 0xa5, MEMORY_BYTES);
	text = (struct buffer){ 0 };
}

static void teardown(void)
{
	buffer_release(&text);
}

static void put(size_t at, uint64_t value, size_t length)
{
	memcpy(child.bytes + at, &value, length);
}

enum form { ASCII, COMPACT, APART };

/* A str at the start of the memory; count characters of kind bytes, or a lie about them. */
static void put_str(const struct layout *layout, enum form form, unsigned kind, int64_t count)
{
	uint32_t state = kind | (form != APART) << 3 | (form == ASCII) << 4;

	put(layout->unicode.length, (uint64_t)count, 8);
	put(layout->unicode.state, 1u | state << layout->unicode.kind_shift, 4);
	put(layout->unicode.compact_data, CHILD_ADDRESS + DATA_AT, 8);
}

static size_t data_at(const struct layout *layout, enum form form)
{
	if (form == APART)
		return DATA_AT;
	return form == ASCII ? layout->unicode.ascii_data : layout->unicode.compact_data;
}

static void put_characters(size_t at, unsigned kind, const uint32_t *characters, size_t count)
{
	for (size_t i = 0; i < count; i++)
		put(at + i * kind, characters[i], kind);
}

/* Free-threaded builds have no row: 3.14's, moved. */
static struct layout free_threaded(void)
{
	struct layout layout = *layout_find(314);

	layout.unicode.length += 16;
	layout.unicode.state += 16;
	layout.unicode.ascii_data += 16;
	layout.unicode.compact_data += 16;
	layout.unicode.kind_shift = 8;
	return layout;
}

static struct layout layout_of(int index)
{
	static const int versions[] = { 304, 306, 311, 312, 315 };

	return index < (int)ARRAY_LENGTH(versions) ? *layout_find(versions[index]) : free_threaded();
}
#define LAYOUTS 6

static void check_read(const struct layout *layout, const char *expected)
{
	buffer_clear(&text);
	ck_assert(string_read(layout, child.target, CHILD_ADDRESS, &text));
	ck_assert_str_eq(text.data, expected);
}

START_TEST(test_unicode)
{
	static const struct {
		enum form form;
		unsigned kind;
		size_t count;
		uint32_t characters[8];
		const char *expected;
	} cases[] = {
		{ ASCII, 1, 5, { 'h', 'e', 'l', 'l', 'o' }, "hello" },
		{ ASCII, 1, 0, { 0 }, "" },
		{ ASCII, 1, 4, { 'a', 0, 'b', '\n' }, "ab " },
		{ COMPACT, 1, 3, { 'n', 0xe9, 'e' },
			"n\xc3\xa9"
			"e" },
		{ COMPACT, 2, 3, { 0x20ac, 'x', 0x416 }, "\xe2\x82\xacx\xd0\x96" },
		{ COMPACT, 2, 3, { 'a', 0xd800, 'b' },
			"a\xef\xbf\xbd"
			"b" },
		{ COMPACT, 4, 2, { 0x1f40d, '!' }, "\xf0\x9f\x90\x8d!" },
		{ COMPACT, 4, 3, { 0x110000, 0xdfff, 'z' }, "\xef\xbf\xbd\xef\xbf\xbdz" },
		{ APART, 1, 2, { 'h', 'i' }, "hi" },
		{ APART, 2, 2, { 0x3b1, 'i' }, "\xce\xb1i" },
	};
	struct layout layout = layout_of(_i);

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		put_str(&layout, cases[i].form, cases[i].kind, (int64_t)cases[i].count);
		put_characters(
			data_at(&layout, cases[i].form), cases[i].kind, cases[i].characters, cases[i].count);
		check_read(&layout, cases[i].expected);
	}
}
END_TEST

/* Longer than one read, and than one chunk of them. */
START_TEST(test_long)
{
	struct layout layout = layout_of(_i);
	size_t count = 100000;

	put_str(&layout, COMPACT, 2, (int64_t)count);
	for (size_t i = 0; i < count; i++)
		put(layout.unicode.compact_data + 2 * i, i % 2 ? 0x3b1 : 'a', 2);
	ck_assert(string_read(&layout, child.target, CHILD_ADDRESS, &text));
	ck_assert_uint_eq(text.length, count / 2 * 3);
	for (size_t i = 0; i < text.length; i += 3)
		ck_assert(memcmp(text.data + i, "a\xce\xb1", 3) == 0);
}
END_TEST

START_TEST(test_cut)
{
	struct layout layout = layout_of(_i);

	put_str(&layout, ASCII, 1, STRING_LIMIT_CHARACTERS + 1);
	memset(child.bytes + layout.unicode.ascii_data, 'x', STRING_LIMIT_CHARACTERS + 1);
	ck_assert(string_read(&layout, child.target, CHILD_ADDRESS, &text));
	ck_assert_uint_eq(text.length, STRING_LIMIT_CHARACTERS + 3);
	ck_assert_str_eq(text.data + STRING_LIMIT_CHARACTERS, "...");
}
END_TEST

START_TEST(test_garbage)
{
	struct layout layout = layout_of(_i);
	raddr_t end = CHILD_ADDRESS + MEMORY_BYTES;

	buffer_append_string(&text, "before");
	put_str(&layout, ASCII, 1, -1);
	ck_assert(!string_read(&layout, child.target, CHILD_ADDRESS, &text));
	put_str(&layout, ASCII, 1, INT64_MAX);
	ck_assert(!string_read(&layout, child.target, CHILD_ADDRESS, &text));
	for (unsigned kind = 0; kind < 8; kind++) {
		put_str(&layout, COMPACT, kind, 1);
		ck_assert_int_eq(string_read(&layout, child.target, CHILD_ADDRESS, &text),
			kind == 1 || kind == 2 || kind == 4);
		text.length = strlen("before");
	}
	put_str(&layout, ASCII, 2, 1); /* no ASCII character has two bytes */
	ck_assert(!string_read(&layout, child.target, CHILD_ADDRESS, &text));
	put_str(&layout, APART, 1, 3);
	put(layout.unicode.compact_data, 8, 8); /* the characters are nowhere */
	ck_assert(!string_read(&layout, child.target, CHILD_ADDRESS, &text));
	ck_assert(!string_read(&layout, child.target, 0, &text));
	ck_assert(!string_read(&layout, child.target, end - 16, &text));
	ck_assert(!string_read(&layout, child.target, UINT64_MAX - 8, &text));

	/* A length that goes past the end of what is mapped: what was read so far is not kept. */
	put_str(&layout, APART, 1, 10000);
	put(layout.unicode.compact_data, end - 5000, 8);
	ck_assert(!string_read(&layout, child.target, CHILD_ADDRESS, &text));
	ck_assert_uint_eq(text.length, strlen("before"));
	ck_assert(strncmp(text.data, "before", strlen("before")) == 0);
}
END_TEST

/* A str that ends with the mapping is read, although more than it has is asked for at first. */
START_TEST(test_at_the_end)
{
	struct layout layout = layout_of(_i);
	size_t at = MEMORY_BYTES - layout.unicode.ascii_data - 24;

	put_str(&layout, ASCII, 1, 24);
	memset(child.bytes + layout.unicode.ascii_data, 'e', 24);
	memmove(child.bytes + at, child.bytes, layout.unicode.ascii_data + 24);
	ck_assert(string_read(&layout, child.target, CHILD_ADDRESS + at, &text));
	ck_assert_str_eq(text.data, "eeeeeeeeeeeeeeeeeeeeeeee");
}
END_TEST

static void put_bytes(const struct layout *layout, int64_t length, const char *bytes)
{
	put(layout->bytes.ob_size, (uint64_t)length, 8);
	memcpy(child.bytes + layout->bytes.ob_sval, bytes, strlen(bytes));
}

START_TEST(test_byte_string)
{
	const struct layout *layout = layout_find(_i ? 207 : 206);
	char *cut;

	put_bytes(layout, 7, "na\xc3\xafve\n");
	check_read(layout, "na\xc3\xafve ");
	put_bytes(layout, 3, "a\xff\x1b");
	check_read(layout, "a\xef\xbf\xbd");
	put_bytes(layout, 0, "");
	check_read(layout, "");
	put_bytes(layout, -1, "x");
	ck_assert(!string_read(layout, child.target, CHILD_ADDRESS, &text));
	put_bytes(layout, INT64_MAX, "x");
	ck_assert(!string_read(layout, child.target, CHILD_ADDRESS, &text));

	memset(child.bytes, 'x', MEMORY_BYTES);
	put_bytes(layout, STRING_LIMIT_CHARACTERS + 1, "x");
	buffer_clear(&text);
	ck_assert(string_read(layout, child.target, CHILD_ADDRESS, &text));
	cut = text.data + STRING_LIMIT_CHARACTERS;
	ck_assert_str_eq(cut, "...");
}
END_TEST

START_TEST(test_bytes)
{
	struct layout layout = *layout_find(_i ? 315 : 207);

	put_bytes(&layout, 5, "\x01\x80xyz and more");
	ck_assert(bytes_read(&layout, child.target, CHILD_ADDRESS, 100, &text));
	ck_assert_uint_eq(text.length, 5);
	ck_assert(memcmp(text.data, "\x01\x80xyz", 5) == 0);
	buffer_clear(&text);
	ck_assert(bytes_read(&layout, child.target, CHILD_ADDRESS, 2, &text));
	ck_assert_uint_eq(text.length, 2);
	buffer_clear(&text);
	put_bytes(&layout, MEMORY_BYTES, "");
	ck_assert(!bytes_read(&layout, child.target, CHILD_ADDRESS, MEMORY_BYTES, &text));
	ck_assert_uint_eq(text.length, 0);
	put_bytes(&layout, -5, "");
	ck_assert(!bytes_read(&layout, child.target, CHILD_ADDRESS, 100, &text));
	ck_assert(!bytes_read(&layout, child.target, 0, 100, &text));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_loop_test(tests, test_unicode, 0, LAYOUTS);
	tcase_add_loop_test(tests, test_long, 0, LAYOUTS);
	tcase_add_loop_test(tests, test_cut, 0, LAYOUTS);
	tcase_add_loop_test(tests, test_garbage, 0, LAYOUTS);
	tcase_add_loop_test(tests, test_at_the_end, 0, LAYOUTS);
	tcase_add_loop_test(tests, test_byte_string, 0, 2);
	tcase_add_loop_test(tests, test_bytes, 0, 2);
}

int main(void)
{
	int result;

	child = child_start(MEMORY_BYTES);
	result = suite_run("strings", add_tests);
	child_end(&child);
	return result;
}
