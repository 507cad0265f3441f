/* SPDX-License-Identifier: MIT */
/* Options of check that others have, too: record for the check at its end, diff for what it compares. */
#include "config.h"

#include "commands/option.h"

#include <stdlib.h>
#include <string.h>

static const char *const report_choices[] = { "text", "json", "junit", "github", "markdown", "gitlab", NULL };
static const char *const compare_choices[] = { "self", "total", NULL };

static int apply_compare(struct options *options, const char *value, struct error *err)
{
	const int choice = option_choose(compare_choices, value, strlen(value), err);

	options->compare_total = choice == 1;
	return choice < 0 ? -1 : 0;
}

const struct option_row option_compare = {
	.name = "compare",
	.argument = "PART",
	.completion = COMPLETE_CHOICES,
	.choices = compare_choices,
	.help = "diff, check: the samples that end in a function: self (default), or all that it is in: "
		"total",
	.apply = apply_compare,
};

const struct option_row option_force = {
	.name = "force",
	.help = "diff, check: compare also what cannot be compared",
	.flag = offsetof(struct options, force),
};

static int apply_check(struct options *options, const char *value, struct error *err)
{
	(void)err;
	options->budget_file = value;
	return 0;
}

const struct option_row option_check = {
	.name = "check",
	.alias = "budgets",
	.argument = "FILE",
	.completion = COMPLETE_FILE,
	.help = "a file of budgets; record: when the command has ended well, exit with 3 if one is exceeded",
	.apply = apply_check,
};

static int apply_baseline(struct options *options, const char *value, struct error *err)
{
	if (!*value)
		return error_set(err, ERROR_USAGE, "the name of the baseline is empty");
	options->baseline = value;
	return 0;
}

const struct option_row option_baseline = {
	.name = "baseline",
	.argument = "PATH",
	.completion = COMPLETE_FILE,
	.help = "what --max-growth compares with: a recording, or a folder of them",
	.apply = apply_baseline,
};

static int apply_baseline_runs(struct options *options, const char *value, struct error *err)
{
	return parse_integer(value, "number of runs", 1, INPUTS_LIMIT, &options->baseline_runs, err);
}

const struct option_row option_baseline_runs = {
	.name = "baseline-runs",
	.argument = "N",
	.help = "of a folder, the last N recordings by name (default 10)",
	.apply = apply_baseline_runs,
};

const struct option_row option_strict = {
	.name = "strict",
	.help = "check: exit with 3 also where it is not sure",
	.flag = offsetof(struct options, strict),
};

/* "5000"; of diff "5000,5200", too: before and after; or "process". */
static int apply_per(struct options *options, const char *value, struct error *err)
{
	static const char what[] = "number of units of work";
	const char *comma = strchr(value, ',');
	char *first = xstrndup(value, comma ? (size_t)(comma - value) : strlen(value));
	int64_t before = 1, after = 1;
	int result = 0;

	options->per_process = strcmp(value, "process") == 0;
	if (!options->per_process)
		result = parse_integer(first, what, 1, INT64_MAX, &before, err);
	if (!options->per_process && result == 0)
		result = parse_integer(comma ? comma + 1 : first, what, 1, INT64_MAX, &after, err);
	options->work = (double)before;
	options->later_work = (double)after;
	options->seconds = true;
	free(first);
	return result;
}

const struct option_row option_per = {
	.name = "per",
	.argument = "N[,N]|process",
	.help = "seconds are for one of N units of work that a run did (diff: before,after), or a process",
	.apply = apply_per,
};

/* FORMAT, or FORMAT=FILE. */
static int apply_report(struct options *options, const char *value, struct error *err)
{
	const size_t length = strcspn(value, "=");
	const int choice = option_choose(report_choices, value, length, err);

	if (choice < 0)
		return -1;
	if (value[length] && !value[length + 1])
		return error_set(err, ERROR_USAGE, "the name of the file is empty");
	if (options->report_count == REPORTS_LIMIT)
		return error_set(err, ERROR_USAGE, "too many reports: %d is the most", REPORTS_LIMIT);
	options->reports[options->report_count++] =
		(struct report_choice){ report_choices[choice], value[length] ? value + length + 1 : NULL };
	return 0;
}

const struct option_row option_report = {
	.name = "report",
	.argument = "FORMAT[=FILE]",
	.completion = COMPLETE_CHOICES,
	.choices = report_choices,
	.help = "check: what was found as text (default), json, junit, github, markdown, gitlab",
	.apply = apply_report,
};
