/* SPDX-License-Identifier: MIT */
/*
 * The table of each view, and the lines below it. Columns that have no room are left out, the least important
 * first.
 */
#include "config.h"

#include "live/state.h"

#include <stdio.h>
#include <string.h>

#include "pyrope/output.h"

#define COLUMNS_FOR_TIMES 62 /* from so many on there are the times of all, too */
#define COLUMNS_FOR_TOTAL 30
#define ROWS_FOR_HINTS 5
#define ROWS_FOR_NAME 18
#define HOT 0.1 /* a part of the time that is much */
#define NUMBER_COLUMNS 8
#define DEPTH_SHOWN 40 /* of the tree: what is deeper is not moved to the right any more */

static const char *const state_words[THREAD_STATES] = {
	[THREAD_UNKNOWN] = "?",
	[THREAD_HOLDS_GIL] = "GIL",
	[THREAD_WAITS_GIL] = "waits GIL",
	[THREAD_RUNNING] = "runs",
	[THREAD_SLEEPING] = "sleeps",
	[THREAD_WAITS_CPU] = "waits CPU",
};

static double part_of(uint64_t ns, double all_ns)
{
	return all_ns > 0 ? (double)ns / all_ns : 0;
}

/* ---- cells of the table ---- */

/* Where the next column begins. */
struct line {
	struct live *live;
	size_t row, column;
};

static void title(struct line *line, size_t width, const char *text)
{
	canvas_text_right(
		&line->live->canvas, line->column, line->column + width, line->row, STYLE_TITLE, text);
	line->column += width;
}

static void percent(struct line *line, double part)
{
	char text[32] = "";

	/* what is never seen is blank: so that the eye finds the rest */
	if (part > 0)
		snprintf(text, sizeof(text), "%.1f", part * 100);
	canvas_text_right(&line->live->canvas, line->column, line->column + NUMBER_COLUMNS, line->row,
		part >= HOT ? STYLE_HOT : STYLE_PLAIN, text);
	line->column += NUMBER_COLUMNS;
}

static void number(struct line *line, size_t width, const char *format, double value)
{
	char text[32];

	/* the format is one of those below */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), format, value);
#pragma GCC diagnostic pop
	canvas_text_right(
		&line->live->canvas, line->column, line->column + width, line->row, STYLE_PLAIN, text);
	line->column += width;
}

static void words(struct line *line, size_t width, const char *text)
{
	const size_t end = line->column + width;

	canvas_text(&line->live->canvas, line->column + 2, line->row, end, STYLE_PLAIN, text);
	line->column = end;
}

static bool has_times(const struct live *live)
{
	return live->canvas.columns >= COLUMNS_FOR_TIMES;
}

/* ---- functions, lines, the tree ---- */

static void title_functions(struct line *line)
{
	struct live *live = line->live;

	title(line, NUMBER_COLUMNS, "self%");
	if (live->canvas.columns >= COLUMNS_FOR_TOTAL)
		title(line, NUMBER_COLUMNS, "total%");
	if (has_times(live)) {
		title(line, NUMBER_COLUMNS + 1, "self s");
		title(line, NUMBER_COLUMNS + 1, "total s");
	}
	canvas_text(&live->canvas, line->column + 2, line->row, live->canvas.columns, STYLE_TITLE,
		live->view == VIEW_LINES          ? "line"
			: live->view == VIEW_TREE ? "call"
						  : "function");
}

static const char *where(const struct live *live, const struct row *row)
{
	if (row->function->kind == FUNCTION_MARKER)
		return "";
	return row->function->kind == FUNCTION_PYTHON ? short_path(row->function->file, live->options.roots)
						      : row->function->file;
}

/* The name first, and behind it, as far as there is room, where it stands. */
static void draw_name(struct line *line, const struct row *row)
{
	struct canvas *canvas = &line->live->canvas;
	const enum canvas_style style = row->function->kind == FUNCTION_PYTHON ? STYLE_PLAIN : STYLE_FAINT;
	const int number_of_line = row->line ? row->line : row->function->first_line;
	const size_t limit = canvas->columns;
	struct buffer place = { 0 };
	size_t column = line->column + 2;

	column = canvas_text(canvas, column, line->row, limit, style, row->function->name);
	buffer_append_string(&place, where(line->live, row));
	if (number_of_line)
		buffer_printf(&place, ":%d", number_of_line);
	if (place.length && column + 6 < limit)
		canvas_text_end(canvas, column + 2, line->row, limit, STYLE_FAINT, place.data);
	buffer_release(&place);
}

