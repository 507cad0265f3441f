/* SPDX-License-Identifier: MIT */
/*
 * The commands. Each has a row, in command_NAME.c with the options that it alone has, and a file NAME.c that
 * does what it is for.
 * --help, the completions and the test of the man page take them from the table.
 */
#ifndef PYROPE_COMMANDS_COMMAND_H
#define PYROPE_COMMANDS_COMMAND_H

#include "commands/options.h"

/* Takes descriptor_limit(). */
#define SHORT_OF_DESCRIPTORS \
	"short of file descriptors (%zu are allowed): some native frames have no names, or those that " \
	"called them are missing: " \
	"raise the hard limit (ulimit -Hn)"

#define FILES_UNANSWERED \
	"a file system (FUSE, NFS) did not answer for a second: files on it count as not there, and native " \
	"frames in them have no names"

/* To standard output. */
int print_text(const struct buffer *text, struct error *err);

void help_append(struct buffer *buffer);
void version_append(struct buffer *buffer);
/* What --version says, on one line and in short. */
void build_append(struct buffer *buffer);
int completion_append(struct buffer *buffer, const char *shell, struct error *err);

struct option_row;

struct command {
	const char *name;
	const char *summary;
	const struct option_row *const *options; /* that are of use to it; NULL-terminated */
	/* its operands are files, and -p leaves out other processes of theirs; else they are process ids */
	bool takes_files;
	/*
	 * Refuses what makes no sense together, and fills in what follows from the rest. NULL: nothing to
	 * check.
	 */
	int (*check)(struct options *options, struct error *err);
	/* 0, or -1 with err set: its exit code is that of pyrope, and an empty message is not printed. */
	int (*run)(const struct options *options, struct error *err);
};

/*
 * The words that may stand before the options, NULL-terminated. The first one needs no word, as in pyflame.
 */
extern const struct command *const command_table[];

extern const struct command command_record, command_dump, command_report, command_diff, command_check,
	command_doctor, command_serve, command_top;
/* What an option alone asks for: not in the table, and without options. */
extern const struct command command_help, command_version, command_completion;

/*
 * completions/for-build prints completions where pyrope itself cannot run, and has nothing of what the
 * commands do.
 */
#ifdef COMMANDS_DO_NOTHING
#define COMMAND_RUN(function) NULL
#else
#define COMMAND_RUN(function) (function)
#endif

int record_run(const struct options *options, struct error *err);
int dump_run(const struct options *options, struct error *err);
int top_run(const struct options *options, struct error *err);
int report_run(const struct options *options, struct error *err);
int diff_run(const struct options *options, struct error *err);
int check_run(const struct options *options, struct error *err);
int serve_run(const struct options *options, struct error *err);
int doctor_run(const struct options *options, struct error *err);
int print_run(const struct options *options, struct error *err);

#endif
