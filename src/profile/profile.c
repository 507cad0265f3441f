/* SPDX-License-Identifier: MIT */
/*
 * The tree of stacks. A sample of 20 frames has to be counted in well under a microsecond, and most samples
 * share most of their stack with the one before: so the path of the last sample is kept, and only what
 * differs from it is looked up, frame by frame, by (parent, frame).
 *
 * Frames are the same when their texts and lines are, not when their function objects are: a module that is
 * imported again, and a closure compiled again by exec, make new code objects of the same source. A cache by
 * (function id, line) spares the texts; ids of functions come and go without bound, so it is emptied when it
 * is full.
 */
#include "config.h"

#include "pyrope/profile.h"

#include "profile/pool.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_CACHE_LIMIT 32768
#define NO_FRAME UINT32_MAX

/* One step of the last sample's stack. */
struct step {
	uint64_t function;
	int line;
	uint32_t node;
};

struct frame_entry {
	struct profile_frame frame;
	uint32_t next; /* another frame with the same hash, or NO_FRAME */
};

struct profile {
	unsigned groups;
	int64_t interval_ns;
	uint64_t samples;

	struct string_pool strings;

	struct frame_entry *frames;
	size_t frame_count, frame_capacity;
	struct u64_map frames_by_hash;
	struct u64_map frames_by_function; /* function id << 32 | line -> frame */
	struct u64_map frames_by_group;    /* pid or tid -> frame */

	struct profile_node *nodes;
	size_t node_count, node_capacity;
	struct u64_map nodes_by_edge; /* parent << 32 | frame -> node */

	struct step *path;
	size_t path_count, path_capacity;
	uint32_t path_root;

	struct buffer group_name;
};

struct profile *profile_new(unsigned groups, int64_t interval_ns)
{
	struct profile *profile = xcalloc(1, sizeof(*profile));

	profile->groups = groups;
	profile->interval_ns = interval_ns;
	array_reserve(&profile->nodes, &profile->node_capacity, 1, sizeof(*profile->nodes));
	profile->nodes[0] = (struct profile_node){ .frame = NO_FRAME };
	profile->node_count = 1;
	return profile;
}

void profile_free(struct profile *profile)
{
	if (!profile)
		return;
	pool_release(&profile->strings);
	free(profile->frames);
	u64_map_release(&profile->frames_by_hash);
	u64_map_release(&profile->frames_by_function);
	u64_map_release(&profile->frames_by_group);
	free(profile->nodes);
	u64_map_release(&profile->nodes_by_edge);
	free(profile->path);
	buffer_release(&profile->group_name);
	free(profile);
}

/* ---- frames ---- */

static uint64_t frame_hash(const struct profile_frame *frame)
{
	uint64_t hash = hash_u64(frame->kind);

	/* Interned: the address stands for the text. */
	hash = hash_combine(hash, (uintptr_t)frame->file);
	hash = hash_combine(hash, (uintptr_t)frame->name);
	hash = hash_combine(hash, (uint32_t)frame->first_line);
	return hash_combine(hash, (uint32_t)frame->line);
}

static bool frame_equals(const struct profile_frame *a, const struct profile_frame *b)
{
	return a->kind == b->kind && a->file == b->file && a->name == b->name &&
		a->first_line == b->first_line && a->line == b->line;
}

static uint32_t intern_frame(struct profile *profile, enum function_kind kind, const char *file,
	const char *name, int first_line, int line)
{
	struct profile_frame frame = {
		.kind = kind,
		.file = pool_intern(&profile->strings, file),
		.name = pool_intern(&profile->strings, name),
		.first_line = first_line,
		.line = line,
	};
	uint64_t hash = frame_hash(&frame);
	const uint64_t *first = u64_map_get(&profile->frames_by_hash, hash);
	uint32_t chain = first ? (uint32_t)*first : NO_FRAME;

	for (uint32_t at = chain; at != NO_FRAME; at = profile->frames[at].next)
		if (frame_equals(&profile->frames[at].frame, &frame))
			return at;
	array_reserve(&profile->frames, &profile->frame_capacity, profile->frame_count + 1,
		sizeof(*profile->frames));
	profile->frames[profile->frame_count] = (struct frame_entry){ .frame = frame, .next = chain };
	u64_map_put(&profile->frames_by_hash, hash, profile->frame_count);
	return (uint32_t)profile->frame_count++;
}

static uint32_t frame_of(struct profile *profile, const struct sample_frame *frame)
{
	const struct function *function = frame->function;
	bool cacheable = function->id <= UINT32_MAX;
	uint64_t key = function->id << 32 | (uint32_t)frame->line;
	const uint64_t *known = cacheable ? u64_map_get(&profile->frames_by_function, key) : NULL;
	uint32_t index;

	if (known)
		return (uint32_t)*known;
	index = intern_frame(
		profile, function->kind, function->file, function->name, function->first_line, frame->line);
	if (cacheable) {
		if (profile->frames_by_function.count >= FRAME_CACHE_LIMIT)
			u64_map_clear(&profile->frames_by_function);
		u64_map_put(&profile->frames_by_function, key, index);
	}
	return index;
}

