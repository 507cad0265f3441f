/* SPDX-License-Identifier: MIT */
/* What is suggested for a mistyped word, and what is not. */
#include "config.h"

#include "pyrope/base.h"

#include <string.h>

#include "suite.h"

static const char *const words[] = { "threads", "flamechart", "seconds", "summary", "pid", "dump" };

static const struct {
	const char *word, *nearest;
} cases[] = {
	{ "threads", "threads" },
	{ "thread", "threads" },
	{ "htreads", "threads" }, /* two neighbours swapped */
	{ "flamchart", "flamechart" },
	{ "flame-chart", "flamechart" },
	{ "sumary", "summary" },
	{ "dunp", "dump" },
	{ "pdi", "pid" },
	{ "pad", "pid" },
	{ "output", NULL },
	{ "x", NULL }, /* one edit from anything of one letter is no likeness */
	{ "", NULL },
	{ "a-word-that-is-much-longer-than-any-option-of-any-program", NULL },
};

START_TEST(test_nearest)
{
	const char *nearest = nearest_word(cases[_i].word, words, ARRAY_LENGTH(words));

	if (cases[_i].nearest)
		ck_assert_str_eq(nearest ? nearest : "(none)", cases[_i].nearest);
	else
		ck_assert_msg(!nearest, "%s: %s", cases[_i].word, nearest);
}
END_TEST

START_TEST(test_no_candidates)
{
	ck_assert_ptr_null(nearest_word("threads", NULL, 0));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, test_nearest, 0, ARRAY_LENGTH(cases));
	tcase_add_test(tests, test_no_candidates);
}

int main(void)
{
	return suite_run("word", add_tests);
}
