/* SPDX-License-Identifier: MIT */
/* What pyrope top shows, and what the keys change of that. */
#ifndef PYROPE_LIVE_STATE_H
#define PYROPE_LIVE_STATE_H

#include "live/canvas.h"
#include "live/rows.h"
#include "pyrope/live.h"

#define PROMPT_BYTES 512 /* what is typed */

/* Keys that are no characters stand behind those of Unicode. */
enum live_key {
	LIVE_KEY_NONE = 0,
	LIVE_KEY_TAB = '\t',
	LIVE_KEY_ENTER = '\r',
	LIVE_KEY_ESCAPE = 27,
	LIVE_KEY_ERASE = 127,
	LIVE_KEY_UP = 0x110000,
	LIVE_KEY_DOWN,
	LIVE_KEY_LEFT,
	LIVE_KEY_RIGHT,
	LIVE_KEY_PAGE_UP,
	LIVE_KEY_PAGE_DOWN,
	LIVE_KEY_HOME,
	LIVE_KEY_END,
	LIVE_KEY_BACK_TAB,
	LIVE_KEY_RESIZE, /* the screen has another size: it is drawn anew */
	LIVE_KEY_OTHER,
};

enum prompt { PROMPT_NONE, PROMPT_SEARCH, PROMPT_FILTER, PROMPT_SAVE };

/* A text that covers the table: help, a dump. */
struct live_text {
	bool is_shown;
	char *title;
	struct buffer clean; /* its lines, each ends in a newline */
	size_t *lines;       /* where they begin */
	size_t count, capacity;
	size_t top;
};

struct live {
	struct live_options options;
	struct model *model;
	struct rows rows;
	struct canvas canvas;
	struct screen *screen; /* NULL: there is none */

	enum live_view view;
	enum live_sort sort[VIEWS];
	bool reversed[VIEWS];
	enum sample_mode mode;
	int seconds;
	bool is_paused;
	const char *ended; /* NULL, or why nothing follows; allocated */
	/* only what belongs to this process, and to this thread of it; 0: all */
	pid_t scope_pid, scope_tid;
	struct u64_map open;
	unsigned forgotten; /* of the model, as it was told last */

	size_t selected, top;
	uint64_t selected_key;
	size_t page; /* how many rows fit */

	enum prompt prompt;
	char typed[PROMPT_BYTES];
	size_t typed_length;
	char search[PROMPT_BYTES], filter_text[PROMPT_BYTES], path[PROMPT_BYTES];
	bool has_filter;
	regex_t filter;
	struct live_text text;
	char message[PROMPT_BYTES];
	bool message_is_warning;

	struct live_request request;
	bool is_stale;         /* rows are to be counted anew */
	bool is_drawn;         /* the screen shows what there is */
	int64_t counted_ns;    /* when they were */
	unsigned long changes; /* of the model, by then */
};

/* What a key does. What it asks of the caller is in live->request. */
void live_press(struct live *live, uint32_t key);
/* Counts the rows anew, and keeps the selected one where it can be found. */
void live_count(struct live *live);
/* Draws everything on the canvas, in the size that it has. */
void live_draw(struct live *live);
/* The row has scrolled into view. */
void live_keep_in_view(struct live *live);
/* Does the row contain what was searched for? */
bool live_row_matches(struct live *live, const struct row *row);

/* ---- draw_text.c ---- */

void live_draw_text(struct live *live);
void live_show_help(struct live *live);
void live_hide_text(struct live *live);

/* ---- draw_header.c ---- */

/* Returns how many rows it takes. */
size_t live_draw_header(struct live *live);

#endif
