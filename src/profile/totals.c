/* SPDX-License-Identifier: MIT */
/*
 * Functions (or lines, files, modules) instead of stacks: how much of the samples ends in each, and how much
 * passes through it. One that is in a stack several times has that stack once. The frames of the tree of
 * stacks get the number of their row, and nodes with the same parent and row become one. One walk over that
 * tree, whatever the depth of a recursion.
 */
#include "config.h"

#include "pyrope/profile.h"

#include <stdlib.h>
#include <string.h>

struct walk {
	struct totals *totals;
	uint32_t *child, *sibling; /* by node: the first child, the next sibling; 0: none */
	uint32_t *on_path;         /* by row: how often it is on the way to the present node */
};

/* ---- rows ---- */

/* The row of this text, which is taken over. */
static uint32_t row_of_text(
	struct totals *totals, struct u64_map *rows, char *text, const struct function *function)
{
	uint64_t hash = hash_bytes(text, strlen(text));
	const uint64_t *known;

	for (; (known = u64_map_get(rows, hash)); hash++) { /* what collides takes the next number */
		if (strcmp(totals->rows[*known].text, text) == 0) {
			free(text);
			return (uint32_t)*known;
		}
	}
	u64_map_put(rows, hash, totals->row_count);
	totals->rows[totals->row_count] = (struct total_row){ .function = function, .text = text };
	return (uint32_t)totals->row_count++;
}

static uint32_t row_of(struct totals *totals, struct u64_map *rows, const struct stack_frame *frame,
	const struct total_key *key)
{
	const int line = key->has_line ? frame->line : 0;
	const uint64_t number = (uint64_t)frame->function->id << 32 | (uint32_t)line;
	const uint64_t *known;

	if (key->text)
		return row_of_text(totals, rows, key->text(frame->function, key->context), frame->function);
	known = u64_map_get(rows, number);
	if (known)
		return (uint32_t)*known;
	u64_map_put(rows, number, totals->row_count);
	totals->rows[totals->row_count] = (struct total_row){ .function = frame->function, .line = line };
	return (uint32_t)totals->row_count++;
}

/* By frame. */
static uint32_t *number_rows(struct totals *totals, const struct stacks *stacks, const struct total_key *key)
{
	uint32_t *numbers = xcalloc(stacks->frame_count + 1, sizeof(*numbers));
	struct u64_map rows = { 0 };

	totals->rows = xcalloc(stacks->frame_count + 1, sizeof(*totals->rows));
	for (size_t i = 0; i < stacks->frame_count; i++)
		numbers[i] = row_of(totals, &rows, &stacks->frames[i], key);
	u64_map_release(&rows);
	return numbers;
}

/* ---- nodes ---- */

static void merge_nodes(struct totals *totals, const struct stacks *stacks, const uint32_t *row_of_frame)
{
	uint32_t *merged = xcalloc(stacks->node_count, sizeof(*merged)); /* by node of the stacks */
	struct u64_map known = { 0 };

	totals->nodes = xcalloc(stacks->node_count, sizeof(*totals->nodes));
	totals->node_count = 1;
	totals->nodes[0].self = stacks->nodes[0].count;
	for (size_t i = 1; i < stacks->node_count; i++) {
		const uint32_t parent = merged[stacks->nodes[i].parent],
			       row = row_of_frame[stacks->nodes[i].frame];
		const uint64_t edge = (uint64_t)parent << 32 | row, *node = u64_map_get(&known, edge);

		merged[i] = node ? (uint32_t)*node : (uint32_t)totals->node_count;
		if (!node) {
			u64_map_put(&known, edge, totals->node_count);
			totals->nodes[totals->node_count++] =
				(struct total_node){ .parent = parent, .row = row };
		}
		totals->nodes[merged[i]].self += stacks->nodes[i].count;
	}
	for (size_t i = totals->node_count; i-- > 0;) {
		totals->nodes[i].total += totals->nodes[i].self;
		if (i > 0)
			totals->nodes[totals->nodes[i].parent].total += totals->nodes[i].total;
	}
	u64_map_release(&known);
	free(merged);
}

static void link_nodes(struct walk *walk)
{
	const struct total_node *nodes = walk->totals->nodes;

	for (size_t i = walk->totals->node_count; i-- > 1;) {
		walk->sibling[i] = walk->child[nodes[i].parent];
		walk->child[nodes[i].parent] = (uint32_t)i;
	}
}

static void enter(struct walk *walk, const struct total_node *node)
{
	struct total_row *row = &walk->totals->rows[node->row];

	row->self += node->self;
	if (walk->on_path[node->row]++ == 0)
		row->total += node->total;
}

static void walk_nodes(struct walk *walk)
{
	const struct total_node *nodes = walk->totals->nodes;
	uint32_t node = walk->child[0];

	while (node) {
		enter(walk, &nodes[node]);
		if (walk->child[node]) {
			node = walk->child[node];
			continue;
		}
		for (;;) {
			walk->on_path[nodes[node].row]--;
			if (walk->sibling[node])
				break;
			node = nodes[node].parent;
			if (!node)
				return;
		}
		node = walk->sibling[node];
	}
}

void profile_totals(const struct profile *profile, const struct total_key *key, struct totals *totals)
{
	const struct stacks *stacks = profile_stacks(profile);
	struct walk walk = { .totals = totals };
	uint32_t *row_of_frame;

	*totals = (struct totals){ .row_count = 0 };
	row_of_frame = number_rows(totals, stacks, key);
	merge_nodes(totals, stacks, row_of_frame);
	walk.child = xcalloc(totals->node_count, sizeof(*walk.child));
	walk.sibling = xcalloc(totals->node_count, sizeof(*walk.sibling));
	walk.on_path = xcalloc(totals->row_count + 1, sizeof(*walk.on_path));
	link_nodes(&walk);
	walk_nodes(&walk);
	free(row_of_frame);
	free(walk.child);
	free(walk.sibling);
	free(walk.on_path);
}

void totals_release(struct totals *totals)
{
	for (size_t i = 0; i < totals->row_count; i++)
		free(totals->rows[i].text);
	free(totals->rows);
	free(totals->nodes);
}
