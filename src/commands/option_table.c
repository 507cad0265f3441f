/* SPDX-License-Identifier: MIT */
/*
 * The table of options. Letters and their meanings are those of pyflame, which pyrope replaces in scripts;
 * everything has a long name besides.
 */
#include "config.h"

#include "commands/options.h"

#include <stdlib.h>
#include <string.h>

#define DAY_NS (INT64_C(86400) * 1000000000)
#define INTERVAL_LIMIT_NS DAY_NS
#define DURATION_LIMIT_NS (3650 * DAY_NS)
#define DEPTH_LIMIT 10000000
#define PID_LIMIT INT32_MAX

static const char *const mode_choices[] = { "active", "gil", "wall", "cpu", NULL };
static const char *const pause_choices[] = { "auto", "always", "never", NULL };
static const char *const group_choices[] = { "process", "thread", "process,thread", NULL };
static const char *const summary_choices[] = { "text", "full", "json", NULL };
static const char *const native_choices[] = { "all", NULL };
static const char *const by_choices[] = { "function", "line", "file", "module", NULL };
static const char *const sort_choices[] = { "self", "total", "name", NULL };
/* Those of the table of formats: completions are made where that is not linked, and a test compares the two. */
static const char *const format_choices[] = { "collapsed", "table", "svg", "firefox", "speedscope", "pprof", "cpuprofile", "trace", "callgrind", "pstats",
	"flamechart", "timestamps", "log", "recording", NULL };
static const char *const report_choices[] = { "text", "json", "junit", "github", "markdown", "gitlab", NULL };
static const char *const compare_choices[] = { "self", "total", NULL };
static const char *const path_choices[] = { "full", "short", NULL };
static const char *const colour_choices[] = { "kind", "function", "gil", NULL };
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
int parse_pids(struct options *options, const char *text, struct error *err)
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

static int apply_pid(struct options *options, const char *value, struct error *err)
{
	return parse_pids(options, value, err);
}

int add_input(struct options *options, const char *path, struct error *err)
{
	const char **list = options->names_after ? options->later_inputs : options->inputs;
	size_t *count = options->names_after ? &options->later_input_count : &options->input_count;

	if (*count == INPUTS_LIMIT)
		return error_set(err, ERROR_USAGE, "too many files: %d is the most", INPUTS_LIMIT);
	list[(*count)++] = path;
	return 0;
}

static int apply_cgroup(struct options *options, const char *value, struct error *err)
{
	if (!value[0])
		return error_set(err, ERROR_USAGE, "the path is empty");
	if (options->cgroup_count == CGROUPS_LIMIT)
		return error_set(err, ERROR_USAGE, "too many: %d is the most", CGROUPS_LIMIT);
	options->cgroups[options->cgroup_count++] = value;
	return 0;
}

static int apply_before(struct options *options, const char *value, struct error *err)
{
	options->has_before = true;
	options->names_after = false;
	return add_input(options, value, err);
}

static int apply_after(struct options *options, const char *value, struct error *err)
{
	options->has_after = options->names_after = true;
	return add_input(options, value, err);
}

