/* SPDX-License-Identifier: MIT */
/* Keys: what each of them changes of what is shown, or asks of the caller. */
#include "config.h"

#include "live/state.h"

#include <stdio.h>
#include <string.h>

static const int64_t rates[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000 };
static const int windows[] = { 1, 5, 15, 60 };

/* ---- moving ---- */

static void select_row(struct live *live, size_t row)
{
	if (row >= live->rows.count)
		row = live->rows.count ? live->rows.count - 1 : 0;
	live->selected = row;
	live->selected_key = row < live->rows.count ? live->rows.list[row].key : 0;
	live_keep_in_view(live);
}

static void move(struct live *live, long rows)
{
	const size_t page = live->page;
	long row = (long)live->selected + rows;

	(void)page;
	select_row(live, row > 0 ? (size_t)row : 0);
}

static const struct row *selected_row(const struct live *live)
{
	return live->selected < live->rows.count ? &live->rows.list[live->selected] : NULL;
}

static void change_view(struct live *live, enum live_view view)
{
	if (live->view == view)
		return;
	live->view = view;
	live->selected = live->top = 0;
	live->is_stale = true;
}

/* ---- the tree ---- */

static void open_node(struct live *live, const struct row *row, bool is_open)
{
	u64_map_put(&live->open, row->node, is_open);
	live->is_stale = true;
}

/* All below it, too. */
static void open_all(struct live *live, const struct row *row)
{
	const struct stacks *calls = &live->model->calls;
	const bool is_open = !row->is_open;
	struct u64_map below = { 0 };

	u64_map_put(&below, row->node, true);
	u64_map_put(&live->open, row->node, is_open);
	for (size_t i = row->node + 1; i < calls->node_count; i++) {
		if (!u64_map_get(&below, calls->nodes[i].parent))
			continue;
		u64_map_put(&below, i, true);
		u64_map_put(&live->open, i, is_open);
	}
	u64_map_release(&below);
	live->is_stale = true;
}

static void go_to_parent(struct live *live, const struct row *row)
{
	size_t i = live->selected;

	while (i > 0 && live->rows.list[i].depth >= row->depth)
		i--;
	select_row(live, i);
}

static void go_left(struct live *live)
{
	const struct row *row = selected_row(live);

	if (live->view != VIEW_TREE || !row)
		return;
	if (row->is_open)
		open_node(live, row, false);
	else
		go_to_parent(live, row);
}

static void go_right(struct live *live)
{
	const struct row *row = selected_row(live);

	if (live->view != VIEW_TREE || !row || !row->has_children)
		return;
	if (row->is_open)
		move(live, 1);
	else
		open_node(live, row, true);
}

/* Opens and closes in the tree; goes to the functions of a thread, to the threads of a process. */
static void enter(struct live *live)
{
	const struct row *row = selected_row(live);
	const struct model *model = live->model;

	if (!row)
		return;
	switch (live->view) {
	case VIEW_TREE:
		if (row->has_children)
			open_node(live, row, !row->is_open);
		break;
	case VIEW_THREADS:
		live->scope_pid = model->processes[model->threads[row->number].process].pid;
		live->scope_tid = model->threads[row->number].tid;
		change_view(live, VIEW_FUNCTIONS);
		break;
	case VIEW_PROCESSES:
		live->scope_pid = model->processes[row->number].pid;
		live->scope_tid = 0;
		change_view(live, VIEW_THREADS);
		break;
	default:
		break;
	}
}

/* ---- searching and filtering ---- */

static void find(struct live *live, bool forward, bool from_here)
{
	const size_t count = live->rows.count;

	if (!live->search[0]) {
		live_say(live, "nothing was searched for yet: / asks for it");
		return;
	}
	for (size_t i = from_here ? 0 : 1; i <= count && count; i++) {
		const size_t row = (forward ? live->selected + i : live->selected + count * 2 - i) % count;

		if (live_row_matches(live, &live->rows.list[row])) {
			select_row(live, row);
			return;
		}
	}
	live_say(live, "not found: %s", live->search);
}

static void set_filter(struct live *live, const char *text)
{
	struct error err = { 0 };

	if (text[0] && pattern_check(text, &err) != 0) {
		live_say(live, "%s", err.message);
		return;
	}
	if (live->has_filter)
		regfree(&live->filter);
	live->has_filter = text[0] && regcomp(&live->filter, text, REG_EXTENDED | REG_NOSUB) == 0;
	snprintf(live->filter_text, sizeof(live->filter_text), "%s", text);
	live->selected = live->top = 0;
	live->is_stale = true;
}

/* ---- what is typed ---- */

