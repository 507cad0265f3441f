/* SPDX-License-Identifier: MIT */
/* Options that say where a profile is written, in which format, and what it looks like. */
#include "config.h"

#include "commands/option.h"

#include <string.h>

static const char *const group_choices[] = { "process", "thread", "process,thread", NULL };
static const char *const by_choices[] = { "function", "line", "file", "module", NULL };
static const char *const sort_choices[] = { "self", "total", "name", NULL };
/*
 * Those of the table of formats: completions are made where that is not linked, and a test compares the
 * two.
 */
static const char *const format_choices[] = { "collapsed", "table", "svg", "html", "firefox", "speedscope",
	"pprof", "cpuprofile", "trace", "callgrind", "pstats", "flamechart", "timestamps", "log", "recording",
	NULL };
static const char *const path_choices[] = { "full", "short", NULL };
static const char *const colour_choices[] = { "kind", "function", "gil", NULL };

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

const struct option_row option_output = {
	.letter = 'o',
	.name = "output",
	.argument = "FILE",
	.completion = COMPLETE_FILE,
	.help = "write to this file, in the format that its ending names; may be given several times",
	.apply = apply_output,
};

const struct option_row option_no_line_numbers = {
	.letter = 'n',
	.name = "no-line-numbers",
	.help = "leave out line numbers",
	.flag = offsetof(struct options, no_lines),
};

static int apply_paths(struct options *options, const char *value, struct error *err)
{
	static const enum path_choice choices[] = { PATHS_FULL, PATHS_SHORT };
	int choice = option_choose(path_choices, value, strlen(value), err);

	if (choice < 0)
		return -1;
	options->paths = choices[choice];
	return 0;
}

const struct option_row option_paths = {
	.name = "paths",
	.argument = "HOW",
	.completion = COMPLETE_CHOICES,
	.choices = path_choices,
	.help = "names of files: full, or short: below their entry of sys.path",
	.apply = apply_paths,
};

static int apply_format(struct options *options, const char *value, struct error *err)
{
	int choice;

	if (strcmp(value, "raw") == 0) /* in py-spy */
		value = "collapsed";
	choice = option_choose(format_choices, value, strlen(value), err);
	if (choice < 0)
		return -1;
	options->format = format_choices[choice];
	return 0;
}

const struct option_row option_format = {
	.name = "format",
	.argument = "FORMAT",
	.completion = COMPLETE_CHOICES,
	.choices = format_choices,
	.help = "the format of what is written, whatever the file is called",
	.apply = apply_format,
};

static int apply_flamechart(struct options *options, const char *value, struct error *err)
{
	(void)value;
	return apply_format(options, "flamechart", err);
}

const struct option_row option_flamechart = {
	.name = "flamechart",
	.help = "stacks in order of time with their microseconds: the same as --format=flamechart",
	.apply = apply_flamechart,
};

static int apply_by(struct options *options, const char *value, struct error *err)
{
	static const enum table_by rows[] = { BY_FUNCTION, BY_LINE, BY_FILE, BY_MODULE };
	const int choice = option_choose(by_choices, value, strlen(value), err);

	if (choice < 0)
		return -1;
	options->by = rows[choice];
	return 0;
}

const struct option_row option_by = {
	.name = "by",
	.argument = "WHAT",
	.completion = COMPLETE_CHOICES,
	.choices = by_choices,
	.help = "the rows of a table: each function (default), line, file or module",
	.apply = apply_by,
};

static int apply_sort(struct options *options, const char *value, struct error *err)
{
	static const enum table_sort orders[] = { SORT_SELF, SORT_TOTAL, SORT_NAME };
	const int choice = option_choose(sort_choices, value, strlen(value), err);

	if (choice < 0)
		return -1;
	options->sort = orders[choice];
	return 0;
}

const struct option_row option_sort = {
	.name = "sort",
	.argument = "HOW",
	.completion = COMPLETE_CHOICES,
	.choices = sort_choices,
	.help = "the order of a table: self (default), total or name",
	.apply = apply_sort,
};

