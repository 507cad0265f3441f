/* SPDX-License-Identifier: MIT */
/* The command dump: its options, and what they say together. */
#include "config.h"

#include "commands/command.h"
#include "commands/option.h"

#define REPEAT_MOST 1000000

static int check(struct options *options, struct error *err)
{
	if (!options->pid)
		return error_set(err, ERROR_USAGE, "no process: name it by its process id");
	if (options->has_interval && !options->repeat)
		return error_set(err, ERROR_USAGE, "-r without --repeat: a single dump has no interval");
	return options_check_native(options, err);
}

static int apply_locals(struct options *options, const char *value, struct error *err)
{
	int64_t characters = VALUE_CHARACTERS;

	if (value &&
		parse_integer(value, "number of characters", 1, VALUE_CHARACTERS_MOST, &characters, err) != 0)
		return -1;
	options->locals = (size_t)characters;
	return 0;
}

static const struct option_row option_locals = {
	.name = "locals",
	.argument = "N",
	.argument_optional = true,
	.help = "variables of each frame too, N characters of a value (default 80)",
	.apply = apply_locals,
};

static int apply_repeat(struct options *options, const char *value, struct error *err)
{
	return parse_integer(value, "number of dumps", 1, REPEAT_MOST, &options->repeat, err);
}

static const struct option_row option_repeat = {
	.name = "repeat",
	.argument = "N",
	.help = "N dumps, one each second (-r TIME); after the first, what changed",
	.apply = apply_repeat,
};

static const struct option_row *const rows[] = {
	&option_pid,
	&option_follow,
	&option_output,
	&option_threads,
	&option_paths,
	&option_syscalls,
	TARGET_OPTIONS,
	&option_dump,
	&option_locals,
	&option_repeat,
	&option_interval,
	&option_json,
	NULL,
};

const struct command command_dump = {
	.name = "dump",
	.summary = "show what every thread is doing now, once",
	.options = rows,
	.check = check,
	.run = COMMAND_RUN(dump_run),
};
