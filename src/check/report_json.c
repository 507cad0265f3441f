/* SPDX-License-Identifier: MIT */
/* All that was found, as JSON; and what GitLab reads as a report of code quality. */
#include "config.h"

#include "check/report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* JSON has no infinity. */
static void append_number(struct buffer *text, const char *key, double value)
{
	if (isfinite(value))
		buffer_printf(text, ",\"%s\":%.9g", key, value);
	else
		buffer_printf(text, ",\"%s\":null", key);
}

static void append_text(struct buffer *text, const char *key, const char *value)
{
	buffer_printf(text, ",\"%s\":", key);
	if (value)
		buffer_append_json(text, value);
	else
		buffer_append_string(text, "null");
}

static void append_finding(struct buffer *text, const struct finding *finding)
{
	buffer_append_string(text, "{\"budget\":");
	buffer_append_json(text, budget_names[finding->budget->kind]);
	append_text(text, "pattern", finding->budget->pattern);
	append_text(text, "source", finding->budget->source);
	append_text(text, "subject", finding->subject);
	append_text(text, "function", finding->function);
	append_text(text, "verdict", verdict_names[finding->verdict]);
	append_text(text, "unit", finding->budget->is_time ? "seconds" : "share");
	append_number(text, "limit", finding->budget->limit);
	append_number(text, "value", finding->value);
	append_number(text, "low", finding->low);
	append_number(text, "high", finding->high);
	append_number(text, "more_seconds", finding->more_seconds);
	if (finding->has_before)
		append_number(text, "before", finding->before);
	append_text(text, "file", finding->file);
	buffer_printf(text, ",\"line\":%d,\"stacks\":[", finding->line);
	for (size_t i = 0; i < finding->culprit_count; i++) {
		buffer_append_string(text, i ? ",{\"stack\":" : "{\"stack\":");
		buffer_append_json(text, finding->culprits[i].stack);
		append_number(text, "share", finding->culprits[i].part);
		buffer_append_char(text, '}');
	}
	buffer_append_string(text, "]}");
}

static void append_json(struct buffer *text, const struct findings *findings)
{
	buffer_printf(text,
		"{\"samples\":%" PRIu64
		",\"exceeded\":%zu,\"unsure\":%zu,\"kept\":%zu,\"left_out\":%zu,\"findings\":[",
		findings->samples, findings_count(findings, VERDICT_EXCEEDED),
		findings_count(findings, VERDICT_UNSURE), findings_count(findings, VERDICT_KEPT),
		findings->left_out);
	for (size_t i = 0; i < findings->count; i++) {
		buffer_append_string(text, i ? ",\n" : "\n");
		append_finding(text, &findings->list[i]);
	}
	buffer_append_string(text, "]}\n");
}

const struct check_format check_json = { .name = "json", .append = append_json };

/*
 * https://docs.gitlab.com/ci/testing/code_quality/: an array of issues. What is kept is none. The fingerprint
 * is the same in each run, so that GitLab knows what is new: of the title and the function, not of the
 * numbers.
 */
static void append_issue(struct buffer *text, const struct finding *finding)
{
	static const uint64_t keys[2][2] = { { 1, 2 }, { 3, 4 } };
	struct buffer line = { 0 };

	finding_append_title(finding, &line);
	buffer_printf(&line, "\n%s", finding->function ? finding->function : "");
	buffer_printf(text, "{\"fingerprint\":\"%016" PRIx64 "%016" PRIx64 "\",\"check_name\":",
		hash_siphash(keys[0], line.data, line.length), hash_siphash(keys[1], line.data, line.length));
	buffer_append_json(text, budget_names[finding->budget->kind]);
	buffer_clear(&line);
	buffer_printf(&line, "%s: ", verdict_names[finding->verdict]);
	finding_append_title(finding, &line);
	buffer_append_string(&line, ": ");
	finding_append_sentence(finding, &line);
	buffer_append_string(text, ",\"description\":");
	buffer_append_json(text, line.data);
	buffer_printf(text, ",\"severity\":\"%s\",\"location\":{\"path\":",
		finding->verdict == VERDICT_EXCEEDED ? "major" : "info");
	/* GitLab leaves out what has no place */
	buffer_append_json(text, finding->file ? finding->file : ".");
	buffer_printf(text, ",\"lines\":{\"begin\":%d}}}", finding->line > 0 ? finding->line : 1);
	buffer_release(&line);
}

static void append_gitlab(struct buffer *text, const struct findings *findings)
{
	const char *separator = "\n";

	buffer_append_char(text, '[');
	for (size_t i = 0; i < findings->count; i++) {
		if (findings->list[i].verdict == VERDICT_KEPT)
			continue;
		buffer_append_string(text, separator);
		append_issue(text, &findings->list[i]);
		separator = ",\n";
	}
	buffer_append_string(text, "]\n");
}

const struct check_format check_gitlab = { .name = "gitlab", .append = append_gitlab };
