/* SPDX-License-Identifier: MIT */
/*
 * A screen in memory: a grid of characters with styles, which what is drawn fills and a terminal shows. So
 * what is drawn can be tested without a terminal. All that is drawn outside of it is cut off, whatever its
 * size.
 */
#ifndef PYROPE_LIVE_CANVAS_H
#define PYROPE_LIVE_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

#include "pyrope/base.h"

enum canvas_style {
	STYLE_PLAIN,
	STYLE_STRONG, /* what is looked for first */
	STYLE_FAINT,
	STYLE_TITLE,  /* the line above a table */
	STYLE_CURSOR, /* the row that is selected */
	STYLE_MATCH,  /* what was searched for */
	STYLE_HOT,    /* much time */
	STYLE_WARNING,
	STYLES
};

#define CELL_MARKS 2 /* combining characters that are kept of a character */

struct canvas_cell {
	wchar_t text[CELL_MARKS + 1]; /* 0: the right half of a wide character, or no more marks */
	uint8_t style;
};

/* Zero-initialise. */
struct canvas {
	struct canvas_cell *cells; /* row by row */
	size_t columns, rows, capacity;
	bool is_unicode; /* else what is no ASCII becomes "?" */
	size_t cursor_column, cursor_row;
	bool has_cursor;
};

/* Makes it empty, and of this size. */
void canvas_begin(struct canvas *canvas, size_t columns, size_t rows);
void canvas_release(struct canvas *canvas);
/*
 * Draws text, which is cleaned here, from this column on, and not beyond the limit (a column). Returns the
 * column behind it. Widths are those of wcwidth(3), as the terminal's library has them.
 */
size_t canvas_text(struct canvas *canvas, size_t column, size_t row, size_t limit, enum canvas_style style,
	const char *text);
/* The same, right-aligned before the column `end`. */
void canvas_text_right(struct canvas *canvas, size_t begin, size_t end, size_t row, enum canvas_style style,
	const char *text);
/* The same, of the text's end as much as fits, with two dots before it. */
size_t canvas_text_end(struct canvas *canvas, size_t column, size_t row, size_t limit,
	enum canvas_style style, const char *text);
size_t canvas_printf(struct canvas *canvas, size_t column, size_t row, size_t limit, enum canvas_style style,
	const char *format, ...) PRINTF_LIKE(6, 7);
/* How many columns it would take. */
size_t canvas_width(const struct canvas *canvas, const char *text);
/* All that stands in the row gets this style. */
void canvas_row_style(struct canvas *canvas, size_t row, enum canvas_style style);
/* Appends what it shows, without blanks at the ends of lines: for tests, and for files. */
void canvas_append(const struct canvas *canvas, struct buffer *text);

#endif
