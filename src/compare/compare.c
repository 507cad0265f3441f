/* SPDX-License-Identifier: MIT */
/*
 * How far a share can be trusted, by a circular block bootstrap over time, and which of many differences are more than chance.
 * docs/statistics.md derives it and names the sources.
 */
#include "config.h"

#include "compare/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPLICATES 400
#define STEADIER 0.5 /* less of the variance of independent samples than this: the program repeats itself */
#define OVERLAP 1.5 /* degrees of freedom for each block, where blocks overlap (Meketon and Schmeiser 1984) */
#define BLOCKS_LEAST 10     /* of a run: fewer say too little of how much they differ */
#define LEADERS 24          /* keys by whose course over time the length of blocks is chosen */
#define RARE 10             /* fewer samples than that on both sides are no evidence */
#define DISCOVERY_RATE 0.05 /* of all changes that are reported, so many may be none */
#define DEVIATIONS 1.959964 /* of 95 % */
#define LAGS 128
#define STEP 8      /* from one width of bins to the next */
#define WIDTHS 4    /* so many of them at most: BINS_LIMIT, 256, ... */
#define COARSEST 64 /* bins, in which correlation is still sought */

/* How far a course is like itself so many bins later; or several courses. */
struct correlation {
	double covariance[LAGS + 1];
	size_t count, most, courses; /* bins, lags */
};

struct side {
	struct series *const *runs;
	size_t count;
	size_t *block; /* bins, by run */
	double samples;
	double *totals;   /* by key */
	double *variance; /* by key, of its share */
	double growth;    /* of all variances: what blocks that are too short do not show */
	double block_seconds;
	double blocks; /* in all runs */
	bool is_time;  /* what is compared are samples times `worth`, and no shares */
	double worth;  /* of all samples */
};

/* ---- how long samples remember each other ---- */

/* The course of one key: what it has of each bin more than its share would be. */
static void course_of(const struct series *series, uint32_t key, double *course)
{
	double sum = 0, samples = 0, share;

	memset(course, 0, series->bin_count * sizeof(*course));
	for (size_t i = 0; i < series->entry_count; i++)
		if (series->entries[i].key == key)
			course[series->entries[i].bin] += (double)series->entries[i].count;
	for (size_t i = 0; i < series->bin_count; i++) {
		sum += course[i];
		samples += (double)series->bins[i];
	}
	share = samples > 0 ? sum / samples : 0;
	for (size_t i = 0; i < series->bin_count; i++)
		course[i] -= share * (double)series->bins[i];
}

static double autocovariance(const double *course, size_t count, size_t lag)
{
	double sum = 0;

	for (size_t i = lag; i < count; i++)
		sum += course[i] * course[i - lag];
	return sum / (double)count;
}

/* 1 up to a half, then down to 0 at 1 (Politis and Romano's flat top). */
static double flat_top(double at)
{
	return at <= 0.5 ? 1 : at <= 1 ? 2 * (1 - at) : 0;
}

/*
 * The best length of blocks for the variance of a mean, in bins (Politis and White 2004, with the correction of Patton, Politis
 * and White 2009, for the circular bootstrap). Of so many courses together, chance shows less. memory: blocks of n bins show a
 * variance that is too small by memory / n of it.
 */
static double best_block(const struct correlation *correlation, double *memory)
{
	const double count = (double)correlation->count, *covariance = correlation->covariance,
		     noise = 2 * sqrt(log10(count) / count / (double)correlation->courses);
	const size_t quiet = 5, most = correlation->most;
	double slope = 0, power;
	size_t width = 0, still = 0;

	*memory = 0;
	if (covariance[0] <= 0 || most < 2)
		return 1;
	/* where the correlation has been lost in noise for several lags */
	for (size_t lag = 1; lag <= most && still < quiet; lag++) {
		still = fabs(covariance[lag] / covariance[0]) < noise ? still + 1 : 0;
		width = still ? width : lag;
	}
	width = 2 * width < most ? 2 * width : most;
	power = covariance[0];
	for (size_t lag = 1; lag <= width; lag++) {
		const double weight = flat_top((double)lag / (double)width);

		slope += 2 * weight * (double)lag * covariance[lag];
		power += 2 * weight * covariance[lag];
	}
	if (power <= 0 || slope == 0)
		return 1;
	*memory = fmax(slope / power, 0);
	return cbrt(1.5 * slope * slope / (power * power) * count);
}

static void correlate(const double *course, size_t count, struct correlation *correlation)
{
	*correlation = (struct correlation){
		.count = count, .most = count / 4 < LAGS ? count / 4 : LAGS, .courses = 1
	};
	for (size_t lag = 0; lag <= correlation->most; lag++)
		correlation->covariance[lag] = autocovariance(course, count, lag);
}

