/* SPDX-License-Identifier: MIT */
/*
 * A page of HTML with the picture of a difference and its table. It loads nothing, and its
 * Content-Security-Policy lets nothing else run than the script and the styles that stand here, which it
 * names by their hashes (https://www.w3.org/TR/CSP3/): so a name that came into the page as markup could do
 * nothing, either.
 */
#include "config.h"

#include "output/svg_difference.h"

#include <stdlib.h>

/* The element's text begins with the newline behind its tag. */
static void put_hash(struct svg *svg, const unsigned char *bytes, size_t length)
{
	struct buffer text = { 0 };

	buffer_append_char(&text, '\n');
	buffer_append(&text, bytes, length);
	svg_put(svg, " 'sha256-");
	buffer_append_sha256(&svg->text, text.data, text.length);
	svg_put(svg, "'");
	buffer_release(&text);
}

static void write_head(struct svg *svg, const char *title)
{
	svg_put(svg,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src");
	put_hash(svg, svg_script, svg_script_length);
	svg_put(svg, "; style-src");
	put_hash(svg, svg_style, svg_style_length);
	put_hash(svg, svg_page_style, svg_page_style_length);
	svg_put(svg, "; base-uri 'none'; form-action 'none'\">\n<title>");
	svg_put_fit(svg, title, NAME_COLUMNS, FIT_KEEP_BEGIN);
	svg_put(svg, "</title>\n<style>\n");
	buffer_append(&svg->text, svg_page_style, svg_page_style_length);
	svg_put(svg, "</style>\n</head>\n<body>\n");
}

static void put_row(struct svg *svg, const struct difference *from, const struct change *change)
{
	const double factor = from->unit.factor;
	const char *sign = from->seconds ? "" : "%";

	buffer_printf(&svg->text,
		"<tr class=\"d%c\"><td>%.2f%s</td><td>%.2f%s</td><td>%+.2f</td><td>%+.2f to "
		"%+.2f</td><td>%s</td><td>",
		svg_change_shade(change), factor * change->before, sign, factor * change->after, sign,
		factor * (change->after - change->before), factor * change->low, factor * change->high,
		change_names[change->verdict]);
	svg_put_fit(svg, keys_text(from->keys, change->key), NAME_COLUMNS, FIT_KEEP_END);
	svg_put(svg, "</td></tr>\n");
	if (svg->text.length > FLUSH_BYTES)
		svg_flush(svg);
}

static void write_table(struct svg *svg, const struct difference *from)
{
	buffer_printf(&svg->text,
		"<table>\n<thead><tr><th>before</th><th>after</th><th>change</th><th>of that, 95 %%</th>"
		"<th>verdict</th><th>%s</th></tr></thead>\n<tbody>\n",
		from->rows);
	for (size_t i = 0; i < from->comparison->count; i++)
		put_row(svg, from, &from->comparison->changes[i]);
	svg_put(svg, "</tbody>\n</table>\n</body>\n</html>\n");
}

void difference_write_html(
	const struct difference *difference, const struct output_options *options, struct output_file *file)
{
	struct svg svg = {
		.profile = difference->profile, .options = options, .file = file, .is_part = true
	};
	struct svg_difference drawn;
	char *title;

	svg_difference_init(&drawn, &svg, difference);
	title = svg_title(&svg);
	write_head(&svg, title);
	svg_write(&svg, title);
	write_table(&svg, difference);
	svg_flush(&svg);
	free(title);
	svg_difference_release(&drawn);
	svg_release(&svg);
}
