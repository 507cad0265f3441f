/* SPDX-License-Identifier: MIT */
/*
 * A flame graph as SVG (https://www.w3.org/TR/SVG2/), twice in one file: as a plain picture, for an <img> and
 * for what runs no scripts, with the frames that can be seen; and as data, from which the script of
 * src/output/svg/page.js draws in a browser whatever part is looked at. What comes from the target is text,
 * escaped, and never markup, script or style.
 */
#include "config.h"

#include "output/format.h"
#include "output/svg.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH 1200
#define MARGIN 10
#define ROW 16
#define TOP 74     /* of the frames */
#define LETTER 7.2 /* the width of one, of the monospaced 12 pixels of page.css */
#define TITLE_COLUMNS 115
#define TEXT_COLUMNS 163 /* of a line of the smaller letters */
#define LEAST_PIXELS 0.5
#define PICTURE_FRAMES 10000 /* of the plain picture */
#define PICTURE_ROWS 1000

/* ---- frames ---- */

const char *svg_path(const struct svg *svg, const struct function *function)
{
	return svg->options->short_paths && function->kind == FUNCTION_PYTHON
		? short_path(function->file, svg->options->roots)
		: function->file;
}

/* What stands in the frame: function (file:line). */
static const char *label_of(struct svg *svg, const struct flame_name *name)
{
	const char *path = svg_path(svg, name->function);
	struct buffer *label = &svg->label;

	buffer_clear(label);
	buffer_append_fit(
		label, *name->function->name ? name->function->name : "?", NAME_COLUMNS, FIT_KEEP_BEGIN);
	if (*path) {
		buffer_append_string(label, " (");
		buffer_append_fit(label, path, NAME_COLUMNS, FIT_KEEP_END);
		if (name->line) {
			buffer_append_char(label, ':');
			buffer_append_int(label, name->line);
		}
		buffer_append_char(label, ')');
	}
	return label->data;
}

