/* SPDX-License-Identifier: MIT */
/*
 * The command check: its options, and what they say together. What budgets mean is said when they are read.
 */
#include "config.h"

#include "commands/command.h"
#include "commands/option.h"

static int add_budget(struct options *options, const char *key, const char *value, struct error *err)
{
	if (options->budget_count == BUDGET_WORDS_LIMIT)
		return error_set(err, ERROR_USAGE, "too many budgets: %d is the most", BUDGET_WORDS_LIMIT);
	options->budgets[options->budget_count++] = (struct budget_word){ key, value };
	return 0;
}

static int apply_max(struct options *options, const char *value, struct error *err)
{
	return add_budget(options, "max", value, err);
}

static const struct option_row option_max = {
	.name = "max",
	.argument = "REGEX=LIMIT",
	.help = "check: functions (module:function) that match have at most so much: 10%, or 2s",
	.apply = apply_max,
};

static int apply_max_total(struct options *options, const char *value, struct error *err)
{
	return add_budget(options, "max-total", value, err);
}

static const struct option_row option_max_total = {
	.name = "max-total",
	.argument = "TIME",
	.help = "check: all that is shown takes at most so long",
	.apply = apply_max_total,
};

static int apply_max_gil_wait(struct options *options, const char *value, struct error *err)
{
	return add_budget(options, "max-gil-wait", value, err);
}

static const struct option_row option_max_gil_wait = {
	.name = "max-gil-wait",
	.argument = "LIMIT",
	.help = "check: threads that do not sleep wait at most so much for the GIL",
	.apply = apply_max_gil_wait,
};

static int apply_max_idle(struct options *options, const char *value, struct error *err)
{
	return add_budget(options, "max-idle", value, err);
}

static const struct option_row option_max_idle = {
	.name = "max-idle",
	.argument = "LIMIT",
	.help = "check: so much at most is idle time",
	.apply = apply_max_idle,
};

static int apply_no_call(struct options *options, const char *value, struct error *err)
{
	return add_budget(options, "no-call", value, err);
}

static const struct option_row option_no_call = {
	.name = "no-call",
	.argument = "REGEX",
	.help = "check: no function that matches is ever sampled",
	.apply = apply_no_call,
};

static int apply_max_growth(struct options *options, const char *value, struct error *err)
{
	return add_budget(options, "max-growth", value, err);
}

static const struct option_row option_max_growth = {
	.name = "max-growth",
	.argument = "LIMIT",
	.help = "check: no function takes so much more than in the baseline: 5%; one alone: REGEX=5%",
	.apply = apply_max_growth,
};

/* What a check needs besides its budgets, which may be in a file. */
static int check(struct options *options, struct error *err)
{
	if (options->groups == (GROUP_PROCESS | GROUP_THREAD))
		return error_set(err, ERROR_USAGE,
			"check looks at each process or at each thread: name one of them with --group");
	if (options->per_process)
		return error_set(err, ERROR_USAGE,
			"--per=process is for diff: use --group=process, and each process is checked");
	if (options->later_work > options->work || options->later_work < options->work)
		return error_set(err, ERROR_USAGE, "--per takes one number here: check looks at one side");
	if (options->input_count)
		return 0;
	err->exit_code = 1;
	return error_set(
		err, ERROR_USAGE, "no profile: name a recording, or a file of collapsed stacks or pprof");
}

static const struct option_row *const rows[] = {
	BUDGET_OPTIONS,
	&option_max,
	&option_max_total,
	&option_max_gil_wait,
	&option_max_idle,
	&option_no_call,
	&option_max_growth,
	&option_compare,
	&option_per,
	&option_json,
	&option_pid,
	FILTER_OPTIONS,
	&option_group,
	NULL,
};

const struct command command_check = {
	.name = "check",
	.summary = "does a profile keep its budgets? For CI: exit code 3 when one is exceeded",
	.options = rows,
	.takes_files = true,
	.check = check,
	.run = COMMAND_RUN(check_run),
};
