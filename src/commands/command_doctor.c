/* SPDX-License-Identifier: MIT */
/* The command doctor: its options, and what they say together. */
#include "config.h"

#include "commands/command.h"
#include "commands/option.h"

static int check(struct options *options, struct error *err)
{
	if (options->pid_count > 1)
		return error_set(
			err, ERROR_USAGE, "several process ids: doctor looks at one process at a time");
	return 0;
}

static const struct option_row *const rows[] = {
	&option_pid,
	&option_abi,
	&option_json,
	NULL,
};

const struct command command_doctor = {
	.name = "doctor",
	.summary = "say what pyrope can do on this machine, or to a process, and what is in its way",
	.options = rows,
	.check = check,
	.run = COMMAND_RUN(doctor_run),
};
