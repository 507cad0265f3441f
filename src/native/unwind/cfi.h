/* SPDX-License-Identifier: MIT */
/*
 * Unwind tables as rows: for one code address, how the registers of the caller are found. A row is a few
 * small rules where the table is a program that has to be run, so that a frame which was met before costs
 * a look-up and a few loads.
 */
#ifndef PYROPE_NATIVE_UNWIND_CFI_H
#define PYROPE_NATIVE_UNWIND_CFI_H

#include "native/files/module.h"
#include "native/unwind/frame_entry.h"
#include "native/unwind/unwind.h"

struct cfi_row {
	raddr_t pc;     /* in the target */
	bool is_known;  /* else nothing describes this address, and the rest means nothing */
	bool is_signal; /* made by the kernel to run a handler: the caller's pc is no return address */
	uint16_t all;   /* 1 + the index of a set of rules for all registers (signal frames); 0: none */
	uint16_t entry; /* 1 + the index of its entry, where it has an expression; 0: it has none */
	uint8_t return_column;
	struct cfi_rule cfa, return_address;
	struct cfi_rule saved[SAVED_REGISTERS]; /* as register_roles.saved lists them */
};

struct cfi_rule_set {
	struct cfi_rule rules[REGISTER_COUNT];
};

/* The bytes that a row with an expression is from, for libunwind. */
struct cfi_entry {
	size_t fde, cie; /* where they are in cfi_rows.bytes */
	size_t fde_bytes, cie_bytes;
	raddr_t fde_address, cie_address; /* in the target */
	struct cfi_extent code;           /* in the target */
};

/* Rows by code address; emptied when modules have gone, or when there are too many. Zero-initialise. */
struct cfi_rows {
	struct cfi_row *rows;
	size_t count, capacity;
	uint32_t *slots;           /* 1 + index of a row, by hash; 0: empty */
	struct cfi_entry *entries; /* of rows with expressions */
	size_t entry_count, entry_capacity;
	struct buffer bytes; /* theirs */
	struct cfi_rule_set *sets;
	size_t set_count, set_capacity;
	uint64_t generation; /* of the modules that they are from */
};

/*
 * The row for pc, made if it is not there yet. Good until the next call. NULL: pc lies in no code. Code
 * that is mapped but not described has a row that is not known; that of code which was announced to
 * debuggers (jit.h) is good for this call.
 */
const struct cfi_row *cfi_rows_find(struct cfi_rows *rows, struct modules *modules, raddr_t pc);
void cfi_rows_release(struct cfi_rows *rows);

/*
 * The tables of one module: .eh_frame, and .debug_frame for what that does not describe. Borrows the
 * descriptor. loaded_bytes: see frame_table.h.
 */
struct cfi *cfi_new(int fd, uint64_t *loaded_bytes);
void cfi_free(struct cfi *cfi); /* accepts NULL */
/*
 * Fills in all of row but its pc. vaddr: where that is as linked. extent: NULL, or gets for which
 * addresses, as linked, the row is good; not changed where nothing describes vaddr.
 */
void cfi_look_up(struct cfi *cfi, uint64_t vaddr, struct cfi_rows *rows, struct cfi_row *row,
	struct cfi_extent *extent);

#endif
