/* SPDX-License-Identifier: MIT */
/*
 * The tree of stacks. A sample of 20 frames has to be found in well under a microsecond, and most samples share most of
 * their stack with the one before: so the path of the last one is kept, and only what differs from it is looked up, frame by
 * frame, by (parent, frame). A frame is a function of the run's table and a line: equal texts have been made one function
 * there.
 */
#include "config.h"

#include "pyrope/stacks.h"

#include <stdlib.h>
#include <string.h>

#define NO_FRAME UINT32_MAX

void stacks_init(struct stacks *stacks)
{
	array_reserve(&stacks->nodes, &stacks->node_capacity, 1, sizeof(*stacks->nodes));
	stacks->nodes[0] = (struct stack_node){ .frame = NO_FRAME };
	stacks->node_count = 1;
}

void stacks_release(struct stacks *stacks)
{
	free(stacks->frames);
	free(stacks->nodes);
	u64_map_release(&stacks->frames_by_function);
	u64_map_release(&stacks->nodes_by_edge);
	memset(stacks, 0, sizeof(*stacks));
}

void stack_path_release(struct stack_path *path)
{
	free(path->steps);
	memset(path, 0, sizeof(*path));
}

uint32_t stacks_frame(struct stacks *stacks, const struct function *function, int line)
{
	const uint64_t key = (uint64_t)function->id << 32 | (uint32_t)line;
	const uint64_t *known = u64_map_get(&stacks->frames_by_function, key);

	if (known)
		return (uint32_t)*known;
	array_reserve(&stacks->frames, &stacks->frame_capacity, stacks->frame_count + 1, sizeof(*stacks->frames));
	stacks->frames[stacks->frame_count] = (struct stack_frame){ .function = function, .line = line };
	u64_map_put(&stacks->frames_by_function, key, stacks->frame_count);
	return (uint32_t)stacks->frame_count++;
}

uint32_t stacks_child(struct stacks *stacks, uint32_t parent, uint32_t frame)
{
	const uint64_t edge = (uint64_t)parent << 32 | frame;
	const uint64_t *known = u64_map_get(&stacks->nodes_by_edge, edge);

	if (known)
		return (uint32_t)*known;
	if (stacks->node_count == UINT32_MAX)
		return parent; /* 64 GB of nodes: the memory ends before */
	array_reserve(&stacks->nodes, &stacks->node_capacity, stacks->node_count + 1, sizeof(*stacks->nodes));
	stacks->nodes[stacks->node_count] = (struct stack_node){ .parent = parent, .frame = frame };
	u64_map_put(&stacks->nodes_by_edge, edge, stacks->node_count);
	return (uint32_t)stacks->node_count++;
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

uint32_t stacks_find(struct stacks *stacks, struct stack_path *path, uint32_t root, const struct sample_frame *frames,
	size_t count)
{
	const size_t common = root == path->root ? common_steps(path, frames, count) : 0;
	uint32_t node = common ? path->steps[common - 1].node : root;

	array_reserve(&path->steps, &path->capacity, count, sizeof(*path->steps));
	for (size_t i = common; i < count; i++) {
		node = stacks_child(stacks, node, stacks_frame(stacks, frames[i].function, frames[i].line));
		path->steps[i] =
			(struct stack_step){ .function = frames[i].function->id, .line = frames[i].line, .node = node };
	}
	path->root = root;
	path->count = count;
	return node;
}
