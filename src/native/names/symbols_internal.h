/* SPDX-License-Identifier: MIT */
/* What symbols.c and symbols_dynamic.c share; nobody else includes it. */
#ifndef PYROPE_NATIVE_NAMES_SYMBOLS_INTERNAL_H
#define PYROPE_NATIVE_NAMES_SYMBOLS_INTERNAL_H

#include "native/names/symbols.h"

#define SYMBOL_TABLES 16
#define SYMBOL_START_LIMIT (UINT64_C(1) << 48)

/* Where the names of some of the symbols are. */
struct symbol_table {
	const struct elf_object *object;
	uint64_t names, names_bytes; /* offset in the file */
};

struct symbol {
	uint64_t start : 48;
	uint64_t table : 8;
	uint64_t binding : 4; /* the less the better */
	uint64_t untyped : 1;
	uint32_t bytes; /* 0: not known */
	uint32_t name;  /* in the names of its table */
};

struct symbols {
	struct symbol *list; /* by start */
	size_t count, capacity;
	struct symbol_table tables[SYMBOL_TABLES];
	size_t table_count;
	uint64_t entry_count, absolute_count; /* that were read */
	const struct elf_object *code;        /* the file that is mapped */
};

/* Takes in count entries of an Elf64_Sym table at an offset in the table's file. */
void symbols_add_table(
	struct symbols *symbols, const struct symbol_table *table, uint64_t offset, uint64_t count);
/* Takes in what the dynamic linker knows, for files without section headers. */
void symbols_add_dynamic(struct symbols *symbols, const struct elf_object *object, uint64_t bias);

#endif