static void ask(struct live *live, enum prompt prompt, const char *text)
{
	live->prompt = prompt;
	live->message[0] = '\0';
	snprintf(live->typed, sizeof(live->typed), "%s", text);
	live->typed_length = strlen(live->typed);
}

static void erase(struct live *live)
{
	while (live->typed_length && ((unsigned char)live->typed[--live->typed_length] & 0xc0) == 0x80)
		;
	live->typed[live->typed_length] = '\0';
}

static void type(struct live *live, uint32_t key)
{
	struct buffer text = { 0 };

	utf8_append(&text, key);
	if (text.length && live->typed_length + text.length < sizeof(live->typed)) {
		memcpy(live->typed + live->typed_length, text.data, text.length + 1);
		live->typed_length += text.length;
	}
	buffer_release(&text);
}

static void answer(struct live *live)
{
	const enum prompt prompt = live->prompt;

	live->prompt = PROMPT_NONE;
	switch (prompt) {
	case PROMPT_SEARCH:
		snprintf(live->search, sizeof(live->search), "%s", live->typed);
		if (live->search[0])
			find(live, true, true);
		break;
	case PROMPT_FILTER:
		set_filter(live, live->typed);
		break;
	case PROMPT_SAVE:
		if (!live->typed[0])
			break;
		snprintf(live->path, sizeof(live->path), "%s", live->typed);
		live->request = (struct live_request){ .wish = LIVE_SAVE, .path = live->path };
		break;
	case PROMPT_NONE:
		break;
	}
}

static void press_in_prompt(struct live *live, uint32_t key)
{
	switch (key) {
	case LIVE_KEY_ENTER:
	case '\n':
		answer(live);
		break;
	case LIVE_KEY_ESCAPE:
		live->prompt = PROMPT_NONE;
		break;
	case LIVE_KEY_ERASE:
	case '\b':
		erase(live);
		break;
	case 'u' & 0x1f:
		live->typed_length = 0;
		live->typed[0] = '\0';
		break;
	default:
		if (key >= ' ' && key < LIVE_KEY_UP)
			type(live, key);
	}
}

/* ---- a text that covers the table ---- */

static void press_in_text(struct live *live, uint32_t key)
{
	struct live_text *text = &live->text;
	const size_t page = live->canvas.rows > 3 ? live->canvas.rows - 2 : 1;
	const size_t last = text->count > page ? text->count - page : 0;

	switch (key) {
	case LIVE_KEY_DOWN:
	case 'j':
		text->top += text->top < last;
		break;
	case LIVE_KEY_UP:
	case 'k':
		text->top -= text->top > 0;
		break;
	case LIVE_KEY_PAGE_DOWN:
	case ' ':
		text->top = text->top + page < last ? text->top + page : last;
		break;
	case LIVE_KEY_PAGE_UP:
		text->top = text->top > page ? text->top - page : 0;
		break;
	case LIVE_KEY_HOME:
		text->top = 0;
		break;
	case LIVE_KEY_END:
		text->top = last;
		break;
	case LIVE_KEY_RESIZE:
		break;
	case 'd': /* once more */
		live->request = (struct live_request){ .wish = LIVE_DUMP };
		break;
	default:
		live_hide_text(live);
	}
}

/* ---- what is asked of the caller ---- */

static void change_rate(struct live *live, bool faster)
{
	const double rate = 1e9 / (double)live->options.interval_ns;
	int64_t next = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(rates); i++) {
		if (faster && (double)rates[i] > rate * 1.001) {
			next = rates[i];
			break;
		}
		if (!faster && (double)rates[i] < rate * 0.999)
			next = rates[i];
	}
	if (!next) {
		live_say(live,
			faster ? "1000 samples a second are the most" : "one sample a second is the least");
		return;
	}
	live->options.interval_ns = 1000000000 / next;
	live->request = (struct live_request){ .wish = LIVE_RATE, .interval_ns = live->options.interval_ns };
}

static void pause_or_resume(struct live *live)
{
	live->is_paused = !live->is_paused;
	if (live->is_paused)
		model_pause(live->model, monotonic_ns());
	else
		model_resume(live->model, monotonic_ns());
	live->is_stale = true;
	live->request = (struct live_request){ .wish = live->is_paused ? LIVE_PAUSE : LIVE_RESUME };
}

static void switch_native(struct live *live)
{
	if (!live->options.has_native) {
		live_say(live, "this pyrope was built without native frames");
		return;
	}
	live->options.native = !live->options.native;
	live->request = (struct live_request){ .wish = LIVE_NATIVE, .native = live->options.native };
}

static void reset(struct live *live)
{
	model_reset(live->model);
	u64_map_clear(&live->open);
	live->selected = live->top = 0;
	live->is_stale = true;
	live_say(live, "all counts are 0 again; s still writes all that was sampled");
}

