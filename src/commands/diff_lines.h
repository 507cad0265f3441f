/* SPDX-License-Identifier: MIT */
/*
 * What lines are called when both sides have their sources: by what stands in them, so that a line is the
 * same one wherever it has moved to in its function. Without sources they are called by how far they are from
 * the first line of their function.
 */
#ifndef PYROPE_COMMANDS_DIFF_LINES_H
#define PYROPE_COMMANDS_DIFF_LINES_H

#include "pyrope/base.h"
#include "pyrope/functions.h"

struct diff_lines;

/*
 * folders: where the sources of each side are: a checkout; a file is sought in there by the end of its name.
 * roots: as for row_name(). Both are borrowed. ERROR_SYSTEM: a folder cannot be opened.
 */
struct diff_lines *diff_lines_new(const char *const folders[2], const char *const *roots, struct error *err);
void diff_lines_free(struct diff_lines *lines); /* accepts NULL */
/* Allocated. Of side 0 (before) first, and then of side 1. */
char *diff_lines_name(struct diff_lines *lines, size_t side, const struct function *function, int line);
/* Says on standard error which functions had no source. */
void diff_lines_tell(const struct diff_lines *lines);

#endif
