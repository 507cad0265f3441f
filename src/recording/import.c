/* SPDX-License-Identifier: MIT */
/*
 * Collapsed stacks of any tool: root;...;leaf COUNT. Frames are written in several ways; those of pyrope and
 * pyflame (file:function:line), of py-spy (function (file:line)) and of perf script (function) are taken
 * apart, so that functions and lines can be told from each other. The text is untrusted: it is cleaned, and
 * its lines have a limit.
 *
 * A file of 10^5 stacks has millions of frames, but few texts: a text that was met is kept beside its frame,
 * and a line that needs no cleaning is read where it stands in what was read.
 */
#include "config.h"

#include "pyrope/recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_LIMIT_BYTES (16u << 20)
#define CHUNK_BYTES 65536
#define SAMPLES_LIMIT 90000000000000000 /* of a file: the sums of a hundred of them are right */
#define KNOWN_TEXTS 32768               /* a power of two */
#define KNOWN_TEXT_BYTES 512            /* a longer one is taken apart each time */

struct known_text {
	char *text; /* not terminated; NULL: a free place */
	uint32_t length;
	struct sample_frame frame;
};

struct import {
	const char *name;
	struct functions *functions;
	struct sink *sink;
	struct buffer line, text;
	struct sample_frame *frames;
	size_t frame_capacity;
	struct known_text *known; /* each text has two places, the latest first */
	uint64_t number;          /* of the line */
	uint64_t samples;         /* of all lines */
};

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

/*
 * The number at the end of text[0..length) behind this character; SIZE_MAX: there is none. Where the
 * character stands.
 */
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

static const struct function *intern(struct import *import, enum function_kind kind, const char *file,
	size_t file_length, const char *name, size_t name_length)
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
		frame.function = intern(import, FUNCTION_PYTHON, file, end == SIZE_MAX ? file_length : end,
			text, (size_t)(open - text));
		frame.line = line;
	} else if ((end = number_at_end(text, length, ':', &line)) != SIZE_MAX && memchr(text, ':', end)) {
		const char *last = memrchr(text, ':', end);

		frame.function = intern(import, kind_of_file(text, (size_t)(last - text)), text,
			(size_t)(last - text), last + 1, (size_t)(text + end - last - 1));
		frame.line = line;
	} else if (colon && colon + 1 < text + length) {
		frame.function = intern(import, kind_of_file(text, (size_t)(colon - text)), text,
			(size_t)(colon - text), colon + 1, (size_t)(text + length - colon - 1));
	} else {
		frame.function = intern(import, FUNCTION_NATIVE, "", 0, text, length);
	}
	return frame;
}

