/* SPDX-License-Identifier: MIT */
/*
 * One entry of an unwind table: its headers, and its program run up to an address. From bytes alone;
 * where they come from is frame_table.h's.
 */
#ifndef PYROPE_NATIVE_UNWIND_FRAME_ENTRY_H
#define PYROPE_NATIVE_UNWIND_FRAME_ENTRY_H

#include "pyrope/target.h"

enum cfi_rule_kind {
	RULE_UNDEFINED,        /* lost; of a return address: there is no caller */
	RULE_SAME,             /* not changed by this function */
	RULE_OFFSET,           /* stored at CFA + value */
	RULE_VALUE,            /* CFA + value itself */
	RULE_REGISTER,         /* what is in register `number`; for the CFA: plus value */
	RULE_EXPRESSION,       /* stored where an expression says */
	RULE_VALUE_EXPRESSION, /* what an expression says */
};

struct cfi_rule {
	uint8_t kind;
	uint8_t number;
	int32_t value;
};

/* Addresses of code, as linked. */
struct cfi_extent {
	uint64_t begin, end;
};

/* The part of a table that is at hand: all of it, or one entry. */
struct frame_bytes {
	const unsigned char *bytes;
	uint64_t length;
	uint64_t vaddr; /* of bytes[0] */
};

/* A program of an entry. */
struct frame_program {
	const unsigned char *begin, *end;
};

/* What an FDE says together with its CIE. The programs are within the bytes that it was read from. */
struct frame_entry {
	struct cfi_extent code;
	uint64_t code_alignment;
	int64_t data_alignment;
	unsigned return_column; /* less than REGISTER_COUNT */
	bool is_signal;
	struct frame_program initial, own;
};

/* An entry's first words. */
struct frame_head {
	uint64_t bytes; /* of the entry with its length */
	bool is_cie;
	/*
	 * of an FDE: where its CIE is, from the table's start (.debug_frame) or up from the FDE's start
	 * (.eh_frame)
	 */
	uint64_t cie;
};

/* What is needed to read the head. */
#define FRAME_HEAD_BYTES 8
/* False: no entry that can be read begins here, or the table ends. *head->bytes 0: nor one behind it. */
bool frame_head_read(const struct frame_bytes *entry, bool is_debug, struct frame_head *head);
/*
 * fde and cie begin with an entry each, both heads were read. False: there is something that no compiler
 * writes.
 */
bool frame_entry_read(const struct frame_bytes *fde, const struct frame_bytes *cie, bool is_debug,
	struct frame_entry *entry);

/* How all registers of the caller are found. */
struct frame_rules {
	struct cfi_rule cfa, registers[REGISTER_COUNT];
	bool has_expression; /* there is an expression among these */
	/*
	 * more than libunwind is given: what it does not know, does wrong or does not survive
	 * (step_remote.c)
	 */
	bool is_only_ours;
};

/* Runs the programs up to vaddr, an address of its code. extent: for which addresses the rules are good. */
bool frame_entry_run(const struct frame_entry *entry, uint64_t vaddr, struct frame_rules *rules,
	struct cfi_extent *extent);

#endif
