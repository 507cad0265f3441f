/* SPDX-License-Identifier: MIT */
/*
 * A frame as text. One frame must stay one frame, and one stack one line, for every reader of collapsed
 * stacks: they split the line at its last space and the stack at each semicolon.
 */
#include "config.h"

#include "pyrope/output.h"

#include <string.h>

/* Where in text a trailing column begins that readers take for a number (" 12", " 1.5"), or NULL. */
static char *trailing_column(char *text, size_t start, size_t end)
{
	size_t at = end;

	while (at > start && ((text[at - 1] >= '0' && text[at - 1] <= '9') || text[at - 1] == '.'))
		at--;
	return at < end && at > start && text[at - 1] == ' ' ? text + at - 1 : NULL;
}

static void append_part(struct buffer *buffer, const char *part)
{
	size_t start = buffer->length;

	buffer_append_string(buffer, *part ? part : "?");
	for (size_t i = start; i < buffer->length; i++) {
		if (buffer->data[i] == ';')
			buffer->data[i] = ':';
		else if (buffer->data[i] == '\n' || buffer->data[i] == '\r')
			buffer->data[i] = ' ';
	}
}

void frame_append(
	struct buffer *buffer, const struct stack_frame *frame, const struct output_options *options)
{
	size_t start = buffer->length;
	const struct function *function = frame->function;
	char *column;

	if (function->kind == FUNCTION_MARKER) {
		append_part(buffer, function->name);
	} else {
		append_part(buffer,
			options->short_paths ? short_path(function->file, options->roots) : function->file);
		buffer_append_char(buffer, ':');
		append_part(buffer, function->name);
		if (!options->no_lines && (function->kind != FUNCTION_NATIVE || frame->line > 0)) {
			buffer_append_char(buffer, ':');
			buffer_append_int(buffer, frame->line);
		}
	}
	column = trailing_column(buffer->data, start, buffer->length);
	if (column)
		*column = '_';
}

static void append_group(struct buffer *buffer, enum profile_group group, const struct sample *sample,
	const struct output_options *options)
{
	struct function marker = { .kind = FUNCTION_MARKER, .file = "" };
	const struct stack_frame frame = { .function = &marker };
	struct buffer name = { 0 };

	if (!(options->groups & group))
		return;
	group_append(&name, group, sample);
	if (name.length) {
		marker.name = name.data;
		frame_append(buffer, &frame, options);
		buffer_append_char(buffer, ';');
	}
	buffer_release(&name);
}

void stack_append(struct buffer *buffer, const struct sample *sample, const struct output_options *options)
{
	const size_t start = buffer->length;

	append_group(buffer, GROUP_PROCESS, sample, options);
	append_group(buffer, GROUP_THREAD, sample, options);
	for (size_t i = 0; i < sample->frame_count; i++) {
		const struct stack_frame frame = { sample->frames[i].function, sample->frames[i].line };

		frame_append(buffer, &frame, options);
		if (i + 1 < sample->frame_count)
			buffer_append_char(buffer, ';');
	}
	if (buffer->length == start)
		buffer_append_char(buffer, '?');
}
