/* SPDX-License-Identifier: MIT */
/* The lines above the table: how much is going on, and what of it is shown. */
#include "config.h"

#include "live/state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Of the screen: from how many rows on there is one line of the header, two, all four. */
#define ROWS_FOR_ONE 4
#define ROWS_FOR_TWO 9
#define ROWS_FOR_ALL 14

static const char *const mode_words[] = {
	[MODE_ACTIVE] = "threads that compute",
	[MODE_CPU] = "threads that compute",
	[MODE_GIL] = "threads with the GIL",
	[MODE_WALL] = "all threads, asleep too",
};

static const char *const view_words[VIEWS] = { "functions", "lines", "call tree", "threads", "processes" };

static const char *sort_word(const struct live *live)
{
	static const char *const words[SORTS] = { "self", "total", "self of all", "total of all", "name" };
	static const char *const busy[SORTS] = { "busy", "seen", "busy of all", "seen of all", "name" };
	const bool is_busy = live->view == VIEW_THREADS || live->view == VIEW_PROCESSES;

	return (is_busy ? busy : words)[live->sort[live->view]];
}

/* A part of a line, with two blanks before it, as long as there is room for all of it. */
static size_t part(struct live *live, size_t column, size_t row, enum canvas_style style, const char *text)
{
	struct canvas *canvas = &live->canvas;
	const size_t begin = column ? column + 2 : 0;

	if (begin + canvas_width(canvas, text) > canvas->columns)
		return column;
	return canvas_text(canvas, begin, row, canvas->columns, style, text);
}

static size_t PRINTF_LIKE(5, 6) part_printf(
	struct live *live, size_t column, size_t row, enum canvas_style style, const char *format, ...)
{
	char text[PROMPT_BYTES * 2];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return part(live, column, row, style, text);
}

static void draw_counts(struct live *live, const struct model_header *header)
{
	const double seconds = model_all_ns(live->model) / 1e9;
	size_t at = part(live, 0, 0, STYLE_STRONG, "pyrope top");

	at = part_printf(live, at, 0, STYLE_PLAIN, "%zu process%s", header->processes,
		header->processes == 1 ? "" : "es");
	if (header->gone)
		at = part_printf(live, at, 0, STYLE_PLAIN, "%zu gone", header->gone);
	at = part_printf(
		live, at, 0, STYLE_PLAIN, "%zu thread%s", header->threads, header->threads == 1 ? "" : "s");
	if (live->ended)
		at = part(live, at, 0, STYLE_WARNING, live->ended);
	else if (live->is_paused)
		at = part(live, at, 0, STYLE_WARNING, "PAUSED");
	at = part_printf(live, at, 0, STYLE_PLAIN, "%.0f samples/s", header->samples_per_second);
	if (header->lost > 0.005)
		at = part_printf(live, at, 0, STYLE_WARNING, "%.0f %% lost", header->lost * 100);
	part_printf(live, at, 0, STYLE_PLAIN, "%.0f s", floor(seconds));
}

static void draw_use(struct live *live, const struct model_header *header)
{
	size_t at = part_printf(live, 0, 1, STYLE_STRONG, "CPU %.0f %%", header->cpu * 100);

	at = part_printf(live, at, 1, STYLE_STRONG, "GIL held %.0f %%", header->holds_gil * 100);
	at = part_printf(live, at, 1, header->waits_gil > 0.5 ? STYLE_WARNING : STYLE_PLAIN,
		"waited for %.0f %%", header->waits_gil * 100);
	at = part_printf(live, at, 1, header->collecting > 0.1 ? STYLE_WARNING : STYLE_PLAIN, "GC %.0f %%",
		header->collecting * 100);
	part_printf(live, at, 1, STYLE_PLAIN, "memory %.1f MB", (double)header->resident_bytes / 1e6);
}

/* The highest bar is a whole CPU, or as many as were used at most. */
static void draw_minute(struct live *live, const struct model_header *header)
{
	static const char *const bars[] = { "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586",
		"\u2587", "\u2588" };
	static const char *const plain_bars[] = { "_", ".", ",", "-", "=", "+", "*", "#" };
	struct canvas *canvas = &live->canvas;
	const char *const *list = canvas->is_unicode ? bars : plain_bars;
	size_t at = part(live, 0, 2, STYLE_PLAIN, "CPU, last minute");
	size_t room = canvas->columns > at + 2 ? canvas->columns - at - 2 : 0;
	double most = 1;

	for (int i = 0; i < MODEL_SECONDS; i++)
		most = header->minute[i] > most ? header->minute[i] : most;
	at += 2;
	room = room < MODEL_SECONDS ? room : MODEL_SECONDS;
	for (size_t i = MODEL_SECONDS - room; i < MODEL_SECONDS; i++) {
		const double level = header->minute[i] * 7.999 / most;

		at = canvas_text(canvas, at, 2, canvas->columns, STYLE_HOT,
			header->minute[i] < 0 ? " " : list[(size_t)(level < 0 ? 0 : level)]);
	}
}

static void draw_choice(struct live *live, size_t row)
{
	const bool counts = live->view != VIEW_THREADS && live->view != VIEW_PROCESSES;
	size_t at = part(live, 0, row, STYLE_STRONG, view_words[live->view]);

	at = part_printf(live, at, row, STYLE_PLAIN, "by %s%s", sort_word(live),
		live->reversed[live->view] ? ", reversed" : "");
	at = part_printf(live, at, row, STYLE_PLAIN, "last %d s", live->seconds);
	if (live->scope_tid)
		at = part_printf(live, at, row, STYLE_WARNING, "only thread %d", (int)live->scope_tid);
	else if (live->scope_pid)
		at = part_printf(live, at, row, STYLE_WARNING, "only process %d", (int)live->scope_pid);
	if (live->has_filter)
		at = part_printf(live, at, row, STYLE_WARNING, "filter: %s", live->filter_text);
	if (live->options.native)
		at = part(live, at, row, STYLE_PLAIN, "native");
	at = part_printf(live, at, row, STYLE_PLAIN, "%.4g ticks/s", 1e9 / (double)live->options.interval_ns);
	if (counts)
		part(live, at, row, STYLE_FAINT, mode_words[live->mode]);
}

size_t live_draw_header(struct live *live)
{
	const size_t rows = live->canvas.rows;
	struct model_header header;

	if (rows < ROWS_FOR_ONE)
		return 0;
	model_header(live->model, live->seconds, &header);
	draw_counts(live, &header);
	if (rows < ROWS_FOR_TWO)
		return 1;
	draw_use(live, &header);
	if (rows < ROWS_FOR_ALL)
		return 2;
	draw_minute(live, &header);
	draw_choice(live, 3);
	return 4;
}
