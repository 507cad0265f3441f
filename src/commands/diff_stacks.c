/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "commands/diff_stacks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- counting ---- */

void diff_stacks_init(
	struct diff_stacks *stacks, struct functions *functions, key_name *name, const void *context)
{
	*stacks = (struct diff_stacks){ .keys = keys_new(name, context),
		.profile = profile_new(functions, GROUP_NONE, 0) };
}

void diff_stacks_release(struct diff_stacks *stacks)
{
	for (size_t side = 0; side < 2; side++) {
		for (size_t i = 0; i < stacks->run_counts[side]; i++)
			series_free(stacks->runs[side][i]);
		free(stacks->runs[side]);
		free(stacks->counts[side]);
	}
	keys_free(stacks->keys);
	profile_free(stacks->profile);
	free(stacks->first);
	free(stacks->frames);
}

void diff_stacks_begin_run(struct diff_stacks *stacks, size_t side)
{
	const size_t count = stacks->run_counts[side];

	stacks->runs[side] = xreallocarray(stacks->runs[side], count + 1, sizeof(struct series *));
	stacks->runs[side][count] = series_new(NULL, COMPARE_SELF);
	stacks->run_counts[side]++;
}

static struct sample_frame same_frame(struct diff_stacks *stacks, const struct sample_frame *frame)
{
	const uint32_t key = keys_find(stacks->keys, frame->function, frame->line);
	const struct stack_frame *first;

	if (key == stacks->first_count) {
		array_reserve(
			&stacks->first, &stacks->first_capacity, (size_t)key + 1, sizeof(*stacks->first));
		stacks->first[stacks->first_count++] = (struct stack_frame){ frame->function, frame->line };
	}
	first = &stacks->first[key];
	return (struct sample_frame){ first->function, first->line };
}

static void grow_counts(struct diff_stacks *stacks, size_t side, size_t needed)
{
	const size_t before = stacks->count_capacity[side];

	array_reserve(
		&stacks->counts[side], &stacks->count_capacity[side], needed, sizeof(*stacks->counts[side]));
	memset(stacks->counts[side] + before, 0,
		(stacks->count_capacity[side] - before) * sizeof(*stacks->counts[side]));
}

/* Has the profile been given this stack already? Then it goes by the key and looks at no frame. */
static bool is_known(struct diff_stacks *stacks, uint64_t stack_key)
{
	uint64_t *known = &stacks->known[stack_key % ARRAY_LENGTH(stacks->known)];
	const bool result = stack_key && *known == stack_key;

	*known = stack_key;
	return result;
}

void diff_stacks_add(struct diff_stacks *stacks, size_t side, const struct event *event)
{
	struct sample sample = *event->sample;
	struct event same = *event;
	uint32_t node;

	if (!is_known(stacks, event->stack_key)) {
		array_reserve(&stacks->frames, &stacks->frame_capacity, sample.frame_count,
			sizeof(*stacks->frames));
		for (size_t i = 0; i < sample.frame_count; i++)
			stacks->frames[i] = same_frame(stacks, &event->sample->frames[i]);
		sample.frames = stacks->frames;
		same.sample = &sample;
	}
	node = profile_add(stacks->profile, &same);
	grow_counts(stacks, side, (size_t)node + 1);
	stacks->counts[side][node] += event->weight;
	series_add(stacks->runs[side][stacks->run_counts[side] - 1], event, &node, 1);
}

/* ---- collapsed stacks with two numbers ---- */

static int compare_lines(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* One line, or NULL when no sample ends there. */
static char *line_of(const struct diff_stacks *stacks, uint32_t node, const struct output_options *options)
{
	const struct stacks *tree = profile_stacks(stacks->profile);
	const uint64_t before = stacks->counts[0][node], after = stacks->counts[1][node];
	struct sample_frame *frames = NULL;
	size_t depth = 0;
	struct buffer text = { 0 };

	if (!before && !after)
		return NULL;
	for (uint32_t at = node; at; at = tree->nodes[at].parent)
		depth++;
	frames = xcalloc(depth + 1, sizeof(*frames));
	for (uint32_t at = node, left = (uint32_t)depth; at; at = tree->nodes[at].parent) {
		const struct stack_frame *frame = &tree->frames[tree->nodes[at].frame];

		frames[--left] = (struct sample_frame){ frame->function, frame->line };
	}
	stack_append(&text,
		&(struct sample){
			.process_name = "", .thread_name = "", .frames = frames, .frame_count = depth },
		options);
	buffer_printf(&text, " %" PRIu64 " %" PRIu64 "\n", before, after);
	free(frames);
	return text.data;
}

static void write_lines(const struct diff_stacks *stacks, struct output_file *file)
{
	const struct output_options options = { .no_lines = true, .interval_ns = 1 };
	const size_t node_count = profile_stacks(stacks->profile)->node_count;
	char **lines = xcalloc(node_count + 1, sizeof(*lines));
	size_t count = 0;

	for (uint32_t node = 0; node < node_count; node++) {
		lines[count] = line_of(stacks, node, &options);
		count += lines[count] != NULL;
	}
	if (count)
		qsort(lines, count, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < count; i++) {
		output_write(file, lines[i], strlen(lines[i]));
		free(lines[i]);
	}
	free(lines);
}

/* ---- files ---- */

enum diff_format { DIFF_COLLAPSED, DIFF_SVG, DIFF_HTML };

static bool ends_with(const char *path, const char *ending)
{
	const size_t length = strlen(path), own = strlen(ending);

	return length >= own && strcmp(path + length - own, ending) == 0;
}

static enum diff_format format_of(const char *path)
{
	return ends_with(path, ".svg")                                ? DIFF_SVG
		: ends_with(path, ".html") || ends_with(path, ".htm") ? DIFF_HTML
								      : DIFF_COLLAPSED;
}

int diff_output_check(const char *path, struct error *err)
{
	const struct output_format *format = output_format_of_path(path);

	if (output_path_is_compressed(path) ||
		(format && format_of(path) == DIFF_COLLAPSED && strcmp(format->name, "collapsed") != 0))
		return error_set(err, ERROR_USAGE,
			"'%.256s': diff writes a picture (.svg), a page (.html), or collapsed stacks with "
			"two numbers (.txt)",
			path);
	return 0;
}

int diff_stacks_write(struct diff_stacks *stacks, const char *path, const struct difference *table,
	const struct output_options *options, struct error *err)
{
	const enum diff_format format = format_of(path);
	const size_t node_count = profile_stacks(stacks->profile)->node_count;
	struct difference difference = *table;
	struct output_file *file = NULL;
	int result = output_open(&file, strcmp(path, "-") == 0 ? NULL : path, err);

	if (result != 0)
		return -1;
	difference.profile = stacks->profile;
	for (size_t side = 0; side < 2; side++) {
		grow_counts(stacks, side, node_count);
		difference.counts[side] = stacks->counts[side];
		for (size_t i = 0; i < stacks->run_counts[side]; i++)
			series_end(stacks->runs[side][i]);
		difference.runs[side] = (struct runs){ stacks->runs[side], stacks->run_counts[side] };
	}
	if (format == DIFF_SVG)
		difference_write_svg(&difference, options, file);
	else if (format == DIFF_HTML)
		difference_write_html(&difference, options, file);
	else
		write_lines(stacks, file);
	result = output_commit(file, err);
	output_close(file);
	return result;
}
