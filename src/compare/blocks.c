/* SPDX-License-Identifier: MIT */
/*
 * How long the samples of a run remember each other: the length of the blocks in which the bootstrap takes
 * its time apart. docs/statistics.md derives it and names the sources.
 */
#include "config.h"

#include "compare/internal.h"

#include <math.h>

#define LAGS 128
#define STEP 8      /* from one width of bins to the next */
#define WIDTHS 4    /* so many of them at most: BINS_LIMIT, 256, ... */
#define COARSEST 64 /* bins, in which correlation is still sought */

/* How far a course is like itself so many bins later; or several courses. */
struct correlation {
	double covariance[LAGS + 1];
	size_t count, most, courses; /* bins, lags */
};

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
 * The best length of blocks for the variance of a mean, in bins (Politis and White 2004, with the correction
 * of Patton, Politis and White 2009, for the circular bootstrap). Of so many courses together, chance shows
 * less. memory: blocks of n bins show a variance that is too small by memory / n of it.
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
 * The same at several widths of bins: where few samples are in a bin, their chance hides a correlation that
 * is weak and lasts long. What lasts longest counts.
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

struct blocks blocks_choose(const struct courses *courses, const uint32_t *leaders, size_t leader_count)
{
	const struct series *series = courses->series;
	const size_t most = series->bin_count / BLOCKS_LEAST > 0 ? series->bin_count / BLOCKS_LEAST : 1;
	struct correlation pooled[WIDTHS] = { { .count = 0 } };
	double course[BINS_LIMIT], longest = 1, memory = 0, own;
	struct blocks blocks = { .length = most };

	for (size_t i = 0; i < leader_count && series->bin_ns; i++) {
		courses_excess(courses, leaders[i], course);
		longest = fmax(longest, longest_block(course, series->bin_count, pooled, &own));
		memory = fmax(memory, own);
	}
	longest = fmax(longest, longest_of_all(pooled, &own));
	memory = fmax(memory, own);
	if (2 * longest < (double)most)
		blocks.length = (size_t)ceil(2 * longest);
	blocks.growth = 1 / (1 - fmin(memory / (double)blocks.length, 0.5));
	return blocks;
}
