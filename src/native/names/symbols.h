/* SPDX-License-Identifier: MIT */
/*
 * The functions of one module, from all the symbol tables that there are of it: its own two, those of a
 * separate debug file and of compressed mini debug information. One sorted table of 16 bytes a symbol; names
 * stay in the files.
 */
#ifndef PYROPE_NATIVE_NAMES_SYMBOLS_H
#define PYROPE_NATIVE_NAMES_SYMBOLS_H

#include "target/elf/object.h"

#define SYMBOL_NAME_BYTES 8192 /* a longer name is cut off; C++ makes some of 4 KB */

struct symbols;

struct symbol_found {
	uint64_t start;               /* vaddr; of the whole function */
	bool is_symbol;               /* the name is from a symbol table */
	char name[SYMBOL_NAME_BYTES]; /* as in the table, without the version of the symbol */
};

/*
 * Of these objects, the first of which is the file that is mapped. They are borrowed, and must not move.
 * bias: what the dynamic linker may have added to addresses in an image that was copied out of memory.
 */
struct symbols *symbols_new(const struct elf_object *const *objects, size_t object_count, uint64_t bias);
void symbols_free(struct symbols *symbols); /* accepts NULL */
size_t symbols_bytes(const struct symbols *symbols);
/* The function that covers vaddr. */
bool symbols_find(const struct symbols *symbols, uint64_t vaddr, struct symbol_found *found);
/* The first one that begins behind vaddr. */
bool symbols_next(const struct symbols *symbols, uint64_t vaddr, struct symbol_found *found);

#endif
