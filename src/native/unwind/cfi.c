/* SPDX-License-Identifier: MIT */
/*
 * Rows out of unwind tables, kept by code address. Those with an expression keep the entry, too, which is
 * what libunwind gets (step_remote.c).
 *
 * Three ways to a row were measured (tests/bench/unwind_rows.c; x86_64, libdw 0.188, libunwind 1.6.2): us
 * for an address that is new, and for one that was met before; memory for 14,000 addresses.
 *
 *                                  libc             python3.11       libLLVM (95,000 functions)
 *     frame_program.c              0.8, 0.09, 3 MB  0.8, 0.09, 3 MB  0.9, 0.09, 3 MB (rows and all)
 *     libdw, a file made for it    0.6, 0.08, 4 MB  0.7, 0.08, 4 MB  1.0, 0.09, 9 MB (rows and all)
 *     libdw, the file itself       0.3, 0.15, 2 MB  0.3, 0.15, 2 MB  1.5, 0.26, 14 MB (no rows kept)
 *     libunwind                    1.6, 1.6, 2 MB   1.7, 1.6, 3 MB   1.6, 1.4, 26 MB (no rows kept)
 *
 * libunwind hands out no rows, each frame is a step of its own, and what tables it survives stands in
 * step_remote.c. libdw has no bounds, so that each entry had to be checked before it got it, and dies
 * when a file that it has mapped is truncated; so it was given a file made in memory. By both of its ways
 * the caller's rbx is lost where a table does not mention it (8,400 of 13,800 addresses in libc), which
 * frame_program.c and libunwind say is kept: these two agree at all 40,000 addresses of these files, in
 * CFA, return address and all preserved registers. gdb agrees with the stacks (native_gdb.test).
 */
#include "config.h"

#include "native/unwind/cfi.h"

#include <stdlib.h>
#include <string.h>

#include "native/unwind/frame_table.h"
#include "native/unwind/jit.h"

#define ROW_LIMIT 65536 /* then all are forgotten: a program that runs new code for ever */
#define SLOT_BITS 17
#define SLOT_COUNT ((size_t)1 << SLOT_BITS) /* two for each row */
#define SET_LIMIT 4096
#define EXPRESSION_ROW_LIMIT 4096
#define KEPT_BYTES 2048 /* of an entry with expressions; those of signal frames have some 200 */

struct cfi {
	int fd;
	uint64_t *loaded_bytes;
	bool is_debug_sought;
	struct frame_table *eh_frame, *debug_frame; /* NULL: none, or not sought yet */
};

/* ---- one row ---- */

/* What a signal has interrupted may hold anything in any register. */
static uint16_t keep_all(struct cfi_rows *rows, const struct frame_rules *rules)
{
	if (rows->set_count == SET_LIMIT)
		return 0;
	array_reserve(&rows->sets, &rows->set_capacity, rows->set_count + 1, sizeof(*rows->sets));
	memcpy(rows->sets[rows->set_count++].rules, rules->registers, sizeof(rules->registers));
	return (uint16_t)rows->set_count;
}

/*
 * libunwind reads entries of .eh_frame only. Those of .debug_frame differ in how they refer to each other,
 * are not relocated, and in version 4 say how long an address is, which version 3 does not.
 */
static void rewrite_debug_entry(struct cfi_entry *entry, char *bytes)
{
	char *fde = bytes + entry->fde, *cie = bytes + entry->cie;
	const uint32_t distance = (uint32_t)(entry->fde_address + 4 - entry->cie_address), is_cie = 0;
	const size_t version_at = FRAME_HEAD_BYTES,
		     sizes_at = version_at + 2; /* no augmentation is between */
	uint32_t length;

	memcpy(cie + 4, &is_cie, sizeof(is_cie));
	memcpy(fde + 4, &distance, sizeof(distance));
	memcpy(fde + FRAME_HEAD_BYTES, &entry->code.begin, sizeof(entry->code.begin));
	if (cie[version_at] != 4)
		return;
	cie[version_at] = 3;
	memmove(cie + sizes_at, cie + sizes_at + 2, entry->cie_bytes - sizes_at - 2);
	entry->cie_bytes -= 2;
	length = (uint32_t)entry->cie_bytes - 4;
	memcpy(cie, &length, sizeof(length));
}

/* 0: it cannot be kept, or libunwind must not have it. */
static uint16_t keep_entry(
	struct cfi_rows *rows, const struct frame_found *found, bool is_debug, raddr_t bias)
{
	const struct cfi_extent *code = &found->entry.code;

	if (rows->entry_count == EXPRESSION_ROW_LIMIT || found->fde.length > KEPT_BYTES ||
		found->cie.length > KEPT_BYTES || found->entry.return_column != register_roles.return_address)
		return 0;
	array_reserve(&rows->entries, &rows->entry_capacity, rows->entry_count + 1, sizeof(*rows->entries));
	rows->entries[rows->entry_count++] = (struct cfi_entry){ .fde = rows->bytes.length,
		.fde_bytes = (size_t)found->fde.length,
		.fde_address = found->fde.vaddr + bias,
		.cie = rows->bytes.length + (size_t)found->fde.length,
		.cie_bytes = (size_t)found->cie.length,
		.cie_address = found->cie.vaddr + bias,
		.code = { .begin = code->begin + bias, .end = code->end + bias } };
	buffer_append(&rows->bytes, found->fde.bytes, (size_t)found->fde.length);
	buffer_append(&rows->bytes, found->cie.bytes, (size_t)found->cie.length);
	if (is_debug)
		rewrite_debug_entry(&rows->entries[rows->entry_count - 1], rows->bytes.data);
	return (uint16_t)rows->entry_count;
}

