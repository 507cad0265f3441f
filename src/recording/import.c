/* SPDX-License-Identifier: MIT */
/*
 * Collapsed stacks of any tool: root;...;leaf COUNT. Frames are written in several ways; those of pyrope and pyflame
 * (file:function:line), of py-spy (function (file:line)) and of perf script (function) are taken apart, so that functions
 * and lines can be told from each other. The text is untrusted: it is cleaned, and its lines have a limit.
 */
#include "config.h"

#include "pyrope/recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_LIMIT_BYTES (16u << 20)
#define CHUNK_BYTES 65536

struct import {
	const char *name;
	struct functions *functions;
	struct sink *sink;
	struct buffer line, text;
	struct sample_frame *frames;
	size_t frame_capacity;
	uint64_t number; /* of the line */
};

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

/* The number at the end of text[0..length) behind this character; SIZE_MAX: there is none. Where the character stands. */
static size_t number_at_end(const char *text, size_t length, char before, int *number)
{
	size_t at = length;
	int64_t value = 0;

	while (at > 0 && is_digit(text[at - 1]))
		at--;
	if (at == length || at == 0 || text[at - 1] != before || length - at > 9)
		return SIZE_MAX;
	for (size_t i = at; i < length; i++)
		value = value * 10 + (text[i] - '0');
	*number = (int)value;
	return at - 1;
}

static const struct function *intern(struct import *import, enum function_kind kind, const char *file, size_t file_length,
	const char *name, size_t name_length)
{
	struct function like = { .kind = kind };
	const struct function *function;
	char *file_text = xstrndup(file, file_length), *name_text = xstrndup(name, name_length);

	like.file = file_text;
	like.name = name_text;
	function = functions_intern(import->functions, &like);
	free(file_text);
	free(name_text);
	return function;
}

/* A library (libc.so.6) or the vDSO: what stands in it are native functions. */
static enum function_kind kind_of_file(const char *file, size_t length)
{
	size_t end = length;

	if (length && file[0] == '[')
		return FUNCTION_NATIVE;
	while (end && (file[end - 1] == '.' || is_digit(file[end - 1])))
		end--;
	return end >= strlen(".so") && memcmp(file + end - strlen(".so"), ".so", strlen(".so")) == 0
		? FUNCTION_NATIVE
		: FUNCTION_PYTHON;
}

static struct sample_frame parse_frame(struct import *import, const char *text, size_t length)
{
	struct sample_frame frame = { .line = 0 };
	const char *open = NULL, *colon = NULL;
	int line = 0;
	size_t end;

	for (size_t i = 0; i + 1 < length; i++) {
		if (text[i] == ' ' && text[i + 1] == '(')
			open = text + i;
		if (text[i] == ':' && i > 0)
			colon = text + i;
	}
	if (length && text[0] == '(') {
		frame.function = intern(import, FUNCTION_MARKER, "", 0, text, length);
	} else if (open && text[length - 1] == ')') {
		const char *file = open + 2;
		const size_t file_length = (size_t)(text + length - 1 - file);

		end = number_at_end(file, file_length, ':', &line);
		frame.function = intern(import, FUNCTION_PYTHON, file, end == SIZE_MAX ? file_length : end, text,
			(size_t)(open - text));
		frame.line = line;
	} else if ((end = number_at_end(text, length, ':', &line)) != SIZE_MAX && memchr(text, ':', end)) {
		const char *last = memrchr(text, ':', end);

		frame.function = intern(import, kind_of_file(text, (size_t)(last - text)), text, (size_t)(last - text), last + 1,
			(size_t)(text + end - last - 1));
		frame.line = line;
	} else if (colon && colon + 1 < text + length) {
		frame.function = intern(import, kind_of_file(text, (size_t)(colon - text)), text, (size_t)(colon - text), colon + 1,
			(size_t)(text + length - colon - 1));
	} else {
		frame.function = intern(import, FUNCTION_NATIVE, "", 0, text, length);
	}
	return frame;
}

/* "STACK COUNT" without its newline. */
static int read_line(struct import *import, struct error *err)
{
	struct sample sample = { .process_name = "", .thread_name = "", .syscall_number = -1, .quality = SAMPLE_VERIFIED };
	struct event event = { .kind = EVENT_SAMPLE, .sample = &sample, .weight = 0, .is_untimed = true };
	const char *text = import->text.data, *space = strrchr(text, ' '), *end;

	if (!space || !is_digit(space[1]))
		return error_set(err, ERROR_UNSUPPORTED,
			"'%.256s' line %llu: no number at its end: collapsed stacks are lines of 'root;...;leaf COUNT'",
			import->name, (unsigned long long)import->number);
	for (end = space + 1; is_digit(*end); end++) {
		if (event.weight > UINT64_MAX / 1000)
			return error_set(err, ERROR_UNSUPPORTED, "'%.256s' line %llu: its number is too large", import->name,
				(unsigned long long)import->number);
		event.weight = event.weight * 10 + (uint64_t)(*end - '0');
	}
	if (*end)
		return error_set(err, ERROR_UNSUPPORTED, "'%.256s' line %llu: '%.32s' is no number of samples", import->name,
			(unsigned long long)import->number, space + 1);
	for (const char *at = text; at < space;) {
		const char *semicolon = memchr(at, ';', (size_t)(space - at));
		const size_t length = (size_t)((semicolon ? semicolon : space) - at);

		array_reserve(&import->frames, &import->frame_capacity, sample.frame_count + 1, sizeof(*import->frames));
		import->frames[sample.frame_count++] = parse_frame(import, at, length);
		at += length + 1;
	}
	sample.frames = import->frames;
	return event.weight ? sink_take(import->sink, &event, err) : 0;
}

static int end_line(struct import *import, struct error *err)
{
	import->number++;
	if (import->line.length && import->line.data[import->line.length - 1] == '\r')
		import->line.length--;
	if (!import->line.length || import->line.data[0] == '#')
		return 0;
	buffer_clear(&import->text);
	buffer_append_string(&import->text, "");
	utf8_clean(&import->text, import->line.data, import->line.length);
	return import->text.length ? read_line(import, err) : 0;
}

static int take_bytes(struct import *import, const char *bytes, size_t length, struct error *err)
{
	while (length) {
		const char *newline = memchr(bytes, '\n', length);
		const size_t part = newline ? (size_t)(newline - bytes) : length;

		if (import->line.length + part > LINE_LIMIT_BYTES)
			return error_set(err, ERROR_UNSUPPORTED, "'%.256s' line %llu: longer than %u bytes", import->name,
				(unsigned long long)import->number + 1, LINE_LIMIT_BYTES);
		buffer_append(&import->line, bytes, part);
		bytes += part;
		length -= part;
		if (!newline)
			break;
		if (end_line(import, err) != 0)
			return -1;
		buffer_clear(&import->line);
		bytes++;
		length--;
	}
	return 0;
}

int collapsed_read(int fd, const char *name, struct functions *functions, struct sink *sink, struct error *err)
{
	struct import import = { .name = name, .functions = functions, .sink = sink };
	char *chunk = xmalloc(CHUNK_BYTES);
	int result = 0;

	while (result == 0) {
		const ssize_t count = read(fd, chunk, CHUNK_BYTES);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			result = error_set_errno(err, ERROR_SYSTEM, errno, "cannot read '%.256s'", name);
		if (count <= 0)
			break;
		result = take_bytes(&import, chunk, (size_t)count, err);
	}
	if (result == 0 && import.line.length)
		result = end_line(&import, err);
	free(chunk);
	free(import.frames);
	buffer_release(&import.line);
	buffer_release(&import.text);
	return result;
}
