/* SPDX-License-Identifier: MIT */
/*
 * Who calls whom: the stacks of a profile folded to functions, for formats that have no stacks. A stack that
 * has a function several times must count for it once, so the outermost call of each function is taken: all
 * calls of a function are the samples that it is in.
 */
#ifndef PYROPE_OUTPUT_EDGES_H
#define PYROPE_OUTPUT_EDGES_H

#include "pyrope/profile.h"

/* as a callee: nobody, the samples end there; as a caller: nobody, it is the outermost frame */
#define EDGE_SELF UINT32_MAX

enum edges_rule {
	EDGES_BY_LINE,   /* sorted by caller, line and callee; with those that end in a line */
	EDGES_BY_CALLEE, /* sorted by callee and caller; without lines */
};

struct edge {
	uint32_t caller, callee; /* rows */
	int line;                /* of the caller, or 0 */
	uint64_t count;          /* samples that go this way, each once */
	uint64_t self;           /* of them, those that end in the callee */
};

struct edges {
	const struct function **functions; /* by row */
	uint64_t *self, *total;            /* by row: see struct function_total */
	size_t function_count;
	struct edge *list; /* see the rule */
	size_t count, capacity;
};

void edges_init(struct edges *edges, const struct profile *profile, enum edges_rule rule);
void edges_release(struct edges *edges);

#endif
