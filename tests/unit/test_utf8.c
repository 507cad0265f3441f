/* SPDX-License-Identifier: MIT */
/* Whatever bytes come in, valid UTF-8 without control characters comes out. */
#include "config.h"

#include "pyrope/base.h"

#include <string.h>

#include "suite.h"

#define BAD "\xef\xbf\xbd"

static const struct {
	const char *what, *in;
	size_t length;
	const char *out;
} cases[] = {
#define CASE(what, in, out) \
	{ \
		what, in, sizeof(in) - 1, out \
	}
	CASE("nothing", "", ""),
	CASE("ASCII", "hello, world ~", "hello, world ~"),
	CASE("two bytes", "\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9"),
	CASE("three bytes", "\xe2\x82\xac", "\xe2\x82\xac"),
	CASE("four bytes", "\xf0\x9f\x94\xa5", "\xf0\x9f\x94\xa5"),
	CASE("first and last of each length",
		"\xc2\xa0\xdf\xbf\xe0\xa0\x80\xef\xbf\xbd\xf0\x90\x80\x80\xf4\x8f\xbf\xbd",
		"\xc2\xa0\xdf\xbf\xe0\xa0\x80\xef\xbf\xbd\xf0\x90\x80\x80\xf4\x8f\xbf\xbd"),
	CASE("noncharacters", "\xef\xbf\xbe\xef\xbf\xbf\xef\xb7\x90\xf4\x8f\xbf\xbf", BAD BAD BAD BAD),
	CASE("byte order mark", "\xef\xbb\xbfname", "name"),
	CASE("tags",
		"a\xf3\xa0\x80\x81\xf3\xa0\x81\xa1\xf3\xa0\x81\xbf"
		"b",
		"ab"),
	CASE("newline, return, tab", "a\nb\rc\td", "a b c d"),
	CASE("line separators",
		"a\xe2\x80\xa8"
		"b\xe2\x80\xa9"
		"c",
		"a b c"),
	CASE("NUL and other C0",
		"a\0b\x01"
		"c\x1b[31md\x07",
		"abc[31md"),
	CASE("DEL and C1",
		"a\x7f"
		"b\xc2\x80"
		"c\xc2\x85"
		"d\xc2\x9f"
		"e",
		"abcde"),
	CASE("bidi controls",
		"a\xe2\x80\xae"
		"b\xe2\x81\xa6"
		"c\xe2\x80\x8f"
		"d\xd8\x9c"
		"e",
		"abcde"),
	CASE("lone continuation",
		"a\x80"
		"b",
		"a" BAD "b"),
	CASE("overlong", "\xc0\xaf", BAD BAD),
	CASE("overlong three", "\xe0\x80\xaf", BAD BAD BAD),
	CASE("surrogate is one",
		"a\xed\xa0\x80"
		"b",
		"a" BAD "b"),
	CASE("pair of surrogates", "\xed\xa0\xbd\xed\xb4\xa5", BAD BAD),
	CASE("half a surrogate", "\xed\xa0", BAD BAD),
	CASE("beyond the last code point", "\xf4\x90\x80\x80", BAD BAD BAD BAD),
	CASE("impossible bytes", "\xfe\xff", BAD BAD),
	CASE("cut two", "a\xc3", "a" BAD),
	CASE("cut four is one", "a\xf0\x9f\x94", "a" BAD),
	CASE("cut in the middle",
		"\xe2\x82"
		"a",
		BAD "a"),
	CASE("newline after a cut", "\xe2\x82\n", BAD " "),
#undef CASE
};

START_TEST(test_clean)
{
	struct buffer buffer = { 0 };

	buffer_append_string(&buffer, "<");
	utf8_clean(&buffer, cases[_i].in, cases[_i].length);
	ck_assert_msg(
		strcmp(buffer.data + 1, cases[_i].out) == 0, "%s: got '%s'", cases[_i].what, buffer.data + 1);
	buffer_release(&buffer);
}
END_TEST

/*
 * Cleaning what is clean changes nothing, and every output is well-formed, for many sequences of three bytes.
 *
 */
