/* SPDX-License-Identifier: MIT */
/*
 * How wide a text is on a terminal. By rule and not by wcwidth(3), which knows the character set of the
 * locale only: East Asian wide characters and emoji (Unicode Standard Annex 11) take two columns, combining
 * marks none, all others one.
 */
#include "config.h"

#include "pyrope/base.h"

static const struct {
	uint32_t first, last;
	uint8_t columns;
} ranges[] = {
	{ 0x0300, 0x036f, 0 },
	{ 0x1100, 0x115f, 2 },
	{ 0x1ab0, 0x1aff, 0 },
	{ 0x1dc0, 0x1dff, 0 },
	{ 0x20d0, 0x20ff, 0 },
	{ 0x2e80, 0x303e, 2 },
	{ 0x3041, 0xa4cf, 2 },
	{ 0xa960, 0xa97f, 2 },
	{ 0xac00, 0xd7a3, 2 },
	{ 0xf900, 0xfaff, 2 },
	{ 0xfe00, 0xfe0f, 0 },
	{ 0xfe20, 0xfe2f, 0 },
	{ 0xfe30, 0xfe6f, 2 },
	{ 0xff00, 0xff60, 2 },
	{ 0xffe0, 0xffe6, 2 },
	{ 0x1f300, 0x1f64f, 2 },
	{ 0x1f900, 0x1f9ff, 2 },
	{ 0x20000, 0x3fffd, 2 },
};

/* The character at *text, which is valid UTF-8; *text goes behind it. */
static size_t next_columns(const char **text)
{
	const unsigned char *at = (const unsigned char *)*text;
	size_t length = *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
	uint32_t code_point = length == 1 ? *at : *at & (0x7fu >> length);

	for (size_t i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			length = i; /* not valid after all: never beyond the end */
			break;
		}
		code_point = code_point << 6 | (at[i] & 0x3fu);
	}
	*text += length;
	for (size_t i = 0; i < ARRAY_LENGTH(ranges) && code_point >= ranges[i].first; i++)
		if (code_point <= ranges[i].last)
			return ranges[i].columns;
	return 1;
}

size_t text_columns(const char *text)
{
	size_t columns = 0;

	while (*text)
		columns += next_columns(&text);
	return columns;
}

size_t text_fit(const char *text, size_t columns)
{
	const char *at = text;
	size_t used = 0;

	while (*at) {
		const char *before = at;

		used += next_columns(&at);
		if (used > columns)
			return (size_t)(before - text);
	}
	return (size_t)(at - text);
}

const char *text_fit_end(const char *text, size_t columns)
{
	size_t all = text_columns(text);

	while (all > columns)
		all -= next_columns(&text);
	return text;
}

void buffer_append_fit(struct buffer *buffer, const char *text, size_t columns, enum fit fit)
{
	size_t all = text_columns(text);

	if (all > columns && columns > 2 && fit == FIT_KEEP_END) {
		buffer_append_string(buffer, "..");
		buffer_append_string(buffer, text_fit_end(text, columns - 2));
	} else if (all > columns && columns > 2) {
		buffer_append(buffer, text, text_fit(text, columns - 2));
		buffer_append_string(buffer, "..");
	} else {
		buffer_append(buffer, text, text_fit(text, columns));
	}
}
