/* SPDX-License-Identifier: MIT */
/*
 * Runs the program of an entry (DWARF 5, 6.4.2, and the instructions of GNU) up to an address.
 *
 * The table is a file's, which anybody may have written: an instruction takes the same time whatever its
 * numbers are, a program is as long as its entry, states that it keeps are counted. What is not
 * understood, and what no compiler writes, ends it without a result. Expressions are not evaluated here,
 * only read through: those that have a rule have passed is_harmless.
 *
 * Why not libdw, nor libunwind: see cfi.c.
 */
#include "config.h"

#include "native/unwind/frame_entry.h"

#include <dwarf.h>
#include <string.h>

#include "pyrope/leb128.h"

#define REGISTER_LIMIT 1024  /* architectures number some 130 */
#define REMEMBER_LIMIT 16    /* states kept at one time; compilers keep one */
#define EXPRESSION_LIMIT 512 /* bytes; the longest in use, of the linker's stubs, have about 10 */

struct machine {
	const struct frame_entry *entry;
	const unsigned char *at, *end;
	uint64_t location; /* for which the rules are good that are there now */
	uint64_t wanted;
	bool is_beyond; /* the next rules are for addresses behind the one that is wanted */
	struct frame_rules rules, initial;
	struct frame_rules remembered[REMEMBER_LIMIT];
	size_t remembered_count;
};

static bool fits(int64_t value, int32_t *result)
{
	*result = (int32_t)value;
	return value == *result;
}

/* ---- expressions ---- */

/* What follows an operation: so many bytes; or one of those below. */
#define OPERAND_NUMBER 16
#define OPERAND_UNKNOWN 17

/*
 * No compiler or linker writes others into an unwind table. Division is not among them: libunwind 1.6.2
 * dies of the one that overflows.
 */
static unsigned operation_operands(uint8_t atom)
{
	if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31)
		return 0;
	if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
		return OPERAND_NUMBER;
	switch (atom) {
	case DW_OP_deref:
	case DW_OP_dup:
	case DW_OP_drop:
	case DW_OP_over:
	case DW_OP_swap:
	case DW_OP_rot:
	case DW_OP_abs:
	case DW_OP_and:
	case DW_OP_minus:
	case DW_OP_mul:
	case DW_OP_neg:
	case DW_OP_not:
	case DW_OP_or:
	case DW_OP_plus:
	case DW_OP_shl:
	case DW_OP_shr:
	case DW_OP_shra:
	case DW_OP_xor:
	case DW_OP_eq:
	case DW_OP_ge:
	case DW_OP_gt:
	case DW_OP_le:
	case DW_OP_lt:
	case DW_OP_ne:
	case DW_OP_nop:
		return 0;
	case DW_OP_const1u:
	case DW_OP_const1s:
	case DW_OP_pick:
	case DW_OP_deref_size:
		return 1;
	case DW_OP_const2u:
	case DW_OP_const2s:
	case DW_OP_skip:
	case DW_OP_bra:
		return 2;
	case DW_OP_const4u:
	case DW_OP_const4s:
		return 4;
	case DW_OP_const8u:
	case DW_OP_const8s:
		return 8;
	case DW_OP_constu:
	case DW_OP_consts:
	case DW_OP_plus_uconst:
		return OPERAND_NUMBER;
	default:
		return OPERAND_UNKNOWN;
	}
}

static bool is_harmless(const unsigned char *at, const unsigned char *end)
{
	while (at < end) {
		const uint8_t atom = *at++;
		const unsigned operands = operation_operands(atom);
		uint64_t number;

		if (operands == OPERAND_UNKNOWN ||
			(atom >= DW_OP_breg0 && atom <= DW_OP_breg31 && atom - DW_OP_breg0 >= REGISTER_COUNT))
			return false;
		if (operands == OPERAND_NUMBER ? !leb128_get(&at, end, &number)
					       : operands > (size_t)(end - at))
			return false;
		/* of other sizes libunwind 1.6.2 keeps the wrong half */
		if (atom == DW_OP_deref_size && *at != 1 && *at != 2 && *at != 4 && *at != 8)
			return false;
		at += operands == OPERAND_NUMBER ? 0 : operands;
	}
	return true;
}

