/* SPDX-License-Identifier: MIT */
/* Bytes that grow, numbers and JSON strings behind them. */
#include "config.h"

#include "pyrope/base.h"

#include <string.h>

#include "suite.h"

START_TEST(test_append)
{
	struct buffer buffer = { 0 };

	buffer_append(&buffer, "", 0);
	ck_assert_str_eq(buffer.data, "");
	buffer_append(&buffer, "a\0b", 3);
	ck_assert_uint_eq(buffer.length, 3);
	ck_assert(memcmp(buffer.data, "a\0b", 4) == 0);
	buffer_clear(&buffer);
	ck_assert_str_eq(buffer.data, "");
	for (int i = 0; i < 10000; i++)
		buffer_append_char(&buffer, 'x');
	ck_assert_uint_eq(buffer.length, 10000);
	ck_assert_uint_eq(strlen(buffer.data), 10000);
	buffer_release(&buffer);
	ck_assert_ptr_null(buffer.data);
	buffer_release(&buffer);
}
END_TEST

START_TEST(test_printf)
{
	struct buffer buffer = { 0 };
	char text[5000];

	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	buffer_printf(&buffer, "%s", "");
	buffer_printf(&buffer, "%d-%s", 5, text);
	ck_assert_uint_eq(buffer.length, 2 + strlen(text));
	ck_assert_str_eq(buffer.data + 2, text);
	buffer_release(&buffer);
}
END_TEST

START_TEST(test_numbers)
{
	struct buffer buffer = { 0 };

	buffer_append_uint(&buffer, 0);
	buffer_append_char(&buffer, ' ');
	buffer_append_uint(&buffer, UINT64_MAX);
	buffer_append_char(&buffer, ' ');
	buffer_append_int(&buffer, INT64_MIN);
	buffer_append_char(&buffer, ' ');
	buffer_append_int(&buffer, -1);
	ck_assert_str_eq(buffer.data, "0 18446744073709551615 -9223372036854775808 -1");
	buffer_release(&buffer);
}
END_TEST

START_TEST(test_json)
{
	struct buffer buffer = { 0 };

	buffer_append_json(&buffer, "a\"b\\c\n\x01/\xc3\xa9");
	ck_assert_str_eq(buffer.data, "\"a\\\"b\\\\c\\u000a\\u0001/\xc3\xa9\"");
	buffer_clear(&buffer);
	buffer_append_json(&buffer, "");
	ck_assert_str_eq(buffer.data, "\"\"");
	buffer_release(&buffer);
}
END_TEST

static const struct {
	const char *text;
	size_t columns;
	const char *begin, *end; /* in six columns */
} widths[] = {
	{ "", 0, "", "" },
	{ "abc", 3, "abc", "abc" },
	{ "abcdef", 6, "abcdef", "abcdef" },
	{ "abcdefg", 7, "abcd..", "..defg" },
	{ "gr\xc3\xb6\xc3\x9f"
	  "er",
		6,
		"gr\xc3\xb6\xc3\x9f"
		"er",
		"gr\xc3\xb6\xc3\x9f"
		"er" },
	{ "\xe6\xa8\xa1\xe5\x9d\x97", 4, "\xe6\xa8\xa1\xe5\x9d\x97", "\xe6\xa8\xa1\xe5\x9d\x97" },
	{ "a\xe6\xa8\xa1\xe5\x9d\x97zz", 7, "a\xe6\xa8\xa1..", "..\xe5\x9d\x97zz" },
	{ "e\xcc\x81", 1, "e\xcc\x81", "e\xcc\x81" },
	{ "\xf0\x9f\x94\xa5", 2, "\xf0\x9f\x94\xa5", "\xf0\x9f\x94\xa5" },
};

START_TEST(test_columns)
{
	struct buffer begin = { 0 }, end = { 0 };

	buffer_append_string(&begin, "");
	buffer_append_string(&end, "");
	buffer_append_fit(&begin, widths[_i].text, 6, FIT_KEEP_BEGIN);
	buffer_append_fit(&end, widths[_i].text, 6, FIT_KEEP_END);
	ck_assert_uint_eq(text_columns(widths[_i].text), widths[_i].columns);
	ck_assert_str_eq(begin.data, widths[_i].begin);
	ck_assert_str_eq(end.data, widths[_i].end);
	buffer_release(&begin);
	buffer_release(&end);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, test_append);
	tcase_add_test(tests, test_printf);
	tcase_add_test(tests, test_numbers);
	tcase_add_test(tests, test_json);
	tcase_add_loop_test(tests, test_columns, 0, ARRAY_LENGTH(widths));
}

int main(void)
{
	return suite_run("buffer", add_tests);
}
