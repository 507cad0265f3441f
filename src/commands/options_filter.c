/* SPDX-License-Identifier: MIT */
/* Options that say which samples are shown, of a run or of files of samples. */
#include "config.h"

#include "commands/option.h"

#include <string.h>

static const char *const mode_choices[] = { "active", "gil", "wall", "cpu", NULL };

const struct option_row option_exclude_idle = {
	.letter = 'x',
	.name = "exclude-idle",
	.help = "leave out idle time; with --threads, threads that sleep",
	.flag = offsetof(struct options, exclude_idle),
};

static int apply_mode(struct options *options, const char *value, struct error *err)
{
	static const enum sample_mode modes[] = { MODE_ACTIVE, MODE_GIL, MODE_WALL, MODE_CPU };
	int choice = option_choose(mode_choices, value, strlen(value), err);

	if (choice < 0)
		return -1;
	options->mode = modes[choice];
	options->has_mode = true;
	return 0;
}

const struct option_row option_mode = {
	.name = "mode",
	.argument = "MODE",
	.completion = COMPLETE_CHOICES,
	.choices = mode_choices,
	.help = "threads that are active (default: hold the GIL or are on a CPU), gil, wall (every one), cpu",
	.apply = apply_mode,
};

static int apply_from(struct options *options, const char *value, struct error *err)
{
	options->filter.has_from = true;
	return parse_duration(value, &options->filter.from_ns, err);
}

const struct option_row option_from = {
	.name = "from",
	.argument = "TIME",
	.help = "leave out what came before, counted from the beginning",
	.apply = apply_from,
};

static int apply_to(struct options *options, const char *value, struct error *err)
{
	options->filter.has_to = true;
	return parse_duration(value, &options->filter.to_ns, err);
}

const struct option_row option_to = {
	.name = "to",
	.argument = "TIME",
	.help = "leave out what came from then on",
	.apply = apply_to,
};

static int apply_thread(struct options *options, const char *value, struct error *err)
{
	options->filter.thread = value;
	return pattern_check(value, err);
}

const struct option_row option_thread = {
	.name = "thread",
	.argument = "REGEX",
	.help = "only threads whose name matches",
	.apply = apply_thread,
};

/* A comma-separated list. */
static int apply_state(struct options *options, const char *value, struct error *err)
{
	for (const char *word = value;; word++) {
		const size_t length = strcspn(word, ",");
		const int choice = option_choose(thread_state_names, word, length, err);

		if (choice < 0)
			return -1;
		options->filter.states |= 1u << choice;
		word += length;
		if (!*word)
			return 0;
	}
}

const struct option_row option_state = {
	.name = "state",
	.argument = "LIST",
	.completion = COMPLETE_CHOICES,
	.choices = thread_state_names,
	.help = "only threads in one of these states, with commas between them",
	.apply = apply_state,
};

static int apply_only(struct options *options, const char *value, struct error *err)
{
	options->filter.only = value;
	return pattern_check(value, err);
}

const struct option_row option_only = {
	.name = "only",
	.argument = "REGEX",
	.help = "only stacks with a function (file:function) that matches",
	.apply = apply_only,
};

static int apply_hide(struct options *options, const char *value, struct error *err)
{
	options->filter.hide = value;
	return pattern_check(value, err);
}

const struct option_row option_hide = {
	.name = "hide",
	.argument = "REGEX",
	.help = "no stacks with a function that matches",
	.apply = apply_hide,
};

static int apply_focus(struct options *options, const char *value, struct error *err)
{
	options->filter.focus = value;
	return pattern_check(value, err);
}

const struct option_row option_focus = {
	.name = "focus",
	.argument = "REGEX",
	.help = "stacks from the first function on that matches",
	.apply = apply_focus,
};

static int apply_threads(struct options *options, const char *value, struct error *err)
{
	(void)value;
	(void)err;
	options->mode = MODE_WALL;
	options->has_mode = true;
	return 0;
}

const struct option_row option_threads = {
	.name = "threads",
	.help = "every thread at every tick: the same as --mode=wall",
	.apply = apply_threads,
};
