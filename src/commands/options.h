/* SPDX-License-Identifier: MIT */
/*
 * The command line as data. One table says what options there are; parsing, --help and the completions of the
 * shells all come from it, and a test holds the man page against it.
 */
#ifndef PYROPE_COMMANDS_OPTIONS_H
#define PYROPE_COMMANDS_OPTIONS_H

#include "pyrope/base.h"
#include "pyrope/profile.h"
#include "pyrope/sampling.h"

enum command {
	COMMAND_RECORD, /* no word needed, as in pyflame */
	COMMAND_DUMP,
	COMMAND_HELP,
	COMMAND_VERSION,
	COMMAND_COMPLETION,
};

enum summary {
	SUMMARY_TERMINAL, /* as text, when stderr is a terminal */
	SUMMARY_TEXT,
	SUMMARY_JSON,
};

/* --native */
enum native_choice { NATIVE_NONE, NATIVE_WITHOUT_PLUMBING, NATIVE_ALL };

struct options {
	enum command command; /* first: no flag has the offset 0 */
	pid_t pid;            /* 0: not given */
	char *const *launch;  /* NULL, or the command to start with its arguments; borrowed from argv */
	bool has_duration;
	int64_t duration_ns; /* 0 with has_duration: one sample */
	int64_t interval_ns;
	const char *output; /* NULL: standard output */
	bool exclude_idle;
	bool no_lines;
	bool flamechart;
	bool mark_gc;
	bool json;
	bool mark_syscalls;
	enum native_choice native;
	enum sample_mode mode;
	enum pause_policy pause;
	size_t max_depth;
	unsigned groups; /* of enum profile_group */
	enum summary summary;
	int abi;                /* 0: find out; else major * 100 + minor */
	const char *completion; /* the shell */
};

/* What a shell offers for the argument. */
enum completion_kind { COMPLETE_NOTHING, COMPLETE_CHOICES, COMPLETE_FILE, COMPLETE_PID, COMPLETE_COMMAND };

#define FOR_RECORD (1u << COMMAND_RECORD)
#define FOR_DUMP (1u << COMMAND_DUMP)

struct option_row {
	char letter;            /* 0: none */
	const char *name;       /* without the dashes */
	const char *alias;      /* NULL, or another long name */
	const char *argument;   /* NULL: takes none; else its name in the help */
	bool argument_optional; /* then only as --name=ARGUMENT */
	bool ends_options;      /* what follows the argument belongs to it */
	const char *help;
	unsigned commands; /* FOR_RECORD, FOR_DUMP */
	enum completion_kind completion;
	const char *const *choices; /* NULL-terminated, for COMPLETE_CHOICES */
	/* What it does is one of these three. */
	size_t flag;        /* where in struct options the bool is that it sets; 0: none */
	enum command means; /* the command that it stands for; COMMAND_RECORD: none */
	/* value is NULL where none was given. The message need not name the option. */
	int (*apply)(struct options *options, const char *value, struct error *err);
};

extern const struct option_row option_table[];
extern const size_t option_count;

/* A word that may stand before the options and says what to do. */
struct command_row {
	const char *name;
	enum command command;
	const char *help;
};

extern const struct command_row command_table[];
extern const size_t command_count;

/* Fills options from the arguments (argv[0] is the program). ERROR_USAGE when they make no sense. */
int options_parse(struct options *options, int argc, char *const argv[], struct error *err);

/* Reads a process id as it stands on a command line. */
int parse_pid(const char *text, pid_t *pid, struct error *err);

void help_append(struct buffer *buffer);
void version_append(struct buffer *buffer);
int completion_append(struct buffer *buffer, const char *shell, struct error *err);

#endif
