/* SPDX-License-Identifier: MIT */
/*
 * What the page of a flame graph draws from: the names of files and functions, a line each, and the frames,
 * as their numbers in base 36 with parentheses around what each calls. So 10^5 stacks are some megabytes,
 * which a script reads in one pass.
 */
#include "config.h"

#include "output/svg.h"

#include <stdlib.h>
#include <string.h>

/* A count of at most 36 to the power of 13. */
static void append_base36(struct buffer *buffer, uint64_t number)
{
	char digits[16];
	size_t at = sizeof(digits);

	do
		digits[--at] = "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36];
	while (number /= 36);
	buffer_append(buffer, digits + at, sizeof(digits) - at);
}

/*
 * The names of files: each as it is shown, a tab, and the whole one where it is another. Returns the number
 * of each name's.
 */
static uint32_t *write_files(struct svg *svg)
{
	const struct flame *flame = &svg->flame;
	uint32_t *file_of = xreallocarray(NULL, flame->name_count, sizeof(*file_of));
	const char **files = xcalloc(flame->name_count, sizeof(*files));
	size_t count = 0;
	struct u64_map by_hash = { 0 };

	svg_put(svg, "<metadata id=\"files\">");
	for (size_t i = 0; i < flame->name_count; i++) {
		const struct function *function = flame->names[i].function;
		uint64_t hash = hash_bytes(function->file, strlen(function->file));
		const uint64_t *known;

		while ((known = u64_map_get(&by_hash, hash)) && strcmp(files[*known], function->file) != 0)
			hash++;
		file_of[i] = (uint32_t)(known ? *known : count);
		if (known)
			continue;
		u64_map_put(&by_hash, hash, count);
		files[count++] = function->file;
		svg_put_fit(svg, svg_path(svg, function), NAME_COLUMNS, FIT_KEEP_END);
		if (svg_path(svg, function) != function->file) {
			svg_put(svg, "\t");
			svg_put_fit(svg, function->file, NAME_COLUMNS, FIT_KEEP_END);
		}
		svg_put(svg, "\n");
		if (svg->text.length > FLUSH_BYTES)
			svg_flush(svg);
	}
	svg_put(svg, "</metadata>\n");
	u64_map_release(&by_hash);
	free(files);
	return file_of;
}

/* Those that are in use: colour, the number of the file, the line, the name. Returns the new numbers. */
static uint32_t *write_names(struct svg *svg, const uint32_t *file_of)
{
	const struct flame *flame = &svg->flame;
	uint32_t *number_of = xreallocarray(NULL, flame->name_count, sizeof(*number_of)), count = 0;

	memset(number_of, 0xff, flame->name_count * sizeof(*number_of));
	svg_put(svg, "<metadata id=\"names\">");
	for (size_t i = 0; i < flame->frame_count; i++) {
		const uint32_t at = flame->frames[i].name;
		const struct flame_name *name = &flame->names[at];
		char colour[2];

		if (number_of[at] != UINT32_MAX)
			continue;
		number_of[at] = count++;
		svg_colour(svg, name, colour);
		buffer_append(&svg->text, colour, sizeof(colour));
		append_base36(&svg->text, file_of[at]);
		svg_put(svg, "\t");
		append_base36(&svg->text, (uint64_t)name->line);
		svg_put(svg, "\t");
		svg_put_fit(svg, *name->function->name ? name->function->name : "?", NAME_COLUMNS,
			FIT_KEEP_BEGIN);
		svg_put(svg, "\n");
		if (svg->text.length > FLUSH_BYTES)
			svg_flush(svg);
	}
	svg_put(svg, "</metadata>\n");
	return number_of;
}

/*
 * A frame is its name, then ,SELF where it has samples of its own (,SELF,GIL; ,SELF,BEFORE), then its
 * callees (in parentheses, spaces between).
 */
static void write_tree(struct svg *svg, const uint32_t *number_of)
{
	const struct flame *flame = &svg->flame;
	const bool has_gil = svg->colour_by == COLOUR_BY_GIL;

	svg_put(svg, "<metadata id=\"tree\">");
	for (size_t i = 0; i < flame->frame_count; i++) {
		const struct flame_frame *frame = &flame->frames[i];
		const uint32_t next = i + 1 < flame->frame_count ? flame->frames[i + 1].depth : 0;
		const uint64_t second = svg->difference ? svg_self_before(svg, i) : has_gil ? frame->gil : 0;

		append_base36(&svg->text, number_of[frame->name]);
		if (frame->self || second) {
			buffer_append_char(&svg->text, ',');
			append_base36(&svg->text, frame->self);
		}
		if (second) {
			buffer_append_char(&svg->text, ',');
			append_base36(&svg->text, second);
		}
		if (next > frame->depth)
			buffer_append_char(&svg->text, '(');
		for (uint32_t depth = frame->depth; depth > next; depth--) {
			buffer_append_char(&svg->text, ')');
			if (svg->text.length > FLUSH_BYTES)
				svg_flush(svg);
		}
		if (next && next <= frame->depth)
			buffer_append_char(&svg->text, ' ');
		if (svg->text.length > FLUSH_BYTES)
			svg_flush(svg);
	}
	svg_put(svg, "</metadata>\n");
}

void svg_write_data(struct svg *svg)
{
	uint32_t *file_of, *number_of;

	svg_put(svg, "<metadata id=\"kinds\">");
	for (size_t i = 0; i < FRAME_KINDS; i++)
		buffer_printf(&svg->text, "%c%s\n", svg_kind_letters[i], frame_kind_names[i]);
	svg_put(svg, "</metadata>\n");
	file_of = write_files(svg);
	number_of = write_names(svg, file_of);
	write_tree(svg, number_of);
	if (svg->difference)
		svg_write_changes(svg);
	free(file_of);
	free(number_of);
}
