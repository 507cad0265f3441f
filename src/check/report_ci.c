/* SPDX-License-Identifier: MIT */
/*
 * What the pages of a CI show: JUnit's XML, annotations of GitHub, a summary in Markdown. Names come from the
 * program that was profiled: each format has its own characters that mean something.
 */
#include "config.h"

#include "check/report.h"

#include <string.h>

/* The text with each of these characters replaced by its word. */
struct escape {
	char character;
	const char *word;
};

static void append_escaped(struct buffer *text, const char *plain, const struct escape *escapes, size_t count)
{
	for (; *plain; plain++) {
		size_t i = 0;

		while (i < count && escapes[i].character != *plain)
			i++;
		if (i < count)
			buffer_append_string(text, escapes[i].word);
		else
			buffer_append_char(text, *plain);
	}
}

/* The sentence, with the stacks behind it. */
static void append_details(struct buffer *text, const struct finding *finding)
{
	finding_append_sentence(finding, text);
	for (size_t i = 0; i < finding->culprit_count; i++)
		buffer_printf(
			text, "\n%.1f %%  %s", 100 * finding->culprits[i].part, finding->culprits[i].stack);
}

/* ---- JUnit ---- */

static void append_xml(struct buffer *text, const char *plain)
{
	static const struct escape escapes[] = { { '<', "&lt;" }, { '>', "&gt;" }, { '&', "&amp;" },
		{ '"', "&quot;" }, { '\n', "&#10;" } };

	append_escaped(text, plain, escapes, ARRAY_LENGTH(escapes));
}

static void append_element(struct buffer *text, const char *element, const struct finding *finding)
{
	struct buffer plain = { 0 };

	finding_append_sentence(finding, &plain);
	buffer_printf(text, "<%s message=\"", element);
	append_xml(text, plain.data);
	buffer_append_string(text, "\">");
	buffer_clear(&plain);
	append_details(&plain, finding);
	append_xml(text, plain.data);
	buffer_printf(text, "</%s>", element);
	buffer_release(&plain);
}

static void append_case(struct buffer *text, const struct finding *finding, bool strict)
{
	struct buffer title = { 0 };

	finding_append_title(finding, &title);
	buffer_append_string(text, "<testcase classname=\"pyrope\" name=\"");
	append_xml(text, title.data);
	if (finding->file) {
		buffer_append_string(text, "\" file=\"");
		append_xml(text, finding->file);
	}
	buffer_append_string(text, "\">");
	if (finding->verdict == VERDICT_EXCEEDED || (finding->verdict == VERDICT_UNSURE && strict))
		append_element(text, "failure", finding);
	else if (finding->verdict == VERDICT_UNSURE)
		append_element(text, "skipped", finding);
	buffer_append_string(text, "</testcase>\n");
	buffer_release(&title);
}

static void append_junit(struct buffer *text, const struct findings *findings)
{
	const size_t unsure = findings_count(findings, VERDICT_UNSURE);

	buffer_printf(text,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"pyrope check\" tests=\"%zu\" "
		"failures=\"%zu\" skipped=\"%zu\" "
		"errors=\"0\">\n",
		findings->count, findings_count(findings, VERDICT_EXCEEDED) + (findings->strict ? unsure : 0),
		findings->strict ? 0 : unsure);
	for (size_t i = 0; i < findings->count; i++)
		append_case(text, &findings->list[i], findings->strict);
	buffer_append_string(text, "</testsuite>\n");
}

const struct check_format check_junit = { .name = "junit", .append = append_junit };

/* ---- GitHub: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands ---- */

static void append_annotation(struct buffer *text, const struct finding *finding, bool strict)
{
	static const struct escape property[] = { { '%', "%25" }, { '\r', "%0D" }, { '\n', "%0A" },
		{ ':', "%3A" }, { ',', "%2C" } };
	const bool is_error = finding->verdict == VERDICT_EXCEEDED || strict;
	struct buffer plain = { 0 };

	buffer_append_string(text, is_error ? "::error " : "::warning ");
	if (finding->file) {
		buffer_append_string(text, "file=");
		append_escaped(text, finding->file, property, ARRAY_LENGTH(property));
		buffer_printf(text, ",line=%d,", finding->line > 0 ? finding->line : 1);
	}
	buffer_append_string(text, "title=");
	finding_append_title(finding, &plain);
	append_escaped(text, plain.data, property, ARRAY_LENGTH(property));
	buffer_append_string(text, "::");
	buffer_clear(&plain);
	append_details(&plain, finding);
	append_escaped(text, plain.data, property, 3); /* in the text the last two mean nothing */
	buffer_append_char(text, '\n');
	buffer_release(&plain);
}

static void append_github(struct buffer *text, const struct findings *findings)
{
	buffer_append_string(text, "");
	for (size_t i = 0; i < findings->count; i++)
		if (findings->list[i].verdict != VERDICT_KEPT)
			append_annotation(text, &findings->list[i], findings->strict);
}

const struct check_format check_github = { .name = "github",
	.is_beside_text = true,
	.append = append_github };

/* ---- Markdown ---- */

/* Of a table's cell: nothing in it is markup, a link or a mention. */
static void append_markdown(struct buffer *text, const char *plain)
{
	static const struct escape escapes[] = { { '|', "\\|" }, { '\\', "\\\\" }, { '`', "\\`" },
		{ '*', "\\*" }, { '_', "\\_" }, { '[', "\\[" }, { ']', "\\]" }, { '<', "&lt;" },
		{ '>', "&gt;" }, { '&', "&amp;" }, { '~', "\\~" }, { '#', "\\#" }, { '!', "\\!" },
		{ '@', "&#64;" }, { '\n', " " } };

	append_escaped(text, plain, escapes, ARRAY_LENGTH(escapes));
}

static void append_row(struct buffer *text, const struct finding *finding)
{
	static const char *const marks[VERDICTS] = { "✅ kept", "❔ not sure", "❌ exceeded" };
	struct buffer plain = { 0 };

	buffer_printf(text, "| %s | ", marks[finding->verdict]);
	finding_append_title(finding, &plain);
	append_markdown(text, plain.data);
	buffer_append_string(text, " | ");
	buffer_clear(&plain);
	finding_append_sentence(finding, &plain);
	append_markdown(text, plain.data);
	for (size_t i = 0; finding->verdict != VERDICT_KEPT && i < finding->culprit_count; i++) {
		buffer_printf(text, "<br>%.1f %% ", 100 * finding->culprits[i].part);
		append_markdown(text, finding->culprits[i].stack);
	}
	buffer_append_string(text, " |\n");
	buffer_release(&plain);
}

static void append_summary(struct buffer *text, const struct findings *findings)
{
	struct buffer plain = { 0 };

	buffer_append_string(text, "### pyrope check\n\n| | budget | |\n|---|---|---|\n");
	for (size_t i = 0; i < findings->count; i++)
		append_row(text, &findings->list[i]);
	findings_append_last(findings, &plain);
	buffer_append_char(text, '\n');
	append_markdown(text, plain.data);
	buffer_append_string(text, "\n\n");
	buffer_release(&plain);
}

const struct check_format check_markdown = { .name = "markdown",
	.is_appended = true,
	.append = append_summary };
