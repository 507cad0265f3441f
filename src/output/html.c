/* SPDX-License-Identifier: MIT */
/*
 * One page of HTML that shows where the time went and when, from any place and without a network. Its parts
 * are in src/output/html/. What was sampled stands in it as packed data, and never as markup; its
 * Content-Security-Policy lets nothing run but the one script, which it names by its hash
 * (https://www.w3.org/TR/CSP3/), and loads nothing.
 */
#include "config.h"

#include "output/html.h"

#include "output/format.h"

/* The element's text begins with the newline behind its tag. */
static void put_hash(struct buffer *text, const unsigned char *bytes, size_t length)
{
	struct buffer element = { 0 };

	buffer_append_char(&element, '\n');
	buffer_append(&element, bytes, length);
	buffer_append_string(text, " 'sha256-");
	buffer_append_sha256(text, element.data, element.length);
	buffer_append_string(text, "'");
	buffer_release(&element);
}

static void write_text(struct output_file *file, struct buffer *text)
{
	output_write(file, text->data, text->length);
	buffer_clear(text);
}

static void write_page(struct timeline *timeline)
{
	struct buffer text = { 0 };

	buffer_append_string(&text,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src");
	put_hash(&text, html_script, html_script_length);
	buffer_append_string(&text, "; style-src");
	put_hash(&text, html_style, html_style_length);
	buffer_append_string(&text,
		"; base-uri 'none'; form-action 'none'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<title>pyrope</title>\n<style>\n");
	buffer_append(&text, html_style, html_style_length);
	buffer_append_string(&text, "</style>\n</head>\n<body>\n");
	buffer_append(&text, html_body, html_body_length);
	buffer_append_string(&text, "<script type=\"application/octet-stream\" id=\"data\">");
	write_text(timeline->file, &text);
	html_write_data(timeline);
	buffer_append_string(&text, "</script>\n<script>\n");
	buffer_append(&text, html_script, html_script_length);
	buffer_append_string(&text, "</script>\n</body>\n</html>\n");
	write_text(timeline->file, &text);
	buffer_release(&text);
}

static struct sink *open_html(struct output_file *file, const struct output_options *options)
{
	return timeline_open(file, options, TIMELINE_THREADS, write_page);
}

static const char *const extensions[] = { ".html", ".htm", NULL };

const struct output_format output_html = {
	.name = "html",
	.extensions = extensions,
	.description = "a report as one page: timeline, flame graph, table of any time, for a browser",
	.viewer = "xdg-open %s",
	.says_threads = true,
	.for_eyes = true,
	.needs = NEEDS_THREADS,
	.untimed = UNTIMED_IN_A_ROW,
	.reader_bytes = READER_STRING_BYTES,
	.open = open_html,
};