/* ---- groups ---- */

void group_append(struct buffer *buffer, enum profile_group group, const struct sample *sample)
{
	bool is_process = group == GROUP_PROCESS;
	pid_t id = is_process ? sample->pid : sample->tid;
	const char *name = is_process ? sample->process_name : sample->thread_name;

	if (id == 0)
		return;
	buffer_append_string(buffer, is_process ? "process " : "thread ");
	buffer_append_int(buffer, id);
	buffer_append_string(buffer, " \"");
	buffer_append_string(buffer, name);
	buffer_append_char(buffer, '"');
}

/* The frame of a process or thread under its present name, or NO_FRAME. */
static uint32_t group_frame(struct profile *profile, enum profile_group group, const struct sample *sample)
{
	uint64_t key = (uint64_t)group << 32 | (uint32_t)(group == GROUP_PROCESS ? sample->pid : sample->tid);
	const uint64_t *known = u64_map_get(&profile->frames_by_group, key);
	uint32_t frame;

	buffer_clear(&profile->group_name);
	group_append(&profile->group_name, group, sample);
	if (!profile->group_name.length)
		return NO_FRAME;
	if (known && strcmp(profile->frames[*known].frame.name, profile->group_name.data) == 0)
		return (uint32_t)*known;
	frame = intern_frame(profile, FUNCTION_MARKER, "", profile->group_name.data, 0, 0);
	u64_map_put(&profile->frames_by_group, key, frame);
	return frame;
}

/* ---- stacks ---- */

static uint32_t child_of(struct profile *profile, uint32_t parent, uint32_t frame)
{
	uint64_t edge = (uint64_t)parent << 32 | frame;
	const uint64_t *known = u64_map_get(&profile->nodes_by_edge, edge);

	if (known)
		return (uint32_t)*known;
	if (profile->node_count == UINT32_MAX)
		return parent; /* 64 GB of nodes: the memory ends before */
	array_reserve(
		&profile->nodes, &profile->node_capacity, profile->node_count + 1, sizeof(*profile->nodes));
	profile->nodes[profile->node_count] = (struct profile_node){ .parent = parent, .frame = frame };
	u64_map_put(&profile->nodes_by_edge, edge, profile->node_count);
	return (uint32_t)profile->node_count++;
}

/* The node below which the sample's own frames go. */
static uint32_t root_of(struct profile *profile, const struct sample *sample)
{
	static const enum profile_group order[] = { GROUP_PROCESS, GROUP_THREAD };
	uint32_t node = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(order); i++) {
		uint32_t frame;

		if (!(profile->groups & order[i]))
			continue;
		frame = group_frame(profile, order[i], sample);
		if (frame != NO_FRAME)
			node = child_of(profile, node, frame);
	}
	return node;
}

/* How many frames from the root on are those of the last sample. */
static size_t common_steps(const struct profile *profile, const struct sample *sample)
{
	size_t limit = profile->path_count < sample->frame_count ? profile->path_count : sample->frame_count;
	size_t common = 0;

	while (common < limit && profile->path[common].function == sample->frames[common].function->id &&
		profile->path[common].line == sample->frames[common].line)
		common++;
	return common;
}

uint32_t profile_add(struct profile *profile, const struct sample *sample)
{
	uint32_t root = profile->groups ? root_of(profile, sample) : 0;
	size_t common = root == profile->path_root ? common_steps(profile, sample) : 0;
	uint32_t node = common ? profile->path[common - 1].node : root;

	array_reserve(&profile->path, &profile->path_capacity, sample->frame_count, sizeof(*profile->path));
	for (size_t i = common; i < sample->frame_count; i++) {
		const struct sample_frame *frame = &sample->frames[i];

		node = child_of(profile, node, frame_of(profile, frame));
		profile->path[i] =
			(struct step){ .function = frame->function->id, .line = frame->line, .node = node };
	}
	profile->path_root = root;
	profile->path_count = sample->frame_count;
	profile->nodes[node].count++;
	profile->samples++;
	return node;
}

/* ---- what was sampled ---- */

size_t profile_node_count(const struct profile *profile)
{
	return profile->node_count;
}

const struct profile_node *profile_nodes(const struct profile *profile)
{
	return profile->nodes;
}

size_t profile_frame_count(const struct profile *profile)
{
	return profile->frame_count;
}

const struct profile_frame *profile_frame(const struct profile *profile, uint32_t frame)
{
	return &profile->frames[frame].frame;
}

uint64_t profile_samples(const struct profile *profile)
{
	return profile->samples;
}

int64_t profile_interval_ns(const struct profile *profile)
{
	return profile->interval_ns;
}