static void draw_function(struct line *line, const struct row *row)
{
	struct live *live = line->live;
	const double recent_ns = live->rows.recent_ns;

	percent(line, part_of(row->self[RECENT], recent_ns));
	if (live->canvas.columns >= COLUMNS_FOR_TOTAL)
		percent(line, part_of(row->total[RECENT], recent_ns));
	if (has_times(live)) {
		number(line, NUMBER_COLUMNS + 1, "%.2f", (double)row->self[ALL] / 1e9);
		number(line, NUMBER_COLUMNS + 1, "%.2f", (double)row->total[ALL] / 1e9);
	}
	if (live->view == VIEW_TREE) {
		const unsigned depth = row->depth < DEPTH_SHOWN ? row->depth : DEPTH_SHOWN;

		line->column += depth;
		canvas_text(&live->canvas, line->column + 1, line->row, live->canvas.columns, STYLE_STRONG,
			!row->has_children     ? " "
				: row->is_open ? "-"
					       : "+");
		line->column++;
	}
	draw_name(line, row);
}

/* ---- threads and processes ---- */

static void title_busy(struct line *line)
{
	struct live *live = line->live;
	const bool is_threads = live->view == VIEW_THREADS;

	title(line, NUMBER_COLUMNS, is_threads ? "busy%" : "CPU%");
	title(line, NUMBER_COLUMNS, "GIL%");
	title(line, NUMBER_COLUMNS, "wait%");
	title(line, NUMBER_COLUMNS, "GC%");
	if (has_times(live))
		title(line, NUMBER_COLUMNS + 1, is_threads ? "busy s" : "MB");
	title(line, 11, is_threads ? "tid" : "pid");
	canvas_text(&live->canvas, line->column + 2, line->row, live->canvas.columns, STYLE_TITLE,
		is_threads ? "state      name             in" : "threads  Python    command");
}

static void draw_busy(struct line *line, const struct row *row, double first)
{
	const double recent_ns = line->live->rows.recent_ns;

	percent(line, first);
	percent(line, part_of(row->states[THREAD_HOLDS_GIL], recent_ns));
	percent(line, part_of(row->states[THREAD_WAITS_GIL], recent_ns));
	percent(line, part_of(row->collecting, recent_ns));
}

static void draw_thread(struct line *line, const struct row *row)
{
	struct live *live = line->live;
	const struct model *model = live->model;
	const struct model_thread *thread = &model->threads[row->number];

	draw_busy(line, row, part_of(row->self[RECENT], live->rows.recent_ns));
	if (has_times(live))
		number(line, NUMBER_COLUMNS + 1, "%.2f", (double)row->self[ALL] / 1e9);
	number(line, 11, "%.0f", (double)thread->tid);
	words(line, 12, row->is_gone ? "gone" : state_words[thread->state]);
	words(line, 17, thread->name);
	if (thread->node && !row->is_gone) {
		const struct stack_frame *frame =
			&model->stacks.frames[model->stacks.nodes[thread->node].frame];
		const struct row leaf = { .function = frame->function, .line = frame->line };

		draw_name(line, &leaf);
	}
}

static void draw_process(struct line *line, const struct row *row)
{
	struct live *live = line->live;
	const struct model_process *process = &live->model->processes[row->number];
	char threads[32];

	draw_busy(line, row, process->cpu);
	if (has_times(live))
		number(line, NUMBER_COLUMNS + 1, "%.1f", (double)process->resident_bytes / 1e6);
	number(line, 11, "%.0f", (double)process->pid);
	snprintf(threads, sizeof(threads), "%zu", row->threads);
	words(line, 9, row->is_gone ? "gone" : threads);
	words(line, 10, process->version);
	words(line, SIZE_MAX / 2, process->command_line[0] ? process->command_line : process->name);
}

