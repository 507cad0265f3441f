/* SPDX-License-Identifier: MIT */
/* The command report: its options, and what they say together. */
#include "config.h"

#include "commands/command.h"
#include "commands/option.h"

static int check(struct options *options, struct error *err)
{
	if (options->input_count)
		return 0;
	return error_set(
		err, ERROR_USAGE, "no file: name a recording, or a file of collapsed stacks or pprof");
}

static const struct option_row *const rows[] = {
	&option_pid,
	SHOWING_OPTIONS,
	&option_dump,
	NULL,
};

const struct command command_report = {
	.name = "report",
	.summary = "show a recording, collapsed stacks or pprof, or write them in another format",
	.options = rows,
	.takes_files = true,
	.check = check,
	.run = COMMAND_RUN(report_run),
};
