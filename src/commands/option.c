/* SPDX-License-Identifier: MIT */
/* What all options have in common: which there are, and how one of several words is chosen. */
#include "config.h"

#include "commands/command.h"
#include "commands/option.h"

#include <string.h>

const struct command *const command_table[] = {
	&command_record,
	&command_dump,
	&command_top,
	&command_report,
	&command_diff,
	&command_check,
	&command_serve,
	&command_doctor,
	NULL,
};

const struct command command_help = { .name = "help", .run = COMMAND_RUN(print_run) };
const struct command command_version = { .name = "version", .run = COMMAND_RUN(print_run) };
const struct command command_completion = { .name = "completion", .run = COMMAND_RUN(print_run) };

static const struct option_row *const rows_of_every_command[] = {
	&option_completion,
	&option_version,
	&option_help,
	NULL,
};

static bool has_row(const struct option_row *const *rows, const struct option_row *row)
{
	while (*rows && *rows != row)
		rows++;
	return *rows != NULL;
}

bool option_is_of(const struct option_row *row, const struct command *command)
{
	return has_row(command->options, row) || has_row(rows_of_every_command, row);
}

static bool is_of_earlier(const struct option_row *row, size_t command)
{
	for (size_t i = 0; i < command; i++)
		if (has_row(command_table[i]->options, row))
			return true;
	return false;
}

const struct option_row *option_next(struct option_walk *walk)
{
	while (command_table[walk->command]) {
		const struct option_row *row = command_table[walk->command]->options[walk->row++];

		if (row && !is_of_earlier(row, walk->command))
			return row;
		if (!row) {
			walk->command++;
			walk->row = 0;
		}
	}
	return walk->row < ARRAY_LENGTH(rows_of_every_command) ? rows_of_every_command[walk->row++] : NULL;
}

int option_choose(const char *const *choices, const char *value, size_t length, struct error *err)
{
	struct buffer list = { 0 };

	for (int i = 0; choices[i]; i++)
		if (strlen(choices[i]) == length && memcmp(choices[i], value, length) == 0)
			return i;
	for (int i = 0; choices[i]; i++) {
		if (i > 0)
			buffer_append_string(&list, choices[i + 1] ? ", " : " or ");
		buffer_append_string(&list, choices[i]);
	}
	error_set(err, ERROR_USAGE, "unknown value '%.*s': use %s", length > 64 ? 64 : (int)length, value,
		list.data);
	buffer_release(&list);
	return -1;
}
