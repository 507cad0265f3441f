/* SPDX-License-Identifier: MIT */
/*
 * A file of budgets. What is read must be budgets that can be used; what is refused must say why, with the
 * file's name.
 */
#include "config.h"

#include "pyrope/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct budget *budget)
{
	static const char *const names[] = { "json:dumps", "app.view:Page.render", "" };
	struct buffer text = { 0 };

	if (budget->kind >= BUDGET_KINDS || !budget->source || isnan(budget->limit) || budget->limit < 0)
		abort();
	if (budget->pattern)
		budget_matches(budget, names, ARRAY_LENGTH(names));
	budget_append_name(budget, &text);
	if (!text.length)
		abort();
	buffer_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct budgets budgets; /* large */
	struct error err = { 0 };

	memset(&budgets, 0, sizeof(budgets));
	if (budgets_parse(&budgets, "input.yaml", (const char *)data, size, &err) != 0 &&
		!strstr(err.message, "input.yaml"))
		abort();
	if (budgets.count > BUDGETS_LIMIT || budgets.baseline_runs < 0)
		abort();
	for (size_t i = 0; i < budgets.count; i++)
		use(&budgets.list[i]);
	budgets_release(&budgets);
	return 0;
}
