/* SPDX-License-Identifier: MIT */
/* The formats of a report, and the sentences that they have in common. */
#include "config.h"

#include "check/report.h"

#include <math.h>
#include <string.h>

static const struct check_format *const formats[] = { &check_text, &check_json, &check_junit, &check_github,
	&check_markdown, &check_gitlab };

const struct check_format *check_format_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(formats); i++)
		if (strcmp(formats[i]->name, name) == 0)
			return formats[i];
	return NULL;
}

/* ---- numbers ---- */

/* Without a unit: what stands in an interval has it once. */
static void append_number(const struct finding *finding, double value, struct buffer *text)
{
	if (finding->budget->is_time)
		buffer_printf(text, value < 10 ? "%.2f" : "%.1f", value);
	else
		buffer_printf(text, finding->budget->kind == BUDGET_GROWTH ? "%+.1f" : "%.1f", 100 * value);
}

static const char *unit_of(const struct finding *finding)
{
	return finding->budget->is_time ? " s" : " %";
}

void finding_append_value(const struct finding *finding, double value, struct buffer *text)
{
	append_number(finding, value, text);
	buffer_append_string(text, unit_of(finding));
}

static void append_limit(const struct finding *finding, struct buffer *text)
{
	if (finding->budget->is_time)
		buffer_printf(text, "%g s", finding->budget->limit);
	else
		buffer_printf(text, "%g %%", 100 * finding->budget->limit);
}

static void append_span(double seconds, struct buffer *text)
{
	if (seconds < 120)
		buffer_printf(text, "%.0f seconds", fmax(ceil(seconds), 1));
	else if (seconds < 7200)
		buffer_printf(text, "%.0f minutes", ceil(seconds / 60));
	else
		buffer_printf(text, "%.0f hours", ceil(seconds / 3600));
}

/* ---- sentences ---- */

static void append_unsure(const struct finding *finding, struct buffer *text)
{
	if (finding->more_seconds > 1e7) /* or for ever: it is as near to the limit as can be told */
		buffer_append_string(text, ": too near to tell");
	else if (finding->more_seconds > 0) {
		buffer_append_string(text, ": ");
		append_span(finding->more_seconds, text);
		buffer_append_string(text, " more of sampling would tell");
	}
}

static void append_growth(const struct finding *finding, struct buffer *text)
{
	if (!finding->function) {
		buffer_append_string(text, "no function has enough of the samples to be told anything of");
		return;
	}
	buffer_printf(text, "%s ", finding->function);
	if (finding->is_new)
		buffer_append_string(text, "is new");
	else
		finding_append_value(finding, finding->value, text);
}

void finding_append_sentence(const struct finding *finding, struct buffer *text)
{
	if (finding->budget->kind == BUDGET_GROWTH) {
		append_growth(finding, text);
	} else if (finding->budget->kind == BUDGET_NO_CALL) {
		if (finding->value <= 0)
			buffer_append_string(text, "no sample is in it");
		else
			finding_append_value(finding, finding->value, text);
	} else {
		finding_append_value(finding, finding->value, text);
	}
	if (finding->low < finding->high && finding->value > -1 && !finding->is_new &&
		finding->budget->kind != BUDGET_NO_CALL) {
		buffer_append_string(text, " (");
		append_number(finding, finding->low, text);
		buffer_append_string(text, " to ");
		finding_append_value(finding, finding->high, text);
		buffer_append_char(text, ')');
	}
	if (finding->budget->kind != BUDGET_NO_CALL &&
		(finding->budget->kind != BUDGET_GROWTH || finding->function)) {
		buffer_append_string(text, ", at most ");
		append_limit(finding, text);
	}
	if (finding->verdict == VERDICT_UNSURE)
		append_unsure(finding, text);
	if (finding->others)
		buffer_printf(text, "; %zu more like it", finding->others);
	if (finding->has_before && finding->budget->kind != BUDGET_GROWTH) {
		buffer_append_string(text, "; baseline ");
		finding_append_value(finding, finding->before, text);
	}
}

void finding_append_title(const struct finding *finding, struct buffer *text)
{
	budget_append_name(finding->budget, text);
	if (finding->subject)
		buffer_printf(text, ", %s", finding->subject);
}

void findings_append_last(const struct findings *findings, struct buffer *text)
{
	buffer_printf(text, "%zu exceeded, %zu not sure, %zu kept; %llu samples",
		findings_count(findings, VERDICT_EXCEEDED), findings_count(findings, VERDICT_UNSURE),
		findings_count(findings, VERDICT_KEPT), (unsigned long long)findings->samples);
	if (findings->left_out)
		buffer_printf(text, "; %zu with less than 1 %% of them left out", findings->left_out);
}

/* ---- for people ---- */

static void append_text(struct buffer *text, const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		buffer_printf(text, "%-8s  ", verdict_names[finding->verdict]);
		finding_append_title(finding, text);
		buffer_append_string(text, ": ");
		finding_append_sentence(finding, text);
		buffer_append_char(text, '\n');
		for (size_t j = 0; finding->verdict != VERDICT_KEPT && j < finding->culprit_count; j++)
			buffer_printf(text, "          %5.1f %%  %s\n", 100 * finding->culprits[j].part,
				finding->culprits[j].stack);
	}
	findings_append_last(findings, text);
	buffer_append_char(text, '\n');
}

const struct check_format check_text = { .name = "text", .append = append_text };
