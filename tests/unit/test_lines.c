/* SPDX-License-Identifier: MIT */
/*
 * Line tables. tests/unit/data/line_tables.txt holds tables that real interpreters wrote, each with what that
 * interpreter says about it (tests/tools/make_line_tables.py); what real compilers do not write is made here.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "python/decode.h"
#include "suite.h"

#define DATA "tests/unit/data/line_tables.txt"

/* ---- tables of real interpreters ---- */

static FILE *open_data(void)
{
	const char *top = getenv("top_srcdir");
	char *path = xasprintf("%s/%s", top ? top : ".", DATA);
	FILE *file = fopen(path, "r");

	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	free(path);
	return file;
}

static size_t from_hexadecimal(const char *text, uint8_t *bytes)
{
	size_t count = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;

	for (size_t i = 0; i < count; i++) {
		const char digits[] = { text[2 * i], text[2 * i + 1], '\0' };

		bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return count;
}

/* "2.7" -> its row */
static const struct layout *row_of(const char *version)
{
	for (const struct layout *const *row = layout_rows(); *row; row++) {
		if (strcmp((*row)->name, version) == 0)
			return *row;
	}
	return NULL;
}

/* expected: LINE*COUNT,LINE*COUNT... */
static void compare_runs(const int *lines, size_t count, char *expected, const char *what)
{
	size_t unit = 0;

	for (char *run = strtok(expected, ","); run; run = strtok(NULL, ",")) {
		char *times;
		long line = strtol(run, &times, 10), length;

		ck_assert_int_eq(*times, '*');
		for (length = strtol(times + 1, NULL, 10); length > 0; length--, unit++) {
			ck_assert_uint_lt(unit, count);
			ck_assert_msg(lines[unit] == line, "%s: unit %zu is on line %ld, not %d", what, unit,
				line, lines[unit]);
		}
	}
	ck_assert_uint_eq(unit, count);
}

START_TEST(test_real_tables)
{
	FILE *file = open_data();
	char record[65536];
	unsigned records = 0, versions = 0;
	char last[16] = "";

	while (fgets(record, sizeof(record), file)) {
		char *version = strtok(record, " "), *name = strtok(NULL, " "), *first = strtok(NULL, " ");
		char *units = strtok(NULL, " "), *table = strtok(NULL, " "), *expected = strtok(NULL, " \n");
		const struct layout *layout = row_of(version);
		uint8_t bytes[32768];
		size_t length, count;
		char *what;
		int *lines;

		ck_assert_ptr_nonnull(expected);
		ck_assert_ptr_nonnull(layout);
		count = strtoul(units, NULL, 10);
		length = from_hexadecimal(table, bytes);
		lines = xcalloc(count, sizeof(*lines));
		what = xasprintf("%s %s:%s", version, name, first);
		lines_decode(layout, bytes, length, (int)strtol(first, NULL, 10), lines, count);
		compare_runs(lines, count, expected, what);
		free(what);
		free(lines);
		records++;
		if (strcmp(version, last) != 0)
			versions++;
		snprintf(last, sizeof(last), "%s", version);
	}
	fclose(file);
	ck_assert_uint_ge(versions, 11);
	ck_assert_uint_gt(records, 150);
}
END_TEST

/* ---- tables made by hand ---- */

#define UNITS 8

struct table_case {
	int version;
	const char *what;
	int first_line;
	size_t length;
	uint8_t table[16];
	int lines[UNITS];
};

static const struct table_case cases[] = {
	{ 207, "an empty table is one line", 7, 0, { 0 }, { 7, 7, 7, 7, 7, 7, 7, 7 } },
	{ 207, "deltas over 127 are not negative", 1, 4, { 2, 200, 2, 255 },
		{ 1, 1, 201, 201, 456, 456, 456, 456 } },
	{ 207, "an odd byte at the end is no entry", 1, 3, { 2, 1, 2 }, { 1, 1, 2, 2, 2, 2, 2, 2 } },
	{ 305, "an instruction unit is one byte", 1, 2, { 3, 1 }, { 1, 1, 1, 2, 2, 2, 2, 2 } },
	{ 306, "deltas over 127 are negative", 300, 4, { 2, 127, 4, 0x80 },
		{ 300, 427, 427, 299, 299, 299, 299, 299 } },
	{ 306, "an instruction unit is two bytes", 1, 2, { 6, 1 }, { 1, 1, 1, 2, 2, 2, 2, 2 } },
	{ 309, "a line below zero is none", 1, 4, { 2, 0xfe, 2, 3 }, { 1, 0, 2, 2, 2, 2, 2, 2 } },
	{ 309, "a first line below zero is none", -5, 2, { 4, 7 }, { 0, 0, 2, 2, 2, 2, 2, 2 } },
	{ 309, "a line over INT_MAX is none", INT_MAX, 2, { 4, 1 }, { INT_MAX, INT_MAX, 0, 0, 0, 0, 0, 0 } },
	{ 310, "the delta comes first", 10, 4, { 4, 1, 12, 0xff }, { 11, 11, 10, 10, 10, 10, 10, 10 } },
	{ 310, "-128 is no line, and no delta", 10, 6, { 4, 1, 4, 0x80, 8, 2 },
		{ 11, 11, 0, 0, 13, 13, 13, 13 } },
	{ 310, "entries without code add up", 10, 6, { 0, 127, 0, 127, 16, 1 },
		{ 265, 265, 265, 265, 265, 265, 265, 265 } },
	{ 311, "short forms stay on the line", 5, 4, { 0x80 | 0 << 3 | 1, 0x12, 0x80 | 9 << 3 | 5, 0x34 },
		{ 5, 5, 5, 5, 5, 5, 5, 5 } },
	{ 311, "one-line forms add 0, 1, 2", 5, 9,
		{ 0x80 | 10 << 3 | 1, 1, 2, 0x80 | 11 << 3 | 1, 1, 2, 0x80 | 12 << 3 | 3, 1, 2 },
		{ 5, 5, 6, 6, 8, 8, 8, 8 } },
	{ 312, "no columns: a signed delta", 5, 4,
		{ 0x80 | 13 << 3 | 3, 2 << 1, 0x80 | 13 << 3 | 3, 3 << 1 | 1 }, { 7, 7, 7, 7, 4, 4, 4, 4 } },
	{ 313, "the long form, its delta in three pieces", 1, 7,
		{ 0x80 | 14 << 3 | 7, 0x40 | 0, 0x40 | 0, 0x10, 0, 1, 2 },
		{ 32769, 32769, 32769, 32769, 32769, 32769, 32769, 32769 } },
	{ 314, "no location, then the line goes on", 5, 5,
		{ 0x80 | 15 << 3 | 3, 0x80 | 13 << 3 | 3, 1 << 1, 0, 0 }, { 0, 0, 0, 0, 6, 6, 6, 6 } },
	{ 315, "a table that ends too early: the last line goes on", 5, 3, { 0x80 | 11 << 3 | 0, 0, 0 },
		{ 6, 6, 6, 6, 6, 6, 6, 6 } },
	{ 315, "a table that is cut off in a number", 5, 2, { 0x80 | 14 << 3 | 7, 0x7f },
		{ 0, 0, 0, 0, 0, 0, 0, 0 } },
	{ 315, "more units than there are", 5, 2, { 0x80 | 11 << 3 | 6, 0x80 | 11 << 3 | 7 },
		{ 6, 6, 6, 6, 6, 6, 6, 7 } },
};

START_TEST(test_table)
{
	const struct table_case *test = &cases[_i];
	int lines[UNITS + 1];

	memset(lines, 0xff, sizeof(lines));
	lines_decode(layout_find(test->version), test->table, test->length, test->first_line, lines, UNITS);
	for (int unit = 0; unit < UNITS; unit++) {
		ck_assert_msg(lines[unit] == test->lines[unit], "%s: unit %d is on line %d, not %d",
			test->what, unit, test->lines[unit], lines[unit]);
	}
	ck_assert_int_eq(lines[UNITS], -1);
}
END_TEST

/* A table that only goes up: what is beyond an int is no line, and does not come back as a negative one. */
START_TEST(test_far_lines)
{
	static const uint8_t large[] = { 0x80 | 13 << 3 | 5, 0x7e, 0x7f, 0x7f, 0x7f, 0x7f }; /* 6 units */
	size_t entries = 4096, units = 6 * entries;
	uint8_t *table = xmalloc(6 * entries);
	int *lines = xcalloc(units, sizeof(*lines));

	for (size_t entry = 0; entry < entries; entry++)
		memcpy(table + 6 * entry, large, sizeof(large));
	lines_decode(layout_find(312), table, 6 * entries, 1, lines, units);
	ck_assert_int_ge(lines[0], 0);
	for (size_t unit = 6 * 8; unit < units; unit++)
		ck_assert_int_eq(lines[unit], 0);
	free(table);
	free(lines);
}
END_TEST

START_TEST(test_unit_bytes)
{
	ck_assert_uint_eq(line_unit_bytes(layout_find(207)), 1);
	ck_assert_uint_eq(line_unit_bytes(layout_find(305)), 1);
	ck_assert_uint_eq(line_unit_bytes(layout_find(306)), 2);
	ck_assert_uint_eq(line_unit_bytes(layout_find(310)), 2);
	ck_assert_uint_eq(line_unit_bytes(layout_find(315)), 2);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, test_real_tables);
	tcase_add_loop_test(tests, test_table, 0, ARRAY_LENGTH(cases));
	tcase_add_test(tests, test_far_lines);
	tcase_add_test(tests, test_unit_bytes);
}

int main(void)
{
	return suite_run("lines", add_tests);
}
