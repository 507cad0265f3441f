/* SPDX-License-Identifier: MIT */
/*
 * The findings of pyrope check: what the tallies have of each budget, of all of it or of each process or
 * thread, with the error of that (src/compare), goes to src/check for a verdict. Of growth there is one
 * finding for each budget: the function that has grown most surely.
 */
#include "config.h"

#include "commands/check_tally.h"

#include <math.h>
#include <stdlib.h>

#define LEAST_PART 0.01 /* of all samples: what has less is told nothing of */

struct judging {
	const struct tally *tally, *before; /* before: NULL: there is no baseline */
	const struct budgets *budgets;
	struct keys *keys;
	struct findings *findings;
};

/* ---- one budget, but for growth ---- */

/* Of the runs that have it. False: none does. */
static bool measure(struct series *const *runs, size_t run_count, size_t keys, struct estimates *estimates)
{
	struct series **there = xcalloc(run_count, sizeof(struct series *));
	size_t count = 0;

	for (size_t i = 0; i < run_count; i++)
		if (runs[i] && series_samples(runs[i]))
			there[count++] = runs[i];
	if (count)
		estimate((struct runs){ there, count }, keys, NULL, estimates);
	free(there);
	return count > 0;
}

/* One budget, of all of it or of one process or thread. */
static void judge(
	const struct tally *tally, size_t budget, const struct estimates *estimates, struct finding *finding)
{
	const double share = estimates->totals[budget] / estimates->samples;
	/* in seconds, of one run and one unit of work */
	const double unit = tally->budgets->list[budget].is_time
		? estimates->samples * tally_stretch(tally) * (double)tally->circumstances.interval_ns / 1e9 /
			(double)tally->run_count / tally->options->work
		: 1;

	finding_judge(finding, share * unit, sqrt(estimates->spreads[budget].variance) * unit,
		spread_freedom(&estimates->spreads[budget], NULL), 1, tally->seconds);
	if (finding->budget->kind == BUDGET_NO_CALL) {
		finding->verdict = share > 0 ? VERDICT_EXCEEDED : VERDICT_KEPT;
		finding->more_seconds = 0;
	}
}

static void judge_subject(const struct judging *judging, const struct subject *subject)
{
	const size_t count = judging->budgets->count;
	struct estimates shown, all;
	const bool has_shown = measure(subject->shown, judging->tally->run_count, count, &shown);
	const bool has_all = measure(subject->all, judging->tally->run_count, count, &all);

	for (size_t i = 0; i < count; i++) {
		const struct budget *budget = &judging->budgets->list[i];
		const bool is_gil = budget->kind == BUDGET_GIL_WAIT;
		struct finding *finding;

		if (budget->kind == BUDGET_GROWTH || !(is_gil ? has_all : has_shown))
			continue;
		finding = findings_add(judging->findings, budget);
		finding->subject = subject->name ? xstrdup(subject->name) : NULL;
		judge(judging->tally, i, is_gil ? &all : &shown, finding);
	}
	if (has_shown)
		estimates_release(&shown);
	if (has_all)
		estimates_release(&all);
}

/* What the baseline had. Processes and threads of it are others. */
static void judge_before(const struct judging *judging)
{
	const struct tally *before = judging->before;

	if (!before || judging->budgets->by_process || judging->budgets->by_thread || !before->subject_count)
		return;
	for (size_t i = 0; i < judging->findings->count; i++) {
		struct finding *finding = &judging->findings->list[i], then = { .budget = finding->budget };
		const struct subject *subject = &before->subjects[0];
		const size_t budget = (size_t)(finding->budget - judging->budgets->list);
		struct estimates estimates;

		if (finding->budget->kind == BUDGET_GROWTH ||
			!measure(finding->budget->kind == BUDGET_GIL_WAIT ? subject->all : subject->shown,
				before->run_count, judging->budgets->count, &estimates))
			continue;
		judge(before, budget, &estimates, &then);
		finding->has_before = true;
		finding->before = then.value;
		estimates_release(&estimates);
	}
}

/* ---- growth ---- */

static bool is_worse(const struct finding *finding, const struct finding *than)
{
	return finding->verdict != than->verdict ? finding->verdict > than->verdict
						 : finding->low > than->low;
}

static bool is_tested(const struct judging *judging, const struct budget *budget,
	const struct estimates *after, uint32_t key)
{
	const char *name = keys_text(judging->keys, key);
	const double share = after->totals[key] / after->samples;

	/* what is nearly all of it has no rest to be compared with */
	return share >= LEAST_PART && share <= 1 - LEAST_PART && name[0] != '(' &&
		(!budget->pattern || budget_matches(budget, &name, 1));
}

static void judge_growth(const struct judging *judging, const struct budget *budget,
	const struct estimates *before, const struct estimates *after)
{
	struct finding worst = { .budget = budget };
	const double seconds = fmin(judging->before->seconds, judging->tally->seconds);
	size_t tests = 0, alike = 0;
	uint32_t found = 0;
	bool any = false;

	for (uint32_t key = 0; key < keys_count(judging->keys); key++)
		tests += is_tested(judging, budget, after, key);
	for (uint32_t key = 0; key < keys_count(judging->keys); key++) {
		struct finding finding = { .budget = budget };

		if (!is_tested(judging, budget, after, key))
			continue;
		finding_judge_growth(&finding,
			&(struct growth_side){ before->totals[key], before->samples, before->spreads[key] },
			&(struct growth_side){ after->totals[key], after->samples, after->spreads[key] },
			(double)tests, seconds);
		alike = any && finding.verdict == worst.verdict  ? alike + 1
			: any && finding.verdict < worst.verdict ? alike
								 : 0;
		if (any && !is_worse(&finding, &worst))
			continue;
		worst = finding;
		found = key;
		any = true;
	}
	if (any) {
		worst.function = xstrdup(keys_text(judging->keys, found));
		worst.others = worst.verdict == VERDICT_KEPT ? 0 : alike;
	}
	*findings_add(judging->findings, budget) = worst;
}

static void judge_growths(const struct judging *judging)
{
	const size_t count = keys_count(judging->keys);
	struct estimates before = { 0 }, after = { 0 };
	bool has_both;

	if (!judging->before || !judging->before->functions_of_run || !count)
		return;
	has_both = measure(judging->before->functions_of_run, judging->before->run_count, count, &before) &&
		measure(judging->tally->functions_of_run, judging->tally->run_count, count, &after);
	for (size_t i = 0; has_both && i < judging->budgets->count; i++)
		if (judging->budgets->list[i].kind == BUDGET_GROWTH)
			judge_growth(judging, &judging->budgets->list[i], &before, &after);
	estimates_release(&before);
	estimates_release(&after);
}

void tally_judge(const struct tally *tally, const struct tally *before, struct findings *findings)
{
	const struct judging judging = { tally, before, tally->budgets, tally->keys, findings };

	for (size_t i = 0; i < tally->subject_count; i++) {
		const struct subject *subject = &tally->subjects[i];

		if (subject->name && (double)subject->samples < LEAST_PART * (double)tally->samples)
			findings->left_out++;
		else
			judge_subject(&judging, subject);
	}
	judge_before(&judging);
	judge_growths(&judging);
	for (size_t i = 0; i < findings->count; i++)
		tally_find_culprits(tally, &findings->list[i]);
	findings->samples = tally->samples;
	findings->seconds = tally->seconds / (double)tally->run_count;
	findings->strict = tally->budgets->strict;
}
