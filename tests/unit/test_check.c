/* SPDX-License-Identifier: MIT */
/*
 * Budgets: what may be written, what is wrong with it and in which line; verdicts by intervals; reports
 * with hostile names.
 */
#include "config.h"

#include "pyrope/check.h"
#include "pyrope/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

/* ---- words ---- */

static const struct {
	const char *key, *value;
	bool is_time;
	double limit;
	const char *name;
} words[] = {
	{ "max", "json.*:dumps=10%", false, 0.1, "max json.*:dumps" },
	{ "max", "a=b=0.5%", false, 0.005, "max a=b" },
	{ "max", "app:f=1m", true, 60, "max app:f" },
	{ "max-total", "90s", true, 90, "max-total" },
	{ "max-gil-wait", "20 %", false, 0.2, "max-gil-wait" },
	{ "max-idle", "100%", false, 1, "max-idle" },
	{ "no-call", "re:compile", false, 0, "no-call re:compile" },
	{ "no-call", "a=5%", false, 0, "no-call a=5%" },
	{ "max-growth", "5%", false, 0.05, "max-growth" },
	{ "max-growth", "app:.*=250%", false, 2.5, "max-growth app:.*" },
};

START_TEST(words_make_budgets)
{
	struct budgets budgets = { .count = 0 };
	struct buffer name = { 0 };
	struct error err = { 0 };

	ck_assert_msg(budgets_add(&budgets, words[_i].key, words[_i].value, "here:1", &err) == 0, "%s",
		err.message);
	ck_assert_uint_eq(budgets.count, 1);
	ck_assert_int_eq(budgets.list[0].is_time, words[_i].is_time);
	ck_assert_double_eq_tol(budgets.list[0].limit, words[_i].limit, 1e-12);
	ck_assert_str_eq(budgets.list[0].source, "here:1");
	budget_append_name(&budgets.list[0], &name);
	ck_assert_str_eq(name.data, words[_i].name);
	buffer_release(&name);
	budgets_release(&budgets);
}
END_TEST

static const struct {
	const char *key, *value, *message;
} wrong_words[] = {
	{ "max", "json:dumps", "has no limit: write REGEX=LIMIT" },
	{ "max", "=5%", "the regular expression is empty" },
	{ "max", "a(=5%", "is no regular expression" },
	{ "max", "a++++++++++++++++++++++++++++++++++++++++=5%", "is too large a regular expression" },
	{ "max", "+++++++++++++++++++++++++++++++++++++++++=5%", "is too large a regular expression" },
	{ "max", "((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+=5%", "is too large a regular expression" },
	{ "max", "a{999}{999}=5%", "is too large a regular expression" },
	{ "max", "((a|[^]]){2,99}){99}=5%", "is too large a regular expression" },
	{ "max", "a)|(b=5%", "the ) at character 2 closes no group" },
	{ "max", ":+ot|)++t?|)+++=5%", "the ) at character 6 closes no group" },
	{ "max", "a=", "empty duration" },
	{ "max", "a=5", "the limit '5' has no unit: use a time, as 5s, or a share" },
	{ "max", "a=101%", "more than 100 percent" },
	{ "max", "a=-1%", "invalid share '-1%'" },
	{ "max", "a=1e1%", "invalid share '1e1%'" },
	{ "max", "a=%", "invalid share '%'" },
	{ "max", "a=5x", "invalid" },
	{ "max-total", "5%", "is a share: use a time" },
	{ "max-total", "90", "has no unit: use a time, as 90s" },
	{ "max-total", "a=90s", "takes no expression" },
	{ "max-idle", "100.1%", "more than 100 percent" },
	{ "max-growth", "5s", "use a number of percent" },
	{ "max-growth", "100001%", "more than 100000 percent" },
	{ "no-call", "", "the regular expression is empty" },
	{ "min", "5%", "there is no budget 'min'" },
};

