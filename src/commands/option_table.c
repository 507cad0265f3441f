/* SPDX-License-Identifier: MIT */
/*
 * The table of options. Letters and their meanings are those of pyflame, which pyrope replaces in scripts;
 * everything has a long name besides.
 */
#include "config.h"

#include "commands/options.h"

#include <string.h>

#define DAY_NS (INT64_C(86400) * 1000000000)
#define INTERVAL_LIMIT_NS DAY_NS
#define DURATION_LIMIT_NS (3650 * DAY_NS)
#define DEPTH_LIMIT 10000000
#define PID_LIMIT INT32_MAX

static const char *const mode_choices[] = { "gil", "wall", "cpu", NULL };
static const char *const pause_choices[] = { "auto", "always", "never", NULL };
static const char *const group_choices[] = { "process", "thread", "process,thread", NULL };
static const char *const summary_choices[] = { "text", "json", NULL };
static const char *const native_choices[] = { "all", NULL };
static const char *const shell_choices[] = { "bash", "zsh", "fish", NULL };

/* The index of value[0..length) among the choices; -1 with err set when it is none of them. */
static int choose(const char *const *choices, const char *value, size_t length, struct error *err)
{
	struct buffer list = { 0 };

	for (int i = 0; choices[i]; i++)
		if (strlen(choices[i]) == length && memcmp(choices[i], value, length) == 0)
			return i;
	for (int i = 0; choices[i]; i++) {
		if (i > 0)
			buffer_append_string(&list, choices[i + 1] ? ", " : " or ");
		buffer_append_string(&list, choices[i]);
	}
	error_set(err, ERROR_USAGE, "unknown value '%.*s': use %s", length > 64 ? 64 : (int)length, value,
		list.data);
	buffer_release(&list);
	return -1;
}

int parse_pid(const char *text, pid_t *pid, struct error *err)
{
	int64_t value;

	if (parse_integer(text, "process id", 1, PID_LIMIT, &value, err) != 0)
		return -1;
	*pid = (pid_t)value;
	return 0;
}

static int apply_pid(struct options *options, const char *value, struct error *err)
{
	return parse_pid(value, &options->pid, err);
}

/* The parser sets options->launch: only it knows the arguments that follow. */
static int apply_trace(struct options *options, const char *value, struct error *err)
{
	(void)options;
	if (value[0] == '-')
		return error_set(err, ERROR_USAGE,
			"'%.64s' stands where the command should be: put the options of pyrope before it",
			value);
	if (!value[0])
		return error_set(err, ERROR_USAGE, "the command is empty");
	return 0;
}

static int apply_seconds(struct options *options, const char *value, struct error *err)
{
	if (parse_duration(value, &options->duration_ns, err) != 0)
		return -1;
	if (options->duration_ns > DURATION_LIMIT_NS)
		return error_set(
			err, ERROR_USAGE, "invalid duration '%.64s': too large: the most is 3650d", value);
	options->has_duration = true;
	return 0;
}

static int set_interval(struct options *options, int64_t interval_ns, const char *value, struct error *err)
{
	if (interval_ns > INTERVAL_LIMIT_NS)
		return error_set(
			err, ERROR_USAGE, "invalid interval '%.64s': too large: the most is 1d", value);
	options->interval_ns = interval_ns;
	return 0;
}

static int apply_interval(struct options *options, const char *value, struct error *err)
{
	int64_t interval_ns;

	if (parse_duration(value, &interval_ns, err) != 0)
		return -1;
	if (interval_ns == 0)
		return error_set(err, ERROR_USAGE, "invalid interval '%.64s': must be greater than 0", value);
	return set_interval(options, interval_ns, value, err);
}

static int apply_rate(struct options *options, const char *value, struct error *err)
{
	int64_t interval_ns;

	if (parse_rate(value, &interval_ns, err) != 0)
		return -1;
	if (interval_ns > INTERVAL_LIMIT_NS)
		return error_set(
			err, ERROR_USAGE, "invalid rate '%.64s': too small: the least is one a day", value);
	return set_interval(options, interval_ns, value, err);
}

static int apply_output(struct options *options, const char *value, struct error *err)
{
	if (!*value)
		return error_set(
			err, ERROR_USAGE, "the name of the file is empty: use - for standard output");
	options->output = value;
	return 0;
}

