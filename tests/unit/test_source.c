/* SPDX-License-Identifier: MIT */
/* Which lines of a text in Python are a function's, and which lines of two versions are the same. */
#include "config.h"

#include "pyrope/compare.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

static struct source *source_of(const char *text)
{
	return source_new(xstrdup(text), strlen(text));
}

static const char program[] = "import os\n"
			      "\n"
			      "@wraps(\n"
			      "    'def f():')\n"
			      "@other\n"
			      "def f(a,\n"
			      "      b\n"
			      "):\n"
			      "    '''A text\n"
			      "that stands far out, def g():\n"
			      "'''\n"
			      "    # a comment\n"
			      "# one that stands far out\n"
			      "    def inner():\n"
			      "        return \"an open string\n"
			      "    x = [1,\n"
			      "2]; y = lambda: \\\n"
			      "x\n"
			      "    return inner() # ( [\n"
			      "\n"
			      "class Page:\n"
			      "\tasync def render(self): return 1\n"
			      "\tdef render_all(self):\n"
			      "\t\treturn 2\n"
			      "def f(): pass";

static const struct {
	const char *name;
	int first_line, line;
	size_t first, last; /* 0: it is not there */
} functions[] = {
	{ "f", 3, 19, 3, 20 },
	{ "f.<locals>.inner", 14, 15, 14, 15 },
	{ "f.<locals>.<lambda>", 17, 18, 16, 18 },
	{ "Page", 21, 21, 21, 24 },
	{ "Page.render", 22, 22, 22, 22 },
	{ "Page.render_all", 23, 24, 23, 24 },
	{ "render", 23, 24, 0, 0 },
	{ "f", 25, 25, 25, 25 },
	{ "f", 2, 19, 2, 20 }, /* blank lines are passed over as decorators are */
	{ "f", 1, 19, 0, 0 },
	{ "g", 10, 10, 0, 0 },
	{ "f", 26, 26, 0, 0 },
	{ "f", 1000000, 5, 0, 0 },
	{ "<module>", 1, 25, 1, 25 },
	{ "<listcomp>", 16, 16, 16, 18 },
	/* their first lines are not known */
	{ "f", 0, 19, 6, 20 },
	{ "inner", 0, 15, 14, 15 },
	{ "inner", 0, 16, 0, 0 },
	{ "render_all", 0, 24, 23, 24 },
	{ "f", 0, 25, 25, 25 },
	{ "f", 0, 0, 0, 0 },
	{ "", 0, 5, 0, 0 },
};

START_TEST(functions_have_their_lines)
{
	struct source *source = source_of(program);
	struct source_part part = { 0, 0 };
	const bool is_there =
		source_find(source, functions[_i].name, functions[_i].first_line, functions[_i].line, &part);

	ck_assert_int_eq(is_there, functions[_i].first != 0);
	if (is_there) {
		ck_assert_uint_eq(part.first, functions[_i].first);
		ck_assert_uint_eq(part.last, functions[_i].last);
	}
	source_free(source);
}
END_TEST

START_TEST(lines_are_without_white_space)
{
	struct source *source = source_of("\t a = 1 \t\r\n\n  # no");
	size_t length;

	ck_assert_int_eq(strncmp(source_text(source, 1, &length), "a = 1", 5), 0);
	ck_assert_uint_eq(length, 5);
	source_text(source, 2, &length);
	ck_assert_uint_eq(length, 0);
	source_text(source, 3, &length);
	ck_assert_uint_eq(length, 4);
	source_text(source, 4, &length);
	ck_assert_uint_eq(length, 0);
	source_text(source, 0, &length);
	ck_assert_uint_eq(length, 0);
	source_free(source);
}
END_TEST

/* Each letter is a line; where each of the first text's lines is in the second one. */
static const struct {
	const char *one, *other, *matches;
} versions[] = {
	{ "abc", "abc", "123" },
	{ "abc", "xabc", "234" },
	{ "abc", "xyz", "000" },
	{ "abcd", "abxd", "1204" },
	{ "aab", "ab", "102" },
	{ "ab", "aab", "13" },
	{ "abcabc", "xbyabc", "020456" },
	{ "a b", "a  b", "104" }, /* a blank line is no line */
	{ "", "a", "" },
	{ "abcde", "cdab", "34000" },
};