/* Of a text in a cache: who makes many of them fall on one place makes reading slow and nothing else. */
static size_t place_of(const char *text, size_t length)
{
	uint64_t hash = length, word = 0;

	for (; length >= sizeof(word); text += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, text, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	word = 0;
	memcpy(&word, text, length);
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(hash >> 32) & (KNOWN_TEXTS - 1);
}

static bool is_text(const struct known_text *known, const char *text, size_t length)
{
	return known->text && known->length == length && memcmp(known->text, text, length) == 0;
}

static struct sample_frame find_frame(struct import *import, const char *text, size_t length)
{
	struct known_text *first, *second;

	if (length > KNOWN_TEXT_BYTES)
		return parse_frame(import, text, length);
	first = &import->known[place_of(text, length)];
	second = &import->known[place_of(text, length) ^ 1];
	if (is_text(first, text, length))
		return first->frame;
	if (is_text(second, text, length))
		return second->frame;
	free(second->text);
	*second = *first;
	*first = (struct known_text){ xstrndup(text, length), (uint32_t)length,
		parse_frame(import, text, length) };
	return first->frame;
}

static int read_count(
	struct import *import, const char *digits, const char *end, uint64_t *count, struct error *err)
{
	const char *at = digits;

	for (*count = 0; at < end && is_digit(*at); at++) {
		if (*count > UINT64_MAX / 1000)
			return error_set(err, ERROR_UNSUPPORTED,
				"'%.256s' line %llu: its number is too large", import->name,
				(unsigned long long)import->number);
		*count = *count * 10 + (uint64_t)(*at - '0');
	}
	if (at < end)
		return error_set(err, ERROR_UNSUPPORTED, "'%.256s' line %llu: '%.*s' is no number of samples",
			import->name, (unsigned long long)import->number,
			end - digits < 32 ? (int)(end - digits) : 32, digits);
	if (*count > SAMPLES_LIMIT - import->samples)
		return error_set(err, ERROR_UNSUPPORTED, "'%.256s' line %llu: its number is too large",
			import->name, (unsigned long long)import->number);
	import->samples += *count;
	return 0;
}

/* "STACK COUNT" without its newline, cleaned. */
static int read_line(struct import *import, const char *text, size_t length, struct error *err)
{
	struct sample sample = {
		.process_name = "", .thread_name = "", .syscall_number = -1, .quality = SAMPLE_VERIFIED
	};
	struct event event = { .kind = EVENT_SAMPLE, .sample = &sample, .weight = 0, .is_untimed = true };
	const char *space = memrchr(text, ' ', length);

	if (!space || space + 1 == text + length || !is_digit(space[1]))
		return error_set(err, ERROR_UNSUPPORTED,
			"'%.256s' line %llu: no number at its end: collapsed stacks are lines of "
			"'root;...;leaf COUNT'",
			import->name, (unsigned long long)import->number);
	if (read_count(import, space + 1, text + length, &event.weight, err) != 0)
		return -1;
	for (const char *at = text; at < space;) {
		const char *semicolon = memchr(at, ';', (size_t)(space - at));
		const size_t part = (size_t)((semicolon ? semicolon : space) - at);

		array_reserve(&import->frames, &import->frame_capacity, sample.frame_count + 1,
			sizeof(*import->frames));
		import->frames[sample.frame_count++] = find_frame(import, at, part);
		at += part + 1;
	}
	sample.frames = import->frames;
	return event.weight ? sink_take(import->sink, &event, err) : 0;
}

static int end_line(struct import *import, const char *line, size_t length, struct error *err)
{
	import->number++;
	if (length && line[length - 1] == '\r')
		length--;
	if (!length || line[0] == '#')
		return 0;
	if (utf8_is_plain(line, length))
		return read_line(import, line, length, err);
	buffer_clear(&import->text);
	utf8_clean(&import->text, line, length);
	return import->text.length ? read_line(import, import->text.data, import->text.length, err) : 0;
}

static int take_bytes(struct import *import, const char *bytes, size_t length, struct error *err)
{
	while (length) {
		const char *newline = memchr(bytes, '\n', length);
		const size_t part = newline ? (size_t)(newline - bytes) : length;
		const bool is_whole = newline && !import->line.length;

		if (import->line.length + part > LINE_LIMIT_BYTES)
			return error_set(err, ERROR_UNSUPPORTED, "'%.256s' line %llu: longer than %u bytes",
				import->name, (unsigned long long)import->number + 1, LINE_LIMIT_BYTES);
		if (!is_whole)
			buffer_append(&import->line, bytes, part);
		if (!newline)
			break;
		if (end_line(import, is_whole ? bytes : import->line.data,
			    is_whole ? part : import->line.length, err) != 0)
			return -1;
		buffer_clear(&import->line);
		bytes += part + 1;
		length -= part + 1;
	}
	return 0;
}

int collapsed_read(
	int fd, const char *name, struct functions *functions, struct sink *sink, struct error *err)
{
	struct import import = { .name = name, .functions = functions, .sink = sink };
	char *chunk = xmalloc(CHUNK_BYTES);
	int result = 0;

	import.known = xcalloc(KNOWN_TEXTS, sizeof(*import.known));
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
		result = end_line(&import, import.line.data, import.line.length, err);
	for (size_t i = 0; i < KNOWN_TEXTS; i++)
		free(import.known[i].text);
	free(import.known);
	free(chunk);
	free(import.frames);
	buffer_release(&import.line);
	buffer_release(&import.text);
	return result;
}
