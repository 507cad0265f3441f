/* SPDX-License-Identifier: MIT */
/*
 * A stack of forty frames of which each calls one other would leave no room for names. So what is the only
 * line below its caller stands straight below it, and only where there are several each is a branch, further
 * to the right and with a mark of its own. Depths are not bounded, so nothing here recurses.
 */
#include "config.h"

#include "output/tree.h"

#include <stdlib.h>
#include <string.h>

#define INDENT_LIMIT 80

struct tree {
	const struct totals *totals;
	bool by_name;
	uint32_t *order; /* the nodes that are shown, sorted */
	size_t count;
	uint32_t *first;    /* by node: where its children stand in the order, */
	uint32_t *children; /* and how many they are */
};

/*
 * A caller has at least the samples of what it calls, and the lower number. So it is shown whenever that
 * is.
 */
static int compare_weights(const void *left, const void *right, void *context)
{
	const struct total_node *nodes = ((const struct tree *)context)->totals->nodes;
	const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	if (nodes[a].total != nodes[b].total)
		return nodes[a].total > nodes[b].total ? -1 : 1;
	return (a > b) - (a < b);
}

static const char *name_of(const struct tree *tree, uint32_t node)
{
	const struct total_row *row = &tree->totals->rows[tree->totals->nodes[node].row];

	return row->text ? row->text : row->function->name;
}

static int compare_siblings(const void *left, const void *right, void *context)
{
	const struct tree *tree = context;
	const struct total_node *nodes = tree->totals->nodes;
	const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	int order;

	if (nodes[a].parent != nodes[b].parent)
		return nodes[a].parent < nodes[b].parent ? -1 : 1;
	order = strcmp(name_of(tree, a), name_of(tree, b));
	if (order && tree->by_name)
		return order;
	if (nodes[a].total != nodes[b].total)
		return nodes[a].total > nodes[b].total ? -1 : 1;
	return order ? order : (a > b) - (a < b);
}

static size_t choose_nodes(struct tree *tree, const struct output_options *options,
	bool (*is_hidden)(const struct function *function))
{
	const struct totals *totals = tree->totals;
	size_t left_out = 0;

	for (uint32_t i = 1; i < totals->node_count; i++) {
		if (totals->nodes[i].total && !is_hidden(totals->rows[totals->nodes[i].row].function))
			tree->order[tree->count++] = i;
	}
	if (options->rows && tree->count > options->rows) {
		left_out = tree->count - options->rows;
		qsort_r(tree->order, tree->count, sizeof(*tree->order), compare_weights, tree);
		tree->count = options->rows;
	}
	qsort_r(tree->order, tree->count, sizeof(*tree->order), compare_siblings, tree);
	return left_out;
}

static size_t lay_out(const struct tree *tree, struct tree_line *lines)
{
	struct tree_line *waiting = xreallocarray(NULL, tree->count + 1, sizeof(*waiting));
	size_t waiting_count = 1, count = 0;

	waiting[0] = (struct tree_line){ .node = 0 };
	while (waiting_count) {
		const struct tree_line line = waiting[--waiting_count];
		const uint32_t children = tree->children[line.node];
		const unsigned indent = line.indent +
			(line.is_branch && line.indent < INDENT_LIMIT ? TREE_BRANCH_COLUMNS : 0);

		if (line.node)
			lines[count++] = line;
		for (uint32_t i = children; i-- > 0;)
			waiting[waiting_count++] =
				(struct tree_line){ tree->order[tree->first[line.node] + i], indent,
					children > 1 };
	}
	free(waiting);
	return count;
}

size_t tree_lines(const struct totals *totals, const struct output_options *options,
	bool (*is_hidden)(const struct function *function), struct tree_line **lines, size_t *left_out)
{
	struct tree tree = { .totals = totals, .by_name = options->sort == SORT_NAME };
	size_t count;

	tree.order = xcalloc(totals->node_count, sizeof(*tree.order));
	tree.first = xcalloc(totals->node_count, sizeof(*tree.first));
	tree.children = xcalloc(totals->node_count, sizeof(*tree.children));
	*left_out = choose_nodes(&tree, options, is_hidden);
	for (size_t i = tree.count; i-- > 0;) {
		const uint32_t parent = totals->nodes[tree.order[i]].parent;

		tree.first[parent] = (uint32_t)i;
		tree.children[parent]++;
	}
	*lines = xcalloc(tree.count + 1, sizeof(**lines));
	count = lay_out(&tree, *lines);
	free(tree.order);
	free(tree.first);
	free(tree.children);
	return count;
}