START_TEST(wrong_words_are_refused)
{
	struct budgets budgets = { .count = 0 };
	struct error err = { 0 };

	ck_assert_int_eq(budgets_add(&budgets, wrong_words[_i].key, wrong_words[_i].value, "here", &err), -1);
	ck_assert_msg(strstr(err.message, wrong_words[_i].message) != NULL, "'%s' is not in '%s'",
		wrong_words[_i].message, err.message);
	ck_assert_int_eq(err.kind, ERROR_USAGE);
	ck_assert_uint_eq(budgets.count, 0);
	budgets_release(&budgets);
}
END_TEST

START_TEST(there_is_a_limit_of_budgets)
{
	struct budgets budgets = { .count = 0 };
	struct error err = { 0 };

	for (size_t i = 0; i < BUDGETS_LIMIT; i++) {
		char budget[32];

		snprintf(budget, sizeof(budget), "a%zu=5%%", i);
		ck_assert_int_eq(budgets_add(&budgets, "max", budget, "here", &err), 0);
	}
	ck_assert_int_eq(budgets_add(&budgets, "max", "a=5%", "here", &err), -1);
	ck_assert_ptr_nonnull(strstr(err.message, "too many budgets: 64"));
	budgets_release(&budgets);
}
END_TEST

/* A name is matched as a whole: a budget for re:compile is none for store:compile. */
START_TEST(names_are_whole)
{
	static const char *const names[] = { "store:compile", "store.py:compile" },
				 *const same[] = { "re:compile" };
	struct budgets budgets = { .count = 0 };
	struct error err = { 0 };

	ck_assert_int_eq(budgets_add(&budgets, "no-call", "re:compile|re:sub", "here", &err), 0);
	ck_assert(!budget_matches(&budgets.list[0], names, 2));
	ck_assert(budget_matches(&budgets.list[0], same, 1));
	budgets_release(&budgets);
}
END_TEST

/* ---- files ---- */

#ifdef HAVE_LIBYAML
START_TEST(a_file_is_one_table)
{
	static const char text[] = "# what we can bear\n"
				   "max:\n"
				   "  'json.*:dumps': 10%\n"
				   "  app:render: 2s\n"
				   "max-total: 90s\n"
				   "no-call: [re:compile, 'app:.*slow']\n"
				   "max-growth: 5%\n"
				   "baseline: runs\n"
				   "baseline-runs: 3\n"
				   "group: process\n"
				   "strict: true\n";
	static const char *const sources[] = { "x.yaml:3", "x.yaml:4", "x.yaml:5", "x.yaml:6", "x.yaml:6",
		"x.yaml:7" };
	struct budgets budgets = { .count = 0 };
	struct error err = { 0 };

	ck_assert_msg(budgets_parse(&budgets, "x.yaml", text, strlen(text), &err) == 0, "%s", err.message);
	ck_assert_uint_eq(budgets.count, ARRAY_LENGTH(sources));
	for (size_t i = 0; i < ARRAY_LENGTH(sources); i++)
		ck_assert_str_eq(budgets.list[i].source, sources[i]);
	ck_assert_str_eq(budgets.list[4].pattern, "app:.*slow");
	ck_assert_str_eq(budgets.baseline, "runs");
	ck_assert_int_eq(budgets.baseline_runs, 3);
	ck_assert(budgets.by_process && !budgets.by_thread && budgets.strict);
	budgets_release(&budgets);
}
END_TEST

