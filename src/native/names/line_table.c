/* SPDX-License-Identifier: MIT */
/*
 * The line number program, DWARF 2 to 5 (DWARF 5, section 6.2). As a table, a megabyte of it would unpack to
 * a hundred; so it is run once to note where it stood every ROWS_OF_SPAN rows, and for an address only the
 * rows from there on are made. File names are not needed and not read.
 */
#include "config.h"

#include "native/names/line_table.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "pyrope/leb128.h"

#define ROWS_OF_SPAN 128
#define SPAN_LIMIT ((size_t)1 << 20) /* of one table: 32 MB */

enum {
	DW_LNS_copy = 1,
	DW_LNS_advance_pc,
	DW_LNS_advance_line,
	DW_LNS_set_file,
	DW_LNS_set_column,
	DW_LNS_negate_stmt,
	DW_LNS_set_basic_block,
	DW_LNS_const_add_pc,
	DW_LNS_fixed_advance_pc,
	DW_LNE_end_sequence = 1,
	DW_LNE_set_address = 2,
};

/* Reads stop at the end: what lies behind it reads as 0, and failed says so. */
struct reader {
	const unsigned char *at, *end;
	bool failed;
};

struct row {
	uint64_t address;
	int64_t line;
};

static inline uint8_t read_byte(struct reader *reader)
{
	if (reader->at < reader->end)
		return *reader->at++;
	reader->failed = true;
	return 0;
}

static uint64_t read_bytes(struct reader *reader, size_t count)
{
	uint64_t value = 0;

	if ((size_t)(reader->end - reader->at) < count) {
		reader->failed = true;
		reader->at = reader->end;
		return 0;
	}
	memcpy(&value, reader->at, count); /* both processors are little-endian */
	reader->at += count;
	return value;
}

static uint64_t read_uleb(struct reader *reader)
{
	uint64_t value = 0;

	if (leb128_get(&reader->at, reader->end, &value))
		return value;
	reader->failed = true;
	return 0;
}

static int64_t read_sleb(struct reader *reader)
{
	int64_t value = 0;

	if (leb128_get_signed(&reader->at, reader->end, &value))
		return value;
	reader->failed = true;
	return 0;
}

static void skip(struct reader *reader, uint64_t count)
{
	if (count > (uint64_t)(reader->end - reader->at)) {
		reader->failed = true;
		reader->at = reader->end;
	} else {
		reader->at += count;
	}
}

/* ---- the header ---- */

/* Leaves the reader where the program begins, and ends it where that ends. */
static bool read_header(struct line_table *table, struct reader *reader)
{
	uint64_t length = read_bytes(reader, 4), header_length;
	size_t offset_bytes = 4;
	const unsigned char *first;
	uint16_t version;

	if (length == UINT32_MAX) {
		length = read_bytes(reader, 8);
		offset_bytes = 8;
	}
	if (reader->failed || length > (uint64_t)(reader->end - reader->at))
		return false;
	reader->end = reader->at + length;
	version = (uint16_t)read_bytes(reader, 2);
	if (version < 2 || version > 5)
		return false;
	if (version == 5)
		skip(reader, 2); /* sizes of addresses and of segment selectors */
	header_length = read_bytes(reader, offset_bytes);
	if (reader->failed || header_length > (uint64_t)(reader->end - reader->at))
		return false;
	first = reader->at + header_length;
	table->instruction_bytes = read_byte(reader);
	skip(reader, version >= 4 ? 2 : 1); /* operations an instruction (1 but on VLIW), is_stmt at first */
	table->line_base = (int8_t)read_byte(reader);
	table->line_range = read_byte(reader);
	table->opcode_base = read_byte(reader);
	table->operand_counts = reader->at - 1;
	skip(reader, table->opcode_base ? table->opcode_base - 1u : 0);
	if (reader->failed || !table->line_range || !table->opcode_base)
		return false;
	reader->at = first;
	return true;
}

/* ---- the program ---- */

/* What an instruction did. */
enum step { STEP_STATE, STEP_ROW, STEP_END };

static void reset(struct row *row)
{
	*row = (struct row){ .line = 1 };
}

static void advance(const struct line_table *table, struct row *row, uint64_t operations)
{
	row->address += operations * table->instruction_bytes;
}

/* Lines that run away stay within what can be added up. */
static void advance_line(struct row *row, int64_t lines)
{
	if (__builtin_add_overflow(row->line, lines, &row->line))
		row->line = 0;
}

static enum step run_extended(struct reader *reader, struct row *row)
{
	uint64_t length = read_uleb(reader);
	struct reader operand = *reader;
	enum step step = STEP_STATE;

