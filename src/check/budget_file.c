/* SPDX-License-Identifier: MIT */
/*
 * A file of budgets: one mapping in YAML, whose keys are the names of the options. libyaml gives events with
 * the lines that they stand in; what is no mapping, list or text of the expected shape is refused with its
 * line, and so is what only YAML itself needs (anchors, tags, several documents).
 *
 * Sources: https://pyyaml.org/wiki/LibYAML and yaml.h of libyaml 0.2.5.
 */
#include "config.h"

#include "check/budget_file.h"

#ifdef HAVE_LIBYAML
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define KEYS_LIMIT 32 /* more than there are */

struct budget_file {
	yaml_parser_t parser;
	const char *name;
	struct budgets *budgets;
	struct error *err;
	char *keys[KEYS_LIMIT]; /* that the file has had */
	size_t key_count;
};

/* Some texts of libyaml name no place of their own. */
static int fail(const struct budget_file *file, size_t line, const char *reason)
{
	return error_set(file->err, ERROR_USAGE, "%.256s:%zu: %s", file->name, line + 1, reason);
}

/* The next event, or -1. To be deleted. */
static int next(struct budget_file *file, yaml_event_t *event)
{
	if (yaml_parser_parse(&file->parser, event))
		return 0;
	return fail(file, file->parser.problem_mark.line,
		file->parser.problem ? file->parser.problem : "this is no YAML");
}

static const char *text_of(const yaml_event_t *event)
{
	return (const char *)event->data.scalar.value;
}

/* A text without a NUL, an anchor or a tag. */
static bool is_text(const yaml_event_t *event)
{
	return event->type == YAML_SCALAR_EVENT && !event->data.scalar.anchor && !event->data.scalar.tag &&
		strlen(text_of(event)) == event->data.scalar.length;
}

static int next_text(struct budget_file *file, yaml_event_t *event, const char *what)
{
	char reason[96];
	int result;

	if (next(file, event) != 0)
		return -1;
	if (is_text(event))
		return 0;
	snprintf(reason, sizeof(reason), "%s is expected here", what);
	result = fail(file, event->start_mark.line, reason);
	yaml_event_delete(event);
	return result;
}

/* The value of a key that is no mapping and no list. */
static int set_text(struct budget_file *file, const char *key, const char *value, size_t line)
{
	char source[512];
	const struct budget_setting *setting = budget_setting_find(key);
	int result;

	snprintf(source, sizeof(source), "%.256s:%zu", file->name, line + 1);
	result = setting ? setting->apply(file->budgets, value, source, file->err)
			 : budgets_add(file->budgets, key, value, source, file->err);
	return result == 0 ? 0 : error_wrap(file->err, "%.256s:%zu", file->name, line + 1);
}

static int read_list(struct budget_file *file, const char *key)
{
	for (;;) {
		yaml_event_t event;
		int result;

		if (next(file, &event) != 0)
			return -1;
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&event);
			return 0;
		}
		result = is_text(&event) ? set_text(file, key, text_of(&event), event.start_mark.line)
					 : fail(file, event.start_mark.line, "a text is expected here");
		yaml_event_delete(&event);
		if (result != 0)
			return -1;
	}
}

/* An expression and its limit in each line. */
static int read_limits(struct budget_file *file, const char *key)
{
	for (;;) {
		yaml_event_t pattern, limit;
		char *both;
		int result;

		if (next(file, &pattern) != 0)
			return -1;
		if (pattern.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&pattern);
			return 0;
		}
		if (!is_text(&pattern)) {
			result = fail(file, pattern.start_mark.line, "a regular expression is expected here");
			yaml_event_delete(&pattern);
			return result;
		}
		if (next_text(file, &limit, "a limit") != 0) {
			yaml_event_delete(&pattern);
			return -1;
		}
		both = xasprintf("%s=%s", text_of(&pattern), text_of(&limit));
		result = set_text(file, key, both, pattern.start_mark.line);
		free(both);
		yaml_event_delete(&pattern);
		yaml_event_delete(&limit);
		if (result != 0)
			return -1;
	}
}

static bool takes_list(const char *key)
{
	return !budget_setting_find(key);
}

