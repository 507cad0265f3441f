/* SPDX-License-Identifier: MIT */
/*
 * pyrope diff: two profiles, or several runs on each side. A table of what has changed and what is chance, or collapsed stacks
 * with two numbers, which difffolded.pl makes for flamegraph.pl, too.
 */
#include "config.h"

#include "commands/command.h"
#include "commands/side.h"
#include "commands/terminal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pyrope/compare.h"

#define ROWS 20 /* besides those that have changed */
#define NAME_LEAST 20
#define EVERY_COLUMN (SIZE_MAX / 2)
#define SEED 1 /* the same files give the same table */

static const char *const verdicts[CHANGES] = { [CHANGE_NONE] = "no evidence",
	[CHANGE_MORE] = "slower",
	[CHANGE_LESS] = "faster",
	[CHANGE_NEW] = "new",
	[CHANGE_GONE] = "gone",
	[CHANGE_RARE] = "too rare" };

struct diff {
	const struct options *options;
	struct functions *functions;
	struct roots roots;
	struct keys *keys;
	struct side sides[2];
	struct stacks stacks; /* with -o */
	struct stack_path path;
	uint64_t *counts[2]; /* by node */
	size_t count_capacity[2];
	bool damaged;

	/* the file that is being read */
	struct sink sink; /* gets what is shown of it */
	size_t side;
	struct series *series;
};

/* ---- reading ---- */

static char *name_of(const struct function *function, int line, const void *context)
{
	const struct diff *diff = context;

	return row_name(function, line, diff->options->by, diff->roots.list);
}

static void count_stack(struct diff *diff, const struct event *event)
{
	const uint32_t node =
		stacks_find(&diff->stacks, &diff->path, 0, event->sample->frames, event->sample->frame_count);
	uint64_t **counts = &diff->counts[diff->side];
	size_t *capacity = &diff->count_capacity[diff->side], before = *capacity;

	array_reserve(counts, capacity, (size_t)node + 1, sizeof(**counts));
	memset(*counts + before, 0, (*capacity - before) * sizeof(**counts));
	(*counts)[node] += event->weight;
}

static int take_shown(struct sink *sink, const struct event *event, struct error *err)
{
	struct diff *diff = (struct diff *)((char *)sink - offsetof(struct diff, sink));

	if (event->kind == EVENT_SAMPLE && diff->options->output_count)
		count_stack(diff, event);
	return sink_take(series_sink(diff->series), event, err);
}

static int read_file(struct diff *diff, const char *path, struct series *series, struct error *err)
{
	struct run_input input = { .options = diff->options,
		.functions = diff->functions,
		.roots = &diff->roots,
		.circumstances = &diff->sides[diff->side].circumstances,
		.next = &diff->sink };

	diff->series = series;
	diff->sink = (struct sink){ .take = take_shown };
	return run_input_read(&input, path, &diff->damaged, err);
}

static int read_side(struct diff *diff, size_t number, struct error *err)
{
	struct side *side = &diff->sides[number];

	diff->side = number;
	side->runs = xcalloc(side->count, sizeof(struct series *));
	for (size_t i = 0; i < side->count; i++) {
		struct series *series =
			series_new(diff->keys, diff->options->compare_total ? COMPARE_TOTAL : COMPARE_SELF);

		side->runs[i] = series;
		if (read_file(diff, side->paths[i], series, err) != 0)
			return -1;
		if (side_count(side, series, side->paths[i], err) != 0)
			return -1;
	}
	return 0;
}

/* ---- the table ---- */

static bool has_changed(const struct change *change)
{
	return change->verdict != CHANGE_NONE && change->verdict != CHANGE_RARE;
}

static void append_row(
	struct buffer *text, const struct diff *diff, const struct change *change, size_t columns)
{
	const size_t begin = text->length;
	char interval[32];

	snprintf(interval, sizeof(interval), "%+.1f to %+.1f", 100 * change->low, 100 * change->high);
	buffer_printf(text, "%6.1f%% %6.1f%% %+6.1f  %-15s  %-11s  ", 100 * change->before,
		100 * change->after, 100 * (change->after - change->before), interval,
		verdicts[change->verdict]);
	if (!columns) /* it is no terminal */
		columns = EVERY_COLUMN;
	columns = columns > text->length - begin + NAME_LEAST ? columns - (text->length - begin) : NAME_LEAST;
	buffer_append_fit(text, keys_text(diff->keys, change->key), columns, FIT_KEEP_END);
	buffer_append_char(text, '\n');
}

static void append_table(struct buffer *text, const struct diff *diff, const struct comparison *comparison)
{
	const struct options *options = diff->options;
	const size_t columns = terminal_columns(STDOUT_FILENO),
		     limit = options->has_limit ? (options->limit ? options->limit : SIZE_MAX) : SIZE_MAX;
	size_t rows = 0, changed = 0, others = 0, left_out = 0;

	buffer_printf(text, " before   after  change  of that, 95 %%    verdict      %s (%s)\n",
		options->by == BY_LINE             ? "line"
			: options->by == BY_FILE   ? "file"
			: options->by == BY_MODULE ? "module"
						   : "function",
		options->compare_total ? "total" : "self");
	for (size_t i = 0; i < comparison->count; i++) {
		const struct change *change = &comparison->changes[i];

		changed += has_changed(change);
		if (rows >= limit || (!has_changed(change) && !options->has_limit && others >= ROWS)) {
			left_out++;
			continue;
		}
		others += !has_changed(change);
		append_row(text, diff, change, columns);
		rows++;
	}
	if (left_out)
		buffer_printf(text, "and %zu more (--limit=0 shows all)\n", left_out);
	buffer_printf(text, "\n%" PRIu64 " samples before, %" PRIu64 " after; ", diff->sides[0].samples,
		diff->sides[1].samples);
	if (changed)
		buffer_printf(text,
			"%zu changes are more than chance (of those named, one in 20 may be chance)\n",
			changed);
	else
		buffer_append_string(text, "no change is more than chance\n");
}

