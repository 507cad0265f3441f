/* SPDX-License-Identifier: MIT */
/*
 * One option as data. Parsing, --help, the completions of the shells and the test of the man page take all
 * that they know of an option from its row. An option of one command stands in the file of that command, one
 * of several in options_TOPIC.c; the row of a command (command.h) lists those that are of use to it.
 */
#ifndef PYROPE_COMMANDS_OPTION_H
#define PYROPE_COMMANDS_OPTION_H

#include "commands/options.h"

/* What a shell offers for the argument. */
enum completion_kind { COMPLETE_NOTHING, COMPLETE_CHOICES, COMPLETE_FILE, COMPLETE_PID, COMPLETE_COMMAND };

struct option_row {
	char letter;            /* 0: none */
	const char *name;       /* without the dashes */
	const char *alias;      /* NULL, or another long name */
	const char *argument;   /* NULL: takes none; else its name in the help */
	bool argument_optional; /* then only as --name=ARGUMENT */
	bool ends_options;      /* what follows the argument belongs to it */
	const char *help;
	enum completion_kind completion;
	const char *const *choices; /* NULL-terminated, for COMPLETE_CHOICES */
	/* What it does is one of these three. */
	size_t flag;                 /* where in struct options the bool is that it sets; 0: none */
	const struct command *means; /* the command that it stands for; NULL: none */
	/* value is NULL where none was given. The message need not name the option. */
	int (*apply)(struct options *options, const char *value, struct error *err);
};

/* Where a walk over all options is. Zero-initialise. */
struct option_walk {
	size_t command, row;
};

/*
 * The next one, each once: those of the commands in the order of their table, then those of every command.
 * NULL: no more.
 */
const struct option_row *option_next(struct option_walk *walk);
/* Is it of use to this command? */
bool option_is_of(const struct option_row *row, const struct command *command);

/* The index of value[0..length) among the choices; -1 with err set when it is none of them. */
int option_choose(const char *const *choices, const char *value, size_t length, struct error *err);

/* ---- options_general.c ---- */

extern const struct option_row option_completion, option_version, option_help; /* of every command */
extern const struct option_row option_pid, option_json;

/* ---- options_run.c ---- */

extern const struct option_row option_trace, option_no_follow, option_cgroup, option_interval, option_rate;
/* Processes are named in one way. */
int options_check_processes(const struct options *options, struct error *err);

/* ---- options_target.c ---- */

extern const struct option_row option_follow, option_pause, option_native, option_max_depth, option_abi,
	option_dump;
#define TARGET_OPTIONS &option_pause, &option_native, &option_max_depth, &option_abi

/* --native needs a pause. */
int options_check_native(const struct options *options, struct error *err);

/* ---- options_filter.c ---- */

extern const struct option_row option_exclude_idle, option_mode, option_from, option_to, option_thread,
	option_state;
extern const struct option_row option_only, option_hide, option_focus, option_threads;
#define FILTER_OPTIONS \
	&option_exclude_idle, &option_mode, &option_threads, &option_from, &option_to, &option_thread, \
		&option_state, &option_only, &option_hide, &option_focus

/* ---- options_output.c ---- */

extern const struct option_row option_output, option_no_line_numbers, option_paths, option_format,
	option_flamechart;
extern const struct option_row option_by, option_sort, option_limit, option_tree;
extern const struct option_row option_inverted, option_colour_by, option_title, option_min_width,
	option_all_frames, option_embed_source;
extern const struct option_row option_group, option_gc, option_syscalls;
#define TABLE_OPTIONS &option_by, &option_limit
#define FLAME_GRAPH_OPTIONS &option_inverted, &option_title, &option_min_width, &option_all_frames
/* What samples are shown, and how: of a run, and of a recording. */
#define SHOWING_OPTIONS \
	&option_output, &option_token_file, FILTER_OPTIONS, &option_format, &option_flamechart, \
		&option_no_line_numbers, &option_paths, TABLE_OPTIONS, &option_sort, &option_tree, \
		FLAME_GRAPH_OPTIONS, &option_colour_by, &option_embed_source, &option_group, &option_gc, \
		&option_syscalls

/* ---- options_web.c ---- */

extern const struct option_row option_token_file;

/* ---- options_budget.c ---- */

extern const struct option_row option_compare, option_force, option_check, option_baseline,
	option_baseline_runs;
extern const struct option_row option_strict, option_per, option_report;
#define BUDGET_OPTIONS \
	&option_check, &option_baseline, &option_baseline_runs, &option_strict, &option_force, &option_report

#endif
