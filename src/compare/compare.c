/* SPDX-License-Identifier: MIT */
/*
 * How far a share can be trusted, by a circular block bootstrap over time, and which of many differences are
 * more than chance. The bootstrap's variance is computed and not drawn (courses.c). docs/statistics.md
 * derives it and names the sources.
 */
#include "config.h"

#include "compare/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* less of the variance of independent samples than this: the program repeats itself */
#define STEADIER 0.5
/* degrees of freedom for each block, where blocks overlap (Meketon and Schmeiser 1984) */
#define OVERLAP 1.5
#define LEADERS 24          /* keys by whose course over time the length of blocks is chosen */
#define RARE 10             /* fewer samples than that on both sides are no evidence */
#define DISCOVERY_RATE 0.05 /* of all changes that are reported, so many may be none */
#define DEVIATIONS 1.959964 /* of 95 % */

struct side {
	struct series *const *runs;
	size_t count;
	const struct key_nesting *nesting;
	double samples;
	double *totals;   /* by key */
	double *variance; /* by key, of its share */
	double growth;    /* of all variances: what blocks that are too short do not show */
	double block_seconds;
	double blocks; /* in all runs */
	bool is_time;  /* what is compared are samples times `worth`, and no shares */
	double worth;  /* of all samples */
};

/* The keys that have the most of the side, the first ones the largest. */
static size_t find_leaders(const struct side *side, size_t keys, uint32_t leaders[LEADERS])
{
	size_t count = 0;

	for (uint32_t key = 0; key < keys; key++) {
		size_t at = count < LEADERS ? count++ : LEADERS;

		for (; at && side->totals[leaders[at - 1]] < side->totals[key]; at--)
			if (at < LEADERS)
				leaders[at] = leaders[at - 1];
		if (at < LEADERS)
			leaders[at] = key;
	}
	return count;
}

/* ---- how far they can be trusted ---- */

/* The variance of a share, or of what of all samples a count is, when samples are independent. */
static double independent(const struct side *side, double share)
{
	return (side->is_time ? share : share * (1 - share)) / side->samples;
}

static void count_totals(struct side *side, size_t keys)
{
	double sum = 0;

	for (size_t run = 0; run < side->count; run++) {
		size_t count;
		const struct entry *entries = series_entries(side->runs[run], &count);

		side->samples += (double)side->runs[run]->samples;
		for (size_t i = 0; i < count; i++)
			side->totals[side->nesting ? side->nesting->places[entries[i].key]
						   : entries[i].key] += (double)entries[i].count;
	}
	if (!side->nesting)
		return;
	/* of the places before each; then of those from a key up to its end */
	for (size_t key = 0; key <= keys; key++) {
		const double own = side->totals[key];

		side->totals[key] = sum;
		sum += own;
	}
	for (size_t key = 0; key < keys; key++)
		side->totals[key] = side->totals[side->nesting->ends[key]] - side->totals[key];
}

/*
 * What the run adds to the variance of the sums that a draw of the side has: that of its blocks, and how
 * far it is from the other runs.
 */
static void add_run(struct side *side, size_t keys, size_t run, const uint32_t *leaders, size_t leader_count)
{
	struct series *series = side->runs[run];
	struct courses courses;
	struct blocks blocks;
	struct draw draw;

	courses_init(&courses, series, keys, side->nesting);
	blocks = blocks_choose(&courses, leaders, leader_count);
	draw_init(&draw, series, blocks.length);
	for (uint32_t key = 0; key < keys; key++) {
		const double share = side->is_time ? 0 : side->totals[key] / side->samples,
			     mean = side->is_time ? side->totals[key] / (double)side->count : 0;
		double sum;

		side->variance[key] += draw_variance(&draw, &courses, key, share, &sum);
		if (side->count > 1)
			side->variance[key] += (sum - mean) * (sum - mean);
	}
	side->growth = fmax(side->growth, blocks.growth);
	side->blocks +=
		series->bin_ns ? (double)series->bin_count / (double)blocks.length : (double)series->samples;
	side->block_seconds = fmax(side->block_seconds, (double)blocks.length * (double)series->bin_ns / 1e9);
	courses_release(&courses);
}

