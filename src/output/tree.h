/* SPDX-License-Identifier: MIT */
/* The tree of calls as lines: which to show, in which order, how far to the right. */
#ifndef PYROPE_OUTPUT_TREE_H
#define PYROPE_OUTPUT_TREE_H

#include "pyrope/output.h"

struct tree_line {
	uint32_t node; /* of the totals */
	unsigned indent;
	bool is_branch; /* one of several below its caller: "- " stands before it */
};

#define TREE_BRANCH_COLUMNS 2

/*
 * *lines is allocated: the nodes below their callers, those with the most samples first, or by name. Where
 * rows have a limit those with the most samples are shown, and *left_out says how many are not. A node whose
 * function is hidden is no line.
 */
size_t tree_lines(const struct totals *totals, const struct output_options *options,
	bool (*is_hidden)(const struct function *function), struct tree_line **lines, size_t *left_out);

#endif
