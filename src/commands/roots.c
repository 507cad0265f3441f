/* SPDX-License-Identifier: MIT */
/*
 * sys.path begins with the folder of the script, or with the working directory for -m and -c. Both are
 * guessed from outside: a wrong one makes a path shorter or not, and nothing else.
 */
#include "config.h"

#include "commands/roots.h"

#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_LIMIT 16

static void add(struct roots *roots, const char *folder, size_t length)
{
	struct buffer clean = { 0 };

	while (length && folder[length - 1] == '/')
		length--;
	/* Below the root of all files is everything. */
	if (!length || folder[0] != '/' || roots->count == ROOTS_LIMIT)
		return;
	utf8_clean(&clean, folder, length); /* as the names of files are */
	buffer_append_char(&clean, '/');
	for (size_t i = 0; i < roots->count; i++) {
		if (strcmp(roots->list[i], clean.data) == 0) {
			buffer_release(&clean);
			return;
		}
	}
	roots->list[roots->count++] = clean.data;
}

/* The first argument that names a file; NULL for -m, -c and a program on standard input. */
static const char *script_of(char *const arguments[], size_t count)
{
	for (size_t i = 1; i < count; i++) {
		const char *argument = arguments[i];
		size_t length = strlen(argument);

		if (strcmp(argument, "-m") == 0 || strcmp(argument, "-c") == 0)
			return NULL;
		if (argument[0] != '-' &&
			(strchr(argument, '/') || (length > 3 && strcmp(argument + length - 3, ".py") == 0)))
			return argument;
	}
	return NULL;
}

void roots_learn(struct roots *roots, struct target *target)
{
	char *arguments[ARGUMENTS_LIMIT];
	struct buffer bytes = { 0 }, path = { 0 };
	size_t count = target_arguments(target, arguments, ARGUMENTS_LIMIT, &bytes);
	const char *script = script_of(arguments, count), *slash;
	bool has_folder = target_folder(target, &path);

	if (has_folder)
		add(roots, path.data, path.length);
	if (script && script[0] == '/') {
		add(roots, script, (size_t)(strrchr(script, '/') - script));
	} else if (script && has_folder && (slash = strrchr(script, '/'))) {
		script += strncmp(script, "./", 2) == 0 ? 2 : 0;
		buffer_append_char(&path, '/');
		if (script < slash)
			buffer_append(&path, script, (size_t)(slash - script));
		add(roots, path.data, path.length);
	}
	buffer_release(&path);
	buffer_release(&bytes);
}

void roots_append(const struct roots *roots, struct buffer *list)
{
	buffer_append_string(list, "");
	for (size_t i = 0; i < roots->count; i++) {
		if (strchr(roots->list[i], '\n'))
			continue;
		buffer_append_string(list, roots->list[i]);
		buffer_append_char(list, '\n');
	}
}

void roots_add_list(struct roots *roots, const char *list)
{
	for (; *list; list += strcspn(list, "\n") + (list[strcspn(list, "\n")] == '\n'))
		add(roots, list, strcspn(list, "\n"));
}

void roots_release(struct roots *roots)
{
	for (size_t i = 0; i < roots->count; i++)
		free((void *)roots->list[i]);
	*roots = (struct roots){ .count = 0 };
}
