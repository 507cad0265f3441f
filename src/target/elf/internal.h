/* SPDX-License-Identifier: MIT */
/* What the files of target/elf share; nobody else includes it. */
#ifndef PYROPE_TARGET_ELF_INTERNAL_H
#define PYROPE_TARGET_ELF_INTERNAL_H

#include <elf.h>

#include "target/elf/elf.h"

/* What keeps a file with this header from being read; NULL: nothing. */
const char *elf_header_reason(const Elf64_Ehdr *header);
/* Takes one program header in. Segments that make no sense are left out. */
void elf_image_add_header(struct elf_image *image, const Elf64_Phdr *header);
/* Is this one of the symbols that we look for: a variable or a function that lies in the image? */
bool elf_symbol_usable(const struct elf_image *image, const Elf64_Sym *entry);
void elf_symbol_set(const struct elf_image *image, const Elf64_Sym *entry, struct elf_symbol *symbol);
/* Looks names up in all symbol tables of this type (SHT_SYMTAB, SHT_DYNSYM), entry by entry. */
void elf_search_sections(
	const struct elf_image *image, uint32_t type, struct elf_symbol *symbols, size_t count);

#endif
