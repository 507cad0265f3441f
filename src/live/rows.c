/* SPDX-License-Identifier: MIT */
/*
 * Sums of the cells by node, of the nodes by function, line, or as a tree. A function that stands several
 * times in a stack counts once in its total.
 */
#include "config.h"

#include "live/rows.h"

#include <stdlib.h>
#include <string.h>

#define NO_NODE UINT32_MAX

/* ---- what counts ---- */

static bool is_selected(
	const struct model *model, const struct rows_query *query, const struct model_cell *cell)
{
	const struct model_thread *thread = &model->threads[cell->thread];

	if (query->thread != MODEL_NONE && cell->thread != query->thread)
		return false;
	if (query->process != MODEL_NONE && thread->process != query->process)
		return false;
	if (query->mode == MODE_WALL)
		return true;
	if (query->mode == MODE_GIL)
		return cell->state == THREAD_HOLDS_GIL ||
			(cell->state == THREAD_RUNNING && model->processes[thread->process].free_threaded);
	return cell->state == THREAD_HOLDS_GIL || cell->state == THREAD_RUNNING;
}

typedef void add_cell(
	struct rows *rows, const struct model *model, const struct model_cell *cell, int span, uint64_t ns);

static void for_each_cell(struct rows *rows, const struct model *model, const struct rows_query *query,
	bool selects, add_cell *add)
{
	const int64_t last = (int64_t)(model_all_ns(model) / 1e9);
	const int64_t first = last > query->seconds ? last - query->seconds : 0;

	for (size_t i = 0; i < model->cell_count; i++)
		if (!selects || is_selected(model, query, &model->cells[i]))
			add(rows, model, &model->cells[i], ALL, model->cells[i].all_ns);
	for (int64_t i = first; i <= last; i++) {
		const struct model_second *second = &model->seconds[i % (MODEL_SECONDS + 1)];

		for (size_t j = 0; second->number == i && j < second->count; j++) {
			const struct model_cell *cell = &model->cells[second->parts[j].cell];

			if (!selects || is_selected(model, query, cell))
				add(rows, model, cell, RECENT, second->parts[j].ns);
		}
	}
}

static struct row *add_row(struct rows *rows, uint64_t key)
{
	array_reserve(&rows->list, &rows->capacity, rows->count + 1, sizeof(*rows->list));
	rows->list[rows->count] = (struct row){ .key = key };
	return &rows->list[rows->count++];
}

static void clear_nodes(struct rows *rows, size_t count)
{
	array_reserve(&rows->nodes, &rows->node_capacity, count, sizeof(*rows->nodes));
	memset(rows->nodes, 0, count * sizeof(*rows->nodes));
}

static void add_up(struct rows *rows, const struct stacks *stacks)
{
	for (size_t i = stacks->node_count; i-- > 0;) {
		struct sums *sums = &rows->nodes[i], *parent = &rows->nodes[stacks->nodes[i].parent];

		for (int span = 0; span < SPANS; span++) {
			sums->total[span] += sums->self[span];
			if (i)
				parent->total[span] += sums->total[span];
		}
	}
}

/* ---- functions and lines ---- */

static void add_to_call(
	struct rows *rows, const struct model *model, const struct model_cell *cell, int span, uint64_t ns)
{
	rows->nodes[model->call_of[cell->node]].self[span] += ns;
}

static void add_to_line(
	struct rows *rows, const struct model *model, const struct model_cell *cell, int span, uint64_t ns)
{
	(void)model;
	rows->nodes[cell->node].self[span] += ns;
}