static int apply_mode(struct options *options, const char *value, struct error *err)
{
	static const enum sample_mode modes[] = { MODE_GIL, MODE_WALL, MODE_CPU };
	int choice = choose(mode_choices, value, strlen(value), err);

	if (choice < 0)
		return -1;
	options->mode = modes[choice];
	return 0;
}

static int apply_threads(struct options *options, const char *value, struct error *err)
{
	(void)value;
	(void)err;
	options->mode = MODE_WALL;
	return 0;
}

/* A comma-separated list. */
static int apply_group(struct options *options, const char *value, struct error *err)
{
	static const char *const names[] = { "process", "thread", NULL };
	static const enum profile_group groups[] = { GROUP_PROCESS, GROUP_THREAD };

	options->groups = GROUP_NONE;
	for (const char *word = value;; word++) {
		size_t length = strcspn(word, ",");
		int choice = choose(names, word, length, err);

		if (choice < 0)
			return -1;
		options->groups |= groups[choice];
		word += length;
		if (!*word)
			return 0;
	}
}

static int apply_pause(struct options *options, const char *value, struct error *err)
{
	static const enum pause_policy policies[] = { PAUSE_AUTO, PAUSE_ALWAYS, PAUSE_NEVER };
	int choice = choose(pause_choices, value, strlen(value), err);

	if (choice < 0)
		return -1;
	options->pause = policies[choice];
	return 0;
}

static int apply_max_depth(struct options *options, const char *value, struct error *err)
{
	int64_t depth;

	if (parse_integer(value, "depth", 1, DEPTH_LIMIT, &depth, err) != 0)
		return -1;
	options->max_depth = (size_t)depth;
	return 0;
}