/* ---- the table ---- */

static void draw_row(struct live *live, size_t row, const struct row *shown, bool is_selected)
{
	struct line line = { .live = live, .row = row };

	if (live->view == VIEW_THREADS)
		draw_thread(&line, shown);
	else if (live->view == VIEW_PROCESSES)
		draw_process(&line, shown);
	else
		draw_function(&line, shown);
	if (is_selected)
		canvas_row_style(&live->canvas, row, STYLE_CURSOR);
	else if (live->search[0] && live_row_matches(live, shown))
		canvas_row_style(&live->canvas, row, STYLE_MATCH);
	else if (shown->is_gone)
		canvas_row_style(&live->canvas, row, STYLE_FAINT);
}

static void draw_title(struct live *live, size_t row)
{
	struct line line = { .live = live, .row = row };

	if (live->view == VIEW_THREADS || live->view == VIEW_PROCESSES)
		title_busy(&line);
	else
		title_functions(&line);
	canvas_row_style(&live->canvas, row, STYLE_TITLE);
}

static const char *nothing_to_show(const struct live *live)
{
	if (!live->model->process_count)
		return "no Python yet";
	if (live->has_filter)
		return "nothing matches the filter: f changes it, Esc takes it away";
	if (!live->model->samples)
		return live->is_paused ? "nothing was sampled: p goes on" : "nothing was sampled yet";
	return live->mode == MODE_WALL ? "" : "no thread computes: m shows those that wait and sleep, too";
}

static void draw_table(struct live *live, size_t first, size_t end)
{
	draw_title(live, first++);
	live->page = end > first ? end - first : 0;
	live_keep_in_view(live);
	for (size_t i = 0; i < live->page && live->top + i < live->rows.count; i++)
		draw_row(live, first + i, &live->rows.list[live->top + i], live->top + i == live->selected);
	if (!live->rows.count)
		canvas_text(
			&live->canvas, 2, first, live->canvas.columns, STYLE_FAINT, nothing_to_show(live));
}

/* ---- the lines below ---- */

static void draw_prompt(struct live *live, size_t row)
{
	static const char *const questions[] = {
		[PROMPT_SEARCH] = "search: ",
		[PROMPT_FILTER] = "filter (a regular expression): ",
		[PROMPT_SAVE] = "write to file: ",
	};
	struct canvas *canvas = &live->canvas;
	size_t column = canvas_text(canvas, 0, row, canvas->columns, STYLE_STRONG, questions[live->prompt]);

	column = canvas_text_end(canvas, column, row, canvas->columns - 1, STYLE_PLAIN, live->typed);
	canvas->has_cursor = true;
	canvas->cursor_row = row;
	canvas->cursor_column = column;
}

static void draw_last(struct live *live, size_t row)
{
	struct canvas *canvas = &live->canvas;

	if (live->prompt != PROMPT_NONE && canvas->columns)
		draw_prompt(live, row);
	else if (live->message[0])
		canvas_text(canvas, 0, row, canvas->columns, STYLE_WARNING, live->message);
	else
		canvas_text(canvas, 0, row, canvas->columns, STYLE_FAINT,
			"? help  q quit  Tab view  o sort  / search  f filter  p pause  s save  d dump");
}

static void draw_selected(struct live *live, size_t row)
{
	struct buffer text = { 0 };

	if (live->selected >= live->rows.count)
		return;
	row_append(&text, live->model, &live->rows.list[live->selected], live->view);
	canvas_text_end(&live->canvas, 0, row, live->canvas.columns, STYLE_FAINT, text.data);
	buffer_release(&text);
}

void live_draw(struct live *live)
{
	const size_t rows = live->canvas.rows;
	size_t first, end = rows;

	if (!rows || !live->canvas.columns)
		return;
	if (live->text.is_shown) {
		live_draw_text(live);
		return;
	}
	first = live_draw_header(live);
	if (rows >= ROWS_FOR_HINTS || live->prompt != PROMPT_NONE || live->message[0])
		draw_last(live, --end);
	if (rows >= ROWS_FOR_NAME)
		draw_selected(live, --end);
	if (first < end)
		draw_table(live, first, end);
}
