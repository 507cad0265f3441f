/* SPDX-License-Identifier: MIT */
/* Is a text a regular expression, and where is it none? */
#include "config.h"

#include "pyrope/base.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

static int compile(const char *text, regex_t *expression)
{
	const int failed = regcomp(expression, text, REG_EXTENDED | REG_NOSUB);

	if (!failed)
		regfree(expression);
	return failed;
}

/* ---- how large it becomes ---- */

/*
 * regcomp(3) writes out what is repeated: of "((a+)+)+" twice as much for each +, of "a{9}{9}{9}" 729 times
 * a.
 */
#define TEXT_LIMIT_BYTES 4096
#define GROWTH_LIMIT 2500 /* by what is repeated */
#define DEPTH_LIMIT 200
/* regcomp goes through each several times as often as through the one around it */
#define LEVELS_LIMIT 3

/* What stands in a pair of parentheses, or in none. */
struct extent {
	size_t size, last;            /* of all of it; of what was read last, which a repetition repeats */
	unsigned levels, last_levels; /* of repetitions in repetitions */
};

/* Behind a set that begins here: "[^]a]", "[[:alpha:]]". */
static const char *skip_set(const char *at)
{
	at += at[1] == '^' ? 2 : 1;
	at += *at == ']';
	for (; *at && *at != ']'; at++) {
		const char kind = *at == '[' && at[1] && strchr(".:=", at[1]) ? at[1] : '\0';
		const char *end = kind ? strchr(at + 2, kind) : NULL;

		if (end && end[1] == ']')
			at = end + 1;
	}
	return at + (*at == ']');
}

/* How often what stands before it is written out; 0: it is no repetition. */
static size_t repetition(const char **at)
{
	size_t most = 0, number = 0;

	if (**at == '*' || **at == '?' || **at == '+')
		return *(*at)++ == '+' ? 2 : 1;
	if (**at != '{' || !((*at)[1] == ',' || ((*at)[1] >= '0' && (*at)[1] <= '9')))
		return 0;
	for (++*at; **at && **at != '}'; ++*at) {
		number = **at >= '0' && **at <= '9' ? number * 10 + (size_t)(**at - '0') : 0;
		number = number < GROWTH_LIMIT ? number : GROWTH_LIMIT;
		most = number > most ? number : most;
	}
	*at += **at == '}';
	return most + 1;
}

/* *unmatched: the first parenthesis that closes none; NULL where there is no such. */
static bool is_too_large(const char *text, const char **unmatched)
{
	struct extent open[DEPTH_LIMIT] = { { .size = 0 } };
	size_t depth = 0, growth = 0;

	*unmatched = NULL;
	if (strlen(text) > TEXT_LIMIT_BYTES)
		return true;
	for (const char *at = text; *at;) {
		struct extent *extent = &open[depth];
		const size_t times = repetition(&at);

		if (times) {
			extent->size += (extent->last + 1) * times - extent->last;
			growth += (extent->last + 1) * times - extent->last;
			extent->last = (extent->last + 1) * times;
			if (++extent->last_levels > extent->levels)
				extent->levels = extent->last_levels;
		} else if (*at == '(') {
			if (++depth == DEPTH_LIMIT)
				return true;
			open[depth] = (struct extent){ .size = 0 };
			at++;
		} else {
			extent->last = 1;
			extent->last_levels = 0;
			if (*at == ')' && !depth && !*unmatched)
				*unmatched = at;
			if (*at == ')' && depth) {
				extent->last += extent->size;
				extent = &open[--depth];
				extent->last = open[depth + 1].last;
				extent->last_levels = open[depth + 1].levels;
				if (extent->last_levels > extent->levels)
					extent->levels = extent->last_levels;
			}
			extent->size += extent->last;
			at = *at == '[' ? skip_set(at) : at + (*at == '\\' && at[1] ? 2 : 1);
		}
		if (growth > GROWTH_LIMIT || extent->levels > LEVELS_LIMIT)
			return true;
	}
	return false;
}

/* ---- whether it is one ---- */

/* The most that makes sense alone: what stands behind it does not. regcomp(3) tells no place. */
static size_t place_of_error(const char *text)
{
	for (size_t length = strlen(text); length > 0; length--) {
		char *prefix = xstrndup(text, length);
		regex_t expression;
		const bool makes_sense = compile(prefix, &expression) == 0;

		free(prefix);
		if (makes_sense)
			return length;
	}
	return 0;
}

int pattern_check(const char *text, struct error *err)
{
	const char *unmatched;
	regex_t expression;
	char reason[128];
	int failed;

	if (!*text)
		return error_set(err, ERROR_USAGE, "the regular expression is empty");
	if (is_too_large(text, &unmatched))
		return error_set(err, ERROR_USAGE,
			"'%.64s' is too large a regular expression: it has more than %d bytes, or repeats "
			"too much",
			text, TEXT_LIMIT_BYTES);
	/* regcomp(3) takes it for a character, but it would close the group around a whole name */
	if (unmatched)
		return error_set(err, ERROR_USAGE,
			"'%.200s' is no regular expression: the ) at character %zu closes no group: write "
			"\\) "
			"for the character",
			text, (size_t)(unmatched - text) + 1);
	failed = compile(text, &expression);
	if (!failed)
		return 0;
	regerror(failed, &expression, reason, sizeof(reason));
	return error_set(err, ERROR_USAGE, "'%.200s' is no regular expression: %s at character %zu", text,
		reason, place_of_error(text) + 1);
}
