/* SPDX-License-Identifier: MIT */
/*
 * pyrope diff: two profiles, or several runs on each side. A table of what has changed and what is chance,
 * and with -o pictures and collapsed stacks (diff_stacks.c).
 */
#include "config.h"

#include "commands/command.h"
#include "commands/diff_lines.h"
#include "commands/diff_stacks.h"
#include "commands/outputs.h"
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

struct diff {
	const struct options *options;
	struct functions *functions;
	struct roots roots;
	struct keys *keys;
	struct side sides[2];
	struct diff_stacks stacks; /* with -o */
	struct diff_lines *lines;  /* with sources */
	/* number of the run << 32 | process: those that have samples, with --per=process */
	struct u64_map processes[2];
	bool damaged;

	/* the file that is being read */
	struct sink sink; /* gets what is shown of it */
	size_t side, run;
	struct series *series;
};

/* ---- reading ---- */

static char *name_of(const struct function *function, int line, const void *context)
{
	const struct diff *diff = context;

	return diff->lines ? diff_lines_name(diff->lines, diff->side, function, line)
			   : row_name(function, line, diff->options->by, diff->roots.list);
}

static char *frame_name(const struct function *function, int line, const void *context)
{
	const struct diff *diff = context;

	return diff->options->by == BY_LINE ? name_of(function, line, context)
					    : row_name(function, line, BY_FUNCTION, diff->roots.list);
}