static void measure_side(struct side *side, size_t keys)
{
	/* a draw of few runs varies less than runs do */
	const double few = side->count > 1 ? (double)side->count / (double)(side->count - 1) : 1;
	uint32_t leaders[LEADERS];
	size_t leader_count;
	bool lacks_time = false;

	side->totals = xcalloc(keys + 1, sizeof(*side->totals));
	side->variance = xcalloc(keys + 1, sizeof(*side->variance));
	count_totals(side, keys);
	leader_count = find_leaders(side, keys, leaders);
	for (size_t run = 0; run < side->count; run++) {
		add_run(side, keys, run, leaders, leader_count);
		lacks_time |= !side->runs[run]->bin_ns;
	}
	for (size_t key = 0; key < keys; key++) {
		const double share = side->totals[key] / side->samples,
			     variance = side->variance[key] / side->samples / side->samples;
		/*
		 * of what was seen seldom or never, the bootstrap knows too little, and of samples without
		 * time nothing: as if they were independent
		 */
		const double least = side->totals[key] < 3 * RARE
			? (side->totals[key] + 1) / (side->samples * side->samples)
			: lacks_time ? independent(side, share)
				     : 0;

		side->variance[key] = fmax(variance * few * side->growth, least);
	}
}

static void side_release(struct side *side)
{
	free(side->totals);
	free(side->variance);
}

/* ---- verdicts ---- */

/*
 * So likely is |t| as large as that by chance: Student's, by Wallace's transformation to a normal variable
 * (1959).
 */
static double chance_of(double t, double freedom)
{
	const double z = (8 * freedom + 1) / (8 * freedom + 3) * sqrt(freedom * log1p(t * t / freedom));

	return erfc(z / sqrt(2));
}

/*
 * Where samples follow each other like independent ones or remember each other for longer, blocks that are
 * too short show a variance that is too small, and the degrees of freedom are those of blocks side by side.
 * Where the program repeats itself, they show one that is too large: then all that overlapping blocks tell
 * may be used.
 */
static double freedom_alone(const struct spread *spread)
{
	return fmax((spread->is_steady ? OVERLAP : 1) * (spread->blocks - 1), 1);
}

double spread_freedom(const struct spread *spread, const struct spread *other)
{
	const double one = freedom_alone(spread), two = other ? freedom_alone(other) : 0,
		     sum = other ? spread->variance + other->variance : 0;

	if (!other)
		return one;
	if (!spread->is_steady || !other->is_steady || sum <= 0)
		return fmin(one, two);
	/* Welch 1947 */
	return sum * sum /
		(spread->variance * spread->variance / one + other->variance * other->variance / two);
}

static struct spread spread_of(const struct side *side, uint32_t key)
{
	const double share = side->totals[key] / side->samples;

	return (struct spread){ .variance = side->variance[key],
		.blocks = side->blocks,
		.is_steady = side->variance[key] < STEADIER * independent(side, share) };
}

double student_quantile(double chance, double freedom)
{
	double low = 0, high = 1e4;

	for (int i = 0; i < 80; i++) {
		const double middle = (low + high) / 2;

		*(chance_of(middle, freedom) > chance ? &low : &high) = middle;
	}
	return high;
}

static struct change change_of(uint32_t key, const struct side *before, const struct side *after)
{
	struct change change = { .key = key,
		.before = before->totals[key] / before->samples * before->worth,
		.after = after->totals[key] / after->samples * after->worth,
		.p = 1,
		.verdict = CHANGE_RARE };
	struct spread one = spread_of(before, key), two = spread_of(after, key);
	double deviation, difference, distance;

	one.variance *= before->worth * before->worth;
	two.variance *= after->worth * after->worth;
	deviation = sqrt(one.variance + two.variance);
	difference = change.after - change.before;
	/* counts are whole numbers: half a one on each side */
	distance = fabs(difference) - 0.5 / before->samples * before->worth -
		0.5 / after->samples * after->worth;
	change.low = difference - DEVIATIONS * deviation;
	change.high = difference + DEVIATIONS * deviation;
	if (before->totals[key] < RARE && after->totals[key] < RARE)
		return change;
	change.verdict = CHANGE_NONE;
	if (distance > 0 && deviation > 0)
		change.p = chance_of(distance / deviation, spread_freedom(&one, &two));
	return change;
}

