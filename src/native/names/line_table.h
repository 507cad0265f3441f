/* SPDX-License-Identifier: MIT */
/* Which line of the source an instruction belongs to, by a program of .debug_line. */
#ifndef PYROPE_NATIVE_NAMES_LINE_TABLE_H
#define PYROPE_NATIVE_NAMES_LINE_TABLE_H

#include "pyrope/base.h"

/* A part of a program that can be run on its own: some rows of one sequence. */
struct line_span {
	uint64_t start, end; /* the addresses that its rows cover */
	uint64_t at;         /* where it goes on, from the start of the section */
	int64_t line;        /* the state there, with start */
};

struct line_table {
	const unsigned char *section; /* borrowed */
	uint64_t end;                 /* of the program in it */
	uint8_t instruction_bytes, line_range, opcode_base;
	int8_t line_base;
	const unsigned char *operand_counts; /* of the standard opcodes, from 1 on */
	struct line_span *spans;
	size_t count, capacity;
};

/* Reads the table at offset in the section's bytes; what makes no sense is an empty one. */
void line_table_open(struct line_table *table, const unsigned char *section, size_t length, uint64_t offset);
void line_table_release(struct line_table *table);
/* The line of vaddr; 0: not known. */
int line_table_find(const struct line_table *table, uint64_t vaddr);

#endif
