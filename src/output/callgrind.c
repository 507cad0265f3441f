/* SPDX-License-Identifier: MIT */
/*
 * The format of callgrind (valgrind's manual, "Callgrind Format Specification", version 1): what each line of
 * each function costs, and what it costs by the functions that it calls. callgrind_annotate takes for the
 * whole cost of a function that of the calls of it, where there are any: so of a function that is in a stack
 * several times the outermost call counts, and what is called by nobody is called by "(root)".
 */
#include "config.h"

#include "output/edges.h"
#include "output/format.h"

#include <stdlib.h>
#include <string.h>

#define FLUSH_BYTES 32768

struct writer {
	const struct edges *edges;
	const struct output_options *options;
	struct output_file *file;
	struct buffer text;
	bool *named; /* by row: its name has been written, and its number is enough */
};

static void flush(struct writer *writer)
{
	output_write(writer->file, writer->text.data, writer->text.length);
	buffer_clear(&writer->text);
}

static const char *file_of(const struct writer *writer, const struct function *function)
{
	if (!*function->file)
		return "???"; /* what the reader takes for a file that is not known */
	return writer->options->short_paths && function->kind == FUNCTION_PYTHON
		? short_path(function->file, writer->options->roots)
		: function->file;
}

/* The number stands before each name, for a name in parentheses would be a number by itself. */
static void put_name(struct writer *writer, const char *key, size_t number, const char *text, bool is_known)
{
	buffer_append_string(&writer->text, key);
	buffer_append_char(&writer->text, '(');
	buffer_append_uint(&writer->text, number + 1);
	buffer_append_char(&writer->text, ')');
	if (!is_known) {
		buffer_append_char(&writer->text, ' ');
		buffer_append_string(&writer->text, *text ? text : "?");
	}
	buffer_append_char(&writer->text, '\n');
}

/* Files have the numbers of the functions that they are of: a name may have several numbers. */
static void put_function(struct writer *writer, const char *file_key, const char *key, size_t row)
{
	static const struct function nobody = { .kind = FUNCTION_MARKER, .name = "(root)", .file = "" };
	const struct function *function = &nobody;

	if (row == EDGE_SELF)
		row = writer->edges->function_count;
	else
		function = writer->edges->functions[row];
	put_name(writer, file_key, row, file_of(writer, function), writer->named[row]);
	put_name(writer, key, row, function->name, writer->named[row]);
	writer->named[row] = true;
}

static void put_cost(struct writer *writer, int line, uint64_t count)
{
	buffer_append_int(&writer->text, writer->options->no_lines || line < 0 ? 0 : line);
	buffer_append_char(&writer->text, ' ');
	buffer_append_uint(&writer->text, count);
	buffer_append_char(&writer->text, '\n');
}

static void write_call(struct writer *writer, const struct edge *edge)
{
	put_function(writer, "cfi=", "cfn=", edge->callee);
	buffer_append_string(&writer->text, "calls=");
	buffer_append_uint(&writer->text, edge->count);
	buffer_append_char(&writer->text, ' ');
	buffer_append_int(&writer->text, writer->edges->functions[edge->callee]->first_line);
	buffer_append_char(&writer->text, '\n');
	put_cost(writer, edge->line, edge->count);
}

static void write_callgrind(
	const struct profile *profile, const struct output_options *options, struct output_file *file)
{
	struct edges edges;
	struct writer writer = { .edges = &edges, .options = options, .file = file };

	edges_init(&edges, profile, EDGES_BY_LINE);
	writer.named = xcalloc(edges.function_count + 1, sizeof(*writer.named));
	buffer_append_string(&writer.text,
		"# callgrind format\nversion: 1\ncreator: pyrope\npositions: line\nevent: samples : "
		"Samples\nevents: samples\nsummary: ");
	buffer_append_uint(&writer.text, profile_samples(profile));
	buffer_append_char(&writer.text, '\n');
	for (size_t i = 0; i < edges.count; i++) {
		const struct edge *edge = &edges.list[i];

		if (i == 0 || edge->caller != edge[-1].caller) {
			buffer_append_char(&writer.text, '\n');
			put_function(&writer, "fl=", "fn=", edge->caller);
		}
		if (edge->callee == EDGE_SELF)
			put_cost(&writer, edge->line, edge->count);
		else
			write_call(&writer, edge);
		if (writer.text.length > FLUSH_BYTES)
			flush(&writer);
	}
	flush(&writer);
	free(writer.named);
	buffer_release(&writer.text);
	edges_release(&edges);
}

static const char *const extensions[] = { ".callgrind", NULL };

const struct output_format output_callgrind = {
	.name = "callgrind",
	.extensions = extensions,
	.description = "what each line costs, and who calls whom, for KCachegrind and callgrind_annotate",
	.viewer = "kcachegrind %s",
	.needs = NEEDS_COUNTS,
	.write = write_callgrind,
};