/* Reads the block; *is_good: it can be evaluated. */
static bool read_expression(struct machine *machine, bool *is_good)
{
	const unsigned char *begin;
	uint64_t length;

	if (!leb128_get(&machine->at, machine->end, &length) || length > EXPRESSION_LIMIT ||
		length > (size_t)(machine->end - machine->at))
		return false;
	begin = machine->at;
	machine->at += length;
	*is_good = length && is_harmless(begin, machine->at);
	return true;
}

/* ---- operands ---- */

static bool read_number(struct machine *machine, uint64_t *number)
{
	return leb128_get(&machine->at, machine->end, number);
}

static bool read_register(struct machine *machine, uint64_t *number)
{
	return read_number(machine, number) && *number < REGISTER_LIMIT;
}

/* An offset from the CFA, as the table counts it. */
static bool read_factored(struct machine *machine, bool is_signed, int64_t *offset)
{
	uint64_t number = 0;
	int64_t signed_number = 0;

	if (is_signed ? !leb128_get_signed(&machine->at, machine->end, &signed_number)
		      : !read_number(machine, &number) || number > INT64_MAX)
		return false;
	return !__builtin_mul_overflow(
		is_signed ? signed_number : (int64_t)number, machine->entry->data_alignment, offset);
}

static void set_rule(struct machine *machine, uint64_t number, struct cfi_rule rule)
{
	if (number < REGISTER_COUNT)
		machine->rules.registers[number] = rule;
}

/* ---- instructions ---- */

static bool advance(struct machine *machine, uint64_t delta)
{
	uint64_t to;

	if (__builtin_mul_overflow(delta, machine->entry->code_alignment, &delta) ||
		__builtin_add_overflow(machine->location, delta, &to))
		return false;
	machine->is_beyond = to > machine->wanted;
	machine->location = to;
	return true;
}

static bool read_advance(struct machine *machine, size_t bytes)
{
	uint64_t delta = 0;

	if (bytes > (size_t)(machine->end - machine->at))
		return false;
	memcpy(&delta, machine->at, bytes); /* little endian, as both architectures are */
	machine->at += bytes;
	return advance(machine, delta);
}

static bool store_offset(struct machine *machine, uint64_t number, bool is_signed, uint8_t kind)
{
	struct cfi_rule rule = { .kind = kind };
	int64_t offset;

	if (!read_factored(machine, is_signed, &offset))
		return false;
	if (!fits(offset, &rule.value))
		rule = (struct cfi_rule){ .kind = RULE_UNDEFINED };
	machine->rules.is_only_ours |=
		kind == RULE_VALUE; /* libunwind 1.6.2 takes its operands for instructions */
	set_rule(machine, number, rule);
	return true;
}

static bool store_register(struct machine *machine, uint64_t number)
{
	struct cfi_rule rule = { .kind = RULE_UNDEFINED };
	uint64_t other;

	if (!read_register(machine, &other))
		return false;
	if (other < REGISTER_COUNT)
		rule = (struct cfi_rule){ .kind = RULE_REGISTER, .number = (uint8_t)other };
	machine->rules.is_only_ours = true; /* to libunwind 1.6.2 it is an index that nobody checks */
	set_rule(machine, number, rule);
	return true;
}

static bool store_expression(struct machine *machine, uint64_t number, uint8_t kind)
{
	bool is_good;

	if (!read_expression(machine, &is_good))
		return false;
	machine->rules.is_only_ours |= !is_good;
	set_rule(machine, number, (struct cfi_rule){ .kind = is_good ? kind : RULE_UNDEFINED });
	return true;
}

