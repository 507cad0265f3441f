/* SPDX-License-Identifier: MIT */
/* --help. */
#include "config.h"

#include "commands/command.h"
#include "commands/option.h"

#include "pyrope/output.h"

#define HELP_COLUMN 28

static void pad(struct buffer *buffer, size_t line_start)
{
	if (buffer->length - line_start >= HELP_COLUMN) {
		buffer_append_char(buffer, '\n');
		line_start = buffer->length;
	}
	while (buffer->length - line_start < HELP_COLUMN)
		buffer_append_char(buffer, ' ');
}

static void append_option(struct buffer *buffer, const struct option_row *row)
{
	size_t line_start = buffer->length;

	if (row->letter)
		buffer_printf(buffer, "  -%c, --%s", row->letter, row->name);
	else
		buffer_printf(buffer, "      --%s", row->name);
	if (row->argument && row->argument_optional)
		buffer_printf(buffer, "[=%s]", row->argument);
	else if (row->argument)
		buffer_printf(buffer, " %s", row->argument);
	pad(buffer, line_start);
	buffer_append_string(buffer, row->help);
	buffer_append_char(buffer, '\n');
}

static void append_format(struct buffer *buffer, const struct output_format *format)
{
	const char *const *extension = format->extensions;
	size_t line_start = buffer->length;

	buffer_printf(buffer, "  %s", format->name);
	for (; extension && *extension; extension++)
		buffer_printf(buffer, " %s", *extension);
	pad(buffer, line_start);
	buffer_printf(buffer, "%s\n", format->description);
}

static void append_command(struct buffer *buffer, const struct command *command)
{
	size_t line_start = buffer->length;

	buffer_printf(buffer, "  %s", command->name);
	pad(buffer, line_start);
	buffer_printf(buffer, "%s\n", command->summary);
}

void help_append(struct buffer *buffer)
{
	struct option_walk walk = { 0 };
	const struct option_row *row;

	buffer_append_string(buffer,
		"pyrope samples the stacks of a running Python program, from outside.\n"
		"\n"
		"usage: pyrope [OPTIONS] PID                    sample a process for a second, or -s TIME\n"
		"       pyrope [OPTIONS] -t COMMAND [ARG...]    start a command and sample it until it "
		"exits\n"
		"       pyrope top [OPTIONS] PID                show where the time goes, while it goes\n"
		"       pyrope dump [OPTIONS] PID               show what every thread is doing now\n"
		"       pyrope doctor [PID]                     say what works here, and what is in the way\n"
		"\n"
		"commands:\n");
	for (const struct command *const *command = command_table; *command; command++)
		append_command(buffer, *command);
	buffer_append_string(buffer, "\noptions:\n");
	while ((row = option_next(&walk)))
		append_option(buffer, row);
	buffer_append_string(buffer, "\nformats, and the endings of files that name them:\n");
	for (size_t i = 0; output_formats[i]; i++)
		append_format(buffer, output_formats[i]);
	buffer_append_string(buffer,
		"\n"
		"TIME is in seconds, or has a unit: 0.5, 10ms, 250us, 2m, 1h.\n"
		"The output is one line for each stack, file:function:line;...;file:function:line COUNT;\n"
		"on a terminal, where neither -o nor --format says otherwise, a table of functions.\n"
		"\n"
		"examples:\n"
		"  pyrope -s 60 -o prof.txt 4711\n"
		"  pyrope -o prof.txt -t python3 train.py\n"
		"  pyrope -p 4711 | flamegraph.pl > prof.svg\n"
		"  pyrope dump 4711\n");
}
