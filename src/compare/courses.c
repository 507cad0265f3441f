/* SPDX-License-Identifier: MIT */
/*
 * One run by key, and how much a bootstrap's draw of its bins would vary. Nothing is drawn: what blocks from
 * anywhere have is a sum of independent blocks, whose variance is that over all beginnings of a block.
 * docs/statistics.md derives it.
 */
#include "config.h"

#include "compare/internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FEW_ENTRIES 40 /* so many are taken by twos, more by all bins */

/* ---- by key ---- */

static uint32_t place_of(const struct key_nesting *nesting, uint32_t key)
{
	return nesting ? nesting->places[key] : key;
}

void courses_init(
	struct courses *courses, struct series *series, size_t key_count, const struct key_nesting *nesting)
{
	size_t count, sum = 0;
	const struct entry *entries = series_entries(series, &count);

	*courses = (struct courses){ .series = series,
		.entries = xreallocarray(NULL, count + 1, sizeof(*entries)),
		.first = xcalloc(key_count + 2, sizeof(size_t)),
		.ends = nesting ? nesting->ends : NULL };
	for (size_t i = 0; i < count; i++)
		courses->first[place_of(nesting, entries[i].key) + 2]++;
	for (size_t key = 2; key < key_count + 2; key++) {
		sum += courses->first[key];
		courses->first[key] = sum;
	}
	for (size_t i = 0; i < count; i++) { /* first[place + 1] becomes where its own end */
		struct entry *entry =
			&courses->entries[courses->first[place_of(nesting, entries[i].key) + 1]++];

		*entry = entries[i];
		entry->key = place_of(nesting, entries[i].key);
	}
}

void courses_release(struct courses *courses)
{
	free(courses->entries);
	free(courses->first);
}

const struct entry *courses_of(const struct courses *courses, uint32_t key, size_t *count)
{
	const uint32_t end = courses->ends ? courses->ends[key] : key + 1;

	*count = courses->first[end] - courses->first[key];
	return courses->entries + courses->first[key];
}

static double fill(const struct courses *courses, uint32_t key, double course[BINS_LIMIT])
{
	size_t count;
	const struct entry *entries = courses_of(courses, key, &count);
	double sum = 0;

	memset(course, 0, courses->series->bin_count * sizeof(*course));
	for (size_t i = 0; i < count; i++) {
		course[entries[i].bin] += (double)entries[i].count;
		sum += (double)entries[i].count;
	}
	return sum;
}

void courses_excess(const struct courses *courses, uint32_t key, double course[BINS_LIMIT])
{
	const struct series *series = courses->series;
	const double sum = fill(courses, key, course),
		     share = series->samples ? sum / (double)series->samples : 0;

	for (size_t i = 0; i < series->bin_count; i++)
		course[i] -= share * (double)series->bins[i];
}

/* ---- blocks from anywhere ---- */

static void window_init(struct window *window, const struct series *series, size_t length)
{
	const size_t count = series->bin_count;
	double sum = 0;

	assert(count && length <= count);
	window->length = length;
	window->bin_count = count;
	window->squares = 0;
	for (size_t i = 0; i < length; i++)
		sum += (double)series->bins[i];
	for (size_t i = 0; i < count; i++) {
		window->samples[i] = sum;
		window->squares += sum * sum;
		sum += (double)series->bins[(i + length) % count] - (double)series->bins[i];
	}
	/* a bin is in the blocks that begin at it and up to length - 1 before it */
	sum = 0;
	for (size_t i = 0; i < length; i++)
		sum += window->samples[(count - i) % count];
	for (size_t i = 0; i < count; i++) {
		window->around[i] = sum;
		sum += window->samples[(i + 1) % count] - window->samples[(i + 1 + count - length) % count];
	}
}

void draw_init(struct draw *draw, const struct series *series, size_t block)
{
	draw->whole_count = series->bin_count / block;
	draw->whole.length = draw->rest.length = 0;
	if (draw->whole_count)
		window_init(&draw->whole, series, block);
	if (series->bin_count % block)
		window_init(&draw->rest, series, series->bin_count % block);
}

/* In how many blocks are both? The blocks are at most half of the run. */
static double in_common(const struct window *window, uint32_t one, uint32_t other)
{
	const size_t apart = one > other ? one - other : other - one,
		     distance = apart < window->bin_count - apart ? apart : window->bin_count - apart;

	return distance < window->length ? (double)(window->length - distance) : 0;
}

static double squares_of_few(const struct window *window, const struct entry *entries, size_t count)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++) {
		const double own = (double)entries[i].count;

		sum += own * own * (double)window->length;
		for (size_t j = 0; j < i; j++)
			sum += 2 * own * (double)entries[j].count *
				in_common(window, entries[i].bin, entries[j].bin);
	}
	return sum;
}

static double squares_of_many(const struct window *window, const double *course)
{
	const size_t count = window->bin_count, length = window->length;
	double sum = 0, squares = 0;

	for (size_t i = 0; i < length; i++)
		sum += course[i];
	for (size_t i = 0, next = length % count; i < count; i++, next = next + 1 < count ? next + 1 : 0) {
		squares += sum * sum;
		sum += course[next] - course[i];
	}
	return squares;
}

/*
 * The variance, over all blocks of this length, of x - share * n for x samples of the key among n in the
 * block. squares: of x, summed over all blocks; excess: of the whole run.
 */
static double variance_of_block(const struct window *window, const struct entry *entries, size_t count,
	double share, double squares, double excess)
{
	const double bins = (double)window->bin_count, mean = excess * (double)window->length / bins;
	double both = 0, variance;

	for (size_t i = 0; share > 0 && i < count; i++)
		both += (double)entries[i].count * window->around[entries[i].bin];
	variance = (squares - 2 * share * both + share * share * window->squares) / bins - mean * mean;
	return variance > 0 ? variance : 0;
}

double draw_variance(
	const struct draw *draw, const struct courses *courses, uint32_t key, double share, double *sum)
{
	size_t count;
	const struct entry *entries = courses_of(courses, key, &count);
	double course[BINS_LIMIT], variance = 0;
	/* where blocks are more than half of it, a pair is in some of them twice */
	const bool is_few = count <= FEW_ENTRIES && 2 * draw->whole.length <= courses->series->bin_count;

	*sum = 0;
	if (!is_few)
		fill(courses, key, course);
	for (size_t i = 0; i < count; i++)
		*sum += (double)entries[i].count;
	*sum -= share * (double)courses->series->samples;
	for (int i = 0; i < 2; i++) {
		const struct window *window = i ? &draw->rest : &draw->whole;
		const double times = i ? 1 : (double)draw->whole_count;

		if (window->length)
			variance += times *
				variance_of_block(window, entries, count, share,
					is_few ? squares_of_few(window, entries, count)
					       : squares_of_many(window, course),
					*sum);
	}
	return variance;
}
