/* SPDX-License-Identifier: MIT */
/*
 * Unwind tables as rows: for one code address, how the registers of the caller are found. A row is a few
 * small rules where the table is a program that has to be run, so that a frame which was met before costs a
 * look-up and a few loads.
 */
#ifndef PYROPE_NATIVE_UNWIND_CFI_H
#define PYROPE_NATIVE_UNWIND_CFI_H

#include "native/unwind/expression.h"
#include "native/files/module.h"
#include "native/unwind/unwind.h"

enum cfi_rule_kind {
	RULE_UNDEFINED,        /* lost; of a return address: there is no caller */
	RULE_SAME,             /* not changed by this function */
	RULE_OFFSET,           /* stored at CFA + value */
	RULE_VALUE,            /* CFA + value itself */
	RULE_REGISTER,         /* what is in register `number`; for the CFA: plus value */
	RULE_EXPRESSION,       /* stored where expression number `value` says */
	RULE_VALUE_EXPRESSION, /* what expression number `value` says */
};

struct cfi_rule {
	uint8_t kind;
	uint8_t number;
	int32_t value;
};

struct cfi_row {
	raddr_t pc;     /* in the target */
	bool is_known;  /* else nothing describes this address, and the rest means nothing */
	bool is_signal; /* made by the kernel to run a handler: the caller's pc is no return address */
	uint16_t all;   /* 1 + the index of a set of rules for all registers (signal frames); 0: none */
	uint8_t return_column;
	struct cfi_rule cfa, return_address;
	struct cfi_rule saved[SAVED_REGISTERS]; /* as register_roles.saved lists them */
};

struct cfi_rule_set {
	struct cfi_rule rules[REGISTER_COUNT];
};

/* Addresses of code, as linked. */
struct cfi_extent {
	uint64_t begin, end;
};

/* Rows by code address; emptied when modules have gone, or when there are too many. Zero-initialise. */
struct cfi_rows {
	struct cfi_row *rows;
	size_t count, capacity;
	uint32_t *slots; /* 1 + index of a row, by hash; 0: empty */
	struct expression *expressions;
	size_t expression_count, expression_capacity;
	struct cfi_rule_set *sets;
	size_t set_count, set_capacity;
	uint64_t generation; /* of the modules that they are from */
};

/*
 * The row for pc, made if it is not there yet. Good until the next call. NULL: pc lies in no code. Code
 * that is mapped but not described has a row that is not known; that of code which was announced to debuggers
 * (jit.h) is good for this call.
 */
const struct cfi_row *cfi_rows_find(struct cfi_rows *rows, struct modules *modules, raddr_t pc);
void cfi_rows_release(struct cfi_rows *rows);

/*
 * The tables of one module: .eh_frame, and .debug_frame for what that does not describe. Borrows the
 * descriptor.
 */
struct cfi *cfi_new(int fd);
void cfi_free(struct cfi *cfi); /* accepts NULL */
/*
 * Fills in all of row but its pc. vaddr: as linked. extent: NULL, or gets for which addresses the row is
 * good; not changed where nothing describes vaddr.
 */
void cfi_look_up(struct cfi *cfi, uint64_t vaddr, struct cfi_rows *rows, struct cfi_row *row,
	struct cfi_extent *extent);

#endif
