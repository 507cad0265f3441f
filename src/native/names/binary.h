/* SPDX-License-Identifier: MIT */
/* All the files that tell of the code of one module, and the table that was made of them. */
#ifndef PYROPE_NATIVE_NAMES_BINARY_H
#define PYROPE_NATIVE_NAMES_BINARY_H

#include "native/files/budget.h"
#include "native/names/lines.h"
#include "native/files/module.h"
#include "native/names/symbols.h"

struct binary;

/* Never NULL; of a module without a file it finds nothing. Borrows roots and module->fd. */
struct binary *binary_new(const struct roots *roots, struct budget *budget, const struct module *module);
void binary_free(struct binary *binary); /* accepts NULL */
/* How much memory it takes, about, but for debug information. */
size_t binary_bytes(const struct binary *binary);
size_t binary_lines_bytes(const struct binary *binary);
/* Forgets debug information, which is loaded again when it is asked for. */
void binary_drop_lines(struct binary *binary);
/* A symbol, a stub of the linker ("open@plt"), or the start of a function that has no name ("0x1139"). */
bool binary_find(const struct binary *binary, uint64_t vaddr, struct symbol_found *found);
/* Is it in a function without a name, and the next symbol, no more than bytes away, is this one? */
bool binary_stands_before(const struct binary *binary, uint64_t vaddr, uint64_t bytes, const char *symbol);
/* What debug information says; see lines_find. It is loaded at the first call. */
bool binary_inlines(struct binary *binary, uint64_t vaddr, struct inlines *inlines);

#endif
