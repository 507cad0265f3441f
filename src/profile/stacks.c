/* SPDX-License-Identifier: MIT */
/*
 * The tree of stacks. A sample of 20 frames has to be found in well under a microsecond, and most samples
 * share most of their stack with the one before: so the path of the last one is kept, and only what differs
 * from it is looked up, frame by frame, by (parent, frame). A frame is a function of the run's table and a
 * line: equal texts have been made one function there.
 *
 * What a new stack has in common with none is added at once, so that most nodes are followed by their first
 * child: only the children that stand elsewhere are in a table, one for each stack at most, and it holds
 * their numbers alone.
 */
#include "config.h"

#include "pyrope/stacks.h"

#include <stdlib.h>
#include <string.h>

#define NO_FRAME UINT32_MAX
#define EDGES_LEAST 64 /* a power of two */

void stacks_init(struct stacks *stacks)
{
	array_reserve(&stacks->nodes, &stacks->node_capacity, 1, sizeof(*stacks->nodes));
	stacks->nodes[0] = (struct stack_node){ .frame = NO_FRAME };
	stacks->node_count = 1;
}

void stacks_release(struct stacks *stacks)
{
	free(stacks->frames);
	free(stacks->last_frames);
	free(stacks->nodes);
	u64_map_release(&stacks->frames_by_function);
	free(stacks->edges.nodes);
	memset(stacks, 0, sizeof(*stacks));
}

void stack_path_release(struct stack_path *path)
{
	free(path->steps);
	memset(path, 0, sizeof(*path));
}

static uint32_t find_frame(struct stacks *stacks, const struct function *function, int line)
{
	const uint64_t key = (uint64_t)function->id << 32 | (uint32_t)line;
	const uint64_t *known = u64_map_get(&stacks->frames_by_function, key);

	if (known)
		return (uint32_t)*known;
	array_reserve(
		&stacks->frames, &stacks->frame_capacity, stacks->frame_count + 1, sizeof(*stacks->frames));
	stacks->frames[stacks->frame_count] = (struct stack_frame){ .function = function, .line = line };
	u64_map_put(&stacks->frames_by_function, key, stacks->frame_count);
	return (uint32_t)stacks->frame_count++;
}

/* Most functions are met at the line at which they were met before. */
uint32_t stacks_frame(struct stacks *stacks, const struct function *function, int line)
{
	const size_t old = stacks->last_capacity;
	uint32_t *last;

	if (function->id >= old) {
		array_reserve(&stacks->last_frames, &stacks->last_capacity, (size_t)function->id + 1,
			sizeof(*stacks->last_frames));
		memset(stacks->last_frames + old, 0xff,
			(stacks->last_capacity - old) * sizeof(*stacks->last_frames));
	}
	last = &stacks->last_frames[function->id];
	if (*last == NO_FRAME || stacks->frames[*last].line != line)
		*last = find_frame(stacks, function, line);
	return *last;
}

/* ---- children ---- */

static bool is_edge(const struct stacks *stacks, uint32_t node, uint32_t parent, uint32_t frame)
{
	return stacks->nodes[node].parent == parent && stacks->nodes[node].frame == frame;
}

/* Where the child is in the table, or the free place where it would be. */
static size_t find_edge(const struct stacks *stacks, uint32_t parent, uint32_t frame)
{
	const struct stack_edges *edges = &stacks->edges;
	const uint64_t edge = (uint64_t)parent << 32 | frame;
	size_t place = (size_t)hash_bytes(&edge, sizeof(edge)) & (edges->capacity - 1);

	while (edges->nodes[place] && !is_edge(stacks, edges->nodes[place], parent, frame))
		place = (place + 1) & (edges->capacity - 1);
	return place;
}

static void put_edge(struct stacks *stacks, uint32_t node)
{
	const struct stack_node *added = &stacks->nodes[node];

	stacks->edges.nodes[find_edge(stacks, added->parent, added->frame)] = node;
}

static void add_edge(struct stacks *stacks, uint32_t node)
{
	struct stack_edges *edges = &stacks->edges, old = *edges;

	if (edges->count * 2 >= edges->capacity) {
		edges->capacity = old.capacity ? old.capacity * 2 : EDGES_LEAST;
		edges->nodes = xcalloc(edges->capacity, sizeof(*edges->nodes));
		for (size_t i = 0; i < old.capacity; i++)
			if (old.nodes[i])
				put_edge(stacks, old.nodes[i]);
		free(old.nodes);
	}
	put_edge(stacks, node);
	edges->count++;
}

uint32_t stacks_child(struct stacks *stacks, uint32_t parent, uint32_t frame)
{
	const uint32_t node = (uint32_t)stacks->node_count;
	const bool is_last = parent + 1 == node; /* it has no children yet */

	if (!is_last && is_edge(stacks, parent + 1, parent, frame))
		return parent + 1;
	if (!is_last && stacks->edges.count) {
		const uint32_t known = stacks->edges.nodes[find_edge(stacks, parent, frame)];

		if (known)
			return known;
	}
	if (node == UINT32_MAX)
		return parent; /* 64 GB of nodes: the memory ends before */
	array_reserve(&stacks->nodes, &stacks->node_capacity, stacks->node_count + 1, sizeof(*stacks->nodes));
	stacks->nodes[stacks->node_count++] = (struct stack_node){ .parent = parent, .frame = frame };
	if (!is_last)
		add_edge(stacks, node);
	return node;
}

/* How many frames from the root on are those of the last stack. */
static size_t common_steps(const struct stack_path *path, const struct sample_frame *frames, size_t count)
{
	const size_t limit = path->count < count ? path->count : count;
	size_t common = 0;

	while (common < limit && path->steps[common].function == frames[common].function->id &&
		path->steps[common].line == frames[common].line)
		common++;
	return common;
}

uint32_t stacks_find(struct stacks *stacks, struct stack_path *path, uint32_t root,
	const struct sample_frame *frames, size_t count)
{
	const size_t common = root == path->root ? common_steps(path, frames, count) : 0;
	uint32_t node = common ? path->steps[common - 1].node : root;

	array_reserve(&path->steps, &path->capacity, count, sizeof(*path->steps));
	for (size_t i = common; i < count; i++) {
		node = stacks_child(stacks, node, stacks_frame(stacks, frames[i].function, frames[i].line));
		path->steps[i] = (struct stack_step){
			.function = frames[i].function->id, .line = frames[i].line, .node = node
		};
	}
	path->root = root;
	path->count = count;
	return node;
}
