/* SPDX-License-Identifier: MIT */
/* The command record: its options, and what they say together. */
#include "config.h"

#include "commands/command.h"
#include "commands/option.h"

#include <string.h>

#define DAY_NS (INT64_C(86400) * 1000000000)
#define DURATION_LIMIT_NS (3650 * DAY_NS)
#define DEFAULT_DURATION_NS INT64_C(1000000000)

static const char *const summary_choices[] = { "text", "full", "json", NULL };

static const struct option_row option_all = {
	.name = "all",
	.help = "with --native: the stacks of programs that are no Python, too",
	.flag = offsetof(struct options, all_programs),
};

static int apply_seconds(struct options *options, const char *value, struct error *err)
{
	options->unlimited = strcmp(value, "unlimited") == 0 || strcmp(value, "inf") == 0;
	if (options->unlimited) {
		options->has_duration = false;
		options->duration_ns = 0;
		return 0;
	}
	if (parse_duration(value, &options->duration_ns, err) != 0)
		return -1;
	if (options->duration_ns > DURATION_LIMIT_NS)
		return error_set(err, ERROR_USAGE,
			"invalid duration '%.64s': too large: the most is 3650d, or unlimited", value);
	options->has_duration = true;
	return 0;
}

static const struct option_row option_seconds = {
	.letter = 's',
	.name = "seconds",
	.alias = "duration",
	.argument = "TIME",
	.help = "how long to sample (default 1s; with -t: unlimited); 0 takes one sample",
	.apply = apply_seconds,
};

static int apply_delay(struct options *options, const char *value, struct error *err)
{
	if (parse_duration(value, &options->delay_ns, err) != 0)
		return -1;
	if (options->delay_ns > DURATION_LIMIT_NS)
		return error_set(
			err, ERROR_USAGE, "invalid delay '%.64s': too large: the most is 3650d", value);
	options->has_delay = true;
	return 0;
}

static const struct option_row option_delay = {
	.name = "delay",
	.argument = "TIME",
	.help = "begin to sample only then; SIGUSR1 stops and starts it",
	.apply = apply_delay,
};

static const struct option_row option_paused = {
	.name = "paused",
	.help = "begin to sample at the first SIGUSR1; the next one stops it, and so on",
	.flag = offsetof(struct options, paused),
};

static int apply_summary(struct options *options, const char *value, struct error *err)
{
	static const enum summary summaries[] = { SUMMARY_TEXT, SUMMARY_FULL, SUMMARY_JSON };
	int choice = value ? option_choose(summary_choices, value, strlen(value), err) : 0;

	if (choice < 0)
		return -1;
	options->summary = summaries[choice];
	return 0;
}

static const struct option_row option_summary = {
	.name = "summary",
	.argument = "FORMAT",
	.argument_optional = true,
	.completion = COMPLETE_CHOICES,
	.choices = summary_choices,
	.help = "say at the end how it went, on standard error: text (default), full, or json",
	.apply = apply_summary,
};

static const struct option_row option_require_samples = {
	.name = "require-samples",
	.help = "no samples at all are a failure, with exit code 1",
	.flag = offsetof(struct options, require_samples),
};

/* What record takes for --check alone. */
static int check_budget_options(const struct options *options, struct error *err)
{
	if (options->budget_file && !options->launch)
		return error_set(err, ERROR_USAGE,
			"--check is for a command that is started with -t: record to a file, and then "
			"'pyrope check'");
	if (!options->budget_file &&
		(options->baseline || options->baseline_runs || options->strict || options->force ||
			options->report_count))
		return error_set(err, ERROR_USAGE,
			"--baseline, --baseline-runs, --strict, --force and --report are for budgets: "
			"name a file of them with --check");
	return 0;
}

static int check(struct options *options, struct error *err)
{
	if (options_check_processes(options, err) != 0 || check_budget_options(options, err) != 0)
		return -1;
	if (options->paused && options->has_delay)
		return error_set(err, ERROR_USAGE, "both --paused and --delay: one of them");
	if (options->all_programs && (!options->native || options->mode == MODE_GIL))
		return error_set(err, ERROR_USAGE,
			"--all shows programs that are no Python by their native stacks: it takes --native, "
			"and no "
			"--mode=gil");
	options->follow |= options->cgroup_count || (options->launch && !options->no_follow);
	if (!options->has_duration && !options->unlimited && !options->launch)
		options->duration_ns = DEFAULT_DURATION_NS;
	return options_check_native(options, err);
}

static const struct option_row *const rows[] = {
	&option_pid,
	&option_trace,
	&option_follow,
	&option_no_follow,
	&option_cgroup,
	&option_all,
	&option_seconds,
	&option_delay,
	&option_paused,
	&option_interval,
	&option_rate,
	SHOWING_OPTIONS,
	TARGET_OPTIONS,
	&option_summary,
	&option_require_samples,
	&option_dump,
	BUDGET_OPTIONS,
	NULL,
};

const struct command command_record = {
	.name = "record",
	.summary = "sample a process; what pyrope does when no command is named",
	.options = rows,
	.check = check,
	.run = COMMAND_RUN(record_run),
};
