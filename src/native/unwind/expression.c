/* SPDX-License-Identifier: MIT */
/*
 * The stack machine of DWARF 5, section 2.5.1, over registers and a copy of the stack. An expression comes
 * out of a file that anybody may have written: the number of steps and the stack are bounded, each operand
 * is checked for.
 */
#include "config.h"

#include "native/unwind/expression.h"

#include <dwarf.h>
#include <string.h>

#define STACK_LIMIT 64
#define STEP_LIMIT 1000

struct machine {
	const struct expression *expression;
	const struct registers *registers;
	const struct native_copy *copy;
	const raddr_t *cfa;
	size_t next; /* the operation to be done next */
	size_t depth;
	uint64_t stack[STACK_LIMIT];
};

bool copy_load(const struct native_copy *copy, raddr_t address, uint64_t *value)
{
	const void *bytes = native_copy_at(copy, address, sizeof(*value));

	if (bytes)
		memcpy(value, bytes, sizeof(*value));
	return bytes != NULL;
}

static bool push(struct machine *machine, uint64_t value)
{
	if (machine->depth == STACK_LIMIT)
		return false;
	machine->stack[machine->depth++] = value;
	return true;
}

static bool push_register(struct machine *machine, uint64_t number, uint64_t offset)
{
	return number < REGISTER_COUNT && machine->registers->known >> number & 1 &&
		push(machine, machine->registers->values[number] + offset);
}

/* The value that many below the top. */
static bool push_picked(struct machine *machine, uint64_t index)
{
	return index < machine->depth && push(machine, machine->stack[machine->depth - 1 - index]);
}

static bool load(struct machine *machine, uint64_t bytes)
{
	uint64_t value = 0, *top;
	const void *from;

	if (!machine->depth || !bytes || bytes > sizeof(value))
		return false;
	top = &machine->stack[machine->depth - 1];
	from = native_copy_at(machine->copy, *top, bytes);
	if (!from)
		return false;
	memcpy(&value, from, bytes);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	value >>= 8 * (sizeof(value) - bytes);
#endif
	*top = value;
	return true;
}

static bool rotate(struct machine *machine, size_t count)
{
	uint64_t *lowest, value;

	if (machine->depth < count)
		return false;
	value = machine->stack[machine->depth - 1];
	lowest = &machine->stack[machine->depth - count];
	memmove(lowest + 1, lowest, (count - 1) * sizeof(*lowest));
	*lowest = value;
	return true;
}

/* Goes on at the operation that lies number bytes behind this one's end; both branches are 3 bytes long. */
static bool jump(struct machine *machine, const Dwarf_Op *operation)
{
	uint64_t to = operation->offset + 3 + (uint64_t)(int64_t)(int16_t)operation->number;

	for (size_t i = 0; i < machine->expression->count; i++) {
		if (machine->expression->operations[i].offset != to)
			continue;
		machine->next = i;
		return true;
	}
	return false;
}

static bool divide(uint64_t left, uint64_t right, uint64_t *result)
{
	if (!right || (left == (uint64_t)INT64_MIN && right == UINT64_MAX))
		return false;
	*result = (uint64_t)((int64_t)left / (int64_t)right);
	return true;
}

static uint64_t shift_right(uint64_t value, uint64_t count, bool is_signed)
{
	uint64_t fill = is_signed && (int64_t)value < 0 ? UINT64_MAX : 0;

	if (count >= 64)
		return fill;
	return count ? value >> count | fill << (64 - count) : value;
}

static bool compare(uint64_t *left, uint64_t unsigned_right, uint8_t atom)
{
	const int64_t value = (int64_t)*left, right = (int64_t)unsigned_right;

	switch (atom) {
	case DW_OP_eq:
		*left = value == right;
		return true;
	case DW_OP_ne:
		*left = value != right;
		return true;
	case DW_OP_lt:
		*left = value < right;
		return true;
	case DW_OP_le:
		*left = value <= right;
		return true;
	case DW_OP_gt:
		*left = value > right;
		return true;
	case DW_OP_ge:
		*left = value >= right;
		return true;
	default:
		return false;
	}
}