static const struct {
	const char *text, *message;
} wrong_files[] = {
	{ "", "x.yaml:1: there is no budget in it" },
	{ "# nothing\n", "x.yaml:1: there is no budget in it" },
	{ "max:\n  a: 5%\nmax-totl: 3s\n", "x.yaml:3: unknown key 'max-totl': did you mean 'max-total'?" },
	{ "\nzzzzzzzzzz: 3s\n", "x.yaml:2: unknown key 'zzzzzzzzzz'" },
	{ "max-total: 90s\nmax-idle: 120%\n", "x.yaml:2: invalid share '120%': more than 100 percent" },
	{ "max:\n  a: 5%\n  'b(': 5%\n", "x.yaml:3: 'b(' is no regular expression" },
	{ "max:\n  a: {b: c}\n", "x.yaml:2: a limit is expected here" },
	{ "max:\n  [a, b]: 5%\n", "x.yaml:2: a regular expression is expected here" },
	{ "max-total:\n- [90s]\n", "x.yaml:2: a text is expected here" },
	{ "max-total: {a: 5s}\n", "x.yaml:1: this is no value for this key" },
	{ "strict: [true]\n", "x.yaml:1: this is no value for this key" },
	{ "strict: yes\n", "x.yaml:1: unknown value 'yes': use true or false" },
	{ "group: all\n", "x.yaml:1: unknown value 'all': use process or thread" },
	{ "max-idle: 5%\nstrict: true\nmax-idle: 6%\n", "x.yaml:3: 'max-idle' is there twice" },
	{ "baseline: a\nbaseline: a\n", "x.yaml:2: 'baseline' is there twice" },
	{ "max:\n  a: 5%\n  b: 5%\n  a: 6%\n", "x.yaml:4: 'max a' is there twice" },
	{ "no-call: [a, b, a]\n", "x.yaml:1: 'no-call a' is there twice" },
	{ "baseline-runs: many\n", "x.yaml:1: invalid number of runs" },
	{ "- max-total\n", "x.yaml:1: one table of budgets is expected" },
	{ "90s\n", "x.yaml:1: one table of budgets is expected" },
	{ "max-total: 9s\n---\nmax-total: 9s\n", "x.yaml:2: one table of budgets is expected" },
	{ "max-total: &a 9s\n", "x.yaml:1: this is no value for this key" },
	{ "max-total: !!str 9s\n", "x.yaml:1: this is no value for this key" },
	{ "max-total: \"9\\0s\"\n", "x.yaml:1: this is no value for this key" },
	{ "max-total: 9s\n\tmax-idle: 5%\n", "x.yaml:2: " },
	{ "max: [a\n", "x.yaml:1: 'a' has no limit" },
	{ "no-call: [a\n", "x.yaml:2: " },
	{ "no-call: \x01\n", "x.yaml:1: control characters are not allowed" },
	{ "no-call: '\xff'\n", "x.yaml:1: " },
};

START_TEST(wrong_files_are_refused_with_their_line)
{
	const char *text = wrong_files[_i].text;
	struct budgets budgets = { .count = 0 };
	struct error err = { 0 };

	ck_assert_int_eq(budgets_parse(&budgets, "x.yaml", text, strlen(text), &err), -1);
	ck_assert_msg(strncmp(err.message, wrong_files[_i].message, strlen(wrong_files[_i].message)) == 0,
		"'%s' does not begin with '%s'", err.message, wrong_files[_i].message);
	ck_assert_ptr_null(strchr(err.message, '\n'));
	budgets_release(&budgets);
}
END_TEST
#endif

/* ---- verdicts ---- */

static struct budgets with_budget(const char *key, const char *value)
{
	struct budgets budgets = { .count = 0 };
	struct error err = { 0 };

	ck_assert_int_eq(budgets_add(&budgets, key, value, "here", &err), 0);
	return budgets;
}

START_TEST(only_what_lies_wholly_above_is_exceeded)
{
	static const struct {
		double value, deviation;
		enum verdict verdict;
	} cases[] = {
		{ 0.20, 0.01, VERDICT_EXCEEDED },
		{ 0.20, 0.06, VERDICT_UNSURE },
		{ 0.09, 0.01, VERDICT_UNSURE },
		{ 0.05, 0.01, VERDICT_KEPT },
		{ 0.10, 0, VERDICT_KEPT },
		{ 0.11, 0, VERDICT_EXCEEDED },
	};
	struct budgets budgets = with_budget("max", "a=10%");

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct finding finding = { .budget = &budgets.list[0] };

		finding_judge(&finding, cases[i].value, cases[i].deviation, 1e6, 1, 60);
		ck_assert_int_eq(finding.verdict, cases[i].verdict);
		ck_assert_int_eq(finding.more_seconds > 0, cases[i].verdict == VERDICT_UNSURE);
	}
	budgets_release(&budgets);
}
END_TEST