static void fill_flat(struct rows *rows, const struct model *model, const struct rows_query *query)
{
	const bool by_line = query->view == VIEW_LINES;
	const struct stacks *stacks = by_line ? &model->stacks : &model->calls;
	const uint8_t *is_first = by_line ? model->is_first_line : model->is_first_call;

	clear_nodes(rows, stacks->node_count);
	for_each_cell(rows, model, query, true, by_line ? add_to_line : add_to_call);
	add_up(rows, stacks);
	u64_map_clear(&rows->places);
	for (size_t i = 1; i < stacks->node_count; i++) {
		const struct sums *sums = &rows->nodes[i];
		const uint32_t frame = stacks->nodes[i].frame;
		const uint64_t *place;
		struct row *row;

		if (!sums->total[ALL] && !sums->total[RECENT])
			continue;
		place = u64_map_get(&rows->places, frame);
		if (place) {
			row = &rows->list[*place];
		} else {
			const struct stack_frame *found = &stacks->frames[frame];

			u64_map_put(&rows->places, frame, rows->count);
			row = add_row(rows, (uint64_t)found->function->id << 32 | (uint32_t)found->line);
			row->function = found->function;
			row->line = found->line;
		}
		for (int span = 0; span < SPANS; span++) {
			row->self[span] += sums->self[span];
			row->total[span] += is_first[i] ? sums->total[span] : 0;
		}
	}
}

/* ---- threads and processes ---- */

static void add_states(struct row *row, const struct model_cell *cell, int span, uint64_t ns)
{
	row->total[span] += ns;
	if (cell->state == THREAD_HOLDS_GIL || cell->state == THREAD_RUNNING)
		row->self[span] += ns;
	if (span == ALL)
		return;
	row->states[cell->state] += ns;
	row->collecting += cell->is_collecting ? ns : 0;
}

/* Rows are there already, one for each. */
static void add_to_thread(
	struct rows *rows, const struct model *model, const struct model_cell *cell, int span, uint64_t ns)
{
	(void)model;
	add_states(&rows->list[cell->thread], cell, span, ns);
}

static void fill_threads(struct rows *rows, const struct model *model, const struct rows_query *query)
{
	size_t kept = 0;

	for (size_t i = 0; i < model->thread_count; i++) {
		const struct model_thread *thread = &model->threads[i];
		const uint64_t pid = (uint32_t)model->processes[thread->process].pid;
		struct row *row = add_row(rows, pid << 32 | (uint32_t)thread->tid);

		row->number = (uint32_t)i;
		row->is_gone = !model_thread_lives(model, thread);
	}
	for_each_cell(rows, model, query, false, add_to_thread);
	for (size_t i = 0; i < rows->count; i++)
		if (query->process == MODEL_NONE || model->threads[i].process == query->process)
			rows->list[kept++] = rows->list[i];
	rows->count = kept;
}

static void add_to_process(
	struct rows *rows, const struct model *model, const struct model_cell *cell, int span, uint64_t ns)
{
	add_states(&rows->list[model->threads[cell->thread].process], cell, span, ns);
}

static void fill_processes(struct rows *rows, const struct model *model, const struct rows_query *query)
{
	for (size_t i = 0; i < model->process_count; i++) {
		struct row *row = add_row(rows, (uint32_t)model->processes[i].pid);

		row->number = (uint32_t)i;
		row->is_gone = model->processes[i].is_gone;
	}
	for (size_t i = 0; i < model->thread_count; i++)
		rows->list[model->threads[i].process].threads +=
			model_thread_lives(model, &model->threads[i]);
	for_each_cell(rows, model, query, false, add_to_process);
}

/* ---- names, filter, order ---- */

void row_append(struct buffer *buffer, const struct model *model, const struct row *row, enum live_view view)
{
	const struct model_thread *thread;
	const struct model_process *process;

	switch (view) {
	case VIEW_THREADS:
		thread = &model->threads[row->number];
		buffer_printf(buffer, "%d %d %s", (int)model->processes[thread->process].pid,
			(int)thread->tid, thread->name);
		break;
	case VIEW_PROCESSES:
		process = &model->processes[row->number];
		buffer_printf(buffer, "%d %s %s", (int)process->pid, process->name, process->command_line);
		break;
	default:
		if (row->function->kind != FUNCTION_MARKER) {
			buffer_append_string(buffer, row->function->file);
			buffer_append_char(buffer, ':');
		}
		buffer_append_string(buffer, row->function->name);
		if (row->line)
			buffer_printf(buffer, ":%d", row->line);
	}
}

static bool matches(
	struct rows *rows, const struct model *model, const struct rows_query *query, const struct row *row)
{
	buffer_clear(&rows->text);
	row_append(&rows->text, model, row, query->view);
	return regexec(query->filter, rows->text.data, 0, NULL, 0) == 0;
}

