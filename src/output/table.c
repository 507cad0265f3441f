/* SPDX-License-Identifier: MIT */
/*
 * Functions (lines, files, modules) in a table, for a person: which ones the time goes to, themselves and
 * with all that they call. Below: how many threads there were, and what they did. What is no function of the
 * program and has the samples instead (idle, partial) stands above, so that the rows are comparable.
 */
#include "config.h"

#include "output/format.h"
#include "output/tree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define NUMBER_COLUMNS 17 /* of the two in front, with the space behind */
#define BETWEEN 2
#define NAME_LIMIT 60 /* where there is no terminal to say how wide it may be */
#define PLACE_LEAST 8 /* narrower than this it says nothing */
#define EVERY_COLUMN ((size_t)1 << 20)

struct table_row {
	char *name, *place;
	uint64_t self, total;
};

struct table {
	struct output_file *file;
	double samples;
	struct table_row *rows;
	size_t row_count, left_out;
	size_t name_columns, place_columns;
};

/* What is said of the samples as a whole, and is no row. */
static bool is_above(const struct function *function)
{
	static const char *const names[] = { "(idle)", "(partial)", "(failed)", "(unverified)" };

	for (size_t i = 0; function->kind == FUNCTION_MARKER && i < ARRAY_LENGTH(names); i++)
		if (strcmp(function->name, names[i]) == 0)
			return true;
	return false;
}

/* One line, and not nothing. */
static char *clean_copy(const char *text)
{
	struct buffer clean = { 0 };

	utf8_clean(&clean, text, strlen(text));
	if (!clean.length)
		buffer_append_char(&clean, '?');
	return clean.data;
}

/* ---- what a row says ---- */

static const char *path_of(const struct function *function, const struct output_options *options)
{
	return options->short_paths ? short_path(function->file, options->roots) : function->file;
}

/* --by=file */
static char *file_text(const struct function *function, const void *options)
{
	return clean_copy(function->kind == FUNCTION_MARKER ? function->name : path_of(function, options));
}

/* --by=module: as Python imports it; of native functions, the file that they are loaded from. */
static char *module_text(const struct function *function, const void *context)
{
	const struct output_options *options = context;
	const char *path = short_path(function->file, options->roots);
	const size_t length = strlen(path);
	char *text;

	if (function->kind != FUNCTION_PYTHON || length < 4 || strcmp(path + length - 3, ".py") != 0)
		return file_text(function, options);
	text = clean_copy(path);
	text[strlen(text) - 3] = '\0';
	if (text[0] == '/') /* of no entry of sys.path that is known */
		memmove(text, strrchr(text, '/') + 1, strlen(strrchr(text, '/')));
	for (char *slash; (slash = strchr(text, '/'));)
		*slash = '.';
	if (strlen(text) > 9 && strcmp(text + strlen(text) - 9, ".__init__") == 0)
		text[strlen(text) - 9] = '\0';
	return text;
}

char *row_name(const struct function *function, int line, enum table_by by, const char *const *roots)
{
	const struct output_options options = { .short_paths = true, .roots = roots };
	char *module, *name, *text;

	if (by == BY_FILE || function->kind == FUNCTION_MARKER)
		return file_text(function, &options);
	module = module_text(function, &options);
	if (by == BY_MODULE)
		return module;
	name = clean_copy(function->name);
	if (by == BY_LINE && line)
		text = xasprintf("%s:%s:%+d", module, name, line - function->first_line);
	else
		text = xasprintf("%s:%s", module, name);
	free(module);
	free(name);
	return text;
}

static const struct {
	const char *name, *place; /* the heads of the columns */
	bool has_line;
	char *(*text)(const struct function *function, const void *options);
} kinds[] = {
	[BY_FUNCTION] = { "function", "file:line", false, NULL },
	[BY_LINE] = { "function", "file:line", true, NULL },
	[BY_FILE] = { "file", "", false, file_text },
	[BY_MODULE] = { "module", "", false, module_text },
};

static char *place_of(const struct total_row *row, const struct output_options *options)
{
	const int line = options->by == BY_LINE ? row->line : row->function->first_line;
	char *clean, *place;

	if (row->function->kind == FUNCTION_MARKER || row->text)
		return xstrdup("");
	clean = clean_copy(path_of(row->function, options));
	if (!line || options->no_lines)
		return clean;
	place = xasprintf("%s:%d", clean, line);
	free(clean);
	return place;
}

static void fill_row(struct table_row *row, const struct total_row *total, unsigned indent, bool is_branch,
	const struct output_options *options)
{
	char *name = total->text ? xstrdup(total->text) : clean_copy(total->function->name);

	row->name = xasprintf("%*s%s%s", (int)indent, "", is_branch ? "- " : "", name);
	row->place = place_of(total, options);
	free(name);
}

/* ---- a list ---- */

