/* SPDX-License-Identifier: MIT */
/* What a command line says, and how it is read. What options there are: option.h. */
#ifndef PYROPE_COMMANDS_OPTIONS_H
#define PYROPE_COMMANDS_OPTIONS_H

#include "pyrope/base.h"
#include "pyrope/filter.h"
#include "pyrope/output.h"
#include "pyrope/profile.h"
#include "pyrope/sampling.h"

struct command;

enum summary {
	SUMMARY_TERMINAL, /* as text, when stderr is a terminal */
	SUMMARY_TEXT,
	SUMMARY_FULL, /* as text, with what was done to the target */
	SUMMARY_JSON,
};

#define PIDS_LIMIT 1000
#define CGROUPS_LIMIT 64
#define INPUTS_LIMIT 256
#define OUTPUTS_LIMIT 16 /* of one run */
#define BUDGET_WORDS_LIMIT 64
#define REPORTS_LIMIT 16
#define HOSTS_LIMIT 16

/* --paths */
enum path_choice { PATHS_OF_FORMAT, PATHS_FULL, PATHS_SHORT };

/* --native */
enum native_choice { NATIVE_NONE, NATIVE_WITHOUT_PLUMBING, NATIVE_ALL };

/* A budget as it was written: of --max-total, the key is "max-total". Borrowed. */
struct budget_word {
	const char *key, *value;
};

/* --report=FORMAT or FORMAT=FILE */
struct report_choice {
	const char *format; /* one of the choices */
	const char *path;   /* NULL: it is printed; borrowed */
};

/* Of serve; all strings are borrowed. */
struct web_choice {
	const char *listen; /* NULL: the default */
	const char *hosts[HOSTS_LIMIT];
	size_t host_count;
	int64_t upload_megabytes, upload_ns, profiles;
};

struct options {
	const struct command *command; /* first: no flag has the offset 0 */
	pid_t pid;                     /* the first one; 0: not given */
	pid_t pids[PIDS_LIMIT];
	size_t pid_count;
	const char *cgroups[CGROUPS_LIMIT]; /* borrowed */
	size_t cgroup_count;
	bool follow; /* descendants, too */
	bool no_follow;
	bool all_programs;      /* native stacks of what is no Python, too */
	char *const *arguments; /* the whole command line, NULL-terminated; borrowed */
	char *const *launch;    /* NULL, or the command to start with its arguments; borrowed from argv */
	bool has_duration;
	bool unlimited;         /* not has_duration, and no default */
	int64_t duration_ns;    /* 0 with has_duration: one sample */
	bool has_delay, paused; /* sampling begins later; SIGUSR1 switches it */
	int64_t delay_ns;
	int64_t interval_ns;
	bool has_interval;                /* it was given */
	const char *inputs[INPUTS_LIMIT]; /* of report and check, and of diff those before; borrowed */
	size_t input_count;
	const char *later_inputs[INPUTS_LIMIT]; /* of diff, those after; borrowed */
	size_t later_input_count;
	bool has_before, has_after; /* --before, --after: what follows belongs to that side */
	bool names_after;           /* the last one was --after */
	bool compare_total;
	bool seconds;           /* times, and no shares */
	const char *sources[2]; /* of diff: folders with the sources before, after; both or none; borrowed */
	bool force;
	struct budget_word budgets[BUDGET_WORDS_LIMIT];
	size_t budget_count;
	const char *budget_file, *baseline; /* NULL: not given; borrowed */
	int64_t baseline_runs;              /* 0: not given */
	bool strict;
	double work;       /* --per: units of work of a run, 1 where it was not given */
	double later_work; /* of diff: of a run after, where work is that of one before */
	bool per_process;  /* of diff: --per=process */
	struct report_choice reports[REPORTS_LIMIT];
	size_t report_count;
	const char *outputs[OUTPUTS_LIMIT]; /* none: standard output */
	size_t output_count;
	const char *format; /* the name of one; NULL: as the ending of each output says */
	bool exclude_idle;
	bool require_samples;
	bool no_lines;
	enum path_choice paths;
	enum table_by by;
	enum table_sort sort;
	bool tree;
	bool inverted, all_frames;
	bool embed_source;
	enum colour_by colour_by;
	double least_part;
	const char *title; /* borrowed */
	bool has_limit;
	size_t limit;
	bool mark_gc;
	bool json;
	size_t locals;  /* --locals: characters of a value; 0: not asked for */
	int64_t repeat; /* --repeat of dump: so many; 0: not asked for */
	bool mark_syscalls;
	enum native_choice native;
	enum sample_mode mode;
	bool has_mode;
	struct filter_options filter; /* what --from, --only and the like say; the rest of it stays 0 */
	enum pause_policy pause;
	size_t max_depth;
	unsigned groups; /* of enum profile_group */
	enum summary summary;
	int abi;                /* 0: find out; else major * 100 + minor */
	const char *completion; /* the shell */
	const char *token_file; /* of serve, and of outputs that are sent; NULL: none; borrowed */
	struct web_choice web;
};

/* Fills options from the arguments (argv[0] is the program). ERROR_USAGE when they make no sense. */
int options_parse(struct options *options, int argc, char *const argv[], struct error *err);

/* Another file of samples, borrowed: of the side that was named last. */
int options_add_input(struct options *options, const char *path, struct error *err);
/* Reads process ids as they stand on a command line: one, or several with commas or spaces between them. */
int options_add_pids(struct options *options, const char *text, struct error *err);

#endif
