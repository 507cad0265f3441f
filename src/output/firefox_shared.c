/* SPDX-License-Identifier: MIT */
/*
 * What all threads of a profile for the Firefox Profiler share: the tables of texts, files, functions, frames
 * and stacks, whose rows name each other by number. Frames and stacks have the numbers that they have in the
 * timeline, stacks without the empty one.
 */
#include "config.h"

#include "output/firefox.h"
#include "output/shown.h"

#include <stdlib.h>
#include <string.h>

struct tables {
	struct json *json;
	const struct timeline *timeline;
	struct u64_map files_by_hash; /* of a file's name -> its number */
	const char **files;           /* borrowed from functions */
	size_t file_count, file_capacity;
	struct function_rows functions;
	size_t *function_files; /* by row: its file's number */
};

/* A column with the same value in each row. */
static void repeat(struct tables *tables, const char *before, const char *value, size_t count)
{
	json_begin(tables->json, before);
	for (size_t i = 0; i < count; i++) {
		json_next(tables->json);
		json_put(tables->json, value);
	}
	json_put(tables->json, "]");
}

static size_t number_file(struct tables *tables, const char *file)
{
	const uint64_t hash = hash_bytes(file, strlen(file)),
		       *known = u64_map_get(&tables->files_by_hash, hash);

	if (known && strcmp(tables->files[*known], file) == 0)
		return *known;
	array_reserve(&tables->files, &tables->file_capacity, tables->file_count + 1, sizeof(*tables->files));
	tables->files[tables->file_count] = file;
	u64_map_put(&tables->files_by_hash, hash, tables->file_count);
	return tables->file_count++;
}

/* The functions that are in a stack, and their files. */
static void number_functions(struct tables *tables)
{
	function_rows_init(&tables->functions, &tables->timeline->stacks);
	tables->function_files = xcalloc(tables->functions.count + 1, sizeof(*tables->function_files));
	for (size_t i = 0; i < tables->functions.count; i++)
		tables->function_files[i] = number_file(
			tables, function_file(tables->functions.list[i], tables->timeline->options));
}

/* Markers' names, then functions', then files'. */
static void write_strings(struct tables *tables)
{
	json_begin(tables->json, "\"stringArray\":");
	for (size_t i = 0; i < MARKERS; i++) {
		json_next(tables->json);
		buffer_append_json(&tables->json->text, firefox_markers[i].name);
	}
	for (size_t i = 0; i < tables->functions.count; i++) {
		json_next(tables->json);
		buffer_append_json(&tables->json->text, function_name(tables->functions.list[i]));
	}
	for (size_t i = 0; i < tables->file_count; i++) {
		json_next(tables->json);
		buffer_append_json(&tables->json->text, tables->files[i]);
	}
	json_put(tables->json, "]");
}

static void write_sources(struct tables *tables)
{
	const size_t first = MARKERS + tables->functions.count;

	json_put(tables->json, ",\"sources\":{\"length\":");
	json_put_uint(tables->json, tables->file_count);
	repeat(tables, ",\"id\":", "null", tables->file_count);
	repeat(tables, ",\"startLine\":", "1", tables->file_count);
	repeat(tables, ",\"startColumn\":", "1", tables->file_count);
	repeat(tables, ",\"sourceMapURL\":", "null", tables->file_count);
	json_begin(tables->json, ",\"filename\":");
	for (size_t i = 0; i < tables->file_count; i++) {
		json_next(tables->json);
		json_put_uint(tables->json, first + i);
	}
	json_put(tables->json, "]}");
	/* Each file is a resource, too: a module of native functions. */
	json_put(tables->json, ",\"resourceTable\":{\"length\":");
	json_put_uint(tables->json, tables->file_count);
	repeat(tables, ",\"lib\":", "null", tables->file_count);
	json_begin(tables->json, ",\"name\":");
	for (size_t i = 0; i < tables->file_count; i++) {
		json_next(tables->json);
		json_put_uint(tables->json, first + i);
	}
	json_put(tables->json, "]");
	repeat(tables, ",\"host\":", "null", tables->file_count);
	repeat(tables, ",\"type\":", "1", tables->file_count);
	json_put(tables->json, "}");
}