static struct source *source_of_letters(const char *letters)
{
	struct buffer text = { 0 };

	buffer_append_string(&text, "");
	for (; *letters; letters++)
		buffer_printf(&text, "%c\n", *letters);
	return source_new(text.data, text.length);
}

START_TEST(lines_are_matched_in_order)
{
	const size_t count = strlen(versions[_i].one), other_count = strlen(versions[_i].other);
	struct source *one = source_of_letters(versions[_i].one),
		      *other = source_of_letters(versions[_i].other);
	size_t *matches = xcalloc(count + 1, sizeof(*matches)), kept = 0, wanted = 0;

	source_align(one, (struct source_part){ 1, count }, other, (struct source_part){ 1, other_count },
		matches);
	for (size_t i = 0; i < count; i++) {
		kept += matches[i] != 0;
		wanted += versions[_i].matches[i] != '0';
		if (matches[i])
			ck_assert(source_is_same(one, i + 1, other, matches[i]));
		for (size_t j = 0; j < i; j++)
			ck_assert(!matches[i] || matches[j] < matches[i]);
	}
	ck_assert_uint_eq(kept, wanted); /* as many as there can be */
	if (_i < 4)
		for (size_t i = 0; i < count; i++)
			ck_assert_uint_eq(matches[i], (size_t)(versions[_i].matches[i] - '0'));
	free(matches);
	source_free(one);
	source_free(other);
}
END_TEST

/* Too many for the longest subsequence: lines that are there once are found all the same. */
START_TEST(many_changed_lines_are_matched)
{
	enum { COUNT = 4000 };
	struct buffer one = { 0 }, other = { 0 };
	struct source *sources[2];
	size_t *matches = xcalloc(COUNT, sizeof(*matches)), found = 0;

	for (int i = 0; i < COUNT; i++) {
		buffer_printf(&one, i % 2 ? "line %d\n" : "before %d\n", i);
		buffer_printf(&other, i % 2 ? "line %d\n" : "after %d\n", i);
	}
	sources[0] = source_new(one.data, one.length);
	sources[1] = source_new(other.data, other.length);
	source_align(sources[0], (struct source_part){ 1, COUNT }, sources[1],
		(struct source_part){ 1, COUNT }, matches);
	for (size_t i = 0; i < COUNT; i++) {
		ck_assert(!matches[i] || matches[i] == i + 1);
		found += matches[i] != 0;
	}
	ck_assert_uint_eq(found, COUNT / 2);
	free(matches);
	source_free(sources[0]);
	source_free(sources[1]);
}
END_TEST

/* Any bytes give some answer. */
START_TEST(any_bytes_are_read)
{
	uint64_t state = (uint64_t)_i;
	char bytes[400] = { 0 };

	for (int round = 0; round < 200; round++) {
		static const char frequent[] = "\n\n\n  \t'\"\"\"'\\#()[]{}@:defclassa\r\f";
		struct source *sources[2];
		size_t matches[sizeof(bytes) + 1];
		struct source_part parts[2];

		for (int side = 0; side < 2; side++) {
			const size_t length = hash_u64(state++) % sizeof(bytes);
			char *text;

			for (size_t i = 0; i < length; i++)
				bytes[i] = hash_u64(state++) % 8
					? frequent[hash_u64(state++) % (sizeof(frequent) - 1)]
					: (char)hash_u64(state++);
			text = xmalloc(length + 1);
			memcpy(text, bytes, length);
			sources[side] = source_new(text, length);
			if (!source_find(
				    sources[side], "a", 0, 1 + (int)(hash_u64(state++) % 40), &parts[side]) &&
				!source_find(sources[side], "<lambda>", 1, 1, &parts[side]))
				parts[side] = (struct source_part){ 1, 0 };
		}
		source_align(sources[0], parts[0], sources[1], parts[1], matches);
		source_free(sources[0]);
		source_free(sources[1]);
	}
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, functions_have_their_lines, 0, ARRAY_LENGTH(functions));
	tcase_add_test(tests, lines_are_without_white_space);
	tcase_add_loop_test(tests, lines_are_matched_in_order, 0, ARRAY_LENGTH(versions));
	tcase_add_test(tests, many_changed_lines_are_matched);
	tcase_add_loop_test(tests, any_bytes_are_read, 0, 10);
}

int main(void)
{
	return suite_run("source", add_tests);
}
