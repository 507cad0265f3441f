/* SPDX-License-Identifier: MIT */
/* The budgets of one run or of several, for pyrope check and for record --check. */
#ifndef PYROPE_COMMANDS_CHECK_H
#define PYROPE_COMMANDS_CHECK_H

#include "commands/options.h"
#include "pyrope/event.h"

struct check;

/*
 * Reads the budgets that the options name, and opens the files of the reports: what is wrong with them is
 * said before anything is sampled. The profiles are those of the options, or with is_live one run whose
 * events the sink takes. Options and functions are borrowed. NULL: err, whose exit code is set.
 */
struct check *check_new(
	const struct options *options, struct functions *functions, bool is_live, struct error *err);
void check_free(struct check *check); /* accepts NULL */
struct sink *check_sink(struct check *check);
/*
 * Reads the profiles and the baseline, judges, and writes the reports. *code: 0, or 3 when budgets are
 * exceeded. -1: err, whose exit code is set.
 */
int check_finish(struct check *check, int *code, struct error *err);

#endif