static bool define_cfa(struct machine *machine, uint8_t code)
{
	struct cfi_rule rule = { .kind = RULE_REGISTER };
	uint64_t number, offset = 0;
	int64_t signed_offset;

	if (!read_register(machine, &number) || number >= REGISTER_COUNT)
		return false;
	rule.number = (uint8_t)number;
	if (code == DW_CFA_def_cfa_sf) {
		if (!read_factored(machine, true, &signed_offset) || !fits(signed_offset, &rule.value))
			return false;
	} else if (!read_number(machine, &offset) || !fits((int64_t)offset, &rule.value)) {
		return false;
	}
	machine->rules.cfa = rule;
	return true;
}

/* Its register or its offset alone. */
static bool change_cfa(struct machine *machine, uint8_t code)
{
	struct cfi_rule *cfa = &machine->rules.cfa;
	uint64_t number;
	int64_t offset;

	if (cfa->kind != RULE_REGISTER)
		return false;
	switch (code) {
	case DW_CFA_def_cfa_register:
		if (!read_register(machine, &number) || number >= REGISTER_COUNT)
			return false;
		cfa->number = (uint8_t)number;
		return true;
	case DW_CFA_def_cfa_offset:
		return read_number(machine, &number) && fits((int64_t)number, &cfa->value);
	default:
		return read_factored(machine, true, &offset) && fits(offset, &cfa->value);
	}
}

static bool define_cfa_expression(struct machine *machine)
{
	bool is_good;

	if (!read_expression(machine, &is_good) || !is_good)
		return false;
	machine->rules.cfa = (struct cfi_rule){ .kind = RULE_VALUE_EXPRESSION };
	return true;
}

static bool remember(struct machine *machine)
{
	if (machine->remembered_count == REMEMBER_LIMIT)
		return false;
	machine->remembered[machine->remembered_count++] = machine->rules;
	return true;
}

/* What was once beyond libunwind stays so: it reads the whole program again. */
static bool restore(struct machine *machine)
{
	const bool is_only_ours = machine->rules.is_only_ours;

	if (!machine->remembered_count)
		return false;
	machine->rules = machine->remembered[--machine->remembered_count];
	machine->rules.is_only_ours |= is_only_ours;
	return true;
}

static bool restore_register(struct machine *machine, uint64_t number)
{
	if (number < REGISTER_COUNT)
		machine->rules.registers[number] = machine->initial.registers[number];
	return true;
}

/* An instruction whose first operand is a register. */
static bool run_register(struct machine *machine, uint8_t code)
{
	uint64_t number;

	if (!read_register(machine, &number))
		return false;
	switch (code) {
	case DW_CFA_offset_extended:
		return store_offset(machine, number, false, RULE_OFFSET);
	case DW_CFA_offset_extended_sf:
		return store_offset(machine, number, true, RULE_OFFSET);
	case DW_CFA_val_offset:
		return store_offset(machine, number, false, RULE_VALUE);
	case DW_CFA_val_offset_sf:
		return store_offset(machine, number, true, RULE_VALUE);
	case DW_CFA_restore_extended:
		return restore_register(machine, number);
	case DW_CFA_undefined:
		set_rule(machine, number, (struct cfi_rule){ .kind = RULE_UNDEFINED });
		return true;
	case DW_CFA_same_value:
		set_rule(machine, number, (struct cfi_rule){ .kind = RULE_SAME });
		return true;
	case DW_CFA_register:
		return store_register(machine, number);
	case DW_CFA_expression:
		return store_expression(machine, number, RULE_EXPRESSION);
	case DW_CFA_val_expression:
		return store_expression(machine, number, RULE_VALUE_EXPRESSION);
	default:
		return false;
	}
}

