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
	regex_t expression;
	char reason[128];
	int failed;

	if (!*text)
		return error_set(err, ERROR_USAGE, "the regular expression is empty");
	failed = compile(text, &expression);
	if (!failed)
		return 0;
	regerror(failed, &expression, reason, sizeof(reason));
	return error_set(err, ERROR_USAGE, "'%.200s' is no regular expression: %s at character %zu", text, reason,
		place_of_error(text) + 1);
}