/* Each course counts the same, whatever its share is. */
static void pool(struct correlation *pooled, const struct correlation *own)
{
	if (own->covariance[0] <= 0)
		return;
	pooled->count = own->count;
	pooled->most = own->most;
	pooled->courses++;
	for (size_t lag = 0; lag <= own->most; lag++)
		pooled->covariance[lag] += own->covariance[lag] / own->covariance[0];
}

/*
 * The same at several widths of bins: where few samples are in a bin, their chance hides a correlation that is weak and lasts
 * long. What lasts longest counts.
 */
static double longest_block(double *course, size_t count, struct correlation pooled[WIDTHS], double *memory)
{
	double longest = 1, width = 1;

	*memory = 0;
	for (size_t level = 0; level < WIDTHS && count >= COARSEST; level++) {
		struct correlation correlation;
		double own;

		correlate(course, count, &correlation);
		pool(&pooled[level], &correlation);
		longest = fmax(longest, best_block(&correlation, &own) * width);
		*memory = fmax(*memory, own * width);
		count /= STEP;
		for (size_t i = 0; i < count; i++) {
			double sum = 0;

			for (size_t j = 0; j < STEP; j++)
				sum += course[STEP * i + j];
			course[i] = sum;
		}
		width *= STEP;
	}
	return longest;
}

/* What many courses have in common shows in all of them together when chance hides it in each. */
static double longest_of_all(const struct correlation pooled[WIDTHS], double *memory)
{
	double longest = 1, width = 1;

	*memory = 0;
	for (size_t level = 0; level < WIDTHS; level++) {
		double own = 0;

		if (!pooled[level].courses)
			break;
		longest = fmax(longest, best_block(&pooled[level], &own) * width);
		*memory = fmax(*memory, own * width);
		width *= STEP;
	}
	return longest;
}

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

static void choose_blocks(struct side *side, size_t keys)
{
	uint32_t leaders[LEADERS];
	const size_t leader_count = find_leaders(side, keys, leaders);

	for (size_t run = 0; run < side->count; run++) {
		const struct series *series = side->runs[run];
		const size_t most =
			series->bin_count / BLOCKS_LEAST > 0 ? series->bin_count / BLOCKS_LEAST : 1;
		struct correlation pooled[WIDTHS] = { { .count = 0 } };
		double course[BINS_LIMIT], longest = 1, memory = 0, own;
		size_t block;

		for (size_t i = 0; i < leader_count && series->bin_ns; i++) {
			course_of(series, leaders[i], course);
			longest = fmax(longest, longest_block(course, series->bin_count, pooled, &own));
			memory = fmax(memory, own);
		}
		longest = fmax(longest, longest_of_all(pooled, &own));
		memory = fmax(memory, own);
		block = 2 * longest < (double)most ? (size_t)ceil(2 * longest) : most;
		side->block[run] = block;
		side->growth = fmax(side->growth, 1 / (1 - fmin(memory / (double)block, 0.5)));
		side->blocks +=
			series->bin_ns ? (double)series->bin_count / (double)block : (double)series->samples;
		side->block_seconds = fmax(side->block_seconds, (double)block * (double)series->bin_ns / 1e9);
	}
}

/* ---- resampling ---- */

struct random {
	uint64_t state;
};

static size_t random_below(struct random *random, size_t limit)
{
	random->state += UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(hash_u64(random->state) % limit);
}

/* How often each bin of the run is in a replicate of it: blocks from anywhere, the end joined to the beginning. */
static void draw_bins(
	const struct series *series, size_t block, struct random *random, unsigned times[BINS_LIMIT])
{
	memset(times, 0, series->bin_count * sizeof(*times));
	for (size_t drawn = 0; drawn < series->bin_count;) {
		const size_t start = random_below(random, series->bin_count);

		for (size_t i = 0; i < block && drawn < series->bin_count; i++, drawn++)
			times[(start + i) % series->bin_count]++;
	}
}

/* Adds a replicate of one run. */
static void draw_run(
	const struct series *series, size_t block, struct random *random, double *sums, double *samples)
{
	unsigned times[BINS_LIMIT];

	draw_bins(series, block, random, times);
	for (size_t i = 0; i < series->bin_count; i++)
		*samples += (double)series->bins[i] * times[i];
	for (size_t i = 0; i < series->entry_count; i++)
		sums[series->entries[i].key] +=
			(double)series->entries[i].count * times[series->entries[i].bin];
}

/* The variance of a share, or of what of all samples a count is, when samples are independent. */
static double independent(const struct side *side, double share)
{
	return (side->is_time ? share : share * (1 - share)) / side->samples;
}

