/* SPDX-License-Identifier: MIT */
/*
 * Line tables: which line each instruction of a code object belongs to. A whole table is decoded at once, so
 * that a sample only has to index. Tables are untrusted: whatever their bytes are, only lines[0..line_count)
 * is written.
 *
 * Facts: Objects/lnotab_notes.txt (to 3.10), Objects/locations.md (3.11, 3.12), InternalDocs/code_objects.md
 * (3.13+), and PyCode_Addr2Line in Objects/codeobject.c of each version.
 */
#include "config.h"

#include "python/decode.h"

#include <limits.h>

#define NO_LINE 0

unsigned line_unit_bytes(const struct layout *layout)
{
	return layout->lines == LINES_LNOTAB_UNSIGNED ? 1 : 2;
}

/* Where lines go: units up to filled have theirs. */
struct lines {
	int *lines;
	size_t count;
	size_t filled;
	int64_t line; /* the table's running line */
};

/* Garbage may add up to anything: far outside the range of an int there is no way back into it. */
static void move_line(struct lines *lines, int64_t delta)
{
	int64_t limit = INT64_C(1) << 40;

	lines->line += delta;
	if (lines->line > limit)
		lines->line = limit;
	if (lines->line < -limit)
		lines->line = -limit;
}

/* Gives the current line to the units before end. */
static void fill_to(struct lines *lines, size_t end, bool has_line)
{
	int line = has_line && lines->line >= 0 && lines->line <= INT_MAX ? (int)lines->line : NO_LINE;

	if (end > lines->count)
		end = lines->count;
	while (lines->filled < end)
		lines->lines[lines->filled++] = line;
}

/* Pairs: so many bytes of code with the line so far, then the line grows by so much. */
static void decode_lnotab(
	struct lines *lines, const uint8_t *table, size_t length, unsigned unit, bool is_signed)
{
	size_t address = 0;

	for (size_t at = 0; at + 1 < length; at += 2) {
		address += table[at];
		fill_to(lines, (address + unit - 1) / unit, true);
		move_line(lines, is_signed ? (int8_t)table[at + 1] : table[at + 1]);
	}
	fill_to(lines, lines->count, true);
}

/* Pairs: the line grows by so much, then so many bytes of code have it; -128: they have none. */
static void decode_linetable(struct lines *lines, const uint8_t *table, size_t length, unsigned unit)
{
	size_t address = 0;
	bool has_line = true;

	for (size_t at = 0; at + 1 < length; at += 2) {
		int delta = (int8_t)table[at + 1];

		has_line = delta != -128;
		if (has_line)
			move_line(lines, delta);
		address += table[at];
		fill_to(lines, (address + unit - 1) / unit, has_line);
	}
	fill_to(lines, lines->count, has_line);
}

/* The codes of location entries (Include/cpython/code.h, enum _PyCodeLocationInfoKind). */
enum location_code {
	LOCATION_ONE_LINE_0 = 10, /* 10, 11, 12: the code tells the line delta */
	LOCATION_ONE_LINE_2 = 12,
	LOCATION_NO_COLUMNS = 13,
	LOCATION_LONG = 14,
	LOCATION_NONE = 15,
};
#define LOCATION_START 0x80 /* set in the first byte of an entry, and in no other */

/*
 * A signed number in pieces of six bits, lowest first; 0x40: more follow. The lowest bit of all is the sign.
 */
static int64_t read_signed_varint(const uint8_t *table, size_t length, size_t at)
{
	uint64_t value = 0;

	for (unsigned shift = 0; at < length && shift < 36; shift += 6, at++) {
		value |= (uint64_t)(table[at] & 0x3f) << shift;
		if (!(table[at] & 0x40))
			break;
	}
	return value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
}

/* Entries: a byte with code and number of units, then what the code asks for; all but the line is skipped. */
static void decode_locations(struct lines *lines, const uint8_t *table, size_t length)
{
	bool has_line = true;
	size_t at = 0;

	while (at < length) {
		unsigned code = table[at] >> 3 & 0xf;
		size_t units = (table[at] & 7u) + 1;

		if (code == LOCATION_LONG || code == LOCATION_NO_COLUMNS)
			move_line(lines, read_signed_varint(table, length, at + 1));
		else if (code >= LOCATION_ONE_LINE_0 && code <= LOCATION_ONE_LINE_2)
			move_line(lines, (int)code - LOCATION_ONE_LINE_0);
		has_line = code != LOCATION_NONE;
		fill_to(lines, lines->filled + units, has_line);
		do {
			at++;
		} while (at < length && !(table[at] & LOCATION_START));
	}
	fill_to(lines, lines->count, has_line);
}

void lines_decode(const struct layout *layout, const uint8_t *table, size_t table_length, int first_line,
	int *lines, size_t line_count)
{
	struct lines state = { .lines = lines, .count = line_count, .line = first_line };

	switch (layout->lines) {
	case LINES_LNOTAB_UNSIGNED:
		decode_lnotab(&state, table, table_length, line_unit_bytes(layout), false);
		break;
	case LINES_LNOTAB_SIGNED:
		decode_lnotab(&state, table, table_length, line_unit_bytes(layout), true);
		break;
	case LINES_LINETABLE:
		decode_linetable(&state, table, table_length, line_unit_bytes(layout));
		break;
	case LINES_LOCATIONS:
		decode_locations(&state, table, table_length);
		break;
	}
}
