/* SPDX-License-Identifier: MIT */
/* What a file of budgets may have besides budgets. */
#ifndef PYROPE_CHECK_BUDGET_FILE_H
#define PYROPE_CHECK_BUDGET_FILE_H

#include "pyrope/check.h"

struct budget_setting {
	const char *key;
	int (*apply)(struct budgets *budgets, const char *value, const char *source, struct error *err);
};

/* NULL: it is none. */
const struct budget_setting *budget_setting_find(const char *key);
/* Is it a budget or a setting? */
bool budget_key_is_known(const char *key);
/* What may have been meant; NULL: nothing is near. */
const char *budget_key_near(const char *key);

#endif
