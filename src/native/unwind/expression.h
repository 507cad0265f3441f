/* SPDX-License-Identifier: MIT */
/*
 * DWARF expressions as unwind tables have them: where a register is stored, or what the CFA is, when
 * registers and an offset do not say it (PLT entries, signal frames, functions that align their stack).
 *
 * libdw has decoded the operations already, so that only a stack machine is left to do. libunwind could be
 * given the registers and the copy of the stack through its accessors instead; but it would search and
 * parse the same tables again for each such frame, from its own idea of what is mapped, and the result
 * could not be kept as a row.
 */
#ifndef PYROPE_NATIVE_UNWIND_EXPRESSION_H
#define PYROPE_NATIVE_UNWIND_EXPRESSION_H

#include <elfutils/libdw.h>

#include "pyrope/native.h"

struct expression {
	const Dwarf_Op *operations; /* borrowed */
	size_t count;
};

/* The 8 bytes that the copy holds at address. */
bool copy_load(const struct native_copy *copy, raddr_t address, uint64_t *value);
/*
 * What is on top of the stack at the end: an address, or a value if the last operation says so. cfa: NULL
 * where the CFA itself is what is computed. False: it needs a register that is not known, or memory outside
 * of the copy, or it makes no sense.
 */
bool expression_evaluate(const struct expression *expression, const struct registers *registers,
	const struct native_copy *copy, const raddr_t *cfa, uint64_t *result);

#endif
