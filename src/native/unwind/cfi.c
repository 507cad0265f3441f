/* SPDX-License-Identifier: MIT */
/*
 * Rows out of libdw, kept by code address.
 *
 * libdw runs the table's program up to an address (dwarf_cfi_addrframe) and hands out each rule as an array
 * of operations. Most of these are of the few shapes that compilers make; they become a kind and a number
 * here, and only what is left stays an expression. Its operations belong to libdw and live as long as the
 * module's tables.
 */
#include "config.h"

#include "native/unwind/cfi.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "native/unwind/frame_table.h"
#include "native/unwind/jit.h"

#define ROW_LIMIT 65536 /* then all are forgotten: a program that runs new code for ever */
#define SLOT_BITS 17
#define SLOT_COUNT ((size_t)1 << SLOT_BITS) /* two for each row */
#define SET_LIMIT 4096

struct cfi {
	int fd;
	bool is_debug_sought;
	struct frame_table *eh_frame, *debug_frame; /* NULL: none, or not sought yet */
};

/* ---- one rule ---- */

static struct cfi_rule expression_rule(
	struct cfi_rows *rows, uint8_t kind, const Dwarf_Op *operations, size_t count)
{
	array_reserve(&rows->expressions, &rows->expression_capacity, rows->expression_count + 1,
		sizeof(*rows->expressions));
	rows->expressions[rows->expression_count] =
		(struct expression){ .operations = operations, .count = count };
	return (struct cfi_rule){ .kind = kind, .value = (int32_t)rows->expression_count++ };
}

static bool fits(uint64_t value, int32_t *result)
{
	*result = (int32_t)(int64_t)value;
	return (int64_t)value == *result;
}

/* The CFA's rule. False: none that can be used. */
static bool convert_cfa(struct cfi_rows *rows, Dwarf_Frame *frame, struct cfi_rule *rule)
{
	Dwarf_Op *operations;
	uint64_t number, offset;
	size_t count;

	if (dwarf_frame_cfa(frame, &operations, &count) || !count)
		return false;
	if (count == 1 && operations->atom == DW_OP_bregx) {
		number = operations->number;
		offset = operations->number2;
	} else if (count == 1 && operations->atom >= DW_OP_breg0 && operations->atom <= DW_OP_breg31) {
		number = operations->atom - DW_OP_breg0;
		offset = operations->number;
	} else {
		*rule = expression_rule(rows, RULE_VALUE_EXPRESSION, operations, count);
		return true;
	}
	*rule = (struct cfi_rule){ .kind = RULE_REGISTER, .number = (uint8_t)number };
	return number < REGISTER_COUNT && fits(offset, &rule->value);
}

/* What stands in the caller's own array: CFA, CFA + offset, or a register; at that place, or that itself. */
static struct cfi_rule convert_simple(const Dwarf_Op *operations, size_t count)
{
	const struct cfi_rule undefined = { .kind = RULE_UNDEFINED };
	struct cfi_rule rule = { .kind = RULE_OFFSET };

	if (operations->atom == DW_OP_regx && count == 1 && operations->number < REGISTER_COUNT)
		return (struct cfi_rule){ .kind = RULE_REGISTER, .number = (uint8_t)operations->number };
	if (operations->atom >= DW_OP_reg0 && operations->atom <= DW_OP_reg31 && count == 1)
		return (struct cfi_rule){ .kind = RULE_REGISTER, .number = operations->atom - DW_OP_reg0 };
	if (operations->atom != DW_OP_call_frame_cfa)
		return undefined;
	if (operations[count - 1].atom == DW_OP_stack_value) {
		rule.kind = RULE_VALUE;
		count--;
	}
	if (count == 1)
		return rule;
	if (count != 2 || operations[1].atom != DW_OP_plus_uconst || !fits(operations[1].number, &rule.value))
		return undefined;
	return rule;
}

static struct cfi_rule convert_register(struct cfi_rows *rows, Dwarf_Frame *frame, int number)
{
	Dwarf_Op simple[3], *operations;
	size_t count;