static int compare_rows(const void *left, const void *right, void *sort)
{
	const enum table_sort order_by = *(const enum table_sort *)sort;
	const struct total_row *a = *(const struct total_row *const *)left,
			       *b = *(const struct total_row *const *)right;
	const uint64_t first[] = { a->self, a->total }, second[] = { b->self, b->total };
	const char *name = a->text ? a->text : a->function->name,
		   *other = b->text ? b->text : b->function->name;
	const int order = strcmp(name, other);

	if (order_by == SORT_NAME && order)
		return order;
	for (size_t i = 0; i < 2; i++) {
		const size_t column = order_by == SORT_TOTAL ? 1 - i : i;

		if (first[column] != second[column])
			return first[column] > second[column] ? -1 : 1;
	}
	if (order || a->text)
		return order;
	if (strcmp(a->function->file, b->function->file) != 0)
		return strcmp(a->function->file, b->function->file);
	return a->function->first_line != b->function->first_line
		? a->function->first_line - b->function->first_line
		: a->line - b->line;
}

static void fill_list(struct table *table, const struct totals *totals, const struct output_options *options)
{
	const struct total_row **order =
		xreallocarray(NULL, totals->row_count + 1, sizeof(struct total_row *));
	enum table_sort sort = options->sort;
	size_t count = 0;

	for (size_t i = 0; i < totals->row_count; i++) {
		if (totals->rows[i].total && !is_above(totals->rows[i].function))
			order[count++] = &totals->rows[i];
	}
	qsort_r(order, count, sizeof(struct total_row *), compare_rows, &sort);
	if (options->rows && count > options->rows) {
		table->left_out = count - options->rows;
		count = options->rows;
	}
	table->rows = xcalloc(count + 1, sizeof(*table->rows));
	for (table->row_count = 0; table->row_count < count; table->row_count++) {
		struct table_row *row = &table->rows[table->row_count];

		fill_row(row, order[table->row_count], 0, false, options);
		row->self = order[table->row_count]->self;
		row->total = order[table->row_count]->total;
	}
	free(order);
}

/* ---- a tree ---- */

static void fill_tree(struct table *table, const struct totals *totals, const struct output_options *options)
{
	struct tree_line *lines;

	table->row_count = tree_lines(totals, options, is_above, &lines, &table->left_out);
	table->rows = xcalloc(table->row_count + 1, sizeof(*table->rows));
	for (size_t i = 0; i < table->row_count; i++) {
		const struct total_node *node = &totals->nodes[lines[i].node];

		fill_row(&table->rows[i], &totals->rows[node->row], lines[i].indent, lines[i].is_branch,
			options);
		table->rows[i].self = node->self;
		table->rows[i].total = node->total;
	}
	free(lines);
}

/* ---- columns ---- */

/* The place gets what the name leaves, but half at least; too narrow for both, the name has all of it. */
static void fit_columns(struct table *table, const struct output_options *options)
{
	size_t name = strlen(kinds[options->by].name), place = strlen(kinds[options->by].place), room;

	for (size_t i = 0; i < table->row_count; i++) {
		size_t own = text_columns(table->rows[i].name);
		size_t own_place = text_columns(table->rows[i].place);

		name = own > name ? own : name;
		place = own_place > place ? own_place : place;
	}
	if (!options->columns) {
		table->name_columns = name < NAME_LIMIT ? name : NAME_LIMIT;
		table->place_columns = EVERY_COLUMN;
		return;
	}
	room = options->columns > NUMBER_COLUMNS + PLACE_LEAST ? options->columns - NUMBER_COLUMNS
							       : PLACE_LEAST;
	if (name + BETWEEN + place > room) {
		size_t half = room / 2 - BETWEEN / 2;

		if (name + BETWEEN + half < room)
			half = room - BETWEEN - name;
		place = place < half ? place : half;
		if (place < PLACE_LEAST)
			place = 0;
		name = place ? room - BETWEEN - place : room;
	}
	table->name_columns = name;
	table->place_columns = place;
}

static void append_line(struct buffer *text, const struct table *table, const char *name, const char *place)
{
	size_t start = text->length, used;

	/* Where the width is free a long name is not cut: its place moves to the right. */
	if (table->place_columns == EVERY_COLUMN)
		buffer_append_string(text, name);
	else
		buffer_append_fit(text, name, table->name_columns, FIT_KEEP_BEGIN);
	used = text_columns(text->data + start);
	if (*place && table->place_columns) {
		for (; used < table->name_columns + BETWEEN; used++)
			buffer_append_char(text, ' ');
		if (used > table->name_columns + BETWEEN)
			buffer_append_string(text, "  ");
		buffer_append_fit(text, place, table->place_columns, FIT_KEEP_END);
	}
	buffer_append_char(text, '\n');
}

/* A line of words; columns 0: as long as it is. */
static void write_fitting(struct table *table, const struct buffer *words, size_t columns)
{
	struct buffer line = { 0 };

	buffer_append_fit(&line, words->data, columns ? columns : EVERY_COLUMN, FIT_KEEP_BEGIN);
	buffer_append_char(&line, '\n');
	output_write(table->file, line.data, line.length);
	buffer_release(&line);
}