static void keep_matching(struct rows *rows, const struct model *model, const struct rows_query *query)
{
	size_t kept = 0;

	for (size_t i = 0; query->filter && i < rows->count; i++)
		if (matches(rows, model, query, &rows->list[i]))
			rows->list[kept++] = rows->list[i];
	if (query->filter)
		rows->count = kept;
}

/* What qsort has no place for; the view is drawn in one thread. */
static const struct rows_query *sorted_by;
static const struct model *sorted_model;

static int compare_numbers(uint64_t left, uint64_t right)
{
	return left > right ? -1 : left < right;
}

static int compare_names(const struct row *left, const struct row *right)
{
	int order;

	switch (sorted_by->view) {
	case VIEW_THREADS:
		order = strcmp(
			sorted_model->threads[left->number].name, sorted_model->threads[right->number].name);
		break;
	case VIEW_PROCESSES:
		order = strcmp(sorted_model->processes[left->number].command_line,
			sorted_model->processes[right->number].command_line);
		break;
	default:
		order = strcmp(left->function->name, right->function->name);
		if (!order)
			order = strcmp(left->function->file, right->function->file);
		if (!order)
			order = left->line - right->line;
	}
	return order;
}

static int compare_by(enum live_sort sort, const struct row *left, const struct row *right)
{
	switch (sort) {
	case BY_SELF:
		return compare_numbers(left->self[RECENT], right->self[RECENT]);
	case BY_TOTAL:
		return compare_numbers(left->total[RECENT], right->total[RECENT]);
	case BY_SELF_ALL:
		return compare_numbers(left->self[ALL], right->self[ALL]);
	case BY_TOTAL_ALL:
		return compare_numbers(left->total[ALL], right->total[ALL]);
	case BY_NAME:
	case SORTS:
		break;
	}
	return compare_names(left, right);
}

static int compare_rows(const void *first, const void *second)
{
	/* where the first column says nothing, the next ones do */
	static const enum live_sort next[] = { BY_SELF, BY_TOTAL, BY_SELF_ALL, BY_TOTAL_ALL, BY_NAME };
	const struct row *left = first, *right = second;
	int order = compare_by(sorted_by->sort, left, right);

	order = sorted_by->reversed ? -order : order;
	for (size_t i = 0; !order && i < ARRAY_LENGTH(next); i++)
		order = compare_by(next[i], left, right);
	return order ? order : left->key < right->key ? -1 : left->key > right->key;
}

static void sort(struct row *list, size_t count, const struct model *model, const struct rows_query *query)
{
	sorted_by = query;
	sorted_model = model;
	if (count > 1)
		qsort(list, count, sizeof(*list), compare_rows);
}

/* ---- the tree ---- */

static void link_children(struct rows *rows, const struct stacks *calls)
{
	array_reserve(&rows->first_child, &rows->child_capacity, calls->node_count, sizeof(uint32_t));
	array_reserve(&rows->next_child, &rows->next_capacity, calls->node_count, sizeof(uint32_t));
	for (size_t i = 0; i < calls->node_count; i++)
		rows->first_child[i] = rows->next_child[i] = NO_NODE;
	for (size_t i = calls->node_count; i-- > 1;) {
		const uint32_t parent = calls->nodes[i].parent;

		if (!rows->nodes[i].total[ALL] && !rows->nodes[i].total[RECENT])
			continue;
		rows->next_child[i] = rows->first_child[parent];
		rows->first_child[parent] = (uint32_t)i;
	}
}

/* Unless the user has said otherwise, what has nearly all of its caller's time is open: to the first fork. */
static bool is_open(
	const struct rows *rows, const struct rows_query *query, const struct stacks *calls, uint32_t node)
{
	const uint64_t *said = u64_map_get(query->open, node);
	const uint64_t callers = rows->nodes[calls->nodes[node].parent].total[ALL];

	return said ? *said : rows->nodes[node].total[ALL] > callers / 10 * 9;
}