static bool takes_limits(const char *key)
{
	return strcmp(key, budget_names[BUDGET_MAX]) == 0 || strcmp(key, budget_names[BUDGET_GROWTH]) == 0;
}

static int read_value(struct budget_file *file, const char *key)
{
	yaml_event_t event;
	int result;

	if (next(file, &event) != 0)
		return -1;
	if (is_text(&event))
		result = set_text(file, key, text_of(&event), event.start_mark.line);
	else if (event.type == YAML_SEQUENCE_START_EVENT && takes_list(key))
		result = read_list(file, key);
	else if (event.type == YAML_MAPPING_START_EVENT && takes_limits(key))
		result = read_limits(file, key);
	else
		result = fail(file, event.start_mark.line, "this is no value for this key");
	yaml_event_delete(&event);
	return result;
}

static int unknown_key(const struct budget_file *file, const char *key, size_t line)
{
	const char *nearest = budget_key_near(key);

	return nearest
		? error_set(file->err, ERROR_USAGE, "%.256s:%zu: unknown key '%.64s': did you mean '%s'?",
			  file->name, line + 1, key, nearest)
		: error_set(file->err, ERROR_USAGE, "%.256s:%zu: unknown key '%.64s'", file->name, line + 1,
			  key);
}

/* What YAML lets pass, and one of the two is not what was meant. */
static int note_key(struct budget_file *file, const char *key, size_t line)
{
	for (size_t i = 0; i < file->key_count; i++)
		if (strcmp(file->keys[i], key) == 0)
			return error_set(file->err, ERROR_USAGE, "%.256s:%zu: '%.64s' is there twice",
				file->name, line + 1, key);
	if (file->key_count < KEYS_LIMIT)
		file->keys[file->key_count++] = xstrdup(key);
	return 0;
}

static int read_keys(struct budget_file *file)
{
	for (;;) {
		yaml_event_t key;
		int result;

		if (next(file, &key) != 0)
			return -1;
		if (key.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&key);
			return 0;
		}
		if (!is_text(&key))
			result = fail(file, key.start_mark.line, "a key is expected here");
		else if (!budget_key_is_known(text_of(&key)))
			result = unknown_key(file, text_of(&key), key.start_mark.line);
		else
			result = note_key(file, text_of(&key), key.start_mark.line) == 0
				? read_value(file, text_of(&key))
				: -1;
		yaml_event_delete(&key);
		if (result != 0)
			return -1;
	}
}

/* What comes before and behind the one mapping. */
static int read_document(struct budget_file *file)
{
	bool is_read = false;

	for (;;) {
		yaml_event_t event;
		yaml_event_type_t type;
		size_t line;

		if (next(file, &event) != 0)
			return -1;
		type = event.type;
		line = event.start_mark.line;
		yaml_event_delete(&event);
		if (type == YAML_STREAM_END_EVENT)
			return is_read ? 0 : fail(file, 0, "there is no budget in it");
		if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_END_EVENT)
			continue;
		if (type == YAML_DOCUMENT_START_EVENT && !is_read)
			continue;
		if (type != YAML_MAPPING_START_EVENT || is_read)
			return fail(
				file, line, "one table of budgets is expected: 'key: value' in each line");
		if (read_keys(file) != 0)
			return -1;
		is_read = true;
	}
}

int budgets_parse(
	struct budgets *budgets, const char *name, const char *text, size_t length, struct error *err)
{
	struct budget_file file = { .name = name, .budgets = budgets, .err = err };
	int result;

	if (!yaml_parser_initialize(&file.parser))
		return error_set(err, ERROR_SYSTEM, "no memory to read '%.256s'", name);
	yaml_parser_set_input_string(&file.parser, (const unsigned char *)text, length);
	result = read_document(&file);
	yaml_parser_delete(&file.parser);
	while (file.key_count)
		free(file.keys[--file.key_count]);
	return result;
}
#else
int budgets_parse(
	struct budgets *budgets, const char *name, const char *text, size_t length, struct error *err)
{
	(void)budgets;
	(void)text;
	(void)length;
	return error_set(err, ERROR_UNSUPPORTED,
		"cannot read '%.256s': this pyrope was built without files of budgets: build it where "
		"libyaml is installed, or "
		"name budgets on the command line (--max and the like)",
		name);
}
#endif