/* ---- JSON ---- */

static void append_json(struct buffer *text, const struct diff *diff, const struct comparison *comparison)
{
	buffer_append_string(text, "{\"compared\":");
	buffer_append_json(text, diff->options->compare_total ? "total" : "self");
	for (size_t i = 0; i < 2; i++)
		buffer_printf(text,
			",\"%s\":{\"files\":%zu,\"samples\":%" PRIu64 ",\"missed\":%" PRIu64
			",\"block_seconds\":%.3f}",
			side_names[i], diff->sides[i].count, diff->sides[i].samples, diff->sides[i].missed,
			comparison->block_seconds[i]);
	buffer_append_string(text, ",\"changes\":[");
	for (size_t i = 0; i < comparison->count; i++) {
		const struct change *change = &comparison->changes[i];

		buffer_append_string(text, i ? ",\n{\"name\":" : "\n{\"name\":");
		buffer_append_json(text, keys_text(diff->keys, change->key));
		buffer_printf(text,
			",\"before\":%.9g,\"after\":%.9g,\"low\":%.9g,\"high\":%.9g,\"p\":%.3g,\"verdict\":"
			"\"%s\"}",
			change->before, change->after, change->low, change->high, change->p,
			verdicts[change->verdict]);
	}
	buffer_append_string(text, "]}\n");
}

/* ---- collapsed stacks with two numbers ---- */

static uint64_t count_of(const struct diff *diff, size_t side, uint32_t node)
{
	return node < diff->count_capacity[side] ? diff->counts[side][node] : 0;
}

static int compare_lines(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* One line, or NULL when no sample ends there. */
static char *line_of(const struct diff *diff, uint32_t node, const struct output_options *options)
{
	const uint64_t before = count_of(diff, 0, node), after = count_of(diff, 1, node);
	struct sample_frame *frames = NULL;
	size_t depth = 0;
	struct buffer text = { 0 };

	if (!before && !after)
		return NULL;
	for (uint32_t at = node; at; at = diff->stacks.nodes[at].parent)
		depth++;
	frames = xcalloc(depth + 1, sizeof(*frames));
	for (uint32_t at = node, left = (uint32_t)depth; at; at = diff->stacks.nodes[at].parent) {
		const struct stack_frame *frame = &diff->stacks.frames[diff->stacks.nodes[at].frame];

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

static int write_stacks(const struct diff *diff, const char *path, struct error *err)
{
	const struct output_options options = { .no_lines = true, .interval_ns = 1 };
	char **lines = xcalloc(diff->stacks.node_count + 1, sizeof(*lines));
	struct output_file *file = NULL;
	size_t count = 0;
	int result;

	for (uint32_t node = 0; node < diff->stacks.node_count; node++) {
		lines[count] = line_of(diff, node, &options);
		count += lines[count] != NULL;
	}
	if (count)
		qsort(lines, count, sizeof(*lines), compare_lines);
	result = output_open(&file, strcmp(path, "-") == 0 ? NULL : path, err);
	for (size_t i = 0; i < count; i++) {
		if (result == 0)
			output_write(file, lines[i], strlen(lines[i]));
		free(lines[i]);
	}
	free(lines);
	if (result == 0)
		result = output_commit(file, err);
	output_close(file);
	return result;
}

/* ---- the whole ---- */

static int print_comparison(const struct diff *diff, struct error *err)
{
	struct comparison comparison;
	struct buffer text = { 0 };
	int result;

	compare(diff->keys, diff->sides[0].runs, diff->sides[0].count, diff->sides[1].runs,
		diff->sides[1].count, SEED, &comparison);
	if (diff->options->json)
		append_json(&text, diff, &comparison);
	else
		append_table(&text, diff, &comparison);
	result = print_text(&text, err);
	buffer_release(&text);
	comparison_release(&comparison);
	return result;
}

static int run(struct diff *diff, struct error *err)
{
	const struct options *options = diff->options;
	bool is_printed = true;

	if (read_side(diff, 0, err) != 0 || read_side(diff, 1, err) != 0 || sides_check(diff->sides, options, err) != 0)
		return -1;
	sides_tell(diff->sides);
	for (size_t i = 0; i < options->output_count; i++) {
		is_printed &= strcmp(options->outputs[i], "-") != 0;
		if (write_stacks(diff, options->outputs[i], err) != 0)
			return -1;
	}
	if (is_printed && print_comparison(diff, err) != 0)
		return -1;
	if (diff->damaged) {
		err->exit_code = 1;
		return -1;
	}
	return 0;
}

static void diff_release(struct diff *diff)
{
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; diff->sides[i].runs && j < diff->sides[i].count; j++)
			series_free(diff->sides[i].runs[j]);
		free(diff->sides[i].runs);
		free(diff->counts[i]);
	}
	stacks_release(&diff->stacks);
	stack_path_release(&diff->path);
	keys_free(diff->keys);
	roots_release(&diff->roots);
	functions_free(diff->functions);
}

int command_diff(const struct options *options, struct error *err)
{
	struct diff diff = { .options = options,
		.functions = functions_new(),
		.sides = { { .paths = options->inputs, .count = options->input_count },
			{ .paths = options->later_inputs, .count = options->later_input_count } } };
	int result;

	stacks_init(&diff.stacks);
	diff.keys = keys_new(name_of, &diff);
	result = run(&diff, err);
	diff_release(&diff);
	return result;
}