/* FNV-1a: the same function has the same colour in each run. */
static uint32_t colour_hash(const struct function *function)
{
	uint32_t hash = 2166136261u;

	for (const char *at = function->name; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	for (const char *at = function->file; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619u;
	return hash ^ hash >> 15;
}

#define FUNCTION_COLOURS 24
#define GIL_COLOURS 11

const char svg_kind_letters[FRAME_KINDS] = {
	[KIND_OWN] = 'o',
	[KIND_LIBRARY] = 'l',
	[KIND_STANDARD] = 's',
	[KIND_NATIVE] = 'n',
	[KIND_KERNEL] = 'k',
	[KIND_GC] = 'g',
	[KIND_IDLE] = 'i',
	[KIND_PARTIAL] = 'p',
	[KIND_OTHER] = 'r',
};

void svg_colour(const struct svg *svg, const struct flame_name *name, char colour[2])
{
	const uint32_t hash = colour_hash(name->function);

	if (svg->colour_by == COLOUR_BY_FUNCTION && name->function->kind != FUNCTION_MARKER) {
		colour[0] = 'f';
		colour[1] = (char)('a' + hash % FUNCTION_COLOURS);
	} else {
		colour[0] = svg_kind_letters[name->kind];
		colour[1] = (char)('x' + hash % 3);
	}
}

static void colour_by_gil(uint64_t gil, uint64_t total, char colour[2])
{
	colour[0] = 'w';
	colour[1] = (char)('a' + (int)((double)gil * (GIL_COLOURS - 1) / (double)total + 0.5));
}

/* The plain picture has what is wide enough to be seen, and not more than what is opened everywhere. */
static void choose_frames(struct svg *svg)
{
	const struct flame *flame = &svg->flame;

	svg->scale =
		flame->frames[0].total ? (double)(WIDTH - 2 * MARGIN) / (double)flame->frames[0].total : 0;
	svg->is_drawn = xcalloc(flame->frame_count, sizeof(*svg->is_drawn));
	flame_keep_largest(flame, PICTURE_FRAMES, svg->is_drawn);
	for (size_t i = 0; i < flame->frame_count; i++) {
		const struct flame_frame *frame = &flame->frames[i];
		const bool is_wide = (double)frame->total * svg->scale >= LEAST_PIXELS || i == 0;

		svg->drawable_count += is_wide;
		svg->is_drawn[i] &= is_wide && frame->depth < PICTURE_ROWS;
		svg->drawn_count += svg->is_drawn[i];
		if (svg->is_drawn[i] && frame->depth >= svg->rows)
			svg->rows = frame->depth + 1;
	}
}

static void put_samples(struct svg *svg, const struct flame_frame *frame)
{
	const struct flame_frame *frames = svg->flame.frames;

	svg_append_count(&svg->text, frame->total);
	buffer_printf(&svg->text, " sample%s, ", svg_plural(frame->total));
	svg_append_percent(&svg->text, frame->total, frames[0].total);
	svg_put(svg, " of all, ");
	if (frame != frames) {
		svg_append_percent(&svg->text, frame->total, frames[frame->parent].total);
		svg_put(svg, " of its caller, ");
	}
	svg_put(svg, "self ");
	svg_append_count(&svg->text, frame->self);
	svg_put(svg, " (");
	svg_append_percent(&svg->text, frame->self, frames[0].total);
	svg_put(svg, ")");
}

static void put_tooltip(struct svg *svg, const struct flame_frame *frame, const struct flame_name *name)
{
	svg_put(svg, "<title>");
	svg_put_escaped(svg, svg->label.data);
	if (svg_path(svg, name->function) != name->function->file) {
		svg_put(svg, "\n");
		svg_put_fit(svg, name->function->file, NAME_COLUMNS, FIT_KEEP_END);
	}
	svg_put(svg, "\n");
	if (svg->difference)
		svg_put_change(svg, frame);
	else
		put_samples(svg, frame);
	svg_put(svg, "</title>");
}

/* Where there is no room for both, the function alone. */
static void put_label(struct svg *svg, const struct flame_name *name, const char *label, size_t columns)
{
	svg_put_fit(svg,
		text_columns(label) > columns && *name->function->name ? name->function->name : label,
		columns, FIT_KEEP_BEGIN);
}

static void put_frame(struct svg *svg, const struct flame_frame *frame, uint64_t gil)
{
	const struct flame_name *name = &svg->flame.names[frame->name];
	const double x = MARGIN + (double)frame->start * svg->scale,
		     width = (double)frame->total * svg->scale;
	const uint32_t row = svg->options->inverted ? frame->depth : svg->rows - 1 - frame->depth;
	const char *label = label_of(svg, name);
	char colour[2];

	svg_colour(svg, name, colour);
	if (svg->difference)
		svg_colour_change(svg, frame, colour);
	else if (svg->colour_by == COLOUR_BY_GIL && frame->depth)
		colour_by_gil(gil, frame->total, colour);
	svg_put(svg, "<g>");
	put_tooltip(svg, frame, name);
	buffer_printf(&svg->text, "<rect class=\"%c %c\" x=\"", colour[0], colour[1]);
	svg_append_fixed(&svg->text, x);
	buffer_printf(&svg->text, "\" y=\"%u\" width=\"", TOP + row * ROW);
	svg_append_fixed(&svg->text, width > 1 ? width - 0.4 : width);
	buffer_printf(&svg->text, "\" height=\"%d\"/>", ROW - 1);
	if (width >= 3 * LETTER + 6) {
		svg_put(svg, "<text x=\"");
		svg_append_fixed(&svg->text, x + 3);
		buffer_printf(&svg->text, "\" y=\"%u\">", TOP + row * ROW + 11);
		put_label(svg, name, label, (size_t)((width - 6) / LETTER));
		svg_put(svg, "</text>");
	}
	svg_put(svg, "</g>\n");
}

static void write_frames(struct svg *svg)
{
	const struct flame *flame = &svg->flame;
	uint64_t *gil = xcalloc(flame->frame_count, sizeof(*gil)); /* with what they call */

	for (size_t i = flame->frame_count; i-- > 1;) {
		gil[i] += flame->frames[i].gil;
		gil[flame->frames[i].parent] += gil[i];
	}
	svg_put(svg, "<g id=\"frames\">\n");
	for (size_t i = 0; i < flame->frame_count; i++) {
		if (svg->is_drawn[i])
			put_frame(svg, &flame->frames[i], gil[i]);
		if (svg->text.length > FLUSH_BYTES)
			svg_flush(svg);
	}
	svg_put(svg, "</g>\n");
	free(gil);
}

/* ---- what stands above ---- */

/* Without the folder of the program. */
static const char *command_of(const struct svg *svg)
{
	const char *command = profile_summary(svg->profile)->command, *end = command + strcspn(command, " ");
	const char *slash = memrchr(command, '/', (size_t)(end - command));

	return slash && slash + 1 < end ? slash + 1 : command;
}

static void append_subtitle(struct svg *svg, struct buffer *text)
{
	const struct profile_summary *summary = profile_summary(svg->profile);
	const uint64_t samples = profile_samples(svg->profile);

	buffer_append_string(text, "");
	if (svg->difference) {
		svg_append_sides(svg, text);
		return;
	}
	if (svg->options->title && *summary->command) {
		buffer_append_fit(text, command_of(svg), TEXT_COLUMNS / 2, FIT_KEEP_BEGIN);
		buffer_append_string(text, ": ");
	}
	svg_append_count(text, samples);
	buffer_printf(text, " sample%s", svg_plural(samples));
	if (summary->duration_ns) {
		buffer_append_string(text, " in ");
		svg_append_span(text, summary->duration_ns);
		buffer_append_string(text, ", one every ");
		svg_append_span(text, profile_interval_ns(svg->profile));
	}
	if (summary->threads) {
		buffer_append_string(text, ", ");
		svg_append_count(text, summary->threads);
		buffer_printf(text, " thread%s", svg_plural(summary->threads));
	}
	if (summary->missed) {
		buffer_append_string(text, ", ");
		svg_append_count(text, summary->missed);
		buffer_printf(text, " tick%s missed", svg_plural(summary->missed));
	}
	if (svg->options->colour_by != svg->colour_by)
		buffer_append_string(text, ", who held the GIL is not known");
	if (summary->partial) {
		buffer_append_string(text, ", ");
		svg_append_count(text, summary->partial);
		buffer_append_string(text, " partial");
	}
}

double svg_put_legend(struct svg *svg, double x, char class, char shade, const char *name)
{
	buffer_printf(&svg->text, "<rect class=\"%c %c\" x=\"", class, shade);
	svg_append_fixed(&svg->text, x);
	svg_put(svg, "\" y=\"52\" width=\"10\" height=\"10\"/><text x=\"");
	svg_append_fixed(&svg->text, x + 14);
	buffer_printf(&svg->text, "\" y=\"61\">%s</text>", name);
	return x + 14 + LETTER * (double)strlen(name) + 18;
}

static void write_legend(struct svg *svg)
{
	bool is_used[FRAME_KINDS] = { false };
	double x = MARGIN;

	svg_put(svg, "<g id=\"legend\">");
	if (svg->difference) {
		svg_put_change_legend(svg, x);
	} else if (svg->colour_by == COLOUR_BY_GIL) {
		x = svg_put_legend(svg, x, 'w', 'a', "never holds the GIL");
		x = svg_put_legend(svg, x, 'w', 'f', "half of the time");
		svg_put_legend(svg, x, 'w', 'k', "always");
	} else {
		for (size_t i = 1; i < svg->flame.frame_count; i++)
			is_used[svg->flame.names[svg->flame.frames[i].name].kind] = true;
		for (size_t i = 0; i < FRAME_KINDS; i++) {
			if (is_used[i] && (svg->colour_by == COLOUR_BY_KIND || i >= KIND_KERNEL))
				x = svg_put_legend(svg, x, svg_kind_letters[i], 'x', frame_kind_names[i]);
		}
	}
	svg_put(svg, "</g>\n");
}

/* What only the plain picture leaves out. */
static void write_note(struct svg *svg)
{
	if (svg->drawn_count >= svg->drawable_count)
		return;
	svg_put(svg, "<text id=\"note\" x=\"1190\" y=\"61\" text-anchor=\"end\">the widest ");
	svg_append_count(&svg->text, svg->drawn_count);
	svg_put(svg, " of ");
	svg_append_count(&svg->text, svg->drawable_count);
	svg_put(svg, " frames: open the file in a browser</text>\n");
}

char *svg_title(const struct svg *svg)
{
	const char *command = command_of(svg);
	const char *title = svg->options->title ? svg->options->title
		: svg->difference               ? "Differential flame graph"
		: *command                      ? command
						: "Flame graph";
	struct buffer clean = { 0 };

	buffer_append_string(&clean, "");
	utf8_clean(&clean, title, strlen(title));
	return clean.data;
}

/* After the frames, which it covers when the page is scrolled. */
static void write_head(struct svg *svg, const char *title)
{
	struct buffer subtitle = { 0 };

	append_subtitle(svg, &subtitle);
	buffer_printf(&svg->text, "<g id=\"head\"><rect class=\"paper\" width=\"100%%\" height=\"%d\"/>\n",
		TOP - 4);
	svg_put(svg, "<text id=\"title\" x=\"10\" y=\"24\">");
	svg_put_fit(svg, title, TITLE_COLUMNS, FIT_KEEP_BEGIN);
	svg_put(svg, "</text>\n<text id=\"subtitle\" x=\"10\" y=\"43\">");
	svg_put_fit(svg, subtitle.data, TEXT_COLUMNS, FIT_KEEP_BEGIN);
	svg_put(svg, "</text>\n");
	write_legend(svg);
	write_note(svg);
	svg_put(svg, "</g>\n");
	buffer_release(&subtitle);
}

static void write_begin(struct svg *svg, const char *title)
{
	static const char *const colours[] = {
		[COLOUR_BY_KIND] = "kind",
		[COLOUR_BY_FUNCTION] = "function",
		[COLOUR_BY_GIL] = "gil",
	};
	const uint32_t height = TOP + svg->rows * ROW + MARGIN;

	buffer_printf(&svg->text,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" viewBox=\"0 0 %d %u\""
		" data-frames=\"%zu\" data-colours=\"%s\"%s%s",
		WIDTH, height, WIDTH, height, svg->flame.frame_count, colours[svg->colour_by],
		svg->options->inverted ? " data-inverted=\"yes\"" : "",
		svg->is_part ? " data-page=\"yes\"" : "");
	if (svg->difference)
		svg_put_difference(svg);
	svg_put(svg, ">\n<title>");
	svg_put_fit(svg, title, NAME_COLUMNS, FIT_KEEP_BEGIN);
	svg_put(svg, "</title>\n<style>\n");
	buffer_append(&svg->text, svg_style, svg_style_length);
	svg_put(svg, "</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n");
}

/* Collapsed stacks do not say what threads did: then a colour must not, either. */
static enum colour_by choose_colours(const struct profile *profile, const struct output_options *options)
{
	const struct profile_summary *summary = profile_summary(profile);

	for (size_t state = THREAD_UNKNOWN + 1; state < THREAD_STATES; state++)
		if (summary->states[state])
			return options->colour_by;
	return options->colour_by == COLOUR_BY_GIL ? COLOUR_BY_KIND : options->colour_by;
}

void svg_write(struct svg *svg, const char *title)
{
	choose_frames(svg);
	write_begin(svg, title);
	write_frames(svg);
	write_head(svg, title);
	svg_write_data(svg);
	svg_put(svg, "<script><![CDATA[\n");
	buffer_append(&svg->text, svg_script, svg_script_length);
	svg_put(svg, "]]></script>\n</svg>\n");
}

void svg_release(struct svg *svg)
{
	free(svg->is_drawn);
	buffer_release(&svg->text);
	buffer_release(&svg->label);
	flame_release(&svg->flame);
}

static void write_svg(
	const struct profile *profile, const struct output_options *options, struct output_file *file)
{
	struct svg svg = { .profile = profile,
		.options = options,
		.file = file,
		.colour_by = choose_colours(profile, options) };
	char *title = svg_title(&svg);

	flame_init(&svg.flame, profile, options);
	svg_put(&svg, SVG_DECLARATION);
	svg_write(&svg, title);
	svg_flush(&svg);
	free(title);
	svg_release(&svg);
}

static const char *const extensions[] = { ".svg", NULL };

const struct output_format output_svg = {
	.name = "svg",
	.extensions = extensions,
	.description = "a flame graph, for a browser: zoom, search; and a picture elsewhere",
	.viewer = "xdg-open %s",
	.for_eyes = true,
	.needs = NEEDS_COUNTS,
	.write = write_svg,
};
