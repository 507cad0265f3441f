/* SPDX-License-Identifier: MIT */
/*
 * Every stack of the run, once: a tree whose nodes are frames, so that stacks share what they have in common.
 * A stack is the number of the node at which it ends. A profile counts such numbers, a recording writes them.
 */
#ifndef PYROPE_STACKS_H
#define PYROPE_STACKS_H

#include "pyrope/base.h"
#include "pyrope/sample.h"

struct stack_frame {
	const struct function *function;
	int line; /* 0: not known or a marker */
};

struct stack_node {
	uint32_t parent; /* index of a node, less than its own; of the root: 0 */
	uint32_t frame;  /* index of a frame; of the root: meaningless */
	uint64_t count;  /* for who counts: the samples that end here */
};

/*
 * Zero-initialise, then stacks_init. The root is node 0: the empty stack. Frames and nodes may move when
 * some are added.
 */
struct stacks {
	struct stack_frame *frames;
	size_t frame_count, frame_capacity;
	struct stack_node *nodes;
	size_t node_count, node_capacity;
	struct u64_map frames_by_function; /* function id << 32 | line -> frame */
	uint32_t *last_frames;             /* by id of the function: the frame of it that was met last */
	size_t last_capacity;
	struct stack_edges { /* the children that do not stand behind their parents, by parent and frame */
		uint32_t *nodes; /* 0: a free place */
		size_t count, capacity;
	} edges;
};

/*
 * The stack that was looked up last; most are like the one before, and only what differs is looked up.
 * Zero-initialise.
 */
struct stack_path {
	struct stack_step {
		uint32_t function; /* its id */
		int line;
		uint32_t node;
	} * steps;
	size_t count, capacity;
	uint32_t root;
};

void stacks_init(struct stacks *stacks);
void stacks_release(struct stacks *stacks);
/* The frame of this function and line. */
uint32_t stacks_frame(struct stacks *stacks, const struct function *function, int line);
/* The node of this frame below its parent. */
uint32_t stacks_child(struct stacks *stacks, uint32_t parent, uint32_t frame);
/* The node of frames[0..count), outermost first, below root. The path is that of the thread, or of all. */
uint32_t stacks_find(struct stacks *stacks, struct stack_path *path, uint32_t root,
	const struct sample_frame *frames, size_t count);
void stack_path_release(struct stack_path *path);

#endif