	if (dwarf_frame_register(frame, number, simple, &operations, &count))
		return (struct cfi_rule){ .kind = RULE_UNDEFINED };
	if (!count)
		return (struct cfi_rule){ .kind = operations ? RULE_UNDEFINED : RULE_SAME };
	if (operations == simple)
		return convert_simple(operations, count);
	return expression_rule(rows,
		operations[count - 1].atom == DW_OP_stack_value ? RULE_VALUE_EXPRESSION : RULE_EXPRESSION,
		operations, count);
}

/* ---- one row ---- */

/* What a signal has interrupted may hold anything in any register. */
static uint16_t convert_all(struct cfi_rows *rows, Dwarf_Frame *frame)
{
	struct cfi_rule_set *set;

	if (rows->set_count == SET_LIMIT)
		return 0;
	array_reserve(&rows->sets, &rows->set_capacity, rows->set_count + 1, sizeof(*rows->sets));
	set = &rows->sets[rows->set_count++];
	for (int number = 0; number < REGISTER_COUNT; number++)
		set->rules[number] = convert_register(rows, frame, number);
	return (uint16_t)rows->set_count;
}

static bool convert(struct cfi_rows *rows, Dwarf_Frame *frame, struct cfi_row *row, struct cfi_extent *extent)
{
	Dwarf_Addr start, end;
	int return_column = dwarf_frame_info(frame, &start, &end, &row->is_signal);

	if (return_column < 0 || return_column >= REGISTER_COUNT || !convert_cfa(rows, frame, &row->cfa))
		return false;
	row->return_column = (uint8_t)return_column;
	row->return_address = convert_register(rows, frame, return_column);
	for (size_t i = 0; i < register_roles.saved_count; i++)
		row->saved[i] = convert_register(rows, frame, register_roles.saved[i]);
	if (row->is_signal)
		row->all = convert_all(rows, frame);
	if (extent)
		*extent = (struct cfi_extent){ .begin = start, .end = end };
	return true;
}

static bool look_up_in(struct frame_table *table, uint64_t vaddr, struct cfi_rows *rows, struct cfi_row *row,
	struct cfi_extent *extent)
{
	Dwarf_CFI *tables = table ? frame_table_at(table, vaddr) : NULL;
	Dwarf_Frame *frame;
	bool is_known;

	if (!tables || dwarf_cfi_addrframe(tables, vaddr, &frame))
		return false;
	is_known = convert(rows, frame, row, extent);
	free(frame);
	return is_known;
}

void cfi_look_up(struct cfi *cfi, uint64_t vaddr, struct cfi_rows *rows, struct cfi_row *row,
	struct cfi_extent *extent)
{
	*row = (struct cfi_row){ .pc = row->pc };
	if (look_up_in(cfi->eh_frame, vaddr, rows, row, extent)) {
		row->is_known = true;
		return;
	}
	if (!cfi->is_debug_sought) {
		cfi->is_debug_sought = true;
		cfi->debug_frame = frame_table_open(cfi->fd, true);
	}
	*row = (struct cfi_row){ .pc = row->pc };
	row->is_known = look_up_in(cfi->debug_frame, vaddr, rows, row, extent);
}

struct cfi *cfi_new(int fd)
{
	struct cfi *cfi = xcalloc(1, sizeof(*cfi));

	cfi->fd = fd;
	cfi->eh_frame = frame_table_open(fd, false);
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
	rows->count = rows->expression_count = rows->set_count = 0;
	memset(rows->slots, 0, SLOT_COUNT * sizeof(*rows->slots));
}

/*
 * The upper bits of a product with an odd number that nobody knows (Dietzfelbinger and others, A reliable
 * randomized algorithm for the closest-pair problem, 1997): for any two addresses, few such numbers give them
 * one slot. It takes less time than hash_bytes, once for each frame.
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
		module->cfi = cfi_new(module->fd);
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
	free(rows->expressions);
	free(rows->sets);
	*rows = (struct cfi_rows){ 0 };
}
