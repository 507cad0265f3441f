/* SPDX-License-Identifier: MIT */
/*
 * What was sampled: interned strings, frames and stacks, counts. Knows nothing of processes: samples come in, output
 * reads what is here. Everything is copied; nothing of a sample is kept.
 */
#ifndef PYROPE_PROFILE_H
#define PYROPE_PROFILE_H

#include "pyrope/base.h"
#include "pyrope/sample.h"

struct profile;

/* Which root frames to put before each stack. */
enum profile_group { GROUP_NONE = 0, GROUP_PROCESS = 1, GROUP_THREAD = 2 };

struct profile_frame {
	enum function_kind kind;
	const char *file, *name; /* owned by the profile */
	int first_line, line;
};

/*
 * A node of the tree of stacks. Index 0 is the root (no frame), which counts the samples without any frame. Parents come
 * before their children.
 */
struct profile_node {
	uint32_t parent; /* index of a node; of the root: 0 */
	uint32_t frame;  /* index of a frame; of the root: meaningless */
	uint64_t count;  /* samples that end here */
};

struct profile *profile_new(unsigned groups, int64_t interval_ns);
void profile_free(struct profile *profile); /* accepts NULL */
/* Counts one sample. Returns the node of its stack. */
uint32_t profile_add(struct profile *profile, const struct sample *sample);

/*
 * Appends the name of a group's root frame: process 4711 "python3", thread 4712 "worker". The name of the process or thread
 * comes last and in quotes, so that the frame never ends in a number. Nothing when the sample belongs to no thread.
 */
void group_append(struct buffer *buffer, enum profile_group group, const struct sample *sample);

size_t profile_node_count(const struct profile *profile);
const struct profile_node *profile_nodes(const struct profile *profile);
size_t profile_frame_count(const struct profile *profile);
const struct profile_frame *profile_frame(const struct profile *profile, uint32_t frame);
uint64_t profile_samples(const struct profile *profile);
int64_t profile_interval_ns(const struct profile *profile);

#endif
