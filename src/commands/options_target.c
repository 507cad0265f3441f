/* SPDX-License-Identifier: MIT */
/* Options that say how a process is looked at: of record and dump. */
#include "config.h"

#include "commands/command.h"
#include "commands/option.h"

#include <string.h>

#define DEPTH_LIMIT 10000000

static const char *const pause_choices[] = { "auto", "always", "never", NULL };
static const char *const native_choices[] = { "all", NULL };

const struct option_row option_follow = {
	.letter = 'f',
	.name = "follow",
	.help = "all descendants too, those that come later as well (default with -t)",
	.flag = offsetof(struct options, follow),
};

static int apply_pause(struct options *options, const char *value, struct error *err)
{
	static const enum pause_policy policies[] = { PAUSE_AUTO, PAUSE_ALWAYS, PAUSE_NEVER };
	int choice = option_choose(pause_choices, value, strlen(value), err);

	if (choice < 0)
		return -1;
	options->pause = policies[choice];
	return 0;
}

const struct option_row option_pause = {
	.name = "pause",
	.argument = "WHEN",
	.completion = COMPLETE_CHOICES,
	.choices = pause_choices,
	.help = "pause a thread to read it: auto (default: only when it must be), always, never",
	.apply = apply_pause,
};

static int apply_native(struct options *options, const char *value, struct error *err)
{
	if (value && option_choose(native_choices, value, strlen(value), err) < 0)
		return -1;
	options->native = value ? NATIVE_ALL : NATIVE_WITHOUT_PLUMBING;
	return 0;
}

const struct option_row option_native = {
	.letter = 'N',
	.name = "native",
	.argument = "all",
	.argument_optional = true,
	.completion = COMPLETE_CHOICES,
	.choices = native_choices,
	.help = "frames of C, C++, Rust and Cython too; all: the interpreter's own as well",
	.apply = apply_native,
};

static int apply_max_depth(struct options *options, const char *value, struct error *err)
{
	int64_t depth;

	if (parse_integer(value, "depth", 1, DEPTH_LIMIT, &depth, err) != 0)
		return -1;
	options->max_depth = (size_t)depth;
	return 0;
}

const struct option_row option_max_depth = {
	.name = "max-depth",
	.argument = "N",
	.help = "cut stacks at the root beyond so many frames (default 100000)",
	.apply = apply_max_depth,
};

/*
 * pyflame's form, the digits of the version without the dot: 26, 34, 36, 311. With the dot it reads the same.
 *
 */
static int apply_abi(struct options *options, const char *value, struct error *err)
{
	const char *minor = value[0] && value[1] == '.' ? value + 2 : value + !!value[0];
	size_t digits = strspn(minor, "0123456789");

	if ((value[0] != '2' && value[0] != '3') || digits < 1 || digits > 2 || minor[digits])
		return error_set(
			err, ERROR_USAGE, "invalid version '%.64s': use its digits, as 27, 36 or 311", value);
	options->abi = (value[0] - '0') * 100 + (minor[0] - '0');
	if (digits == 2)
		options->abi = (value[0] - '0') * 100 + (minor[0] - '0') * 10 + (minor[1] - '0');
	return 0;
}

const struct option_row option_abi = {
	.name = "abi",
	.argument = "XY",
	.help = "the version of the target's Python, as 27, 36 or 311 (default: found out)",
	.apply = apply_abi,
};

const struct option_row option_dump = {
	.letter = 'd',
	.name = "dump",
	.help = "show what every thread is doing now, once: the same as the command dump",
	.means = &command_dump,
};

int options_check_native(const struct options *options, struct error *err)
{
	if (options->native && options->pause == PAUSE_NEVER)
		return error_set(err, ERROR_USAGE,
			"--native has to pause a running thread to read its registers: leave out "
			"--pause=never");
	return 0;
}
