/* SPDX-License-Identifier: MIT */
/* Text of a picture: escaped, and numbers for people, whatever the locale. */
#include "config.h"

#include "output/svg.h"

#include <string.h>

void svg_put(struct svg *svg, const char *text)
{
	buffer_append_string(&svg->text, text);
}

void svg_flush(struct svg *svg)
{
	output_write(svg->file, svg->text.data, svg->text.length);
	buffer_clear(&svg->text);
}

/* Texts are clean, so that these are all that XML takes for more than a letter. */
void svg_put_escaped(struct svg *svg, const char *text)
{
	for (const char *at = text;;) {
		const size_t plain = strcspn(at, "<>&\"");

		buffer_append(&svg->text, at, plain);
		at += plain;
		switch (*at++) {
		case '<':
			svg_put(svg, "&lt;");
			break;
		case '>':
			svg_put(svg, "&gt;");
			break;
		case '&':
			svg_put(svg, "&amp;");
			break;
		case '"':
			svg_put(svg, "&quot;");
			break;
		default:
			return;
		}
	}
}

void svg_put_fit(struct svg *svg, const char *text, size_t columns, enum fit fit)
{
	struct buffer cut = { 0 };

	buffer_append_string(&cut, "");
	buffer_append_fit(&cut, text, columns, fit);
	svg_put_escaped(svg, cut.data);
	buffer_release(&cut);
}

/* 1,234,567 */
void svg_append_count(struct buffer *buffer, uint64_t number)
{
	struct buffer digits = { 0 };

	buffer_append_uint(&digits, number);
	for (size_t i = 0; i < digits.length; i++) {
		if (i && (digits.length - i) % 3 == 0)
			buffer_append_char(buffer, ',');
		buffer_append_char(buffer, digits.data[i]);
	}
	buffer_release(&digits);
}

/* Two decimals, whatever the locale. */
void svg_append_fixed(struct buffer *buffer, double number)
{
	const uint64_t hundredths = (uint64_t)(number * 100 + 0.5);

	buffer_append_uint(buffer, hundredths / 100);
	if (hundredths % 100) {
		buffer_append_char(buffer, '.');
		buffer_append_char(buffer, (char)('0' + hundredths % 100 / 10));
		if (hundredths % 10)
			buffer_append_char(buffer, (char)('0' + hundredths % 10));
	}
}

void svg_append_hundredths(struct buffer *buffer, double number)
{
	const uint64_t hundredths = (uint64_t)(number + 0.5);

	buffer_append_uint(buffer, hundredths / 100);
	buffer_append_char(buffer, '.');
	buffer_append_char(buffer, (char)('0' + hundredths % 100 / 10));
	buffer_append_char(buffer, (char)('0' + hundredths % 10));
}

void svg_append_percent(struct buffer *buffer, uint64_t part, uint64_t whole)
{
	svg_append_hundredths(buffer, whole ? (double)part * 10000 / (double)whole : 0);
	buffer_append_char(buffer, '%');
}

const char *svg_plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

void svg_append_span(struct buffer *text, int64_t span_ns)
{
	static const struct {
		int64_t unit_ns;
		const char *name;
	} units[] = { { 3600000000000, "h" }, { 60000000000, "min" }, { 1000000000, "s" }, { 1000000, "ms" },
		{ 1000, "us" }, { 1, "ns" } };
	size_t i = 0;

	while (i + 1 < ARRAY_LENGTH(units) && span_ns < units[i].unit_ns)
		i++;
	svg_append_fixed(text, (double)span_ns / (double)units[i].unit_ns);
	buffer_printf(text, " %s", units[i].name);
}
