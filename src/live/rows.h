/* SPDX-License-Identifier: MIT */
/* The rows of one view of a model: what stands in the table, before it is known how large the screen is. */
#ifndef PYROPE_LIVE_ROWS_H
#define PYROPE_LIVE_ROWS_H

#include "live/model.h"

#include <regex.h>

enum live_view { VIEW_FUNCTIONS, VIEW_LINES, VIEW_TREE, VIEW_THREADS, VIEW_PROCESSES, VIEWS };

/* The columns that rows can be in the order of. Of threads and processes: the first four are others. */
enum live_sort { BY_SELF, BY_TOTAL, BY_SELF_ALL, BY_TOTAL_ALL, BY_NAME, SORTS };

/* What of the samples counts, and how it is put in order. */
struct rows_query {
	enum live_view view;
	enum sample_mode mode; /* MODE_ACTIVE, MODE_GIL or MODE_WALL */
	enum live_sort sort;
	bool reversed;
	int seconds;              /* the recent ones */
	uint32_t thread, process; /* only this one of the model; MODEL_NONE: all */
	const regex_t *filter;    /* NULL, or only rows with a name that matches: "file:function" */
	/* the nodes of the tree that are open; keys are nodes of model->calls */
	const struct u64_map *open;
};

enum { RECENT, ALL, SPANS };

struct row {
	uint64_t key; /* says which one it is when all is counted anew */
	const struct function *function;
	int line;
	uint64_t self[SPANS], total[SPANS]; /* ns */
	/* of the tree */
	uint32_t node;
	unsigned depth;
	bool has_children, is_open;
	/* of threads and processes: its number in the model; and ns in each state of the recent seconds */
	uint32_t number;
	uint64_t states[THREAD_STATES], collecting;
	size_t threads;
	bool is_gone;
};

struct rows {
	struct row *list;
	size_t count, capacity;
	double recent_ns, all_ns; /* what 100 % are: one thread all the time */
	/* kept from one time to the next, so that nothing is allocated anew */
	struct sums {
		uint64_t self[SPANS], total[SPANS];
	} * nodes;
	size_t node_capacity;
	struct u64_map places;
	uint32_t *first_child, *next_child;
	size_t child_capacity, next_capacity;
	struct buffer text;
};

void rows_fill(struct rows *rows, const struct model *model, const struct rows_query *query);
void rows_release(struct rows *rows);

/* Appends what a row is searched and filtered by, and what it is called in full. Clean UTF-8. */
void row_append(struct buffer *buffer, const struct model *model, const struct row *row, enum live_view view);

#endif