static void write_functions(struct tables *tables)
{
	const size_t count = tables->functions.count;

	json_put(tables->json, ",\"funcTable\":{\"length\":");
	json_put_uint(tables->json, count);
	json_begin(tables->json, ",\"name\":");
	for (size_t i = 0; i < count; i++) {
		json_next(tables->json);
		json_put_uint(tables->json, MARKERS + i);
	}
	json_put(tables->json, "]");
	repeat(tables, ",\"isJS\":", "false", count);
	repeat(tables, ",\"relevantForJS\":", "false", count);
	json_begin(tables->json, ",\"resource\":");
	for (size_t i = 0; i < count; i++) {
		json_next(tables->json);
		buffer_append_int(&tables->json->text,
			tables->functions.list[i]->kind == FUNCTION_NATIVE && *tables->functions.list[i]->file
				? (int64_t)tables->function_files[i]
				: -1);
	}
	json_begin(tables->json, "],\"source\":");
	for (size_t i = 0; i < count; i++) {
		json_next(tables->json);
		if (tables->functions.list[i]->kind == FUNCTION_PYTHON)
			json_put_uint(tables->json, tables->function_files[i]);
		else
			json_put(tables->json, "null");
	}
	json_begin(tables->json, "],\"lineNumber\":");
	for (size_t i = 0; i < count; i++) {
		json_next(tables->json);
		if (tables->functions.list[i]->first_line > 0)
			buffer_append_int(&tables->json->text, tables->functions.list[i]->first_line);
		else
			json_put(tables->json, "null");
	}
	json_put(tables->json, "]");
	repeat(tables, ",\"columnNumber\":", "null", count);
	json_put(tables->json, "}");
}

static void write_frames(struct tables *tables)
{
	const struct stacks *stacks = &tables->timeline->stacks;
	const size_t count = stacks->frame_count;

	json_put(tables->json, ",\"frameTable\":{\"length\":");
	json_put_uint(tables->json, count);
	repeat(tables, ",\"address\":", "-1", count);
	repeat(tables, ",\"inlineDepth\":", "0", count);
	repeat(tables, ",\"subcategory\":", "0", count);
	repeat(tables, ",\"nativeSymbol\":", "null", count);
	repeat(tables, ",\"innerWindowID\":", "0", count);
	repeat(tables, ",\"column\":", "null", count);
	json_begin(tables->json, ",\"category\":");
	for (size_t i = 0; i < count; i++) {
		json_next(tables->json);
		json_put_uint(tables->json, frame_category(stacks->frames[i].function));
	}
	json_begin(tables->json, "],\"func\":");
	for (size_t i = 0; i < count; i++) {
		json_next(tables->json);
		json_put_uint(tables->json, function_row(&tables->functions, stacks->frames[i].function));
	}
	json_begin(tables->json, "],\"line\":");
	for (size_t i = 0; i < count; i++) {
		json_next(tables->json);
		if (stacks->frames[i].line > 0 && !tables->timeline->options->no_lines)
			buffer_append_int(&tables->json->text, stacks->frames[i].line);
		else
			json_put(tables->json, "null");
	}
	json_put(tables->json, "]}");
}

/* Node 0 is the empty stack, which has no row. */
static void write_stacks(struct tables *tables)
{
	const struct stacks *stacks = &tables->timeline->stacks;

	json_put(tables->json, ",\"stackTable\":{\"length\":");
	json_put_uint(tables->json, stacks->node_count - 1);
	json_begin(tables->json, ",\"frame\":");
	for (size_t i = 1; i < stacks->node_count; i++) {
		json_next(tables->json);
		json_put_uint(tables->json, stacks->nodes[i].frame);
	}
	json_begin(tables->json, "],\"prefix\":");
	for (size_t i = 1; i < stacks->node_count; i++) {
		json_next(tables->json);
		if (stacks->nodes[i].parent)
			json_put_uint(tables->json, stacks->nodes[i].parent - 1);
		else
			json_put(tables->json, "null");
	}
	json_put(tables->json, "]}");
}

void firefox_write_shared(struct json *json, const struct timeline *timeline)
{
	struct tables tables = { .json = json, .timeline = timeline };

	json_put(json, ",\"libs\":[],\"shared\":{");
	number_functions(&tables);
	write_strings(&tables);
	write_sources(&tables);
	write_functions(&tables);
	write_frames(&tables);
	write_stacks(&tables);
	json_put(json,
		",\"nativeSymbols\":{\"length\":0,\"libIndex\":[],\"address\":[],\"name\":[],"
		"\"functionSize\":[]}}");
	u64_map_release(&tables.files_by_hash);
	function_rows_release(&tables.functions);
	free(tables.files);
	free(tables.function_files);
}