static int take_shown(struct sink *sink, const struct event *event, struct error *err)
{
	struct diff *diff = (struct diff *)((char *)sink - offsetof(struct diff, sink));

	if (event->kind == EVENT_SAMPLE && diff->options->per_process)
		u64_map_put(&diff->processes[diff->side],
			(uint64_t)diff->run << 32 | (uint32_t)event->sample->pid, 1);
	if (event->kind == EVENT_SAMPLE && diff->options->output_count)
		diff_stacks_add(&diff->stacks, diff->side, event);
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
	if (diff->lines) { /* the same number is another line now */
		keys_forget_frames(diff->keys);
		keys_forget_frames(diff->stacks.keys);
	}
	side->runs = xcalloc(side->count, sizeof(struct series *));
	for (size_t i = 0; i < side->count; i++) {
		struct series *series =
			series_new(diff->keys, diff->options->compare_total ? COMPARE_TOTAL : COMPARE_SELF);

		diff->run = i;
		side->runs[i] = series;
		if (diff->options->output_count)
			diff_stacks_begin_run(&diff->stacks, number);
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

/* What numbers are shown in: shares in percent, or times in a unit that suits so many seconds. */
static struct difference_unit unit_of(const struct options *options, double seconds)
{
	return !options->seconds  ? (struct difference_unit){ 100, "%" }
		: seconds >= 1    ? (struct difference_unit){ 1, "s" }
		: seconds >= 1e-3 ? (struct difference_unit){ 1e3, "ms" }
				  : (struct difference_unit){ 1e6, "us" };
}

static double largest(const struct comparison *comparison)
{
	double most = 0;

	for (size_t i = 0; i < comparison->count; i++) {
		const struct change *change = &comparison->changes[i];

		most = change->before > most ? change->before : most;
		most = change->after > most ? change->after : most;
	}
	return most;
}

/* Of what the seconds are. */
static const char *kind_of_time(const struct diff *diff)
{
	const struct options *options = diff->options;
	const char *mode =
		options->has_mode ? sample_mode_names[options->mode] : diff->sides[1].circumstances.mode;

	return strcmp(mode, "cpu") == 0     ? "on a CPU"
		: strcmp(mode, "gil") == 0  ? "with the GIL"
		: strcmp(mode, "wall") == 0 ? "of all threads"
					    : "of active threads";
}

static void append_row(struct buffer *text, const struct diff *diff, const struct change *change,
	const struct difference_unit *unit, size_t columns)
{
	const size_t begin = text->length;
	const int decimals = diff->options->seconds ? 2 : 1;
	const char *suffix = diff->options->seconds ? " " : "%";
	char interval[32];

	snprintf(interval, sizeof(interval), "%+.*f to %+.*f", decimals, unit->factor * change->low, decimals,
		unit->factor * change->high);
	buffer_printf(text, "%6.*f%s %6.*f%s %+6.*f  %-15s  %-11s  ", decimals, unit->factor * change->before,
		suffix, decimals, unit->factor * change->after, suffix, decimals,
		unit->factor * (change->after - change->before), interval, change_names[change->verdict]);
	if (!columns) /* it is no terminal */
		columns = EVERY_COLUMN;
	columns = columns > text->length - begin + NAME_LEAST ? columns - (text->length - begin) : NAME_LEAST;
	buffer_append_fit(text, keys_text(diff->keys, change->key), columns, FIT_KEEP_END);
	buffer_append_char(text, '\n');
}

/* "function (self)", and of times: "function (self): seconds on a CPU, of a run". */
static void append_rows_name(struct buffer *text, const struct diff *diff, const struct difference_unit *unit)
{
	static const char *const rows[] = {
		[BY_FUNCTION] = "function", [BY_LINE] = "line", [BY_FILE] = "file", [BY_MODULE] = "module"
	};
	const struct options *options = diff->options;

	buffer_printf(text, "%s (%s)", rows[options->by], options->compare_total ? "total" : "self");
	if (options->seconds)
		buffer_printf(text, ": %s %s, of a %s",
			*unit->name == 's'           ? "seconds"
				: *unit->name == 'm' ? "milliseconds"
						     : "microseconds",
			kind_of_time(diff),
			options->per_process                                   ? "process"
				: options->work > 1 || options->later_work > 1 ? "unit of work"
									       : "run");
}

/* What a side is in all: samples, and where it is known the time that they are. */
static void append_size(struct buffer *text, const struct diff *diff, size_t number, const char *word)
{
	const struct side *side = &diff->sides[number];

	buffer_printf(text, "%" PRIu64 "%s", side->samples, word);
	if (side->circumstances.is_known && !side->lacks_time)
		buffer_printf(text, " (%.1f s)",
			(double)(side->samples + side->missed) * (double)side->circumstances.interval_ns /
				1e9);
}

static void append_table(struct buffer *text, const struct diff *diff, const struct comparison *comparison)
{
	const struct options *options = diff->options;
	const size_t columns = terminal_columns(STDOUT_FILENO),
		     limit = options->has_limit ? (options->limit ? options->limit : SIZE_MAX) : SIZE_MAX;
	const struct difference_unit unit = unit_of(options, largest(comparison));
	size_t rows = 0, changed = 0, others = 0, left_out = 0;

	buffer_append_string(text, " before   after  change  of that, 95 %    verdict      ");
	append_rows_name(text, diff, &unit);
	buffer_append_char(text, '\n');
	for (size_t i = 0; i < comparison->count; i++) {
		const struct change *change = &comparison->changes[i];

		changed += has_changed(change);
		if (rows >= limit || (!has_changed(change) && !options->has_limit && others >= ROWS)) {
			left_out++;
			continue;
		}
		others += !has_changed(change);
		append_row(text, diff, change, &unit, columns);
		rows++;
	}
	if (left_out)
		buffer_printf(text, "and %zu more (--limit=0 shows all)\n", left_out);
	buffer_append_char(text, '\n');
	append_size(text, diff, 0, " samples");
	buffer_append_string(text, " before, ");
	append_size(text, diff, 1, "");
	buffer_append_string(text, " after; ");
	if (options->per_process)
		buffer_printf(text, "%zu processes before, %zu after; ", diff->processes[0].count,
			diff->processes[1].count);
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
	buffer_printf(text, ",\"unit\":\"%s\"", diff->options->seconds ? "seconds" : "share");
	for (size_t i = 0; i < 2; i++) {
		buffer_printf(text,
			",\"%s\":{\"files\":%zu,\"samples\":%" PRIu64 ",\"missed\":%" PRIu64
			",\"block_seconds\":%.3f",
			side_names[i], diff->sides[i].count, diff->sides[i].samples, diff->sides[i].missed,
			comparison->block_seconds[i]);
		if (diff->options->per_process)
			buffer_printf(text, ",\"processes\":%zu", diff->processes[i].count);
		buffer_append_char(text, '}');
	}
	buffer_append_string(text, ",\"changes\":[");
	for (size_t i = 0; i < comparison->count; i++) {
		const struct change *change = &comparison->changes[i];

		buffer_append_string(text, i ? ",\n{\"name\":" : "\n{\"name\":");
		buffer_append_json(text, keys_text(diff->keys, change->key));
		buffer_printf(text,
			",\"before\":%.9g,\"after\":%.9g,\"low\":%.9g,\"high\":%.9g,\"p\":%.3g,\"verdict\":"
			"\"%s\"}",
			change->before, change->after, change->low, change->high, change->p,
			change_names[change->verdict]);
	}
	buffer_append_string(text, "]}\n");
}

/* ---- the whole ---- */

static int print_comparison(const struct diff *diff, const struct comparison *comparison, struct error *err)
{
	struct buffer text = { 0 };
	int result;

	if (diff->options->json)
		append_json(&text, diff, comparison);
	else
		append_table(&text, diff, comparison);
	result = print_text(&text, err);
	buffer_release(&text);
	return result;
}

static int write_files(
	struct diff *diff, const struct comparison *comparison, const double seconds[2], struct error *err)
{
	const struct options *options = diff->options;
	struct output_options output = output_options_of(options, options->mode);
	struct buffer rows = { 0 };
	struct difference table = { .comparison = comparison,
		.keys = diff->keys,
		.seconds = options->seconds ? seconds : NULL,
		.unit = unit_of(options, seconds[0] > seconds[1] ? seconds[0] : seconds[1]) };
	int result = 0;

	append_rows_name(&rows, diff, &table.unit);
	table.rows = rows.data;
	output.no_lines = options->by != BY_LINE;
	output.short_paths = true;
	output.roots = diff->roots.list;
	for (size_t i = 0; i < options->output_count && result == 0; i++)
		result = diff_stacks_write(&diff->stacks, options->outputs[i], &table, &output, err);
	buffer_release(&rows);
	return result;
}

/*
 * Of all samples of a side, for one run, one process of it or one unit of its work; what was missed in
 * proportion.
 */
static double seconds_of(const struct diff *diff, size_t number)
{
	const struct side *side = &diff->sides[number];
	const double work = number ? diff->options->later_work : diff->options->work;

	return (double)(side->samples + side->missed) * (double)side->circumstances.interval_ns / 1e9 /
		(diff->options->per_process ? (double)diff->processes[number].count
					    : (double)side->count * work);
}

static int check_seconds(const struct diff *diff, struct error *err)
{
	if (!diff->options->seconds)
		return 0;
	for (size_t i = 0; i < 2; i++)
		if (!diff->sides[i].circumstances.is_known || diff->sides[i].lacks_time)
			return error_set(err, ERROR_UNSUPPORTED,
				"no seconds are known of %s: take recordings, or leave out --times and "
				"--per",
				side_names[i]);
	return 0;
}

static void free_runs(struct diff *diff)
{
	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; diff->sides[i].runs && j < diff->sides[i].count; j++)
			series_free(diff->sides[i].runs[j]);
		free(diff->sides[i].runs);
		diff->sides[i].runs = NULL;
	}
}

