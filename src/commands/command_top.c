/* SPDX-License-Identifier: MIT */
/* The command top: its options, and what they say together. */
#include "config.h"

#include "commands/command.h"
#include "commands/option.h"

static int check(struct options *options, struct error *err)
{
	if (options_check_processes(options, err) != 0)
		return -1;
	options->follow |= options->cgroup_count || (options->launch && !options->no_follow);
	return options_check_native(options, err);
}

static const struct option_row *const rows[] = {
	&option_pid,
	&option_trace,
	&option_follow,
	&option_no_follow,
	&option_cgroup,
	&option_interval,
	&option_rate,
	&option_mode,
	&option_threads,
	TARGET_OPTIONS,
	NULL,
};

const struct command command_top = {
	.name = "top",
	.summary = "show on a terminal where the time goes, while it goes",
	.options = rows,
	.check = check,
	.run = COMMAND_RUN(top_run),
};