/* Two values from the stack, one back. */
static bool combine(struct machine *machine, uint8_t atom)
{
	uint64_t *left, right;

	if (machine->depth < 2)
		return false;
	right = machine->stack[--machine->depth];
	left = &machine->stack[machine->depth - 1];
	switch (atom) {
	case DW_OP_and:
		*left &= right;
		return true;
	case DW_OP_or:
		*left |= right;
		return true;
	case DW_OP_xor:
		*left ^= right;
		return true;
	case DW_OP_plus:
		*left += right;
		return true;
	case DW_OP_minus:
		*left -= right;
		return true;
	case DW_OP_mul:
		*left *= right;
		return true;
	case DW_OP_div:
		return divide(*left, right, left);
	case DW_OP_mod:
		*left = right ? *left % right : 0;
		return right != 0;
	case DW_OP_shl:
		*left = right < 64 ? *left << right : 0;
		return true;
	case DW_OP_shr:
		*left = shift_right(*left, right, false);
		return true;
	case DW_OP_shra:
		*left = shift_right(*left, right, true);
		return true;
	default:
		return compare(left, right, atom);
	}
}

/* One value, changed where it lies. */
static bool change(struct machine *machine, const Dwarf_Op *operation)
{
	uint64_t *top;

	if (!machine->depth)
		return false;
	top = &machine->stack[machine->depth - 1];
	switch (operation->atom) {
	case DW_OP_abs:
		*top = (int64_t)*top < 0 ? -*top : *top;
		return true;
	case DW_OP_neg:
		*top = -*top;
		return true;
	case DW_OP_not:
		*top = ~*top;
		return true;
	case DW_OP_plus_uconst:
		*top += operation->number;
		return true;
	default:
		return combine(machine, operation->atom);
	}
}

static bool branch(struct machine *machine, const Dwarf_Op *operation)
{
	if (operation->atom == DW_OP_bra && !machine->depth)
		return false;
	if (operation->atom == DW_OP_bra && machine->stack[--machine->depth] == 0)
		return true;
	return jump(machine, operation);
}

static bool step(struct machine *machine, const Dwarf_Op *operation)
{
	const uint8_t atom = operation->atom;

	if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31)
		return push(machine, atom - DW_OP_lit0);
	if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31)
		return push_register(machine, atom - DW_OP_breg0, operation->number);
	switch (atom) {
	case DW_OP_const1u:
	case DW_OP_const2u:
	case DW_OP_const4u:
	case DW_OP_const8u:
	case DW_OP_constu:
	case DW_OP_const1s:
	case DW_OP_const2s:
	case DW_OP_const4s:
	case DW_OP_const8s:
	case DW_OP_consts:
		return push(machine, operation->number); /* libdw has extended the sign */
	case DW_OP_bregx:
		return push_register(machine, operation->number, operation->number2);
	case DW_OP_call_frame_cfa:
		return machine->cfa && push(machine, *machine->cfa);
	case DW_OP_dup:
		return push_picked(machine, 0);
	case DW_OP_over:
		return push_picked(machine, 1);
	case DW_OP_pick:
		return push_picked(machine, operation->number);
	case DW_OP_drop:
		return machine->depth && machine->depth--;
	case DW_OP_swap:
		return rotate(machine, 2);
	case DW_OP_rot:
		return rotate(machine, 3);
	case DW_OP_deref:
		return load(machine, sizeof(uint64_t));
	case DW_OP_deref_size:
		return load(machine, operation->number);
	case DW_OP_skip:
	case DW_OP_bra:
		return branch(machine, operation);
	case DW_OP_nop:
		return true;
	default:
		return change(machine, operation);
	}
}

bool expression_evaluate(const struct expression *expression, const struct registers *registers,
	const struct native_copy *copy, const raddr_t *cfa, uint64_t *result)
{
	struct machine machine = {
		.expression = expression, .registers = registers, .copy = copy, .cfa = cfa
	};

	for (unsigned steps = 0; machine.next < expression->count; steps++) {
		const Dwarf_Op *operation = &expression->operations[machine.next++];

		if (operation->atom == DW_OP_stack_value && machine.next == expression->count)
			break;
		if (steps == STEP_LIMIT || !step(&machine, operation))
			return false;
	}
	if (!machine.depth)
		return false;
	*result = machine.stack[machine.depth - 1];
	return true;
}
