/* SPDX-License-Identifier: MIT */
/* The remarks as a person reads them, and as JSON. */
#include "config.h"

#include "doctor/internal.h"

#include <stdio.h>
#include <string.h>

#define TOPIC_COLUMN 8
#define TEXT_COLUMN 21
#define LEAST_COLUMNS 40 /* of text; a terminal that is narrower folds by itself */

static const char *const grade_names[] = { [GRADE_OK] = "ok", [GRADE_WARN] = "warn", [GRADE_FAIL] = "fail" };
static const char *const
	grade_colours[] = { [GRADE_OK] = "\033[32m", [GRADE_WARN] = "\033[33m", [GRADE_FAIL] = "\033[1;31m" };

/* ---- text ---- */

static void append_spaces(struct buffer *text, size_t count)
{
	while (count--)
		buffer_append_char(text, ' ');
}

/* Folds at spaces; a word that is longer than a line goes on. */
static void append_folded(struct buffer *text, const char *words, size_t columns)
{
	size_t used = 0;

	while (*words) {
		const size_t length = strcspn(words, " ");
		char word[256];
		size_t width;

		snprintf(word, sizeof(word), "%.*s", (int)(length < sizeof(word) ? length : sizeof(word) - 1),
			words);
		width = length < sizeof(word) ? text_columns(word) : length;
		if (used && columns && used + 1 + width > columns) {
			buffer_append_char(text, '\n');
			append_spaces(text, TEXT_COLUMN);
			used = 0;
		} else if (used) {
			buffer_append_char(text, ' ');
			used++;
		}
		buffer_append(text, words, length);
		used += width;
		words += length + strspn(words + length, " ");
	}
	buffer_append_char(text, '\n');
}

static void append_remark(struct buffer *text, const struct remark *remark, size_t columns, bool has_colours)
{
	const size_t left = !columns                     ? 0
		: columns >= TEXT_COLUMN + LEAST_COLUMNS ? columns - TEXT_COLUMN
							 : LEAST_COLUMNS;
	const size_t topic = strlen(remark->topic);

	buffer_printf(text, "  %s%s%s", has_colours ? grade_colours[remark->grade] : "",
		grade_names[remark->grade], has_colours ? "\033[0m" : "");
	append_spaces(text, TOPIC_COLUMN - 2 - strlen(grade_names[remark->grade]));
	buffer_append_string(text, remark->topic);
	append_spaces(text, TOPIC_COLUMN + topic < TEXT_COLUMN ? TEXT_COLUMN - TOPIC_COLUMN - topic : 1);
	append_folded(text, remark->text, left);
	if (remark->remedy) {
		append_spaces(text, TEXT_COLUMN - 3);
		buffer_append_string(text, "-> ");
		append_folded(text, remark->remedy, left);
	}
}

void diagnosis_append_text(
	struct buffer *text, const struct diagnosis *diagnosis, size_t columns, bool has_colours)
{
	size_t counts[ARRAY_LENGTH(grade_names)] = { 0 };

	for (size_t i = 0; i < diagnosis->count; i++) {
		const struct remark *remark = &diagnosis->remarks[i];

		if (!i || strcmp(remark->section, remark[-1].section) != 0)
			buffer_printf(text, "%s%s%s\n", has_colours ? "\033[1m" : "", remark->section,
				has_colours ? "\033[0m" : "");
		append_remark(text, remark, columns, has_colours);
		counts[remark->grade]++;
	}
	buffer_printf(text, "%zu ok, %zu warn, %zu fail: %s\n", counts[GRADE_OK], counts[GRADE_WARN],
		counts[GRADE_FAIL],
		counts[GRADE_FAIL]               ? "it cannot be sampled"
			: !diagnosis->process[0] ? "pyrope works here"
						 : "it can be sampled");
}

/* ---- JSON ---- */

static void append_key(struct buffer *text, const char *key, const char *value)
{
	buffer_printf(text, ",\"%s\":", key);
	if (value)
		buffer_append_json(text, value);
	else
		buffer_append_string(text, "null");
}

void diagnosis_append_json(struct buffer *text, const struct diagnosis *diagnosis, pid_t pid)
{
	if (pid)
		buffer_printf(text, "{\"pid\":%d", (int)pid);
	else
		buffer_append_string(text, "{\"pid\":null");
	append_key(text, "grade", grade_names[diagnosis_grade(diagnosis)]);
	buffer_append_string(text, ",\"remarks\":[");
	for (size_t i = 0; i < diagnosis->count; i++) {
		const struct remark *remark = &diagnosis->remarks[i];

		buffer_printf(text, "%s{\"grade\":\"%s\"", i ? ",\n" : "\n", grade_names[remark->grade]);
		append_key(text, "section",
			strcmp(remark->section, diagnosis->process) == 0 ? "process" : remark->section);
		append_key(text, "topic", remark->topic);
		append_key(text, "text", remark->text);
		append_key(text, "remedy", remark->remedy);
		buffer_append_char(text, '}');
	}
	buffer_append_string(text, "\n]}\n");
}
