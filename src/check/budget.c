/* SPDX-License-Identifier: MIT */
/* A budget from the words that stand behind its key: on the command line and in a file they are the same. */
#include "config.h"

#include "pyrope/check.h"

#include <stdlib.h>
#include <string.h>

#define GROWTH_LIMIT 1000 /* percent times ten */

const char *const budget_names[BUDGET_KINDS] = {
	[BUDGET_MAX] = "max",
	[BUDGET_TOTAL] = "max-total",
	[BUDGET_GIL_WAIT] = "max-gil-wait",
	[BUDGET_IDLE] = "max-idle",
	[BUDGET_NO_CALL] = "no-call",
	[BUDGET_GROWTH] = "max-growth",
};

/* What each may have behind it. */
static const struct {
	bool has_pattern, may_have_pattern, has_limit, takes_time, takes_share;
	double most; /* of a share */
} kinds[BUDGET_KINDS] = {
	[BUDGET_MAX] = { .has_pattern = true,
		.has_limit = true,
		.takes_time = true,
		.takes_share = true,
		.most = 1 },
	[BUDGET_TOTAL] = { .has_limit = true, .takes_time = true },
	[BUDGET_GIL_WAIT] = { .has_limit = true, .takes_time = true, .takes_share = true, .most = 1 },
	[BUDGET_IDLE] = { .has_limit = true, .takes_time = true, .takes_share = true, .most = 1 },
	[BUDGET_NO_CALL] = { .has_pattern = true },
	[BUDGET_GROWTH] = { .may_have_pattern = true,
		.has_limit = true,
		.takes_share = true,
		.most = GROWTH_LIMIT },
};

/* "12.5%" without the sign, whatever the locale: digits, and perhaps a point and digits. */
static bool parse_percent(const char *text, size_t length, double *share)
{
	double value = 0, unit = 1;
	size_t at = 0, digits = 0;

	for (; at < length && text[at] >= '0' && text[at] <= '9'; at++, digits++)
		value = value * 10 + (text[at] - '0');
	if (at < length && text[at] == '.')
		for (at++; at < length && text[at] >= '0' && text[at] <= '9'; at++, digits++)
			value += (text[at] - '0') * (unit /= 10);
	while (at < length && text[at] == ' ')
		at++;
	*share = value / 100;
	return digits && at == length;
}

static int parse_limit(struct budget *budget, const char *text, struct error *err)
{
	const size_t length = strlen(text);
	int64_t time_ns;

	budget->is_time = !length || text[length - 1] != '%';
	if (!budget->is_time) {
		if (!kinds[budget->kind].takes_share)
			return error_set(err, ERROR_USAGE, "'%.64s' is a share: use a time, as 90s", text);
		if (!parse_percent(text, length - 1, &budget->limit))
			return error_set(err, ERROR_USAGE,
				"invalid share '%.64s': use a number of percent, as 10%%", text);
		if (budget->limit > kinds[budget->kind].most)
			return error_set(err, ERROR_USAGE, "invalid share '%.64s': more than %.0f percent",
				text, 100 * kinds[budget->kind].most);
		return 0;
	}
	if (!kinds[budget->kind].takes_time)
		return error_set(
			err, ERROR_USAGE, "invalid limit '%.64s': use a number of percent, as 5%%", text);
	/* a number alone may be meant as either */
	if (length && strspn(text, "0123456789.") == length)
		return error_set(err, ERROR_USAGE, "the limit '%.64s' has no unit: use a time, as %.64ss%s",
			text, text, kinds[budget->kind].takes_share ? ", or a share, as 10%" : "");
	if (parse_duration(text, &time_ns, err) != 0)
		return -1;
	budget->limit = (double)time_ns / 1e9;
	return 0;
}

/* The expression is to match a whole name: "re:compile" is not in "store:compile". */
static int compile(struct budget *budget, struct error *err)
{
	char *whole;
	int result;

	if (pattern_check(budget->pattern, err) != 0)
		return -1;
	whole = xasprintf("^(%s)$", budget->pattern);
	result = regcomp(&budget->expression, whole, REG_EXTENDED | REG_NOSUB);
	free(whole);
	if (result != 0) /* it made sense alone */
		return error_set(
			err, ERROR_USAGE, "'%.200s' is too long a regular expression", budget->pattern);
	return 0;
}

