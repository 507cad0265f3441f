/* SPDX-License-Identifier: MIT */
/*
 * What Python's own profilers write, and pstats reads: a dictionary as marshal.dump writes it
 * (Python/marshal.c, the types of version 0, which every version reads), {(file, first line, name): (cc, nc,
 * tt, ct, callers)}, callers {(file, first line, name): (nc, cc, tt, ct)}. Calls are samples here, each once
 * however often the function is in it; times are theirs by the interval.
 */
#include "config.h"

#include "output/edges.h"
#include "output/format.h"

#include <stdlib.h>
#include <string.h>

#define FLUSH_BYTES 32768
#define NAME_BYTES 65536 /* of a name; a reader takes up to 2^31 - 1 */

struct writer {
	const struct edges *edges;
	const struct output_options *options;
	struct output_file *file;
	struct buffer bytes;
	double interval_s;
};

static void put_int32(struct writer *writer, uint32_t number)
{
	const char bytes[] = { (char)number, (char)(number >> 8), (char)(number >> 16),
		(char)(number >> 24) };

	buffer_append(&writer->bytes, bytes, sizeof(bytes));
}

/* A long has digits of 15 bits; one that fits is an int. */
static void put_number(struct writer *writer, uint64_t number)
{
	uint32_t digits = 0;

	if (number <= INT32_MAX) {
		buffer_append_char(&writer->bytes, 'i');
		put_int32(writer, (uint32_t)number);
		return;
	}
	for (uint64_t rest = number; rest; rest >>= 15)
		digits++;
	buffer_append_char(&writer->bytes, 'l');
	put_int32(writer, digits);
	for (; number; number >>= 15) {
		buffer_append_char(&writer->bytes, (char)number);
		buffer_append_char(&writer->bytes, (char)(number >> 8 & 0x7f));
	}
}

static void put_seconds(struct writer *writer, uint64_t samples)
{
	const double seconds = (double)samples * writer->interval_s;
	uint64_t bits;

	memcpy(&bits, &seconds, sizeof(bits));
	buffer_append_char(&writer->bytes, 'g');
	put_int32(writer, (uint32_t)bits);
	put_int32(writer, (uint32_t)(bits >> 32));
}

/* As UTF-8. What is too long is cut, and not within a character. */
static void put_text(struct writer *writer, const char *text)
{
	size_t length = strlen(text);

	if (length > NAME_BYTES) {
		length = NAME_BYTES;
		while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	}
	buffer_append_char(&writer->bytes, 'u');
	put_int32(writer, (uint32_t)length);
	buffer_append(&writer->bytes, text, length);
}

static void put_tuple(struct writer *writer, uint32_t count)
{
	buffer_append_char(&writer->bytes, '(');
	put_int32(writer, count);
}

/* What Python calls built in, and what is no function, has "~" for its file, and 0 for its line. */
static void put_function(struct writer *writer, uint32_t row)
{
	const struct function *function = writer->edges->functions[row];
	const char *file = function->file;

	if (writer->options->short_paths && function->kind == FUNCTION_PYTHON)
		file = short_path(file, writer->options->roots);
	put_tuple(writer, 3);
	put_text(writer, *file ? file : "~");
	put_number(writer,
		function->first_line > 0 && !writer->options->no_lines ? (uint64_t)function->first_line : 0);
	put_text(writer, *function->name ? function->name : "?");
}

static void put_counts(struct writer *writer, uint64_t count, uint64_t self)
{
	put_number(writer, count);
	put_number(writer, count);
	put_seconds(writer, self);
	put_seconds(writer, count);
}

/* The function of edges [first, end), which are its callers. */
static void write_function(struct writer *writer, size_t first, size_t end)
{
	const struct edge *list = writer->edges->list;
	const uint32_t row = list[first].callee;

	put_function(writer, row);
	put_tuple(writer, 5);
	put_counts(writer, writer->edges->total[row], writer->edges->self[row]);
	buffer_append_char(&writer->bytes, '{');
	for (size_t i = first; i < end; i++) {
		if (list[i].caller == EDGE_SELF)
			continue;
		put_function(writer, list[i].caller);
		put_tuple(writer, 4);
		put_counts(writer, list[i].count, list[i].self);
	}
	buffer_append_char(&writer->bytes, '0');
	if (writer->bytes.length > FLUSH_BYTES) {
		output_write(writer->file, writer->bytes.data, writer->bytes.length);
		buffer_clear(&writer->bytes);
	}
}

static void write_pstats(
	const struct profile *profile, const struct output_options *options, struct output_file *file)
{
	struct edges edges;
	struct writer writer = { .edges = &edges,
		.options = options,
		.file = file,
		.interval_s = (double)profile_interval_ns(profile) * 1e-9 };

	edges_init(&edges, profile, EDGES_BY_CALLEE);
	buffer_append_char(&writer.bytes, '{');
	for (size_t first = 0, end; first < edges.count; first = end) {
		for (end = first + 1;
			end < edges.count && edges.list[end].callee == edges.list[first].callee;)
			end++;
		write_function(&writer, first, end);
	}
	buffer_append_char(&writer.bytes, '0');
	output_write(file, writer.bytes.data, writer.bytes.length);
	buffer_release(&writer.bytes);
	edges_release(&edges);
}

static const char *const extensions[] = { ".pstats", ".prof", NULL };

const struct output_format output_pstats = {
	.name = "pstats",
	.extensions = extensions,
	.description =
		"functions and their callers, as Python's own profilers write them, for pstats and snakeviz",
	.viewer = "python3 -m pstats %s",
	.needs = NEEDS_COUNTS,
	.write = write_pstats,
};
