/* SPDX-License-Identifier: MIT */
/*
 * The stubs through which a file calls functions of others: no symbol names them, but each jumps through a
 * slot of the global offset table, and a relocation tells whose address belongs there.
 */
#ifndef PYROPE_NATIVE_NAMES_PLT_H
#define PYROPE_NATIVE_NAMES_PLT_H

#include "native/names/symbols.h"

/*
 * Is vaddr in such a stub? Then *start is the stub's first byte and name what it jumps to, with "@plt" behind
 * it; "plt" when that is not known.
 */
bool plt_find(const struct elf_object *object, const struct symbols *symbols, uint64_t vaddr,
	struct symbol_found *found);

#endif
