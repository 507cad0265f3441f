/* SPDX-License-Identifier: MIT */
/*
 * One stack after the other, along its frames. A row's mark is the number of the last stack in which it was
 * met.
 */
#include "config.h"

#include "output/edges.h"

#include <stdlib.h>
#include <string.h>

struct walk {
	struct edges *edges;
	const struct stacks *stacks;
	uint32_t *row_of; /* by frame */
	uint32_t *mark;   /* by row */
	uint32_t *path;   /* frames of the present stack, innermost first */
	size_t depth, path_capacity;
	uint64_t count; /* of the present stack */
	/* caller << 32 | callee -> first of a list of edges that differ in their lines */
	struct u64_map by_pair;
	uint32_t *next_edge; /* by edge: the next of its list; 0: none */
	size_t next_capacity;
};

static void number_functions(struct walk *walk)
{
	struct edges *edges = walk->edges;
	struct u64_map rows = { 0 };

	for (size_t i = 0; i < walk->stacks->frame_count; i++) {
		const struct function *function = walk->stacks->frames[i].function;
		const uint64_t *known = u64_map_get(&rows, function->id);

		walk->row_of[i] = (uint32_t)(known ? *known : edges->function_count);
		if (known)
			continue;
		u64_map_put(&rows, function->id, edges->function_count);
		edges->functions[edges->function_count++] = function;
	}
	u64_map_release(&rows);
}

static void add(struct walk *walk, struct edge added)
{
	struct edges *edges = walk->edges;
	const uint64_t pair = (uint64_t)added.caller << 32 | added.callee;
	const uint64_t *head = u64_map_get(&walk->by_pair, pair);

	for (uint32_t i = head ? (uint32_t)*head : 0; i; i = walk->next_edge[i]) {
		if (edges->list[i].line == added.line) {
			edges->list[i].count += added.count;
			edges->list[i].self += added.self;
			return;
		}
	}
	array_reserve(&edges->list, &edges->capacity, edges->count + 1, sizeof(*edges->list));
	array_reserve(&walk->next_edge, &walk->next_capacity, edges->count + 1, sizeof(*walk->next_edge));
	walk->next_edge[edges->count] = head ? (uint32_t)*head : 0;
	edges->list[edges->count] = added;
	u64_map_put(&walk->by_pair, pair, edges->count++);
}

/* From the outermost frame inwards: what is met for the first time is the outermost of its function. */
static void add_by_callee(struct walk *walk, uint32_t mark, bool by_line)
{
	const uint32_t innermost = walk->row_of[walk->path[0]];
	uint32_t caller = EDGE_SELF;
	int line = 0;

	for (size_t i = walk->depth; i-- > 0;) {
		const uint32_t row = walk->row_of[walk->path[i]];

		if (walk->mark[row] != mark)
			add(walk,
				(struct edge){
					caller, row, line, walk->count, row == innermost ? walk->count : 0 });
		walk->mark[row] = mark;
		caller = row;
		line = by_line ? walk->stacks->frames[walk->path[i]].line : 0;
	}
}

static void walk_stack(struct walk *walk, uint32_t node)
{
	const struct stack_node *nodes = walk->stacks->nodes;

	walk->count = nodes[node].count;
	for (walk->depth = 0; node; node = nodes[node].parent) {
		array_reserve(&walk->path, &walk->path_capacity, walk->depth + 1, sizeof(*walk->path));
		walk->path[walk->depth++] = nodes[node].frame;
	}
}

static void count_functions(struct walk *walk, uint32_t mark)
{
	struct edges *edges = walk->edges;

	edges->self[walk->row_of[walk->path[0]]] += walk->count;
	for (size_t i = 0; i < walk->depth; i++) {
		const uint32_t row = walk->row_of[walk->path[i]];

		if (walk->mark[row] != mark)
			edges->total[row] += walk->count;
		walk->mark[row] = mark;
	}
}

static void walk_stacks(struct walk *walk, enum edges_rule rule)
{
	uint32_t mark = 0;

	for (size_t i = 1; i < walk->stacks->node_count; i++) {
		if (!walk->stacks->nodes[i].count)
			continue;
		if (mark > UINT32_MAX - 4) { /* the number of nodes is one, too, and each takes two marks */
			memset(walk->mark, 0, walk->edges->function_count * sizeof(*walk->mark));
			mark = 0;
		}
		walk_stack(walk, (uint32_t)i);
		count_functions(walk, ++mark);
		add_by_callee(walk, ++mark, rule == EDGES_BY_LINE);
		if (rule == EDGES_BY_LINE)
			add(walk,
				(struct edge){ walk->row_of[walk->path[0]], EDGE_SELF,
					walk->stacks->frames[walk->path[0]].line, walk->count, walk->count });
	}
}

static int compare_numbers(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int compare_by_caller(const void *left, const void *right)
{
	const struct edge *a = left, *b = right;

	if (a->caller != b->caller)
		return compare_numbers(a->caller, b->caller);
	return a->line != b->line ? (a->line > b->line) - (a->line < b->line)
				  : compare_numbers(a->callee, b->callee);
}

static int compare_by_callee(const void *left, const void *right)
{
	const struct edge *a = left, *b = right;

	return a->callee != b->callee ? compare_numbers(a->callee, b->callee)
				      : compare_numbers(a->caller, b->caller);
}

void edges_init(struct edges *edges, const struct profile *profile, enum edges_rule rule)
{
	const struct stacks *stacks = profile_stacks(profile);
	const size_t frames = stacks->frame_count + 1;
	struct walk walk = {
		.edges = edges,
		.stacks = stacks,
		.row_of = xcalloc(frames, sizeof(*walk.row_of)),
		.mark = xcalloc(frames, sizeof(*walk.mark)),
	};

	*edges = (struct edges){
		.functions = xcalloc(frames, sizeof(const struct function *)),
		.self = xcalloc(frames, sizeof(*edges->self)),
		.total = xcalloc(frames, sizeof(*edges->total)),
		.count = 1, /* number 0 ends a list; it is taken out below */
	};
	array_reserve(&edges->list, &edges->capacity, 1, sizeof(*edges->list));
	number_functions(&walk);
	walk_stacks(&walk, rule);
	edges->count--;
	memmove(edges->list, edges->list + 1, edges->count * sizeof(*edges->list));
	qsort(edges->list, edges->count, sizeof(*edges->list),
		rule == EDGES_BY_LINE ? compare_by_caller : compare_by_callee);
	free(walk.row_of);
	free(walk.mark);
	free(walk.path);
	free(walk.next_edge);
	u64_map_release(&walk.by_pair);
}

void edges_release(struct edges *edges)
{
	free(edges->functions);
	free(edges->self);
	free(edges->total);
	free(edges->list);
}
