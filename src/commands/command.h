/* SPDX-License-Identifier: MIT */
/*
 * The commands. Each returns 0, or -1 with err set; err's exit code is that of pyrope, and an empty message
 * is not printed.
 */
#ifndef PYROPE_COMMANDS_COMMAND_H
#define PYROPE_COMMANDS_COMMAND_H

#include "commands/options.h"

/* Takes descriptor_limit(). */
#define SHORT_OF_DESCRIPTORS \
	"short of file descriptors (%zu are allowed): some native frames have no names, or those that called them are missing: " \
	"raise the hard limit (ulimit -Hn)"

#define FILES_UNANSWERED \
	"a file system (FUSE, NFS) did not answer for a second: files on it count as not there, and native frames in them have no names"

/* To standard output. */
int print_text(const struct buffer *text, struct error *err);

int command_record(const struct options *options, struct error *err);
int command_dump(const struct options *options, struct error *err);
int command_check(const struct options *options, struct error *err);
int command_diff(const struct options *options, struct error *err);
int command_report(const struct options *options, struct error *err);

#endif