/* pyflame's form, the digits of the version without the dot: 26, 34, 36, 311. With the dot it reads the same.
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

static int apply_summary(struct options *options, const char *value, struct error *err)
{
	static const enum summary summaries[] = { SUMMARY_TEXT, SUMMARY_JSON };
	int choice = value ? choose(summary_choices, value, strlen(value), err) : 0;

	if (choice < 0)
		return -1;
	options->summary = summaries[choice];
	return 0;
}

static int apply_native(struct options *options, const char *value, struct error *err)
{
	if (value && choose(native_choices, value, strlen(value), err) < 0)
		return -1;
	options->native = value ? NATIVE_ALL : NATIVE_WITHOUT_PLUMBING;
	return 0;
}

static int apply_completion(struct options *options, const char *value, struct error *err)
{
	if (choose(shell_choices, value, strlen(value), err) < 0)
		return -1;
	options->command = COMMAND_COMPLETION;
	options->completion = value;
	return 0;
}

const struct option_row option_table[] = {
	{ .letter = 'p',
		.name = "pid",
		.argument = "PID",
		.completion = COMPLETE_PID,
		.help = "the process to look at (the -p may be left out)",
		.commands = FOR_RECORD | FOR_DUMP,
		.apply = apply_pid },
	{ .letter = 't',
		.name = "trace",
		.argument = "COMMAND...",
		.completion = COMPLETE_COMMAND,
		.ends_options = true,
		.help = "start this command and sample it until it exits; must be the last option",
		.commands = FOR_RECORD,
		.apply = apply_trace },
	{ .letter = 's',
		.name = "seconds",
		.alias = "duration",
		.argument = "TIME",
		.help = "how long to sample (default 1s; with -t: until it exits); 0 takes one sample",
		.commands = FOR_RECORD,
		.apply = apply_seconds },
	{ .letter = 'r',
		.name = "interval",
		.argument = "TIME",
		.help = "time between two samples (default 10ms)",
		.commands = FOR_RECORD,
		.apply = apply_interval },
	{ .name = "rate",
		.argument = "N",
		.help = "samples per second, instead of -r",
		.commands = FOR_RECORD,
		.apply = apply_rate },
	{ .letter = 'o',
		.name = "output",
		.argument = "FILE",
		.completion = COMPLETE_FILE,
		.help = "write to this file (default: standard output)",
		.commands = FOR_RECORD | FOR_DUMP,
		.apply = apply_output },
	{ .letter = 'x',
		.name = "exclude-idle",
		.help = "leave out idle time; with --threads, threads that sleep",
		.commands = FOR_RECORD,
		.flag = offsetof(struct options, exclude_idle) },
	{ .letter = 'n',
		.name = "no-line-numbers",
		.help = "leave out line numbers",
		.commands = FOR_RECORD,
		.flag = offsetof(struct options, no_lines) },
	{ .name = "mode",
		.argument = "MODE",
		.completion = COMPLETE_CHOICES,
		.choices = mode_choices,
		.help = "gil: the thread that holds the GIL (default); wall: every thread; cpu: threads on a "
			"CPU",
		.commands = FOR_RECORD,
		.apply = apply_mode },
	{ .name = "threads",
		.help = "every thread at every tick: the same as --mode=wall",
		.commands = FOR_RECORD | FOR_DUMP,
		.apply = apply_threads },
	{ .name = "flamechart",
		.help = "stacks in order of time with their microseconds, for flamegraph.pl --flamechart",
		.commands = FOR_RECORD,
		.flag = offsetof(struct options, flamechart) },
	{ .name = "group",
		.argument = "LIST",
		.completion = COMPLETE_CHOICES,
		.choices = group_choices,
		.help = "put root frames before each stack: process, thread, or both with a comma",
		.commands = FOR_RECORD,
		.apply = apply_group },
	{ .name = "gc",
		.help = "add a frame (gc) while garbage is collected",
		.commands = FOR_RECORD,
		.flag = offsetof(struct options, mark_gc) },
	{ .name = "pause",
		.argument = "WHEN",
		.completion = COMPLETE_CHOICES,
		.choices = pause_choices,
		.help = "pause a thread to read it: auto (default: only when it must be), always, never",
		.commands = FOR_RECORD | FOR_DUMP,
		.apply = apply_pause },
	{ .letter = 'N',
		.name = "native",
		.argument = "all",
		.argument_optional = true,
		.completion = COMPLETE_CHOICES,
		.choices = native_choices,
		.help = "frames of C, C++, Rust and Cython too; all: the interpreter's own as well",
		.commands = FOR_RECORD | FOR_DUMP,
		.apply = apply_native },
	{ .name = "syscalls",
		.help = "add a frame (syscall NAME) where a thread sleeps in a system call",
		.commands = FOR_RECORD | FOR_DUMP,
		.flag = offsetof(struct options, mark_syscalls) },
	{ .name = "max-depth",
		.argument = "N",
		.help = "cut stacks at the root beyond so many frames (default 100000)",
		.commands = FOR_RECORD | FOR_DUMP,
		.apply = apply_max_depth },
	{ .name = "abi",
		.argument = "XY",
		.help = "the version of the target's Python, as 27, 36 or 311 (default: found out)",
		.commands = FOR_RECORD | FOR_DUMP,
		.apply = apply_abi },
	{ .name = "summary",
		.argument = "FORMAT",
		.argument_optional = true,
		.completion = COMPLETE_CHOICES,
		.choices = summary_choices,
		.help = "say at the end what was done, on standard error: text (default) or json",
		.commands = FOR_RECORD,
		.apply = apply_summary },
	{ .letter = 'd',
		.name = "dump",
		.help = "show what every thread is doing now, once: the same as the command dump",
		.commands = FOR_RECORD | FOR_DUMP,
		.means = COMMAND_DUMP },
	{ .name = "json",
		.help = "dump as JSON",
		.commands = FOR_DUMP,
		.flag = offsetof(struct options, json) },
	{ .name = "completion",
		.argument = "SHELL",
		.completion = COMPLETE_CHOICES,
		.choices = shell_choices,
		.help = "print the completions for bash, zsh or fish",
		.commands = FOR_RECORD | FOR_DUMP,
		.apply = apply_completion },
	{ .letter = 'v',
		.name = "version",
		.help = "print the version",
		.commands = FOR_RECORD | FOR_DUMP,
		.means = COMMAND_VERSION },
	{ .letter = 'h',
		.name = "help",
		.help = "print this help",
		.commands = FOR_RECORD | FOR_DUMP,
		.means = COMMAND_HELP },
};
const size_t option_count = ARRAY_LENGTH(option_table);

const struct command_row command_table[] = {
	{ .name = "record",
		.command = COMMAND_RECORD,
		.help = "sample a process; what pyrope does when no command is named" },
	{ .name = "dump", .command = COMMAND_DUMP, .help = "show what every thread is doing now, once" },
};
const size_t command_count = ARRAY_LENGTH(command_table);