static int fill(struct budget *budget, const char *value, struct error *err)
{
	const char *equals = kinds[budget->kind].has_limit ? strrchr(value, '=') : NULL;
	const char *limit = equals ? equals + 1 : value;
	char *pattern = NULL;
	int result = -1;

	if (kinds[budget->kind].has_pattern && kinds[budget->kind].has_limit && !equals)
		return error_set(err, ERROR_USAGE,
			"'%.200s' has no limit: write REGEX=LIMIT, as 'json:dumps=10%%'", value);
	if (equals && !kinds[budget->kind].has_pattern && !kinds[budget->kind].may_have_pattern)
		return error_set(err, ERROR_USAGE, "'%.200s' is no limit: it takes no expression", value);
	if (equals || !kinds[budget->kind].has_limit)
		pattern = xstrndup(value, equals ? (size_t)(equals - value) : strlen(value));
	if (kinds[budget->kind].has_limit && parse_limit(budget, limit, err) != 0)
		goto out;
	budget->pattern = pattern;
	if (pattern && compile(budget, err) != 0) {
		budget->pattern = NULL;
		goto out;
	}
	pattern = NULL;
	result = 0;
out:
	free(pattern);
	return result;
}

/* Twice in the same file, or twice on the command line: one of the two is a mistake that nobody sees. */
static bool is_there(const struct budgets *budgets, const struct budget *budget, const char *source)
{
	for (size_t i = 0; i < budgets->count; i++) {
		const struct budget *other = &budgets->list[i];

		if (other->kind == budget->kind && (other->source[0] == '-') == (source[0] == '-') &&
			!other->pattern == !budget->pattern &&
			(!budget->pattern || strcmp(other->pattern, budget->pattern) == 0))
			return true;
	}
	return false;
}

static void budget_release(struct budget *budget)
{
	if (budget->pattern)
		regfree(&budget->expression);
	free(budget->pattern);
	free(budget->source);
}

int budgets_add(
	struct budgets *budgets, const char *key, const char *value, const char *source, struct error *err)
{
	struct budget *budget = &budgets->list[budgets->count];
	int kind = 0;

	while (kind < BUDGET_KINDS && strcmp(budget_names[kind], key) != 0)
		kind++;
	if (kind == BUDGET_KINDS)
		return error_set(err, ERROR_USAGE, "there is no budget '%.64s'", key);
	if (budgets->count == BUDGETS_LIMIT)
		return error_set(err, ERROR_USAGE, "too many budgets: %d is the most", BUDGETS_LIMIT);
	*budget = (struct budget){ .kind = (enum budget_kind)kind };
	if (fill(budget, value, err) != 0)
		return -1;
	if (is_there(budgets, budget, source)) {
		error_set(err, ERROR_USAGE, "'%s%s%.200s' is there twice", key, budget->pattern ? " " : "",
			budget->pattern ? budget->pattern : "");
		budget_release(budget);
		return -1;
	}
	budget->source = xstrdup(source);
	budgets->count++;
	return 0;
}

void budgets_release(struct budgets *budgets)
{
	for (size_t i = 0; i < budgets->count; i++)
		budget_release(&budgets->list[i]);
	free(budgets->baseline);
	free(budgets->baseline_source);
	*budgets = (struct budgets){ .count = 0 };
}

void budgets_set_baseline(struct budgets *budgets, const char *path, const char *source)
{
	char *old = budgets->baseline;

	budgets->baseline = xstrdup(path);
	free(old);
	free(budgets->baseline_source);
	budgets->baseline_source = xstrdup(source);
}

bool budget_matches(const struct budget *budget, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (regexec(&budget->expression, names[i], 0, NULL, 0) == 0)
			return true;
	return false;
}

void budget_append_name(const struct budget *budget, struct buffer *text)
{
	buffer_append_string(text, budget_names[budget->kind]);
	if (budget->pattern)
		buffer_printf(text, " %s", budget->pattern);
}