START_TEST(test_clean_twice)
{
	struct buffer once = { 0 }, twice = { 0 };
	char bytes[3];

	for (unsigned i = 0; i < 1 << 24; i += 211) {
		bytes[0] = (char)(i >> 16);
		bytes[1] = (char)(i >> 8);
		bytes[2] = (char)i;
		buffer_clear(&once);
		buffer_clear(&twice);
		utf8_clean(&once, bytes, sizeof(bytes));
		utf8_clean(&twice, once.data ? once.data : "", once.length);
		ck_assert_uint_eq(once.length, twice.length);
		ck_assert(once.length == 0 || memcmp(once.data, twice.data, once.length) == 0);
	}
	buffer_release(&once);
	buffer_release(&twice);
}
END_TEST

START_TEST(test_append)
{
	static const uint32_t code_points[] = { 'a', 0xe9, 0x20ac, 0x1f525, 0xd800, 0xdfff, 0x110000,
		UINT32_MAX, '\n', 0, 0x202e };
	struct buffer buffer = { 0 };

	for (size_t i = 0; i < ARRAY_LENGTH(code_points); i++)
		utf8_append(&buffer, code_points[i]);
	ck_assert_str_eq(buffer.data, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\xa5" BAD BAD BAD BAD " ");
	buffer_release(&buffer);
}
END_TEST

/*
 * Plain is what cleaning leaves as it is, of what is ASCII; each byte at each place of two words and a
 * rest.
 */
START_TEST(test_is_plain)
{
	char bytes[19];

	for (unsigned byte = 0; byte < 256; byte++) {
		for (size_t at = 0; at < sizeof(bytes); at++) {
			memset(bytes, byte % 2 ? 0x20 : 0x7e, sizeof(bytes));
			ck_assert(utf8_is_plain(bytes, sizeof(bytes)));
			bytes[at] = (char)byte;
			ck_assert_msg(utf8_is_plain(bytes, sizeof(bytes)) == (byte >= 0x20 && byte < 0x7f),
				"%u at %zu", byte, at);
		}
	}
	ck_assert(utf8_is_plain("", 0));
}
END_TEST

static size_t appended(uint32_t code_point)
{
	struct buffer buffer = { 0 };
	size_t length;

	utf8_append(&buffer, code_point);
	length = buffer.length;
	buffer_release(&buffer);
	return length;
}

/* All that is dropped, counted; and the neighbours of each range, which are not. */
START_TEST(test_invisible)
{
	static const uint32_t dropped[] = { 0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b,
		0x180e, 0x180f, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x202a, 0x202e, 0x2060, 0x2064,
		0x2065, 0x2066, 0x2069, 0x206f, 0x3164, 0xfe00, 0xfe0f, 0xfeff, 0xffa0, 0xfff0, 0xfff8,
		0xfff9, 0xfffb, 0x1bca0, 0x1bca3, 0x1d173, 0x1d17a, 0xe0000, 0xe0001, 0xe0020, 0xe007f,
		0xe0100, 0xe01ef, 0xe0fff };
	static const uint32_t kept[] = { 0xa0, 0xac, 0xae, 0x34e, 0x350, 0x61b, 0x61d, 0x115e, 0x1161, 0x17b3,
		0x17b6, 0x180a, 0x1810, 0x200a, 0x2010, 0x2027, 0x202f, 0x205f, 0x2070, 0x3163, 0x3165,
		0xfdff, 0xfe10, 0xfefe, 0xff00, 0xff9f, 0xffa1, 0xffef, 0xfffc, 0x1bc9f, 0x1bca4, 0x1d172,
		0x1d17b, 0xdfffd, 0xe1000 };
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(dropped); i++)
		ck_assert_msg(appended(dropped[i]) == 0, "U+%04X", (unsigned)dropped[i]);
	for (size_t i = 0; i < ARRAY_LENGTH(kept); i++)
		ck_assert_msg(appended(kept[i]) != 0, "U+%04X", (unsigned)kept[i]);
	for (uint32_t code_point = 0xa0; code_point <= 0x10ffff; code_point++)
		count += appended(code_point) == 0;
	ck_assert_uint_eq(count, 4174 + 3);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, test_clean, 0, ARRAY_LENGTH(cases));
	tcase_add_test(tests, test_clean_twice);
	tcase_add_test(tests, test_is_plain);
	tcase_add_test(tests, test_append);
	tcase_add_test(tests, test_invisible);
}

int main(void)
{
	return suite_run("utf8", add_tests);
}
