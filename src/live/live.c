/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "pyrope/live.h"

#include "live/screen.h"
#include "live/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_NS INT64_C(1000000000)      /* how often the numbers become others */
#define FIRST_COUNT_NS INT64_C(200000000) /* while there is little to see yet */
#define SETTLE_NS (3 * COUNT_NS)
#define DEFAULT_SECONDS 5

struct live *live_new(const struct live_options *options, struct functions *functions)
{
	struct live *live = xcalloc(1, sizeof(*live));

	live->options = *options;
	live->model = model_new(functions, options->interval_ns);
	live->mode = options->mode == MODE_CPU ? MODE_ACTIVE : options->mode;
	live->seconds = DEFAULT_SECONDS;
	live->sort[VIEW_TREE] = BY_TOTAL;
	return live;
}

void live_free(struct live *live)
{
	if (!live)
		return;
	live_close(live);
	live_hide_text(live);
	if (live->has_filter)
		regfree(&live->filter);
	rows_release(&live->rows);
	canvas_release(&live->canvas);
	u64_map_release(&live->open);
	model_free(live->model);
	free((void *)live->ended);
	free(live);
}

struct sink *live_sink(struct live *live)
{
	return model_sink(live->model);
}

/* ---- the terminal ---- */

int live_check(int terminal_fd, struct error *err)
{
	return screen_check(terminal_fd, err);
}

int live_open(struct live *live, int terminal_fd, struct error *err)
{
	live->screen = screen_open(terminal_fd, err);
	if (!live->screen)
		return -1;
	live->canvas.is_unicode = screen_is_unicode(live->screen);
	live->is_drawn = false;
	return 0;
}

void live_close(struct live *live)
{
	screen_close(live->screen);
	live->screen = NULL;
}

bool live_is_open(const struct live *live)
{
	return live->screen != NULL;
}

void live_restore(void)
{
	screen_restore();
}

void live_suspend(struct live *live)
{
	if (live->screen)
		screen_suspend(live->screen);
}

void live_continue(struct live *live)
{
	if (live->screen)
		screen_continue(live->screen);
	live->is_drawn = false;
}

/* ---- rows ---- */

/* After a reset of the model the numbers of threads and processes are others. */
static void find_scope(const struct live *live, uint32_t *process, uint32_t *thread)
{
	const uint64_t id = (uint64_t)(uint32_t)live->scope_pid << 32 | (uint32_t)live->scope_tid;
	const uint64_t *found;

	*process = *thread = MODEL_NONE;
	if (live->scope_tid && (found = u64_map_get(&live->model->thread_by_id, id)))
		*thread = (uint32_t)*found;
	if (live->scope_pid && (found = u64_map_get(&live->model->process_by_pid, (uint64_t)live->scope_pid)))
		*process = (uint32_t)*found;
}

/* The first row is where one looks for what is most: who has not moved stays there. */
static void follow_selected(struct live *live)
{
	if (live->selected)
		for (size_t i = 0; i < live->rows.count; i++)
			if (live->rows.list[i].key == live->selected_key) {
				live->selected = i;
				return;
			}
	if (live->selected >= live->rows.count)
		live->selected = live->rows.count ? live->rows.count - 1 : 0;
	live->selected_key = live->rows.count ? live->rows.list[live->selected].key : 0;
}

void live_count(struct live *live)
{
	struct rows_query query = {
		.view = live->view,
		.mode = live->mode,
		.sort = live->sort[live->view],
		.reversed = live->reversed[live->view],
		.seconds = live->seconds,
		.filter = live->has_filter ? &live->filter : NULL,
		.open = &live->open,
	};

	if (live->forgotten != live->model->forgotten) {
		live->forgotten = live->model->forgotten;
		u64_map_clear(&live->open);
		live_say(live, "too many different stacks to keep: counting began anew");
	}
	find_scope(live, &query.process, &query.thread);
	rows_fill(&live->rows, live->model, &query);
	follow_selected(live);
	live->changes = live->model->changes;
	live->is_stale = false;
	live->is_drawn = false;
}

void live_keep_in_view(struct live *live)
{
	const size_t page = live->page ? live->page : 1;

	if (live->selected < live->top)
		live->top = live->selected;
	else if (live->selected >= live->top + page)
		live->top = live->selected - page + 1;
	if (live->top + page > live->rows.count)
		live->top = live->rows.count > page ? live->rows.count - page : 0;
}

bool live_row_matches(struct live *live, const struct row *row)
{
	buffer_clear(&live->rows.text);
	row_append(&live->rows.text, live->model, row, live->view);
	return strcasestr(live->rows.text.data, live->search) != NULL;
}

/* ---- a step ---- */

static bool is_due(const struct live *live, int64_t now_ns)
{
	const bool is_young = model_all_ns(live->model) < (double)SETTLE_NS;

	if (live->is_stale)
		return true;
	if (live->is_paused || live->ended)
		return live->changes != live->model->changes && now_ns - live->counted_ns >= FIRST_COUNT_NS;
	return now_ns - live->counted_ns >= (is_young ? FIRST_COUNT_NS : COUNT_NS);
}

static void draw(struct live *live)
{
	size_t columns, rows;

	screen_size(live->screen, &columns, &rows);
	if (columns != live->canvas.columns || rows != live->canvas.rows)
		live->is_drawn = false;
	if (live->is_drawn || !screen_is_ours(live->screen))
		return;
	canvas_begin(&live->canvas, columns, rows);
	live_draw(live);
	screen_show(live->screen, &live->canvas);
	live->is_drawn = true;
}

struct live_request live_step(struct live *live)
{
	const int64_t now_ns = monotonic_ns();
	uint32_t key;

	live->request = (struct live_request){ .wish = LIVE_NOTHING };
	if (!live->screen)
		return live->request;
	if (screen_is_gone(live->screen))
		return (struct live_request){ .wish = LIVE_QUIT };
	while (live->request.wish == LIVE_NOTHING && (key = screen_key(live->screen)) != LIVE_KEY_NONE)
		live_press(live, key);
	if (is_due(live, now_ns)) {
		if (!live->is_paused && !live->ended)
			model_advance(live->model, now_ns);
		live->counted_ns = now_ns;
		live_count(live);
	}
	if (live->request.wish == LIVE_NOTHING)
		draw(live);
	return live->request;
}

void live_say(struct live *live, const char *format, ...)
{
	char text[PROMPT_BYTES * 4];
	struct buffer clean = { 0 };
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	utf8_clean(&clean, text, strlen(text));
	snprintf(live->message, sizeof(live->message), "%s", clean.data ? clean.data : "");
	buffer_release(&clean);
	live->is_drawn = false;
}

void live_end(struct live *live, const char *why)
{
	free((void *)live->ended);
	live->ended = xstrdup(why);
	live->is_stale = true;
}

size_t live_processes(const struct live *live, pid_t *pids, size_t capacity)
{
	size_t count = 0;

	for (size_t i = 0; i < live->model->process_count && count < capacity; i++)
		if (!live->model->processes[i].is_gone)
			pids[count++] = live->model->processes[i].pid;
	return count;
}

enum sample_mode live_mode(const struct live *live)
{
	return live->mode;
}