/* What is said of the seconds that it would take holds: with so many more, the interval ends at the limit. */
START_TEST(so_many_more_seconds_tell)
{
	struct budgets budgets = with_budget("max", "a=10%");
	struct finding finding = { .budget = &budgets.list[0] }, later = finding;
	double longer;

	finding_judge(&finding, 0.11, 0.02, 1e6, 1, 60);
	longer = (60 + finding.more_seconds) / 60;
	finding_judge(&later, 0.11, 0.02 / sqrt(longer), 1e6, 1, 60 * longer);
	ck_assert_double_eq_tol(later.low, 0.1, 1e-6);
	budgets_release(&budgets);
}
END_TEST

/* What takes 10 % longer beside a rest that does not has grown by 10 %, whatever its share is. */
START_TEST(growth_is_against_the_rest)
{
	struct budgets budgets = with_budget("max-growth", "5%");

	for (int tenths = 1; tenths <= 9; tenths += 2) {
		const double part = tenths / 10.0, n = 1e6, slower = 1.1 * part / (1.1 * part + 1 - part);
		const struct growth_side before = { part * n, n, { part * (1 - part) / n, 1e6, false } },
					 after = { slower * n, n, { slower * (1 - slower) / n, 1e6, false } };
		struct finding finding = { .budget = &budgets.list[0] }, same = finding;

		finding_judge_growth(&finding, &before, &after, 20, 60);
		ck_assert_double_eq_tol(finding.value, 0.1, 1e-4);
		ck_assert_int_eq(finding.verdict, VERDICT_EXCEEDED);
		finding_judge_growth(&same, &before, &before, 20, 60);
		ck_assert_double_eq_tol(same.value, 0, 1e-9);
		ck_assert_int_eq(same.verdict, VERDICT_KEPT);
	}
	budgets_release(&budgets);
}
END_TEST

START_TEST(what_is_new_has_grown)
{
	struct budgets budgets = with_budget("max-growth", "5%");
	struct finding finding = { .budget = &budgets.list[0] };

	finding_judge_growth(&finding, &(struct growth_side){ 0, 1e4, { 1e-8, 1e6, false } },
		&(struct growth_side){ 500, 1e4, { 5e-6, 1e6, false } }, 1, 60);
	ck_assert(finding.is_new);
	ck_assert_int_eq(finding.verdict, VERDICT_EXCEEDED);
	budgets_release(&budgets);
}
END_TEST

/* Student's t: https://en.wikipedia.org/wiki/Student%27s_t-distribution#Table_of_selected_values */
START_TEST(quantiles)
{
	static const struct {
		double chance, freedom, t;
	} cases[] = { { 0.05, 1e9, 1.960 }, { 0.05, 30, 2.042 }, { 0.05, 10, 2.228 }, { 0.01, 20, 2.845 },
		{ 0.001, 60, 3.460 } };

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		ck_assert_double_eq_tol(
			student_quantile(cases[i].chance, cases[i].freedom), cases[i].t, 0.004 * cases[i].t);
}
END_TEST

/* ---- reports ---- */

static struct findings findings_of(const struct budgets *budgets)
{
	struct findings findings = { .samples = 1000 };
	struct finding *finding = findings_add(&findings, &budgets->list[0]);

	finding_judge(finding, 0.2, 0.01, 1e6, 1, 60);
	finding->culprits[finding->culprit_count++] =
		(struct culprit){ xstrdup("a:<module> > x:\"f\" & [`g|_*h`]"), 0.15 };
	finding->file = xstrdup("src/odd, name:100%.py");
	finding->line = 7;
	return findings;
}