static int apply_limit(struct options *options, const char *value, struct error *err)
{
	int64_t limit;

	if (parse_integer(value, "number of rows", 0, INT32_MAX, &limit, err) != 0)
		return -1;
	options->has_limit = true;
	options->limit = (size_t)limit;
	return 0;
}

const struct option_row option_limit = {
	.name = "limit",
	.argument = "N",
	.help = "so many rows of a table (default: all, or what the terminal holds); 0: all",
	.apply = apply_limit,
};

const struct option_row option_tree = {
	.name = "tree",
	.help = "a table of calls: below each function those that it calls",
	.flag = offsetof(struct options, tree),
};

const struct option_row option_inverted = {
	.name = "inverted",
	.help = "a flame graph with its root at the top: an icicle graph",
	.flag = offsetof(struct options, inverted),
};

static int apply_colour_by(struct options *options, const char *value, struct error *err)
{
	static const enum colour_by colours[] = { COLOUR_BY_KIND, COLOUR_BY_FUNCTION, COLOUR_BY_GIL };
	const int choice = option_choose(colour_choices, value, strlen(value), err);

	if (choice < 0)
		return -1;
	options->colour_by = colours[choice];
	return 0;
}

const struct option_row option_colour_by = {
	.name = "colour-by",
	.alias = "color-by",
	.argument = "WHAT",
	.completion = COMPLETE_CHOICES,
	.choices = colour_choices,
	.help = "colours of a flame graph: kind of frame (default), function, or gil: time in the GIL",
	.apply = apply_colour_by,
};

static int apply_title(struct options *options, const char *value, struct error *err)
{
	(void)err;
	options->title = value;
	return 0;
}

const struct option_row option_title = {
	.name = "title",
	.argument = "TEXT",
	.help = "the title of a flame graph (default: the command)",
	.apply = apply_title,
};

/* A part in percent: "0.5", "2%". */
static int apply_min_width(struct options *options, const char *value, struct error *err)
{
	const size_t digits = strspn(value, "0123456789");
	const size_t decimals = value[digits] == '.' ? strspn(value + digits + 1, "0123456789") : 0;
	const char *end = value + digits + (value[digits] == '.') + decimals;
	double percent = 0, unit = 1;

	if (digits + decimals == 0 || digits > 3 || strcmp(end, *end == '%' ? "%" : "") != 0)
		return error_set(
			err, ERROR_USAGE, "invalid part '%.64s': use a number of percent, as 0.1", value);
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

const struct option_row option_min_width = {
	.name = "min-width",
	.argument = "PERCENT",
	.help = "leave frames with less than this part of all samples out of a flame graph",
	.apply = apply_min_width,
};

const struct option_row option_all_frames = {
	.name = "all-frames",
	.help = "in a flame graph, frames of runpy, threading and importlib that lead to others, too",
	.flag = offsetof(struct options, all_frames),
};

const struct option_row option_embed_source = {
	.name = "embed-source",
	.help = "put the source of the files that have samples into a report (.html)",
	.flag = offsetof(struct options, embed_source),
};

/* A comma-separated list. */
static int apply_group(struct options *options, const char *value, struct error *err)
{
	static const char *const names[] = { "process", "thread", NULL };
	static const enum profile_group groups[] = { GROUP_PROCESS, GROUP_THREAD };

	options->groups = GROUP_NONE;
	for (const char *word = value;; word++) {
		size_t length = strcspn(word, ",");
		int choice = option_choose(names, word, length, err);

		if (choice < 0)
			return -1;
		options->groups |= groups[choice];
		word += length;
		if (!*word)
			return 0;
	}
}

const struct option_row option_group = {
	.name = "group",
	.argument = "LIST",
	.completion = COMPLETE_CHOICES,
	.choices = group_choices,
	.help = "root frames before each stack: process, thread, or both with a comma; check: each alone",
	.apply = apply_group,
};

const struct option_row option_gc = {
	.name = "gc",
	.help = "add a frame (gc) while garbage is collected",
	.flag = offsetof(struct options, mark_gc),
};

const struct option_row option_syscalls = {
	.name = "syscalls",
	.help = "add a frame (syscall NAME) where a thread sleeps in a system call",
	.flag = offsetof(struct options, mark_syscalls),
};