static int apply_compare(struct options *options, const char *value, struct error *err)
{
	const int choice = choose(compare_choices, value, strlen(value), err);

	options->compare_total = choice == 1;
	return choice < 0 ? -1 : 0;
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

static int apply_delay(struct options *options, const char *value, struct error *err)
{
	if (parse_duration(value, &options->delay_ns, err) != 0)
		return -1;
	if (options->delay_ns > DURATION_LIMIT_NS)
		return error_set(err, ERROR_USAGE, "invalid delay '%.64s': too large: the most is 3650d", value);
	options->has_delay = true;
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
	if (options->output_count == OUTPUTS_LIMIT)
		return error_set(err, ERROR_USAGE, "too many files: %d is the most", OUTPUTS_LIMIT);
	options->outputs[options->output_count++] = value;
	return 0;
}

static int apply_format(struct options *options, const char *value, struct error *err)
{
	int choice;

	if (strcmp(value, "raw") == 0) /* in py-spy */
		value = "collapsed";
	choice = choose(format_choices, value, strlen(value), err);
	if (choice < 0)
		return -1;
	options->format = format_choices[choice];
	return 0;
}

static int apply_flamechart(struct options *options, const char *value, struct error *err)
{
	(void)value;
	return apply_format(options, "flamechart", err);
}

static int apply_paths(struct options *options, const char *value, struct error *err)
{
	static const enum path_choice choices[] = { PATHS_FULL, PATHS_SHORT };
	int choice = choose(path_choices, value, strlen(value), err);

	if (choice < 0)
		return -1;
	options->paths = choices[choice];
	return 0;
}

static int apply_by(struct options *options, const char *value, struct error *err)
{
	static const enum table_by rows[] = { BY_FUNCTION, BY_LINE, BY_FILE, BY_MODULE };
	const int choice = choose(by_choices, value, strlen(value), err);

	if (choice < 0)
		return -1;
	options->by = rows[choice];
	return 0;
}

static int apply_sort(struct options *options, const char *value, struct error *err)
{
	static const enum table_sort orders[] = { SORT_SELF, SORT_TOTAL, SORT_NAME };
	const int choice = choose(sort_choices, value, strlen(value), err);

	if (choice < 0)
		return -1;
	options->sort = orders[choice];
	return 0;
}

static int apply_limit(struct options *options, const char *value, struct error *err)
{
	int64_t limit;

	if (parse_integer(value, "number of rows", 0, INT32_MAX, &limit, err) != 0)
		return -1;
	options->has_limit = true;
	options->limit = (size_t)limit;
	return 0;
}

static int apply_colour_by(struct options *options, const char *value, struct error *err)
{
	static const enum colour_by colours[] = { COLOUR_BY_KIND, COLOUR_BY_FUNCTION, COLOUR_BY_GIL };
	const int choice = choose(colour_choices, value, strlen(value), err);

	if (choice < 0)
		return -1;
	options->colour_by = colours[choice];
	return 0;
}

static int apply_title(struct options *options, const char *value, struct error *err)
{
	(void)err;
	options->title = value;
	return 0;
}

/* A part in percent: "0.5", "2%". */
static int apply_min_width(struct options *options, const char *value, struct error *err)
{
	const size_t digits = strspn(value, "0123456789");
	const size_t decimals = value[digits] == '.' ? strspn(value + digits + 1, "0123456789") : 0;
	const char *end = value + digits + (value[digits] == '.') + decimals;
	double percent = 0, unit = 1;

	if (digits + decimals == 0 || digits > 3 || strcmp(end, *end == '%' ? "%" : "") != 0)
		return error_set(err, ERROR_USAGE, "invalid part '%.64s': use a number of percent, as 0.1", value);
	for (const char *at = value; at < end; at++) {
		if (*at == '.')
			continue;
		unit /= at > value + digits ? 10 : 1;
		percent = at > value + digits ? percent + (*at - '0') * unit : percent * 10 + (*at - '0');
	}
	if (percent > 100)
		return error_set(err, ERROR_USAGE, "invalid part '%.64s': more than 100 percent", value);
	options->least_part = percent / 100;
	return 0;
}

static int apply_mode(struct options *options, const char *value, struct error *err)
{
	static const enum sample_mode modes[] = { MODE_ACTIVE, MODE_GIL, MODE_WALL, MODE_CPU };
	int choice = choose(mode_choices, value, strlen(value), err);

	if (choice < 0)
		return -1;
	options->mode = modes[choice];
	options->has_mode = true;
	return 0;
}

static int apply_threads(struct options *options, const char *value, struct error *err)
{
	(void)value;
	(void)err;
	options->mode = MODE_WALL;
	options->has_mode = true;
	return 0;
}

static int apply_from(struct options *options, const char *value, struct error *err)
{
	options->filter.has_from = true;
	return parse_duration(value, &options->filter.from_ns, err);
}

static int apply_to(struct options *options, const char *value, struct error *err)
{
	options->filter.has_to = true;
	return parse_duration(value, &options->filter.to_ns, err);
}

static int apply_thread(struct options *options, const char *value, struct error *err)
{
	options->filter.thread = value;
	return pattern_check(value, err);
}

static int apply_only(struct options *options, const char *value, struct error *err)
{
	options->filter.only = value;
	return pattern_check(value, err);
}

static int apply_hide(struct options *options, const char *value, struct error *err)
{
	options->filter.hide = value;
	return pattern_check(value, err);
}

static int apply_focus(struct options *options, const char *value, struct error *err)
{
	options->filter.focus = value;
	return pattern_check(value, err);
}

/* A comma-separated list. */
static int apply_state(struct options *options, const char *value, struct error *err)
{
	for (const char *word = value;; word++) {
		const size_t length = strcspn(word, ",");
		const int choice = choose(thread_state_names, word, length, err);

		if (choice < 0)
			return -1;
		options->filter.states |= 1u << choice;
		word += length;
		if (!*word)
			return 0;
	}
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
	static const enum summary summaries[] = { SUMMARY_TEXT, SUMMARY_FULL, SUMMARY_JSON };
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

/* ---- budgets: what they mean is said when they are read ---- */

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

static int apply_max_total(struct options *options, const char *value, struct error *err)
{
	return add_budget(options, "max-total", value, err);
}

static int apply_max_gil_wait(struct options *options, const char *value, struct error *err)
{
	return add_budget(options, "max-gil-wait", value, err);
}

static int apply_max_idle(struct options *options, const char *value, struct error *err)
{
	return add_budget(options, "max-idle", value, err);
}

static int apply_no_call(struct options *options, const char *value, struct error *err)
{
	return add_budget(options, "no-call", value, err);
}

static int apply_max_growth(struct options *options, const char *value, struct error *err)
{
	return add_budget(options, "max-growth", value, err);
}

static int apply_check(struct options *options, const char *value, struct error *err)
{
	(void)err;
	options->budget_file = value;
	return 0;
}

static int apply_baseline(struct options *options, const char *value, struct error *err)
{
	if (!*value)
		return error_set(err, ERROR_USAGE, "the name of the baseline is empty");
	options->baseline = value;
	return 0;
}

static int apply_baseline_runs(struct options *options, const char *value, struct error *err)
{
	return parse_integer(value, "number of runs", 1, INPUTS_LIMIT, &options->baseline_runs, err);
}

/* "5000"; of diff "5000,5200", too: before and after. */
static int apply_per(struct options *options, const char *value, struct error *err)
{
	static const char what[] = "number of units of work";
	const char *comma = strchr(value, ',');
	char *first = xstrndup(value, comma ? (size_t)(comma - value) : strlen(value));
	int64_t before = 0, after = 0;
	int result = parse_integer(first, what, 1, INT64_MAX, &before, err);

	if (result == 0)
		result = parse_integer(comma ? comma + 1 : first, what, 1, INT64_MAX, &after, err);
	options->work = (double)before;
	options->later_work = (double)after;
	options->seconds = true;
	free(first);
	return result;
}

/* FORMAT, or FORMAT=FILE. */
static int apply_report(struct options *options, const char *value, struct error *err)
{
	const size_t length = strcspn(value, "=");
	const int choice = choose(report_choices, value, length, err);

	if (choice < 0)
		return -1;
	if (value[length] && !value[length + 1])
		return error_set(err, ERROR_USAGE, "the name of the file is empty");
	if (options->report_count == REPORTS_LIMIT)
		return error_set(err, ERROR_USAGE, "too many reports: %d is the most", REPORTS_LIMIT);
	options->reports[options->report_count++] =
		(struct report_choice){ report_choices[choice], value[length] ? value + length + 1 : NULL };
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
		.help = "the process to look at, or several (12,34); the -p may be left out",
		.commands = FOR_RECORD | FOR_DUMP | FOR_REPORT | FOR_DIFF | FOR_CHECK,
		.apply = apply_pid },
	{ .letter = 't',
		.name = "trace",
		.argument = "COMMAND...",
		.completion = COMPLETE_COMMAND,
		.ends_options = true,
		.help = "start this command and sample it until it exits; must be the last option",
		.commands = FOR_RECORD,
		.apply = apply_trace },
	{ .letter = 'f',
		.name = "follow",
		.help = "all descendants too, those that come later as well (default with -t)",
		.commands = FOR_RECORD | FOR_DUMP,
		.flag = offsetof(struct options, follow) },
	{ .name = "no-follow",
		.help = "with -t: sample the command itself only",
		.commands = FOR_RECORD,
		.flag = offsetof(struct options, no_follow) },
	{ .name = "cgroup",
		.argument = "PATH",
		.completion = COMPLETE_FILE,
		.help = "what is in this control group: a service, a container; may be given several times",
		.commands = FOR_RECORD,
		.apply = apply_cgroup },
	{ .name = "all",
		.help = "with --native: the stacks of programs that are no Python, too",
		.commands = FOR_RECORD,
		.flag = offsetof(struct options, all_programs) },
	{ .letter = 's',
		.name = "seconds",
		.alias = "duration",
		.argument = "TIME",
		.help = "how long to sample (default 1s; with -t: unlimited); 0 takes one sample",
		.commands = FOR_RECORD,
		.apply = apply_seconds },
	{ .name = "delay",
		.argument = "TIME",
		.help = "begin to sample only then; SIGUSR1 stops and starts it",
		.commands = FOR_RECORD,
		.apply = apply_delay },
	{ .name = "paused",
		.help = "begin to sample at the first SIGUSR1; the next one stops it, and so on",
		.commands = FOR_RECORD,
		.flag = offsetof(struct options, paused) },
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
		.help = "write to this file, in the format that its ending names; may be given several times",
		.commands = FOR_RECORD | FOR_DUMP | FOR_REPORT | FOR_DIFF,
		.apply = apply_output },
	{ .letter = 'x',
		.name = "exclude-idle",
		.help = "leave out idle time; with --threads, threads that sleep",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF | FOR_CHECK,
		.flag = offsetof(struct options, exclude_idle) },
	{ .letter = 'n',
		.name = "no-line-numbers",
		.help = "leave out line numbers",
		.commands = FOR_RECORD | FOR_REPORT,
		.flag = offsetof(struct options, no_lines) },
	{ .name = "paths",
		.argument = "HOW",
		.completion = COMPLETE_CHOICES,
		.choices = path_choices,
		.help = "names of files: full, or short: below their entry of sys.path",
		.commands = FOR_RECORD | FOR_DUMP | FOR_REPORT,
		.apply = apply_paths },
	{ .name = "mode",
		.argument = "MODE",
		.completion = COMPLETE_CHOICES,
		.choices = mode_choices,
		.help = "threads that are active (default: hold the GIL or are on a CPU), gil, wall (every one), cpu",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF | FOR_CHECK,
		.apply = apply_mode },
	{ .name = "from",
		.argument = "TIME",
		.help = "leave out what came before, counted from the beginning",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF | FOR_CHECK,
		.apply = apply_from },
	{ .name = "to",
		.argument = "TIME",
		.help = "leave out what came from then on",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF | FOR_CHECK,
		.apply = apply_to },
	{ .name = "thread",
		.argument = "REGEX",
		.help = "only threads whose name matches",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF | FOR_CHECK,
		.apply = apply_thread },
	{ .name = "state",
		.argument = "LIST",
		.completion = COMPLETE_CHOICES,
		.choices = thread_state_names,
		.help = "only threads in one of these states, with commas between them",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF | FOR_CHECK,
		.apply = apply_state },
	{ .name = "only",
		.argument = "REGEX",
		.help = "only stacks with a function (file:function) that matches",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF | FOR_CHECK,
		.apply = apply_only },
	{ .name = "hide",
		.argument = "REGEX",
		.help = "no stacks with a function that matches",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF | FOR_CHECK,
		.apply = apply_hide },
	{ .name = "focus",
		.argument = "REGEX",
		.help = "stacks from the first function on that matches",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF | FOR_CHECK,
		.apply = apply_focus },
	{ .name = "threads",
		.help = "every thread at every tick: the same as --mode=wall",
		.commands = FOR_RECORD | FOR_DUMP | FOR_REPORT | FOR_DIFF | FOR_CHECK,
		.apply = apply_threads },
	{ .name = "format",
		.argument = "FORMAT",
		.completion = COMPLETE_CHOICES,
		.choices = format_choices,
		.help = "the format of what is written, whatever the file is called",
		.commands = FOR_RECORD | FOR_REPORT,
		.apply = apply_format },
	{ .name = "flamechart",
		.help = "stacks in order of time with their microseconds: the same as --format=flamechart",
		.commands = FOR_RECORD | FOR_REPORT,
		.apply = apply_flamechart },
	{ .name = "by",
		.argument = "WHAT",
		.completion = COMPLETE_CHOICES,
		.choices = by_choices,
		.help = "the rows of a table: each function (default), line, file or module",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF,
		.apply = apply_by },
	{ .name = "sort",
		.argument = "HOW",
		.completion = COMPLETE_CHOICES,
		.choices = sort_choices,
		.help = "the order of a table: self (default), total or name",
		.commands = FOR_RECORD | FOR_REPORT,
		.apply = apply_sort },
	{ .name = "limit",
		.argument = "N",
		.help = "so many rows of a table (default: all, or what the terminal holds); 0: all",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF,
		.apply = apply_limit },
	{ .name = "tree",
		.help = "a table of calls: below each function those that it calls",
		.commands = FOR_RECORD | FOR_REPORT,
		.flag = offsetof(struct options, tree) },
	{ .name = "inverted",
		.help = "a flame graph with its root at the top: an icicle graph",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF,
		.flag = offsetof(struct options, inverted) },
	{ .name = "colour-by",
		.alias = "color-by",
		.argument = "WHAT",
		.completion = COMPLETE_CHOICES,
		.choices = colour_choices,
		.help = "colours of a flame graph: kind of frame (default), function, or gil: time in the GIL",
		.commands = FOR_RECORD | FOR_REPORT,
		.apply = apply_colour_by },
	{ .name = "title",
		.argument = "TEXT",
		.help = "the title of a flame graph (default: the command)",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF,
		.apply = apply_title },
	{ .name = "min-width",
		.argument = "PERCENT",
		.help = "leave frames with less than this part of all samples out of a flame graph",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF,
		.apply = apply_min_width },
	{ .name = "all-frames",
		.help = "in a flame graph, frames of runpy, threading and importlib that lead to others, too",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF,
		.flag = offsetof(struct options, all_frames) },
	{ .name = "group",
		.argument = "LIST",
		.completion = COMPLETE_CHOICES,
		.choices = group_choices,
		.help = "root frames before each stack: process, thread, or both with a comma; check: each alone",
		.commands = FOR_RECORD | FOR_REPORT | FOR_CHECK,
		.apply = apply_group },
	{ .name = "gc",
		.help = "add a frame (gc) while garbage is collected",
		.commands = FOR_RECORD | FOR_REPORT | FOR_DIFF,
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
		.commands = FOR_RECORD | FOR_DUMP | FOR_REPORT | FOR_DIFF,
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
		.help = "say at the end how it went, on standard error: text (default), full, or json",
		.commands = FOR_RECORD,
		.apply = apply_summary },
	{ .name = "require-samples",
		.help = "no samples at all are a failure, with exit code 1",
		.commands = FOR_RECORD,
		.flag = offsetof(struct options, require_samples) },
	{ .letter = 'd',
		.name = "dump",
		.help = "show what every thread is doing now, once: the same as the command dump",
		.commands = FOR_RECORD | FOR_DUMP | FOR_REPORT,
		.means = COMMAND_DUMP },
	{ .name = "json",
		.help = "dump, diff and check: as JSON",
		.commands = FOR_DUMP | FOR_DIFF | FOR_CHECK,
		.flag = offsetof(struct options, json) },
	{ .name = "before",
		.argument = "FILE",
		.completion = COMPLETE_FILE,
		.help = "diff: a file of the runs before; those that follow, up to --after, too",
		.commands = FOR_DIFF,
		.apply = apply_before },
	{ .name = "after",
		.argument = "FILE",
		.completion = COMPLETE_FILE,
		.help = "diff: a file of the runs after; those that follow, up to --before, too",
		.commands = FOR_DIFF,
		.apply = apply_after },
	{ .name = "compare",
		.argument = "PART",
		.completion = COMPLETE_CHOICES,
		.choices = compare_choices,
		.help = "diff, check: the samples that end in a function: self (default), or all that it is in: total",
		.commands = FOR_DIFF | FOR_CHECK,
		.apply = apply_compare },
	{ .name = "times",
		.help = "diff: seconds of each run (samples times the interval) and no shares",
		.commands = FOR_DIFF,
		.flag = offsetof(struct options, seconds) },
	{ .name = "force",
		.help = "diff, check: compare also what cannot be compared",
		.commands = FOR_RECORD | FOR_DIFF | FOR_CHECK,
		.flag = offsetof(struct options, force) },
	{ .name = "check",
		.alias = "budgets",
		.argument = "FILE",
		.completion = COMPLETE_FILE,
		.help = "a file of budgets; record: when the command has ended well, exit with 3 if one is exceeded",
		.commands = FOR_RECORD | FOR_CHECK,
		.apply = apply_check },
	{ .name = "max",
		.argument = "REGEX=LIMIT",
		.help = "check: functions (module:function) that match have at most so much: 10%, or 2s",
		.commands = FOR_CHECK,
		.apply = apply_max },
	{ .name = "max-total",
		.argument = "TIME",
		.help = "check: all that is shown takes at most so long",
		.commands = FOR_CHECK,
		.apply = apply_max_total },
	{ .name = "max-gil-wait",
		.argument = "LIMIT",
		.help = "check: threads that do not sleep wait at most so much for the GIL",
		.commands = FOR_CHECK,
		.apply = apply_max_gil_wait },
	{ .name = "max-idle",
		.argument = "LIMIT",
		.help = "check: so much at most is idle time",
		.commands = FOR_CHECK,
		.apply = apply_max_idle },
	{ .name = "no-call",
		.argument = "REGEX",
		.help = "check: no function that matches is ever sampled",
		.commands = FOR_CHECK,
		.apply = apply_no_call },
	{ .name = "max-growth",
		.argument = "LIMIT",
		.help = "check: no function takes so much more than in the baseline: 5%; one alone: REGEX=5%",
		.commands = FOR_CHECK,
		.apply = apply_max_growth },
	{ .name = "baseline",
		.argument = "PATH",
		.completion = COMPLETE_FILE,
		.help = "what --max-growth compares with: a recording, or a folder of them",
		.commands = FOR_RECORD | FOR_CHECK,
		.apply = apply_baseline },
	{ .name = "baseline-runs",
		.argument = "N",
		.help = "of a folder, the last N recordings by name (default 10)",
		.commands = FOR_RECORD | FOR_CHECK,
		.apply = apply_baseline_runs },
	{ .name = "strict",
		.help = "check: exit with 3 also where it is not sure",
		.commands = FOR_RECORD | FOR_CHECK,
		.flag = offsetof(struct options, strict) },
	{ .name = "per",
		.argument = "N[,N]",
		.help = "a run did N units of work (requests, rounds), of diff before and after: seconds are for one",
		.commands = FOR_DIFF | FOR_CHECK,
		.apply = apply_per },
	{ .name = "report",
		.argument = "FORMAT[=FILE]",
		.completion = COMPLETE_CHOICES,
		.choices = report_choices,
		.help = "check: what was found as text (default), json, junit, github, markdown, gitlab",
		.commands = FOR_RECORD | FOR_CHECK,
		.apply = apply_report },
	{ .name = "completion",
		.argument = "SHELL",
		.completion = COMPLETE_CHOICES,
		.choices = shell_choices,
		.help = "print the completions for bash, zsh or fish",
		.commands = FOR_RECORD | FOR_DUMP | FOR_REPORT | FOR_DIFF | FOR_CHECK,
		.apply = apply_completion },
	{ .letter = 'v',
		.name = "version",
		.help = "print the version",
		.commands = FOR_RECORD | FOR_DUMP | FOR_REPORT | FOR_DIFF | FOR_CHECK,
		.means = COMMAND_VERSION },
	{ .letter = 'h',
		.name = "help",
		.help = "print this help",
		.commands = FOR_RECORD | FOR_DUMP | FOR_REPORT | FOR_DIFF | FOR_CHECK,
		.means = COMMAND_HELP },
};
const size_t option_count = ARRAY_LENGTH(option_table);

const struct command_row command_table[] = {
	{ .name = "record",
		.command = COMMAND_RECORD,
		.help = "sample a process; what pyrope does when no command is named" },
	{ .name = "dump", .command = COMMAND_DUMP, .help = "show what every thread is doing now, once" },
	{ .name = "report",
		.command = COMMAND_REPORT,
		.help = "show a recording, collapsed stacks or pprof, or write them in another format" },
	{ .name = "diff",
		.command = COMMAND_DIFF,
		.help = "what has changed between two profiles, and what is chance" },
	{ .name = "check",
		.command = COMMAND_CHECK,
		.help = "does a profile keep its budgets? For CI: exit code 3 when one is exceeded" },
};
const size_t command_count = ARRAY_LENGTH(command_table);