/* Where there are several runs, they are drawn first: what differs from run to run counts, too. */
static void resample(struct side *side, size_t keys, struct random *random)
{
	double *sums = xcalloc(keys + 1, sizeof(*sums)), *mean = xcalloc(keys + 1, sizeof(*mean));
	/* a draw of few runs varies less than runs do */
	bool lacks_time = false;
	const double few = side->count > 1 ? (double)side->count / (double)(side->count - 1) : 1;

	for (unsigned replicate = 1; replicate <= REPLICATES; replicate++) {
		double samples = 0;

		memset(sums, 0, keys * sizeof(*sums));
		for (size_t i = 0; i < side->count; i++) {
			const size_t run = side->count > 1 ? random_below(random, side->count) : 0;

			draw_run(side->runs[run], side->block[run], random, sums, &samples);
		}
		for (size_t key = 0; key < keys && samples > 0; key++) {
			const double share = sums[key] / (side->is_time ? side->samples : samples),
				     step = share - mean[key];

			mean[key] += step / replicate;
			side->variance[key] += step * (share - mean[key]);
		}
	}
	for (size_t i = 0; i < side->count; i++)
		lacks_time |= !side->runs[i]->bin_ns;
	for (size_t key = 0; key < keys; key++) {
		const double share = side->totals[key] / side->samples;
		/* of what was seen seldom or never, the bootstrap knows too little, and of samples without time nothing: as if they were independent */
		const double least = side->totals[key] < 3 * RARE
			? (side->totals[key] + 1) / (side->samples * side->samples)
			: lacks_time ? independent(side, share)
				     : 0;

		side->variance[key] =
			fmax(side->variance[key] / (REPLICATES - 1) * few * side->growth, least);
	}
	free(sums);
	free(mean);
}

static void measure_side(struct side *side, size_t keys, struct random *random)
{
	side->totals = xcalloc(keys + 1, sizeof(*side->totals));
	side->variance = xcalloc(keys + 1, sizeof(*side->variance));
	side->block = xcalloc(side->count, sizeof(*side->block));
	for (size_t run = 0; run < side->count; run++) {
		const struct series *series = side->runs[run];
		const struct entry *entries;
		size_t count;

		side->samples += (double)series->samples;
		entries = series_entries(side->runs[run], &count);
		for (size_t i = 0; i < count; i++)
			side->totals[entries[i].key] += (double)entries[i].count;
	}
	choose_blocks(side, keys);
	resample(side, keys, random);
}

static void side_release(struct side *side)
{
	free(side->totals);
	free(side->variance);
	free(side->block);
}

/* ---- verdicts ---- */

/* So likely is |t| as large as that by chance: Student's, by Wallace's transformation to a normal variable (1959). */
static double chance_of(double t, double freedom)
{
	const double z = (8 * freedom + 1) / (8 * freedom + 3) * sqrt(freedom * log1p(t * t / freedom));

	return erfc(z / sqrt(2));
}

/*
 * Where samples follow each other like independent ones or remember each other for longer, blocks that are too short show a
 * variance that is too small, and the degrees of freedom are those of blocks side by side. Where the program repeats itself, they show
 * one that is too large: then all that overlapping blocks tell may be used.
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

/* Benjamini and Hochberg (1995): the k-th smallest of m chances counts when one at least as large is below k / m of the rate. */
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

void compare(size_t count, struct series *const *before, size_t before_count, struct series *const *after,
	size_t after_count, const double seconds_of_all[2], uint64_t seed, struct comparison *comparison)
{
	struct side sides[2] = { { .runs = before, .count = before_count },
		{ .runs = after, .count = after_count } };
	struct random random = { seed };

	*comparison = (struct comparison){ .changes = xcalloc(count + 1, sizeof(*comparison->changes)) };
	for (size_t i = 0; i < 2; i++) {
		sides[i].is_time = seconds_of_all != NULL;
		sides[i].worth = seconds_of_all ? seconds_of_all[i] : 1;
		measure_side(&sides[i], count, &random);
		comparison->block_seconds[i] = sides[i].block_seconds;
	}
	for (uint32_t key = 0; key < count; key++)
		if (sides[0].totals[key] > 0 || sides[1].totals[key] > 0)
			comparison->changes[comparison->count++] = change_of(key, &sides[0], &sides[1]);
	judge_changes(comparison);
	if (comparison->count)
		qsort(comparison->changes, comparison->count, sizeof(*comparison->changes), by_size);
	side_release(&sides[0]);
	side_release(&sides[1]);
}

void comparison_release(struct comparison *comparison)
{
	free(comparison->changes);
}

/* ---- one side alone ---- */

void estimate(struct series *const *runs, size_t run_count, size_t key_count, uint64_t seed,
	struct estimates *estimates)
{
	struct side side = { .runs = runs, .count = run_count };
	struct random random = { seed };

	measure_side(&side, key_count, &random);
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
