/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "live/canvas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void canvas_begin(struct canvas *canvas, size_t columns, size_t rows)
{
	array_reserve(&canvas->cells, &canvas->capacity, columns * rows, sizeof(*canvas->cells));
	canvas->columns = columns;
	canvas->rows = rows;
	canvas->has_cursor = false;
	for (size_t i = 0; i < columns * rows; i++)
		canvas->cells[i] = (struct canvas_cell){ .text = { L' ' } };
}

void canvas_release(struct canvas *canvas)
{
	free(canvas->cells);
	*canvas = (struct canvas){ .columns = 0 };
}

/* The character at *text, which goes behind it. Texts have been cleaned, and yet nothing is believed. */
static uint32_t next_character(const char **text)
{
	const unsigned char *at = (const unsigned char *)*text;
	const size_t length = *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
	uint32_t character = length == 1 ? *at : *at & (0x7fu >> length);

	(*text)++;
	for (size_t i = 1; i < length; i++, (*text)++) {
		if ((at[i] & 0xc0) != 0x80)
			return '?';
		character = character << 6 | (at[i] & 0x3fu);
	}
	return *at >= 0x80 && *at < 0xc0 ? '?' : character;
}

/* Its columns, and what stands in its place where it cannot be shown. */
static int width_of(const struct canvas *canvas, uint32_t *character)
{
	int width;

	if (*character >= ' ' && *character < 0x7f)
		return 1;
	width = canvas->is_unicode && *character >= 0xa0 ? wcwidth((wchar_t)*character) : -1;
	if (width >= 0 && width <= 2)
		return width;
	*character = '?';
	return 1;
}

size_t canvas_width(const struct canvas *canvas, const char *text)
{
	size_t columns = 0;

	while (*text) {
		uint32_t character = next_character(&text);

		columns += (size_t)width_of(canvas, &character);
	}
	return columns;
}

static void add_mark(struct canvas *canvas, size_t column, size_t row, uint32_t mark)
{
	struct canvas_cell *cell;

	if (!column)
		return;
	cell = &canvas->cells[row * canvas->columns + column - 1];
	if (!cell->text[0] && column > 1)
		cell--; /* of a wide character */
	for (size_t i = 1; i <= CELL_MARKS; i++) {
		if (cell->text[i])
			continue;
		cell->text[i] = (wchar_t)mark;
		return;
	}
}

size_t canvas_text(struct canvas *canvas, size_t column, size_t row, size_t limit, enum canvas_style style,
	const char *text)
{
	const size_t begin = column;

	if (limit > canvas->columns)
		limit = canvas->columns;
	if (row >= canvas->rows)
		return column;
	while (*text) {
		uint32_t character = next_character(&text);
		const size_t width = (size_t)width_of(canvas, &character);

		if (!width) {
			if (column > begin)
				add_mark(canvas, column, row, character);
			continue;
		}
		if (column + width > limit)
			break;
		for (size_t i = 0; i < width; i++)
			canvas->cells[row * canvas->columns + column + i] =
				(struct canvas_cell){ .text = { i ? 0 : (wchar_t)character },
					.style = (uint8_t)style };
		column += width;
	}
	return column;
}

void canvas_text_right(struct canvas *canvas, size_t begin, size_t end, size_t row, enum canvas_style style,
	const char *text)
{
	const size_t width = canvas_width(canvas, text);

	canvas_text(canvas, width < end - begin ? end - width : begin, row, end, style, text);
}

size_t canvas_text_end(struct canvas *canvas, size_t column, size_t row, size_t limit,
	enum canvas_style style, const char *text)
{
	size_t width = canvas_width(canvas, text), room;

	if (limit > canvas->columns)
		limit = canvas->columns;
	room = limit > column ? limit - column : 0;
	if (width <= room)
		return canvas_text(canvas, column, row, limit, style, text);
	column = canvas_text(canvas, column, row, limit, style, room > 4 ? ".." : "");
	room = limit > column ? limit - column : 0;
	while (width > room) {
		uint32_t character = next_character(&text);

		width -= (size_t)width_of(canvas, &character);
	}
	return canvas_text(canvas, column, row, limit, style, text);
}

size_t canvas_printf(struct canvas *canvas, size_t column, size_t row, size_t limit, enum canvas_style style,
	const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return canvas_text(canvas, column, row, limit, style, text);
}

void canvas_row_style(struct canvas *canvas, size_t row, enum canvas_style style)
{
	for (size_t i = 0; row < canvas->rows && i < canvas->columns; i++)
		canvas->cells[row * canvas->columns + i].style = (uint8_t)style;
}

void canvas_append(const struct canvas *canvas, struct buffer *text)
{
	for (size_t row = 0; row < canvas->rows; row++) {
		const struct canvas_cell *cells = &canvas->cells[row * canvas->columns];
		size_t end = canvas->columns;

		while (end && cells[end - 1].text[0] == L' ')
			end--;
		for (size_t i = 0; i < end; i++)
			for (size_t j = 0; j <= CELL_MARKS && cells[i].text[j]; j++)
				utf8_append(text, (uint32_t)cells[i].text[j]);
		buffer_append_char(text, '\n');
	}
}