static bool run_other(struct machine *machine, uint8_t code)
{
	uint64_t ignored;

	switch (code) {
	case DW_CFA_nop:
		return true;
	case DW_CFA_advance_loc1:
		return read_advance(machine, 1);
	case DW_CFA_advance_loc2:
		return read_advance(machine, 2);
	case DW_CFA_advance_loc4:
		return read_advance(machine, 4);
	case DW_CFA_remember_state:
		return remember(machine);
	case DW_CFA_restore_state:
		return restore(machine);
	case DW_CFA_def_cfa:
	case DW_CFA_def_cfa_sf:
		return define_cfa(machine, code);
	case DW_CFA_def_cfa_register:
	case DW_CFA_def_cfa_offset:
	case DW_CFA_def_cfa_offset_sf:
		return change_cfa(machine, code);
	case DW_CFA_def_cfa_expression:
		return define_cfa_expression(machine);
	case DW_CFA_GNU_window_save: /* on aarch64: the return address is signed from here on */
		machine->rules.is_only_ours = true;
		return true;
	case DW_CFA_GNU_args_size:
		return read_number(machine, &ignored);
	default: /* DW_CFA_set_loc, too, which no compiler writes */
		return run_register(machine, code);
	}
}

static bool run_instruction(struct machine *machine)
{
	const uint8_t code = *machine->at++;
	const uint8_t number = code & 0x3f;

	switch (code & 0xc0) {
	case DW_CFA_advance_loc:
		return advance(machine, number);
	case DW_CFA_offset:
		return store_offset(machine, number, false, RULE_OFFSET);
	case DW_CFA_restore:
		return restore_register(machine, number);
	default:
		return run_other(machine, code);
	}
}

static bool run(struct machine *machine, const struct frame_program *program)
{
	machine->at = program->begin;
	machine->end = program->end;
	while (machine->at < machine->end && !machine->is_beyond)
		if (!run_instruction(machine))
			return false;
	return true;
}

/* ---- all of it ---- */

/*
 * What is so where a table says nothing of it (System V ABI, AMD64 supplement, 3.2.1; Procedure Call
 * Standard for the Arm 64-bit Architecture, 6.1.1): the caller's stack pointer is the CFA, what a call
 * preserves is preserved.
 */
static void begin_rules(struct frame_rules *rules)
{
	*rules = (struct frame_rules){ 0 };
	for (size_t i = 0; i < register_roles.saved_count; i++)
		rules->registers[register_roles.saved[i]].kind = RULE_SAME;
	if (register_roles.return_in_register)
		rules->registers[register_roles.return_address].kind = RULE_SAME;
	rules->registers[register_roles.stack_pointer].kind = RULE_VALUE;
}

static bool is_expression(const struct cfi_rule *rule)
{
	return rule->kind == RULE_EXPRESSION || rule->kind == RULE_VALUE_EXPRESSION;
}

bool frame_entry_run(
	const struct frame_entry *entry, uint64_t vaddr, struct frame_rules *rules, struct cfi_extent *extent)
{
	struct machine machine;

	machine.entry = entry;
	machine.location = 0;
	machine.wanted = UINT64_MAX;
	machine.is_beyond = false;
	machine.remembered_count = 0;
	begin_rules(&machine.rules);
	machine.initial = machine.rules;
	if (vaddr < entry->code.begin || vaddr >= entry->code.end || !run(&machine, &entry->initial))
		return false;
	machine.initial = machine.rules;
	machine.remembered_count = 0;
	machine.location = extent->begin = entry->code.begin;
	machine.wanted = vaddr;
	machine.at = entry->own.begin;
	machine.end = entry->own.end;
	while (machine.at < machine.end && !machine.is_beyond) {
		if (!run_instruction(&machine))
			return false;
		if (!machine.is_beyond)
			extent->begin = machine.location;
	}
	extent->end =
		machine.is_beyond && machine.location < entry->code.end ? machine.location : entry->code.end;
	*rules = machine.rules;
	rules->has_expression = is_expression(&rules->cfa);
	for (size_t i = 0; i < REGISTER_COUNT; i++)
		rules->has_expression |= is_expression(&rules->registers[i]);
	return rules->cfa.kind != RULE_UNDEFINED;
}
