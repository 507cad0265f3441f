/* SPDX-License-Identifier: MIT */
/*
 * Collapsed stacks: one line for each distinct stack, root;...;leaf COUNT, sorted by the bytes of the stack.
 * Read by flamegraph.pl, inferno, speedscope, the Firefox Profiler and most others.
 *
 * Stacks are distinct by their text: without line numbers, many stacks of the profile are one line here. So a
 * second tree is made whose nodes are texts, and the counts are added up there. It is sorted as a tree, so
 * that the lines are never in memory together: a deep recursion has more of them than fit. Nor is a line as
 * a whole, which can be a long name a million times.
 */
#include "config.h"

#include "output/format.h"

#include <stdlib.h>
#include <string.h>

#define LINE_PART_BYTES 65536

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
	int64_t interval_ns; /* 0: lines end in the number of samples; else in their time, in microseconds */
};

/*
 * Renders each frame once. text_of[frame] becomes the number of its text; equal texts have one number. The
 * one behind the last frame is the text of a stack without frames.
 */
static void render_texts(struct text_tree *tree, const struct profile *profile,
	const struct output_options *options, uint32_t *text_of)
{
	const struct stacks *stacks = profile_stacks(profile);
	size_t frames = stacks->frame_count;
	size_t *offsets = xreallocarray(NULL, frames + 2, sizeof(*offsets));
	struct u64_map by_hash = { 0 };
	struct buffer bytes = { 0 };

	for (size_t i = 0; i <= frames; i++) {
		size_t start = bytes.length;
		uint64_t hash, *known;

		if (i < frames)
			frame_append(&bytes, &stacks->frames[i], options);
		else
			buffer_append_char(&bytes, '?');
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

static uint32_t child_of(struct text_tree *tree, struct u64_map *by_edge, uint32_t parent, uint32_t text)
{
	uint64_t edge = (uint64_t)parent << 32 | text;
	const uint64_t *known = u64_map_get(by_edge, edge);

	if (known)
		return (uint32_t)*known;
	tree->nodes[tree->node_count] = (struct text_node){ .parent = parent, .text = text };
	u64_map_put(by_edge, edge, tree->node_count);
	return (uint32_t)tree->node_count++;
}

/* Parents come before their children in the profile, so one pass from the front merges all. */
static void merge_nodes(struct text_tree *tree, const struct profile *profile, const uint32_t *text_of)
{
	const struct stack_node *nodes = profile_stacks(profile)->nodes;
	size_t count = profile_stacks(profile)->node_count;
	uint32_t *merged = xreallocarray(NULL, count, sizeof(*merged));
	struct u64_map by_edge = { 0 };

	tree->nodes = xreallocarray(NULL, count + 1, sizeof(*tree->nodes));
	tree->nodes[0] = (struct text_node){ .count = 0 };
	tree->node_count = 1;
	merged[0] = 0;
	for (size_t i = 1; i < count; i++) {
		merged[i] = child_of(tree, &by_edge, merged[nodes[i].parent], text_of[nodes[i].frame]);
		tree->nodes[merged[i]].count += nodes[i].count;
	}
	if (nodes[0].count)
		tree->nodes[child_of(tree, &by_edge, 0, text_of[profile_stacks(profile)->frame_count])]
			.count += nodes[0].count;
	u64_map_release(&by_edge);
	free(merged);
}

/* ---- the order of the lines ---- */

/*
 * Behind the text of a node comes a space and the count, or a semicolon and a child. The one or the other
 * decides where its line and its children stand among those of a:1 and a:10; no text has a semicolon, so
 * nothing behind that can.
 */
struct place {
	const char *text;
	char end;        /* '\0' or ';' */
	uint32_t number; /* of the text */
};

static int compare_places(const void *left, const void *right)
{
	const struct place *a = left, *b = right;
	const unsigned char *at = (const unsigned char *)a->text, *other = (const unsigned char *)b->text;

	while (*at && *at == *other) {
		at++;
		other++;
	}
	return (*at ? *at : a->end) - (*other ? *other : b->end);
}

/* ranks[2 * text] is the place of its line among its siblings, ranks[2 * text + 1] that of its children. */
static uint32_t *rank_texts(const struct text_tree *tree)
{
	const size_t count = 2 * tree->text_count;
	struct place *places = xreallocarray(NULL, count + 1, sizeof(*places));
	uint32_t *ranks = xreallocarray(NULL, count + 1, sizeof(*ranks));

	for (size_t i = 0; i < count; i++)
		places[i] = (struct place){ tree->texts[i / 2], i % 2 ? ';' : '\0', (uint32_t)(i / 2) };
	qsort(places, count, sizeof(*places), compare_places);
	for (size_t i = 0; i < count; i++)
		ranks[2 * places[i].number + (places[i].end == ';')] = (uint32_t)i;
	free(places);
	return ranks;
}

/* The line of a node, or all those below it. */
struct item {
	uint32_t parent, rank;
	uint32_t node;
	bool below;
};

static int compare_items(const void *left, const void *right)
{
	const struct item *a = left, *b = right;

	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	return (a->rank > b->rank) - (a->rank < b->rank);
}

/* Sorted by parent, then as they are written; first[node] is where the items of its children begin. */
static struct item *sort_items(const struct text_tree *tree, size_t *first, size_t *item_count)
{
	uint32_t *ranks = rank_texts(tree);
	size_t count = 0, lines = 0;
	struct item *items;

	for (size_t i = 1; i < tree->node_count; i++)
		lines += tree->nodes[i].count > 0;
	items = xreallocarray(NULL, tree->node_count + lines, sizeof(*items));
	for (size_t i = 1; i < tree->node_count; i++) {
		const struct text_node *node = &tree->nodes[i];

		if (node->count)
			items[count++] = (struct item){ node->parent, ranks[2 * node->text], (uint32_t)i,
				.below = false };
		items[count++] =
			(struct item){ node->parent, ranks[2 * node->text + 1], (uint32_t)i, .below = true };
	}
	qsort(items, count, sizeof(*items), compare_items);
	for (size_t node = 0, at = 0; node < tree->node_count; node++) {
		while (at < count && items[at].parent < node)
			at++;
		first[node] = at;
	}
	free(ranks);
	*item_count = count;
	return items;
}

/* ---- writing ---- */

static void write_line(const struct text_tree *tree, uint32_t node, uint32_t **path, size_t *path_capacity,
	struct buffer *line, struct output_file *file)
{
	size_t depth = 0;

	buffer_clear(line);
	for (uint32_t at = node; at != 0; at = tree->nodes[at].parent) {
		array_reserve(path, path_capacity, depth + 1, sizeof(**path));
		(*path)[depth++] = tree->nodes[at].text;
	}
	while (depth > 0) {
		buffer_append_string(line, tree->texts[(*path)[--depth]]);
		if (depth > 0)
			buffer_append_char(line, ';');
		if (line->length >= LINE_PART_BYTES) {
			output_write(file, line->data, line->length);
			buffer_clear(line);
		}
	}
	buffer_append_char(line, ' ');
	if (tree->interval_ns)
		buffer_append_int(line,
			(int64_t)((double)tree->nodes[node].count * (double)tree->interval_ns / 1000 + 0.5));
	else
		buffer_append_uint(line, tree->nodes[node].count);
	buffer_append_char(line, '\n');
	output_write(file, line->data, line->length);
}

static void write_lines(const struct text_tree *tree, struct output_file *file)
{
	size_t *first = xreallocarray(NULL, tree->node_count, sizeof(*first));
	/* where to go on in each node from the root to the present one; never deeper than there are nodes */
	size_t *next = xreallocarray(NULL, tree->node_count, sizeof(*next));
	size_t count, depth = 0, path_capacity = 0;
	struct item *items = sort_items(tree, first, &count);
	struct buffer line = { 0 };
	uint32_t *path = NULL, parent = 0;

	next[0] = 0;
	for (;;) {
		const struct item *item = next[depth] < count ? &items[next[depth]] : NULL;

		if (!item || item->parent != parent) {
			if (depth == 0)
				break;
			depth--;
			parent = tree->nodes[parent].parent;
			continue;
		}
		next[depth]++;
		if (item->below) {
			parent = item->node;
			next[++depth] = first[parent];
		} else {
			write_line(tree, item->node, &path, &path_capacity, &line, file);
		}
	}
	buffer_release(&line);
	free(path);
	free(items);
	free(next);
	free(first);
}

static void write_stacks(const struct profile *profile, const struct output_options *options,
	int64_t interval_ns, struct output_file *file)
{
	uint32_t *text_of = xreallocarray(NULL, profile_stacks(profile)->frame_count + 1, sizeof(*text_of));
	struct text_tree tree = { .interval_ns = interval_ns };

	render_texts(&tree, profile, options, text_of);
	merge_nodes(&tree, profile, text_of);
	write_lines(&tree, file);
	free(tree.texts);
	free(tree.text_bytes);
	free(tree.nodes);
	free(text_of);
}

static void write_collapsed(
	const struct profile *profile, const struct output_options *options, struct output_file *file)
{
	write_stacks(profile, options, 0, file);
}

static void write_log(
	const struct profile *profile, const struct output_options *options, struct output_file *file)
{
	write_stacks(profile, options, profile_interval_ns(profile), file);
}

static const char *const extensions[] = { ".collapsed", ".txt", NULL };

const struct output_format output_collapsed = {
	.name = "collapsed",
	.extensions = extensions,
	.description = "one line for each stack, for flamegraph.pl and others",
	.viewer = "flamegraph.pl %s > profile.svg, or https://www.speedscope.app",
	.write = write_collapsed,
};

const struct output_format output_log = {
	.name = "log",
	.description = "collapsed stacks with microseconds instead of samples, as flameprof's",
	.viewer = "flamegraph.pl --countname=us %s > profile.svg",
	.write = write_log,
};
