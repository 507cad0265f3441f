/* SPDX-License-Identifier: MIT */
/*
 * "Did you mean ...?": the candidate with the smallest edit distance to a word. Swapping two neighbours
 * counts as one edit, because that is how people mistype (Damerau 1964, in the restricted form called optimal
 * string alignment).
 */
#include "config.h"

#include "pyrope/base.h"

#include <string.h>

/* Longer words are not typing errors of anything we know. */
#define WORD_LIMIT 48

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Both words are at most WORD_LIMIT long. */
static unsigned distance(const char *from, size_t from_length, const char *to, size_t to_length)
{
	unsigned rows[3][WORD_LIMIT + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= to_length; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; i <= from_length; i++) {
		unsigned *oldest = before;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= to_length; j++) {
			row[j] = least(
				above[j] + 1, row[j - 1] + 1, above[j - 1] + (from[i - 1] != to[j - 1]));
			if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] &&
				before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = above;
		above = row;
		row = oldest;
	}
	return above[to_length];
}

const char *nearest_word(const char *word, const char *const *candidates, size_t count)
{
	size_t length = strnlen(word, WORD_LIMIT + 1);
	const char *nearest = NULL;
	unsigned smallest =
		(unsigned)(length + 2) / 3; /* one edit in three characters is still the same word */

	if (length == 0 || length > WORD_LIMIT)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t candidate_length = strnlen(candidates[i], WORD_LIMIT + 1);
		unsigned edits;

		if (candidate_length > WORD_LIMIT)
			continue;
		edits = distance(word, length, candidates[i], candidate_length);
		/* A single letter is one edit away from every other one: that is no likeness. */
		if (edits < length && (edits < smallest || (edits == smallest && !nearest))) {
			smallest = edits;
			nearest = candidates[i];
		}
	}
	return nearest;
}