/* Its children become the last rows, in order. Returns how many. */
static size_t add_children(struct rows *rows, const struct model *model, const struct rows_query *query,
	uint32_t node, unsigned depth)
{
	const size_t begin = rows->count;

	for (uint32_t i = rows->first_child[node]; i != NO_NODE; i = rows->next_child[i]) {
		struct row *row = add_row(rows, i);

		row->node = i;
		row->depth = depth;
		row->function = model->calls.frames[model->calls.nodes[i].frame].function;
		memcpy(row->self, rows->nodes[i].self, sizeof(row->self));
		memcpy(row->total, rows->nodes[i].total, sizeof(row->total));
		row->has_children = rows->first_child[i] != NO_NODE;
		row->is_open = row->has_children && is_open(rows, query, &model->calls, i);
	}
	sort(rows->list + begin, rows->count - begin, model, query);
	return rows->count - begin;
}

/* Only stacks with a function that matches count. */
static void keep_matching_stacks(struct rows *rows, const struct model *model, const struct rows_query *query)
{
	const struct stacks *calls = &model->calls;
	uint32_t *is_kept;

	array_reserve(&rows->next_child, &rows->next_capacity, calls->node_count, sizeof(uint32_t));
	is_kept = rows->next_child;
	is_kept[0] = false;
	u64_map_clear(&rows->places);
	for (size_t i = 1; i < calls->node_count; i++) {
		const uint32_t frame = calls->nodes[i].frame;
		const uint64_t *known = u64_map_get(&rows->places, frame);
		const struct row row = { .function = calls->frames[frame].function };
		const bool is_match = known ? *known : matches(rows, model, query, &row);

		if (!known)
			u64_map_put(&rows->places, frame, is_match);
		is_kept[i] = is_kept[calls->nodes[i].parent] || is_match;
		if (!is_kept[i])
			memset(rows->nodes[i].self, 0, sizeof(rows->nodes[i].self));
	}
}

/*
 * Without recursion, as stacks may be deep: rows that are still to be shown wait in a list, the next one at
 * its end.
 */
static void fill_tree(struct rows *rows, const struct model *model, const struct rows_query *query)
{
	struct rows shown = { .list = NULL };

	clear_nodes(rows, model->calls.node_count);
	for_each_cell(rows, model, query, true, add_to_call);
	if (query->filter)
		keep_matching_stacks(rows, model, query);
	add_up(rows, &model->calls);
	link_children(rows, &model->calls);
	/* the stack of waiting rows is in `rows`, its end is shown next: so children come in reverse order */
	for (size_t count = add_children(rows, model, query, 0, 0);;) {
		struct row *row;

		for (size_t i = 0; i < count / 2; i++) {
			struct row *left = &rows->list[rows->count - count + i];
			struct row *right = &rows->list[rows->count - 1 - i];
			const struct row other = *left;

			*left = *right;
			*right = other;
		}
		if (!rows->count)
			break;
		row = add_row(&shown, 0);
		*row = rows->list[--rows->count];
		count = row->is_open ? add_children(rows, model, query, row->node, row->depth + 1) : 0;
	}
	free(rows->list);
	rows->list = shown.list;
	rows->count = shown.count;
	rows->capacity = shown.capacity;
}

/* ---- all of it ---- */

void rows_fill(struct rows *rows, const struct model *model, const struct rows_query *query)
{
	rows->count = 0;
	rows->recent_ns = model_recent_ns(model, query->seconds);
	rows->all_ns = model_all_ns(model);
	switch (query->view) {
	case VIEW_THREADS:
		fill_threads(rows, model, query);
		break;
	case VIEW_PROCESSES:
		fill_processes(rows, model, query);
		break;
	case VIEW_TREE:
		fill_tree(rows, model, query);
		return;
	default:
		fill_flat(rows, model, query);
	}
	keep_matching(rows, model, query);
	sort(rows->list, rows->count, model, query);
}

void rows_release(struct rows *rows)
{
	free(rows->list);
	free(rows->nodes);
	free(rows->first_child);
	free(rows->next_child);
	u64_map_release(&rows->places);
	buffer_release(&rows->text);
	*rows = (struct rows){ .count = 0 };
}