	skip(reader, length);
	if (reader->failed || !length)
		return STEP_STATE;
	operand.end = reader->at;
	switch (read_byte(&operand)) {
	case DW_LNE_end_sequence:
		step = STEP_END;
		break;
	case DW_LNE_set_address:
		row->address = read_bytes(&operand, length - 1 < 8 ? (size_t)length - 1 : 8);
		break;
	}
	return step;
}

static enum step run_standard(
	const struct line_table *table, struct reader *reader, uint8_t opcode, struct row *row)
{
	switch (opcode) {
	case DW_LNS_copy:
		return STEP_ROW;
	case DW_LNS_advance_pc:
		advance(table, row, read_uleb(reader));
		break;
	case DW_LNS_advance_line:
		advance_line(row, read_sleb(reader));
		break;
	case DW_LNS_const_add_pc:
		advance(table, row, (255u - table->opcode_base) / table->line_range);
		break;
	case DW_LNS_fixed_advance_pc:
		row->address += read_bytes(reader, 2);
		break;
	default:
		for (unsigned count = table->operand_counts[opcode]; count; count--)
			read_uleb(reader);
	}
	return STEP_STATE;
}

static enum step run_one(const struct line_table *table, struct reader *reader, struct row *row)
{
	uint8_t opcode = read_byte(reader);

	if (opcode == 0)
		return run_extended(reader, row);
	if (opcode < table->opcode_base)
		return run_standard(table, reader, opcode, row);
	opcode -= table->opcode_base;
	advance(table, row, opcode / table->line_range);
	advance_line(row, table->line_base + opcode % table->line_range);
	return STEP_ROW;
}

/* Runs on to the next row or end of a sequence; false: the program ends. */
static bool next_row(const struct line_table *table, struct reader *reader, struct row *row, enum step *step)
{
	do {
		if (reader->at >= reader->end || reader->failed)
			return false;
		*step = run_one(table, reader, row);
	} while (*step == STEP_STATE);
	return true;
}

static void add_span(struct line_table *table, const struct line_span *span)
{
	if (span->start >= span->end || table->count == SPAN_LIMIT)
		return;
	array_reserve(&table->spans, &table->capacity, table->count + 1, sizeof(*table->spans));
	table->spans[table->count++] = *span;
}

static int compare_spans(const void *left_span, const void *right_span)
{
	const struct line_span *left = left_span, *right = right_span;

	if (left->start != right->start)
		return left->start < right->start ? -1 : 1;
	return left->at < right->at ? -1 : left->at > right->at;
}

void line_table_open(struct line_table *table, const unsigned char *section, size_t length, uint64_t offset)
{
	struct reader reader = { .end = section + length };
	struct line_span span = { .start = 0 };
	struct row row;
	enum step step;
	size_t rows = 0; /* in span */

	*table = (struct line_table){ .section = section };
	if (offset >= length)
		return;
	reader.at = section + offset;
	if (!read_header(table, &reader))
		return;
	table->end = (uint64_t)(reader.end - section);
	reset(&row);
	while (!is_hurried() && next_row(table, &reader, &row, &step)) {
		uint64_t at = (uint64_t)(reader.at - section);

		if (rows++ == 0)
			span = (struct line_span){ .start = row.address, .at = at, .line = row.line };
		span.end = row.address;
		if (step != STEP_END && rows <= ROWS_OF_SPAN)
			continue;
		add_span(table, &span);
		/* the last row of one span is the first of the next */
		span = (struct line_span){ .start = row.address, .at = at, .line = row.line };
		rows = step == STEP_END ? 0 : 1;
		if (step == STEP_END)
			reset(&row);
	}
	if (table->count)
		qsort(table->spans, table->count, sizeof(*table->spans), compare_spans);
}

void line_table_release(struct line_table *table)
{
	free(table->spans);
	*table = (struct line_table){ .count = 0 };
}

static const struct line_span *find_span(const struct line_table *table, uint64_t vaddr)
{
	size_t low;

	LOWER_BOUND(low, table->count, i, table->spans[i].start <= vaddr);
	return low && vaddr < table->spans[low - 1].end ? &table->spans[low - 1] : NULL;
}

int line_table_find(const struct line_table *table, uint64_t vaddr)
{
	const struct line_span *span = find_span(table, vaddr);
	struct reader reader;
	struct row row, last;
	enum step step;

	if (!span)
		return 0;
	reader = (struct reader){ .at = table->section + span->at, .end = table->section + table->end };
	row = (struct row){ .address = span->start, .line = span->line };
	/* a row holds up to the next one of its sequence; of several at one address the last counts */
	for (size_t rows = 0; rows <= ROWS_OF_SPAN; rows++) {
		last = row;
		if (!next_row(table, &reader, &row, &step))
			break;
		if (last.address <= vaddr && vaddr < row.address)
			return last.line > 0 && last.line <= INT_MAX ? (int)last.line : 0;
		if (step == STEP_END)
			break;
	}
	return 0;
}
