/* SPDX-License-Identifier: MIT */
/*
 * Is a budget exceeded? Only when the interval of what was measured lies wholly above its limit.
 * docs/statistics.md says how wide that is.
 */
#include "config.h"

#include "pyrope/check.h"

#include <math.h>
#include <stdlib.h>

#define UNCERTAIN 0.05 /* so often may a budget be called exceeded, or kept, that is not */
#define SMOOTHING 0.5  /* of a sample: so that what was never seen has a logarithm (Haldane 1956) */

const char *const verdict_names[VERDICTS] = { "kept", "not sure", "exceeded" };

/* The interval shrinks with the root of the time that is sampled. */
static double seconds_until_known(double distance, double reach, double seconds)
{
	const double ratio = distance > 0 ? reach / distance : INFINITY;

	return seconds * fmax(ratio * ratio - 1, 0);
}

static void decide(struct finding *finding)
{
	const double limit = finding->budget->limit;

	finding->verdict = finding->low > limit ? VERDICT_EXCEEDED
		: finding->high > limit         ? VERDICT_UNSURE
						: VERDICT_KEPT;
}

void finding_judge(
	struct finding *finding, double value, double deviation, double freedom, double tests, double seconds)
{
	const double reach = deviation > 0 ? deviation * student_quantile(UNCERTAIN / tests, freedom) : 0;

	finding->value = value;
	finding->low = fmax(value - reach, 0);
	finding->high = value + reach;
	decide(finding);
	if (finding->verdict == VERDICT_UNSURE)
		finding->more_seconds =
			seconds_until_known(fabs(value - finding->budget->limit), reach, seconds);
}

/* The logarithm of what it has for each sample of the rest, and the variance of that. */
static double log_odds(const struct growth_side *side, double *variance)
{
	const double own = side->totals + SMOOTHING, rest = side->samples - side->totals + SMOOTHING,
		     share = own / (own + rest), slope = 1 / (share * (1 - share));

	*variance += side->spread.variance * slope * slope;
	return log(own / rest);
}

void finding_judge_growth(struct finding *finding, const struct growth_side *before,
	const struct growth_side *after, double tests, double seconds)
{
	double variance = 0, reach;
	const double grown = log_odds(after, &variance) - log_odds(before, &variance);

	reach = sqrt(variance) *
		student_quantile(UNCERTAIN / tests, spread_freedom(&after->spread, &before->spread));
	finding->value = expm1(grown);
	finding->low = expm1(grown - reach);
	finding->high = expm1(grown + reach);
	finding->is_new = before->totals <= 0;
	decide(finding);
	if (finding->verdict == VERDICT_UNSURE)
		finding->more_seconds =
			seconds_until_known(fabs(grown - log1p(finding->budget->limit)), reach, seconds);
}

struct finding *findings_add(struct findings *findings, const struct budget *budget)
{
	array_reserve(&findings->list, &findings->capacity, findings->count + 1, sizeof(*findings->list));
	findings->list[findings->count] = (struct finding){ .budget = budget };
	return &findings->list[findings->count++];
}

void findings_release(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		struct finding *finding = &findings->list[i];

		for (size_t j = 0; j < finding->culprit_count; j++)
			free(finding->culprits[j].stack);
		free(finding->subject);
		free(finding->function);
		free(finding->file);
	}
	free(findings->list);
}

size_t findings_count(const struct findings *findings, enum verdict verdict)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->count; i++)
		count += findings->list[i].verdict == verdict;
	return count;
}

int findings_exit_code(const struct findings *findings)
{
	return findings_count(findings, VERDICT_EXCEEDED) ||
			(findings->strict && findings_count(findings, VERDICT_UNSURE))
		? 3
		: 0;
}
