/* SPDX-License-Identifier: MIT */
/* A text in the place of the table, to be looked through: the help, a dump. */
#include "config.h"

#include "live/state.h"

#include <stdlib.h>
#include <string.h>

#define LINES_LIMIT 200000
#define TEXT_LIMIT (16u << 20)

static const char help[] =
	"views     Tab, Shift-Tab   the next one, the one before\n"
	"          1 2 3 4 5        functions, lines, call tree, threads, processes\n"
	"          Enter            in threads and processes: only what belongs to this one\n"
	"          Esc              takes that back, then the filter\n"
	"rows      arrows, j k, PgUp PgDn, Home End\n"
	"tree      Enter            opens and closes a call\n"
	"          right, left      opens it, closes it or goes to its caller\n"
	"          *                opens and closes all below it\n"
	"finding   /                searches for a part of a name; n, b: the next one, the one before\n"
	"          f                filter: only what matches; in the tree only stacks with it\n"
	"order     o, O             sorts by the next column, by the one before\n"
	"          i                the other way round\n"
	"what      m                threads that compute; with the GIL; all, asleep too\n"
	"          w                the last 1, 5, 15, 60 seconds\n"
	"sampling  p, space         pauses and goes on\n"
	"          + -              more or fewer samples a second\n"
	"          N                native frames on and off\n"
	"          r                all counts begin at 0 again\n"
	"files     s                writes what was seen: the ending names the format (.svg .pyrope ..)\n"
	"          d                dumps: what every thread is doing now\n"
	"leaving   q, Ctrl-C        ends; Ctrl-Z and fg: stops pyrope, and goes on\n"
	"\n"
	"self%, total%    of the last seconds: 100 is one thread all the time\n"
	"self s, total s  of all, in seconds; self: in the function itself, total: in what it calls, too\n"
	"busy%            the thread holds the GIL, or computes without it\n";

void live_hide_text(struct live *live)
{
	live->text.is_shown = false;
	free(live->text.title);
	live->text.title = NULL;
	buffer_release(&live->text.clean);
	free(live->text.lines);
	live->text.lines = NULL;
	live->text.count = live->text.capacity = live->text.top = 0;
}

static void add_line(struct live_text *text, const char *line, size_t length)
{
	array_reserve(&text->lines, &text->capacity, text->count + 1, sizeof(*text->lines));
	text->lines[text->count++] = text->clean.length;
	utf8_clean(&text->clean, line, length);
	buffer_append_char(&text->clean, '\0');
}

void live_show(struct live *live, const char *title, const char *text, size_t length)
{
	const char *end;

	live_hide_text(live);
	live->text.is_shown = true;
	live->text.title = xstrdup(title);
	length = length < TEXT_LIMIT ? length : TEXT_LIMIT;
	for (end = text + length; text < end && live->text.count < LINES_LIMIT;) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = newline ? newline : end;

		add_line(&live->text, text, (size_t)(line_end - text));
		text = newline ? newline + 1 : end;
	}
	live->is_drawn = false;
}

void live_show_help(struct live *live)
{
	live_show(live, "pyrope top: keys", help, sizeof(help) - 1);
}

void live_draw_text(struct live *live)
{
	struct canvas *canvas = &live->canvas;
	const struct live_text *text = &live->text;
	const size_t page = canvas->rows > 2 ? canvas->rows - 2 : 0;

	canvas_text(canvas, 0, 0, canvas->columns, STYLE_TITLE, text->title);
	canvas_row_style(canvas, 0, STYLE_TITLE);
	for (size_t i = 0; i < page && text->top + i < text->count; i++)
		canvas_text(canvas, 0, 1 + i, canvas->columns, STYLE_PLAIN,
			text->clean.data + text->lines[text->top + i]);
	if (canvas->rows > 2)
		canvas_printf(canvas, 0, canvas->rows - 1, canvas->columns, STYLE_FAINT,
			"lines %zu to %zu of %zu   arrows, PgUp PgDn: move   any other key: back",
			text->count ? text->top + 1 : 0,
			text->top + page < text->count ? text->top + page : text->count, text->count);
}