const char *const change_names[CHANGES] = { [CHANGE_NONE] = "no evidence",
	[CHANGE_MORE] = "slower",
	[CHANGE_LESS] = "faster",
	[CHANGE_NEW] = "new",
	[CHANGE_GONE] = "gone",
	[CHANGE_RARE] = "too rare" };

struct tested {
	struct change *change;
};

static int by_chance(const void *left, const void *right)
{
	const struct tested *a = left, *b = right;

	return (a->change->p > b->change->p) - (a->change->p < b->change->p);
}

/*
 * Benjamini and Hochberg (1995): the k-th smallest of m chances counts when one at least as large is below
 * k / m of the rate.
 */
static void judge_changes(struct comparison *comparison)
{
	struct tested *tested = xcalloc(comparison->count + 1, sizeof(*tested));
	size_t count = 0, found = 0;

	for (size_t i = 0; i < comparison->count; i++)
		if (comparison->changes[i].verdict != CHANGE_RARE)
			tested[count++].change = &comparison->changes[i];
	if (count)
		qsort(tested, count, sizeof(*tested), by_chance);
	for (size_t i = 0; i < count; i++)
		if (tested[i].change->p <= DISCOVERY_RATE * (double)(i + 1) / (double)count)
			found = i + 1;
	for (size_t i = 0; i < found; i++) {
		struct change *change = tested[i].change;

		change->verdict = change->before <= 0    ? CHANGE_NEW
			: change->after <= 0             ? CHANGE_GONE
			: change->after > change->before ? CHANGE_MORE
							 : CHANGE_LESS;
	}
	free(tested);
}

static int by_size(const void *left, const void *right)
{
	const struct change *a = left, *b = right;
	const double x = fabs(a->after - a->before), y = fabs(b->after - b->before);

	return x != y ? (x < y) - (x > y) : (a->key > b->key) - (a->key < b->key);
}

void compare(size_t count, const struct key_nesting *nesting, const struct runs sides_of[2],
	const double seconds_of_all[2], struct comparison *comparison)
{
	struct side sides[2] = { { .runs = sides_of[0].list, .count = sides_of[0].count },
		{ .runs = sides_of[1].list, .count = sides_of[1].count } };

	*comparison = (struct comparison){ .changes = xcalloc(count + 1, sizeof(*comparison->changes)) };
	for (size_t i = 0; i < 2; i++) {
		sides[i].nesting = nesting;
		sides[i].is_time = seconds_of_all != NULL;
		sides[i].worth = seconds_of_all ? seconds_of_all[i] : 1;
		measure_side(&sides[i], count);
		comparison->block_seconds[i] = sides[i].block_seconds;
	}
	comparison->count = count;
	for (uint32_t key = 0; key < count; key++)
		comparison->changes[key] = change_of(key, &sides[0], &sides[1]);
	side_release(&sides[0]);
	side_release(&sides[1]);
	judge_changes(comparison);
}

void comparison_sort(struct comparison *comparison)
{
	size_t count = 0;

	for (size_t i = 0; i < comparison->count; i++)
		if (comparison->changes[i].before > 0 || comparison->changes[i].after > 0)
			comparison->changes[count++] = comparison->changes[i];
	comparison->count = count;
	if (count)
		qsort(comparison->changes, count, sizeof(*comparison->changes), by_size);
}

void comparison_release(struct comparison *comparison)
{
	free(comparison->changes);
}

/* ---- one side alone ---- */

void estimate(
	struct runs runs, size_t key_count, const struct key_nesting *nesting, struct estimates *estimates)
{
	struct side side = { .runs = runs.list, .count = runs.count, .nesting = nesting };

	measure_side(&side, key_count);
	*estimates = (struct estimates){ .samples = side.samples,
		.totals = side.totals,
		.spreads = xcalloc(key_count + 1, sizeof(*estimates->spreads)) };
	for (uint32_t key = 0; key < key_count; key++) {
		const double rest = side.samples - side.totals[key];

		/* what is nearly all of it is known no better than what is nearly nothing */
		if (rest < 3 * RARE && rest > 0)
			side.variance[key] =
				fmax(side.variance[key], (rest + 1) / (side.samples * side.samples));
		estimates->spreads[key] = spread_of(&side, key);
	}
	side.totals = NULL;
	side_release(&side);
}

void estimates_release(struct estimates *estimates)
{
	free(estimates->totals);
	free(estimates->spreads);
}
