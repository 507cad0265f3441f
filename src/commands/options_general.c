/* SPDX-License-Identifier: MIT */
/* Options of every command, and the operands that they share. */
#include "config.h"

#include "commands/command.h"
#include "commands/option.h"

#include <string.h>

#define PID_LIMIT INT32_MAX

static const char *const shell_choices[] = { "bash", "zsh", "fish", NULL };

static int add_pid(struct options *options, const char *text, struct error *err)
{
	int64_t value;

	if (parse_integer(text, "process id", 1, PID_LIMIT, &value, err) != 0)
		return -1;
	for (size_t i = 0; i < options->pid_count; i++)
		if (options->pids[i] == (pid_t)value)
			return 0;
	if (options->pid_count == PIDS_LIMIT)
		return error_set(err, ERROR_USAGE, "more than %d process ids", PIDS_LIMIT);
	options->pids[options->pid_count++] = (pid_t)value;
	options->pid = options->pids[0];
	return 0;
}

/* "12", or several numbers, as $(pgrep python) and $(pgrep -d, python) give them. */
int options_add_pids(struct options *options, const char *text, struct error *err)
{
	static const char digits[] = "0123456789", separators[] = " \t\n\r,;";
	char number[24];

	if (!*text || strspn(text, digits) == strlen(text))
		return add_pid(options, text, err);
	for (const char *at = text; *at; at += strspn(at, separators)) {
		const size_t bytes = strspn(at, digits);

		/* what is no list is one number, and wrong: the message quotes all of it */
		if (!bytes || bytes >= sizeof(number) || (at[bytes] && !strchr(separators, at[bytes])))
			return add_pid(options, text, err);
		memcpy(number, at, bytes);
		number[bytes] = '\0';
		if (add_pid(options, number, err) != 0)
			return -1;
		at += bytes;
	}
	return 0;
}

int options_add_input(struct options *options, const char *path, struct error *err)
{
	const char **list = options->names_after ? options->later_inputs : options->inputs;
	size_t *count = options->names_after ? &options->later_input_count : &options->input_count;

	if (*count == INPUTS_LIMIT)
		return error_set(err, ERROR_USAGE, "too many files: %d is the most", INPUTS_LIMIT);
	list[(*count)++] = path;
	return 0;
}

static int apply_pid(struct options *options, const char *value, struct error *err)
{
	return options_add_pids(options, value, err);
}

const struct option_row option_pid = {
	.letter = 'p',
	.name = "pid",
	.argument = "PID",
	.completion = COMPLETE_PID,
	.help = "the process to look at, or several (12,34); the -p may be left out",
	.apply = apply_pid,
};

const struct option_row option_json = {
	.name = "json",
	.help = "dump, diff, check and doctor: as JSON",
	.flag = offsetof(struct options, json),
};

static int apply_completion(struct options *options, const char *value, struct error *err)
{
	if (option_choose(shell_choices, value, strlen(value), err) < 0)
		return -1;
	options->command = &command_completion;
	options->completion = value;
	return 0;
}

const struct option_row option_completion = {
	.name = "completion",
	.argument = "SHELL",
	.completion = COMPLETE_CHOICES,
	.choices = shell_choices,
	.help = "print the completions for bash, zsh or fish",
	.apply = apply_completion,
};

const struct option_row option_version = {
	.letter = 'v',
	.name = "version",
	.help = "print the version, how pyrope was built and with what",
	.means = &command_version,
};

const struct option_row option_help = {
	.letter = 'h',
	.name = "help",
	.help = "print this help",
	.means = &command_help,
};