static void write_head(struct table *table, const struct profile *profile, const struct totals *totals,
	const struct output_options *options)
{
	uint64_t samples = profile_samples(profile);
	struct buffer text = { 0 };
	bool is_first = true;

	buffer_append_uint(&text, samples);
	buffer_append_string(&text, samples == 1 ? " sample" : " samples");
	for (size_t i = 0; i < totals->row_count; i++) {
		const struct total_row *row = &totals->rows[i];

		if (!is_above(row->function) || !row->total)
			continue;
		buffer_printf(&text, "%s%.1f%% %s", is_first ? ": " : ", ",
			100 * (double)row->total / table->samples, row->function->name);
		is_first = false;
	}
	write_fitting(table, &text, options->columns);
	buffer_clear(&text);
	if (table->row_count) {
		buffer_append_string(&text, "\n   self   total  ");
		append_line(&text, table, kinds[options->by].name, kinds[options->by].place);
	}
	if (text.length)
		output_write(table->file, text.data, text.length);
	buffer_release(&text);
}

static void write_rows(struct table *table, const struct output_options *options)
{
	struct buffer text = { 0 };

	for (size_t i = 0; i < table->row_count; i++) {
		const struct table_row *row = &table->rows[i];

		buffer_clear(&text);
		buffer_printf(&text, "%6.1f%% %6.1f%%  ", 100 * (double)row->self / table->samples,
			100 * (double)row->total / table->samples);
		append_line(&text, table, row->name, row->place);
		output_write(table->file, text.data, text.length);
	}
	buffer_clear(&text);
	if (table->left_out) {
		buffer_printf(&text, "and %zu more: %s", table->left_out,
			options->has_limit ? "--limit=0 shows all" : "-o FILE.table has all");
		write_fitting(table, &text, options->columns);
	}
	buffer_release(&text);
}

/* Those that ended otherwise than with 0, each. */
static void write_exits(
	struct table *table, const struct profile_summary *summary, const struct output_options *options)
{
	const size_t badly = summary->exits.count - summary->exits.well - summary->exits.unknown;
	struct buffer text = { 0 };

	if (!badly)
		return;
	buffer_printf(
		&text, "%zu process%s ended", summary->exits.count, summary->exits.count == 1 ? "" : "es");
	for (size_t i = 0; i < badly && i < PROFILE_EXITS; i++) {
		const struct process_exit *process = &summary->exits.badly[i];

		if (WIFSIGNALED(process->status))
			buffer_printf(&text, "%s %d by signal %d", i ? "," : ":", (int)process->pid,
				WTERMSIG(process->status));
		else
			buffer_printf(&text, "%s %d with exit status %d", i ? "," : ":", (int)process->pid,
				WEXITSTATUS(process->status));
	}
	if (badly > PROFILE_EXITS)
		buffer_printf(&text, ", and %zu more", badly - PROFILE_EXITS);
	write_fitting(table, &text, options->columns);
	buffer_release(&text);
}

/* Threads, and what they did. Collapsed stacks of other tools say neither. */
static void write_foot(
	struct table *table, const struct profile *profile, const struct output_options *options)
{
	const struct profile_summary *summary = profile_summary(profile);
	struct buffer text = { 0 };

	if (!summary->threads)
		return;
	output_write(table->file, "\n", 1);
	buffer_printf(&text, "%zu thread%s of %zu process%s", summary->threads,
		summary->threads == 1 ? "" : "s", summary->processes, summary->processes == 1 ? "" : "es");
	for (size_t state = THREAD_UNKNOWN + 1; state < THREAD_STATES; state++) {
		if (summary->states[state])
			buffer_printf(&text, "%s%.1f%% %s", strchr(text.data, ':') ? ", " : ": ",
				100 * (double)summary->states[state] / table->samples,
				thread_state_names[state]);
	}
	write_fitting(table, &text, options->columns);
	buffer_clear(&text);
	if (summary->missed)
		buffer_printf(&text, "%llu tick%s missed", (unsigned long long)summary->missed,
			summary->missed == 1 ? "" : "s");
	if (summary->partial)
		buffer_printf(&text, "%s%llu sample%s partial", text.length ? ", " : "",
			(unsigned long long)summary->partial, summary->partial == 1 ? "" : "s");
	if (text.length)
		write_fitting(table, &text, options->columns);
	buffer_release(&text);
	write_exits(table, summary, options);
}

static void write_table(
	const struct profile *profile, const struct output_options *options, struct output_file *file)
{
	const struct total_key key = { kinds[options->by].has_line, kinds[options->by].text, options };
	struct table table = { .file = file, .samples = (double)profile_samples(profile) };
	struct totals totals;

	profile_totals(profile, &key, &totals);
	if (options->tree)
		fill_tree(&table, &totals, options);
	else
		fill_list(&table, &totals, options);
	fit_columns(&table, options);
	write_head(&table, profile, &totals, options);
	write_rows(&table, options);
	write_foot(&table, profile, options);
	for (size_t i = 0; i < table.row_count; i++) {
		free(table.rows[i].name);
		free(table.rows[i].place);
	}
	free(table.rows);
	totals_release(&totals);
}

static const char *const extensions[] = { ".table", NULL };

const struct output_format output_table = {
	.name = "table",
	.extensions = extensions,
	.description = "each function, how much of the samples is in it and in what it calls",
	.viewer = "less %s",
	.for_eyes = true,
	.write = write_table,
};
