/* SPDX-License-Identifier: MIT */
/*
 * Collapsed stacks: one line for each distinct stack, root;...;leaf COUNT, in the order in which they were
 * first seen. Read by flamegraph.pl, inferno, speedscope, the Firefox Profiler and most others.
 *
 * Stacks are distinct by their text: without line numbers, many stacks of the profile are one line here. So a
 * second tree is made whose nodes are texts, and the counts are added up there.
 */
#include "config.h"

#include "output/format.h"

#include <stdlib.h>
#include <string.h>

struct text_node {
	uint32_t parent;
	uint32_t text;
	uint64_t count;
};

struct text_tree {
	const char **texts; /* distinct; point into text_bytes */
	size_t text_count;
	char *text_bytes;
	struct text_node *nodes; /* 0 is the root */
	size_t node_count;
};

/* Renders each frame once. text_of[frame] becomes the number of its text; equal texts have one number. */
static void render_texts(struct text_tree *tree, const struct profile *profile,
	const struct output_options *options, uint32_t *text_of)
{
	size_t frames = profile_frame_count(profile);
	size_t *offsets = xreallocarray(NULL, frames + 1, sizeof(*offsets));
	struct u64_map by_hash = { 0 };
	struct buffer bytes = { 0 };

	for (size_t i = 0; i < frames; i++) {
		size_t start = bytes.length;
		uint64_t hash, *known;

		frame_append(&bytes, profile_frame(profile, (uint32_t)i), options);
		hash = hash_bytes(bytes.data + start, bytes.length - start);
		/* A text with the hash of another one takes the next free number after it. */
		while ((known = u64_map_get(&by_hash, hash)) &&
			strcmp(bytes.data + offsets[*known], bytes.data + start) != 0)
			hash++;
		if (known) {
			text_of[i] = (uint32_t)*known;
			bytes.length = start;
			continue;
		}
		text_of[i] = (uint32_t)tree->text_count;
		u64_map_put(&by_hash, hash, tree->text_count);
		offsets[tree->text_count++] = start;
		buffer_append_char(&bytes, '\0');
	}
	tree->text_bytes = bytes.data;
	tree->texts = xreallocarray(NULL, tree->text_count + 1, sizeof(*tree->texts));
	for (size_t i = 0; i < tree->text_count; i++)
		tree->texts[i] = bytes.data + offsets[i];
	u64_map_release(&by_hash);
	free(offsets);
}

/* Parents come before their children in the profile, so one pass from the front merges all. */
static void merge_nodes(struct text_tree *tree, const struct profile *profile, const uint32_t *text_of)
{
	const struct profile_node *nodes = profile_nodes(profile);
	size_t count = profile_node_count(profile);
	uint32_t *merged = xreallocarray(NULL, count, sizeof(*merged));
	struct u64_map by_edge = { 0 };

	tree->nodes = xreallocarray(NULL, count, sizeof(*tree->nodes));
	tree->nodes[0] = (struct text_node){ .count = nodes[0].count };
	tree->node_count = 1;
	merged[0] = 0;
	for (size_t i = 1; i < count; i++) {
		uint32_t parent = merged[nodes[i].parent], text = text_of[nodes[i].frame];
		uint64_t edge = (uint64_t)parent << 32 | text;
		const uint64_t *known = u64_map_get(&by_edge, edge);

		if (known) {
			merged[i] = (uint32_t)*known;
		} else {
			merged[i] = (uint32_t)tree->node_count;
			tree->nodes[tree->node_count++] =
				(struct text_node){ .parent = parent, .text = text };
			u64_map_put(&by_edge, edge, merged[i]);
		}
		tree->nodes[merged[i]].count += nodes[i].count;
	}
	u64_map_release(&by_edge);
	free(merged);
}

static void write_line(const struct text_tree *tree, uint32_t node, uint32_t **path, size_t *path_capacity,
	struct buffer *line, struct output_file *file)
{
	size_t depth = 0;

	buffer_clear(line);
	for (uint32_t at = node; at != 0; at = tree->nodes[at].parent) {
		array_reserve(path, path_capacity, depth + 1, sizeof(**path));
		(*path)[depth++] = tree->nodes[at].text;
	}
	if (depth == 0)
		buffer_append_char(line, '?');
	while (depth > 0) {
		buffer_append_string(line, tree->texts[(*path)[--depth]]);
		if (depth > 0)
			buffer_append_char(line, ';');
	}
	buffer_append_char(line, ' ');
	buffer_append_uint(line, tree->nodes[node].count);
	buffer_append_char(line, '\n');
	output_write(file, line->data, line->length);
}

static void write_collapsed(
	const struct profile *profile, const struct output_options *options, struct output_file *file)
{
	uint32_t *text_of = xreallocarray(NULL, profile_frame_count(profile) + 1, sizeof(*text_of));
	struct text_tree tree = { 0 };
	struct buffer line = { 0 };
	uint32_t *path = NULL;
	size_t path_capacity = 0;

	render_texts(&tree, profile, options, text_of);
	merge_nodes(&tree, profile, text_of);
	for (size_t i = 0; i < tree.node_count; i++)
		if (tree.nodes[i].count)
			write_line(&tree, (uint32_t)i, &path, &path_capacity, &line, file);

	free(tree.texts);
	free(tree.text_bytes);
	free(tree.nodes);
	free(text_of);
	free(path);
	buffer_release(&line);
}

const struct output_format output_collapsed = {
	.name = "collapsed",
	.extension = ".txt",
	.description = "one line for each stack, for flamegraph.pl and others",
	.write = write_collapsed,
};