static bool look_up_in(struct frame_table *table, bool is_debug, uint64_t vaddr, struct cfi_rows *rows,
	struct cfi_row *row, struct cfi_extent *extent)
{
	struct frame_found found;
	struct frame_rules rules;
	struct cfi_extent own;

	if (!table || !frame_table_find(table, vaddr, &found) ||
		!frame_entry_run(&found.entry, vaddr, &rules, extent ? extent : &own))
		return false;
	if (rules.has_expression) {
		row->entry = rules.is_only_ours ? 0 : keep_entry(rows, &found, is_debug, row->pc - vaddr);
		if (!row->entry)
			return false;
	}
	row->is_signal = found.entry.is_signal;
	row->cfa = rules.cfa;
	row->return_column = (uint8_t)found.entry.return_column;
	row->return_address = rules.registers[row->return_column];
	for (size_t i = 0; i < register_roles.saved_count; i++)
		row->saved[i] = rules.registers[register_roles.saved[i]];
	if (row->is_signal && !row->entry)
		row->all = keep_all(rows, &rules);
	return true;
}

void cfi_look_up(struct cfi *cfi, uint64_t vaddr, struct cfi_rows *rows, struct cfi_row *row,
	struct cfi_extent *extent)
{
	*row = (struct cfi_row){ .pc = row->pc };
	if (look_up_in(cfi->eh_frame, false, vaddr, rows, row, extent)) {
		row->is_known = true;
		return;
	}
	if (!cfi->is_debug_sought) {
		cfi->is_debug_sought = true;
		cfi->debug_frame = frame_table_open(cfi->fd, true, cfi->loaded_bytes);
	}
	*row = (struct cfi_row){ .pc = row->pc };
	row->is_known = look_up_in(cfi->debug_frame, true, vaddr, rows, row, extent);
}

struct cfi *cfi_new(int fd, uint64_t *loaded_bytes)
{
	struct cfi *cfi = xcalloc(1, sizeof(*cfi));

	cfi->fd = fd;
	cfi->loaded_bytes = loaded_bytes;
	cfi->eh_frame = frame_table_open(fd, false, loaded_bytes);
	return cfi;
}

void cfi_free(struct cfi *cfi)
{
	if (!cfi)
		return;
	frame_table_close(cfi->eh_frame);
	frame_table_close(cfi->debug_frame);
	free(cfi);
}

/* ---- rows by address ---- */

static void forget(struct cfi_rows *rows)
{
	rows->count = rows->entry_count = rows->set_count = 0;
	buffer_clear(&rows->bytes);
	memset(rows->slots, 0, SLOT_COUNT * sizeof(*rows->slots));
}

/*
 * The upper bits of a product with an odd number that nobody knows (Dietzfelbinger and others, A reliable
 * randomized algorithm for the closest-pair problem, 1997): for any two addresses, few such numbers give
 * them one slot. It takes less time than hash_bytes, once for each frame.
 */
static size_t slot_of(raddr_t pc)
{
	return (size_t)(pc * (hash_seed() | 1) >> (64 - SLOT_BITS));
}

static struct cfi_row *new_row(struct cfi_rows *rows, raddr_t pc, size_t slot)
{
	struct cfi_row *row;

	if (rows->count == ROW_LIMIT) {
		forget(rows);
		slot = slot_of(pc);
	}
	array_reserve(&rows->rows, &rows->capacity, rows->count + 1, sizeof(*rows->rows));
	row = &rows->rows[rows->count++];
	*row = (struct cfi_row){ .pc = pc };
	rows->slots[slot] = (uint32_t)rows->count;
	return row;
}

static struct cfi *module_cfi(struct modules *modules, struct module *module)
{
	if (!module->is_cfi_sought && module_open(modules, module)) {
		module->cfi = cfi_new(module->fd, &modules->table_bytes);
		modules->free_cfi = cfi_free;
	}
	module->is_cfi_sought = true;
	return module->cfi;
}

/* What has just been made may not be in the maps yet that were read last. */
static const struct jit_code *find_announced(struct modules *modules, const struct module *module, raddr_t pc)
{
	struct jit *jit = !module || module->kind == MODULE_CODE ? modules_jit(modules) : NULL;

	return jit ? jit_find(jit, pc) : NULL;
}

const struct cfi_row *cfi_rows_find(struct cfi_rows *rows, struct modules *modules, raddr_t pc)
{
	static const struct cfi_row unknown;
	struct module *module;
	struct cfi_row *row;
	struct cfi *cfi;
	size_t slot = slot_of(pc);

	if (!rows->slots)
		rows->slots = xcalloc(SLOT_COUNT, sizeof(*rows->slots));
	if (rows->generation != modules->generation) {
		forget(rows);
		rows->generation = modules->generation;
	}
	for (; rows->slots[slot]; slot = (slot + 1) & (SLOT_COUNT - 1)) {
		if (rows->rows[rows->slots[slot] - 1].pc == pc)
			return &rows->rows[rows->slots[slot] - 1];
	}
	module = modules_find(modules, pc);
	cfi = module ? module_cfi(modules, module) : NULL;
	if (!cfi) { /* not kept: code that is made at run time comes at ever new addresses */
		const struct jit_code *code = find_announced(modules, module, pc);

		return code ? &code->row : module ? &unknown : NULL;
	}
	row = new_row(rows, pc, slot);
	cfi_look_up(cfi, pc - module->bias, rows, row, NULL);
	return row;
}

void cfi_rows_release(struct cfi_rows *rows)
{
	free(rows->rows);
	free(rows->slots);
	free(rows->entries);
	buffer_release(&rows->bytes);
	free(rows->sets);
	*rows = (struct cfi_rows){ 0 };
}
