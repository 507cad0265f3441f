/* SPDX-License-Identifier: MIT */
/* The command diff: its options, and what they say together. */
#include "config.h"

#include "commands/command.h"
#include "commands/option.h"
#include "pyrope/output.h"

static int apply_before(struct options *options, const char *value, struct error *err)
{
	options->has_before = true;
	options->names_after = false;
	return options_add_input(options, value, err);
}

static const struct option_row option_before = {
	.name = "before",
	.argument = "FILE",
	.completion = COMPLETE_FILE,
	.help = "diff: a file of the runs before; those that follow, up to --after, too",
	.apply = apply_before,
};

static int apply_after(struct options *options, const char *value, struct error *err)
{
	options->has_after = options->names_after = true;
	return options_add_input(options, value, err);
}

static const struct option_row option_after = {
	.name = "after",
	.argument = "FILE",
	.completion = COMPLETE_FILE,
	.help = "diff: a file of the runs after; those that follow, up to --before, too",
	.apply = apply_after,
};

static const struct option_row option_times = {
	.name = "times",
	.help = "diff: seconds of each run (samples times the interval) and no shares",
	.flag = offsetof(struct options, seconds),
};

static int apply_source_before(struct options *options, const char *value, struct error *err)
{
	(void)err;
	options->sources[0] = value;
	return 0;
}

static const struct option_row option_source_before = {
	.name = "source-before",
	.argument = "FOLDER",
	.completion = COMPLETE_FILE,
	.help = "diff --by=line: a folder with the sources of before: lines are told by text",
	.apply = apply_source_before,
};

static int apply_source_after(struct options *options, const char *value, struct error *err)
{
	(void)err;
	options->sources[1] = value;
	return 0;
}

static const struct option_row option_source_after = {
	.name = "source-after",
	.argument = "FOLDER",
	.completion = COMPLETE_FILE,
	.help = "diff --by=line: one with those of after",
	.apply = apply_source_after,
};

static int check_sources(const struct options *options, struct error *err)
{
	if (!options->sources[0] && !options->sources[1])
		return 0;
	if (!options->sources[0] || !options->sources[1])
		return error_set(err, ERROR_USAGE,
			"lines are told by their text where both sides have their sources: --source-before "
			"FOLDER "
			"--source-after FOLDER");
	if (options->by != BY_LINE)
		return error_set(err, ERROR_USAGE, "sources are for lines: --by=line is missing");
	return 0;
}

/* BEFORE AFTER, or the files that --before and --after name. */
static int check(struct options *options, struct error *err)
{
	if (check_sources(options, err) != 0)
		return -1;
	if (!options->has_before && !options->has_after && options->input_count == 2) {
		options->later_inputs[options->later_input_count++] = options->inputs[--options->input_count];
		return 0;
	}
	if (options->input_count && options->later_input_count)
		return 0;
	return error_set(err, ERROR_USAGE,
		"diff compares two sides: pyrope diff BEFORE AFTER, or with several runs a side, "
		"--before FILE... --after FILE...");
}

static const struct option_row *const rows[] = {
	&option_before,
	&option_after,
	&option_compare,
	&option_times,
	&option_per,
	&option_source_before,
	&option_source_after,
	&option_force,
	&option_json,
	&option_pid,
	&option_output,
	FILTER_OPTIONS,
	TABLE_OPTIONS,
	FLAME_GRAPH_OPTIONS,
	&option_gc,
	&option_syscalls,
	NULL,
};

const struct command command_diff = {
	.name = "diff",
	.summary = "what has changed between two profiles, and what is chance",
	.options = rows,
	.takes_files = true,
	.check = check,
	.run = COMMAND_RUN(diff_run),
};