static int show(struct diff *diff, struct error *err)
{
	const struct options *options = diff->options;
	struct comparison comparison;
	const double seconds[2] = { seconds_of(diff, 0), seconds_of(diff, 1) };
	const struct runs sides[2] = { { diff->sides[0].runs, diff->sides[0].count },
		{ diff->sides[1].runs, diff->sides[1].count } };
	bool is_printed = true;
	int result;

	for (size_t i = 0; i < options->output_count; i++)
		is_printed &= strcmp(options->outputs[i], "-") != 0;
	compare(keys_count(diff->keys), NULL, sides, options->seconds ? seconds : NULL, &comparison);
	comparison_sort(&comparison);
	free_runs(diff); /* what was compared is known, and pictures take memory */
	result = write_files(diff, &comparison, seconds, err);
	if (result == 0 && is_printed)
		result = print_comparison(diff, &comparison, err);
	comparison_release(&comparison);
	return result;
}

static int run(struct diff *diff, struct error *err)
{
	const struct options *options = diff->options;

	for (size_t i = 0; i < options->output_count; i++)
		if (diff_output_check(options->outputs[i], err) != 0)
			return -1;
	if (options->sources[0]) {
		diff->lines = diff_lines_new(options->sources, diff->roots.list, err);
		if (!diff->lines)
			return -1;
	}
	if (read_side(diff, 0, err) != 0 || read_side(diff, 1, err) != 0 ||
		sides_check(diff->sides, options, err) != 0 || check_seconds(diff, err) != 0)
		return -1;
	sides_tell(diff->sides, options->seconds);
	if (diff->lines)
		diff_lines_tell(diff->lines);
	if (show(diff, err) != 0)
		return -1;
	if (diff->damaged) {
		err->exit_code = 1;
		return -1;
	}
	return 0;
}

static void diff_release(struct diff *diff)
{
	free_runs(diff);
	diff_stacks_release(&diff->stacks);
	diff_lines_free(diff->lines);
	u64_map_release(&diff->processes[0]);
	u64_map_release(&diff->processes[1]);
	keys_free(diff->keys);
	roots_release(&diff->roots);
	functions_free(diff->functions);
}

int diff_run(const struct options *options, struct error *err)
{
	struct diff diff = { .options = options,
		.functions = functions_new(),
		.sides = { { .paths = options->inputs, .count = options->input_count },
			{ .paths = options->later_inputs, .count = options->later_input_count } } };
	int result;

	diff_stacks_init(&diff.stacks, diff.functions, frame_name, &diff);
	diff.keys = keys_new(name_of, &diff);
	result = run(&diff, err);
	diff_release(&diff);
	return result;
}