START_TEST(hostile_names_stay_text)
{
	static const struct {
		const char *format, *expected;
	} cases[] = {
		{ "text",
			"exceeded  max a: 20.0 % (18.0 to 22.0 %), at most 10 %\n           15.0 %  "
			"a:<module> > x:\"f\" & [`g|_*h`]\n" },
		{ "json", "\"stack\":\"a:<module> > x:\\\"f\\\" & [`g|_*h`]\"" },
		{ "junit", "a:&lt;module&gt; &gt; x:&quot;f&quot; &amp; [`g|_*h`]</failure>" },
		{ "github",
			"::error file=src/odd%2C name%3A100%25.py,line=7,title=max a::20.0 %25 (18.0 to 22.0 "
			"%25), at most 10 %25%0A15.0 %25  a:" },
		{ "markdown", "a:&lt;module&gt; &gt; x:\"f\" &amp; \\[\\`g\\|\\_\\*h\\`\\] |\n" },
		{ "gitlab", "\"location\":{\"path\":\"src/odd, name:100%.py\",\"lines\":{\"begin\":7}}}" },
	};
	struct budgets budgets = with_budget("max", "a=10%");
	struct findings findings = findings_of(&budgets);

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct buffer text = { 0 };

		check_format_find(cases[i].format)->append(&text, &findings);
		ck_assert_msg(strstr(text.data, cases[i].expected) != NULL, "%s: '%s' is not in '%s'",
			cases[i].format, cases[i].expected, text.data);
		buffer_release(&text);
	}
	ck_assert_ptr_null(check_format_find("xml"));
	ck_assert_int_eq(findings_exit_code(&findings), 3);
	findings_release(&findings);
	budgets_release(&budgets);
}
END_TEST

/* So that GitLab knows an issue again, whatever its numbers are. */
START_TEST(fingerprints_stay)
{
	struct budgets budgets = with_budget("max", "a=10%");
	struct findings findings = findings_of(&budgets);
	struct buffer first = { 0 }, second = { 0 };

	check_gitlab.append(&first, &findings);
	findings.list[0].value = 0.3;
	check_gitlab.append(&second, &findings);
	ck_assert_str_ne(first.data, second.data);
	ck_assert_int_eq(strncmp(first.data, second.data, strlen("[\n{\"fingerprint\":\"") + 32), 0);
	buffer_release(&first);
	buffer_release(&second);
	findings_release(&findings);
	budgets_release(&budgets);
}
END_TEST

START_TEST(strict_is_for_what_is_not_sure)
{
	struct budgets budgets = with_budget("max", "a=10%");
	struct findings findings = { .samples = 1000 };
	struct buffer text = { 0 };

	finding_judge(findings_add(&findings, &budgets.list[0]), 0.1, 0.02, 1e6, 1, 60);
	ck_assert_int_eq(findings_exit_code(&findings), 0);
	check_junit.append(&text, &findings);
	ck_assert_ptr_nonnull(strstr(
		text.data, "<skipped message=\"10.0 % (6.1 to 13.9 %), at most 10 %: too near to tell\">"));
	findings.strict = true;
	ck_assert_int_eq(findings_exit_code(&findings), 3);
	buffer_clear(&text);
	check_junit.append(&text, &findings);
	ck_assert_ptr_nonnull(strstr(text.data, "failures=\"1\" skipped=\"0\""));
	buffer_release(&text);
	findings_release(&findings);
	budgets_release(&budgets);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, words_make_budgets, 0, ARRAY_LENGTH(words));
	tcase_add_loop_test(tests, wrong_words_are_refused, 0, ARRAY_LENGTH(wrong_words));
	tcase_add_test(tests, there_is_a_limit_of_budgets);
	tcase_add_test(tests, names_are_whole);
#ifdef HAVE_LIBYAML
	tcase_add_test(tests, a_file_is_one_table);
	tcase_add_loop_test(tests, wrong_files_are_refused_with_their_line, 0, ARRAY_LENGTH(wrong_files));
#endif
	tcase_add_test(tests, only_what_lies_wholly_above_is_exceeded);
	tcase_add_test(tests, so_many_more_seconds_tell);
	tcase_add_test(tests, growth_is_against_the_rest);
	tcase_add_test(tests, what_is_new_has_grown);
	tcase_add_test(tests, quantiles);
	tcase_add_test(tests, hostile_names_stay_text);
	tcase_add_test(tests, fingerprints_stay);
	tcase_add_test(tests, strict_is_for_what_is_not_sure);
}

int main(void)
{
	return suite_run("check", add_tests);
}