/* ---- what is shown ---- */

static void change_mode(struct live *live)
{
	live->mode = live->mode == MODE_ACTIVE ? MODE_GIL : live->mode == MODE_GIL ? MODE_WALL : MODE_ACTIVE;
	live->is_stale = true;
}

static void change_window(struct live *live)
{
	size_t i = 0;

	while (i < ARRAY_LENGTH(windows) && windows[i] <= live->seconds)
		i++;
	live->seconds = i < ARRAY_LENGTH(windows) ? windows[i] : windows[0];
	live->is_stale = true;
}

static void change_sort(struct live *live, int step)
{
	enum live_sort *sort = &live->sort[live->view];

	*sort = (enum live_sort)(((int)*sort + step + SORTS) % SORTS);
	live->is_stale = true;
}

static void take_back(struct live *live)
{
	if (live->scope_tid || live->scope_pid) {
		live->scope_pid = live->scope_tid = 0;
		live->is_stale = true;
	} else if (live->has_filter) {
		set_filter(live, "");
	} else {
		live->search[0] = '\0';
	}
}

static bool press_to_move(struct live *live, uint32_t key)
{
	const long page = live->page > 1 ? (long)live->page - 1 : 1;

	switch (key) {
	case LIVE_KEY_UP:
	case 'k':
		move(live, -1);
		return true;
	case LIVE_KEY_DOWN:
	case 'j':
		move(live, 1);
		return true;
	case LIVE_KEY_PAGE_UP:
		move(live, -page);
		return true;
	case LIVE_KEY_PAGE_DOWN:
		move(live, page);
		return true;
	case LIVE_KEY_HOME:
		select_row(live, 0);
		return true;
	case LIVE_KEY_END:
		select_row(live, SIZE_MAX);
		return true;
	case LIVE_KEY_LEFT:
		go_left(live);
		return true;
	case LIVE_KEY_RIGHT:
		go_right(live);
		return true;
	case LIVE_KEY_ENTER:
	case '\n':
		enter(live);
		return true;
	default:
		return false;
	}
}

static bool press_to_ask(struct live *live, uint32_t key)
{
	switch (key) {
	case 'q':
		live->request = (struct live_request){ .wish = LIVE_QUIT };
		return true;
	case 'p':
	case ' ':
		pause_or_resume(live);
		return true;
	case '+':
	case '=':
		change_rate(live, true);
		return true;
	case '-':
		change_rate(live, false);
		return true;
	case 'N':
		switch_native(live);
		return true;
	case 's':
		ask(live, PROMPT_SAVE, live->path[0] ? live->path : live->options.file);
		return true;
	case 'd':
		live->request = (struct live_request){ .wish = LIVE_DUMP };
		return true;
	case '/':
		ask(live, PROMPT_SEARCH, "");
		return true;
	case 'f':
		ask(live, PROMPT_FILTER, live->filter_text);
		return true;
	default:
		return false;
	}
}

static void press_to_show(struct live *live, uint32_t key)
{
	switch (key) {
	case LIVE_KEY_TAB:
		change_view(live, (live->view + 1) % VIEWS);
		break;
	case LIVE_KEY_BACK_TAB:
		change_view(live, (live->view + VIEWS - 1) % VIEWS);
		break;
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
		change_view(live, (enum live_view)(key - '1'));
		break;
	case 'n':
		find(live, true, false);
		break;
	case 'b':
		find(live, false, false);
		break;
	case 'o':
	case '>':
		change_sort(live, 1);
		break;
	case 'O':
	case '<':
		change_sort(live, -1);
		break;
	case 'i':
		live->reversed[live->view] = !live->reversed[live->view];
		live->is_stale = true;
		break;
	case 'm':
		change_mode(live);
		break;
	case 'w':
		change_window(live);
		break;
	case 'r':
		reset(live);
		break;
	case '*':
		if (live->view == VIEW_TREE && selected_row(live))
			open_all(live, selected_row(live));
		break;
	case LIVE_KEY_ESCAPE:
		take_back(live);
		break;
	case '?':
	case 'h':
		live_show_help(live);
		break;
	default:
		break;
	}
}

void live_press(struct live *live, uint32_t key)
{
	live->is_drawn = false;
	if (key == LIVE_KEY_RESIZE)
		return;
	if (!live->text.is_shown)
		live->message[0] = '\0';
	if (live->prompt != PROMPT_NONE)
		press_in_prompt(live, key);
	else if (live->text.is_shown)
		press_in_text(live, key);
	else if (!press_to_move(live, key) && !press_to_ask(live, key))
		press_to_show(live, key);
	if (live->is_stale)
		live_count(live);
}
