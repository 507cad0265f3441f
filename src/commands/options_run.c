/* SPDX-License-Identifier: MIT */
/* Options that say which processes are sampled, and how often: of record and top. */
#include "config.h"

#include "commands/command.h"
#include "commands/option.h"

#define INTERVAL_LIMIT_NS (INT64_C(86400) * 1000000000)

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

const struct option_row option_trace = {
	.letter = 't',
	.name = "trace",
	.argument = "COMMAND...",
	.completion = COMPLETE_COMMAND,
	.ends_options = true,
	.help = "start this command and sample it until it exits; must be the last option",
	.apply = apply_trace,
};

const struct option_row option_no_follow = {
	.name = "no-follow",
	.help = "with -t: sample the command itself only",
	.flag = offsetof(struct options, no_follow),
};

static int apply_cgroup(struct options *options, const char *value, struct error *err)
{
	if (!value[0])
		return error_set(err, ERROR_USAGE, "the path is empty");
	if (options->cgroup_count == CGROUPS_LIMIT)
		return error_set(err, ERROR_USAGE, "too many: %d is the most", CGROUPS_LIMIT);
	options->cgroups[options->cgroup_count++] = value;
	return 0;
}

const struct option_row option_cgroup = {
	.name = "cgroup",
	.argument = "PATH",
	.completion = COMPLETE_FILE,
	.help = "what is in this control group: a service, a container; may be given several times",
	.apply = apply_cgroup,
};

static int set_interval(struct options *options, int64_t interval_ns, const char *value, struct error *err)
{
	if (interval_ns > INTERVAL_LIMIT_NS)
		return error_set(
			err, ERROR_USAGE, "invalid interval '%.64s': too large: the most is 1d", value);
	options->interval_ns = interval_ns;
	options->has_interval = true;
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

const struct option_row option_interval = {
	.letter = 'r',
	.name = "interval",
	.argument = "TIME",
	.help = "time between two samples (default 10ms), or dumps (1s)",
	.apply = apply_interval,
};

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

const struct option_row option_rate = {
	.name = "rate",
	.argument = "N",
	.help = "samples per second, instead of -r",
	.apply = apply_rate,
};

int options_check_processes(const struct options *options, struct error *err)
{
	if (options->pid && options->launch)
		return error_set(err, ERROR_USAGE, "both a process id and -t COMMAND: one of them");
	if (options->cgroup_count && options->launch)
		return error_set(err, ERROR_USAGE, "both --cgroup and -t COMMAND: one of them");
	if (!options->pid && !options->launch && !options->cgroup_count)
		return error_set(err, ERROR_USAGE,
			"no process: name it by its process id, or start a command with -t");
	if (options->follow && options->no_follow)
		return error_set(err, ERROR_USAGE, "both --follow and --no-follow: one of them");
	if (options->cgroup_count && options->no_follow)
		return error_set(err, ERROR_USAGE, "both --cgroup and --no-follow: one of them");
	return 0;
}
