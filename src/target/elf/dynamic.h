/* SPDX-License-Identifier: MIT */
/* What PT_DYNAMIC says, wherever its bytes come from. */
#ifndef PYROPE_TARGET_ELF_DYNAMIC_H
#define PYROPE_TARGET_ELF_DYNAMIC_H

#include <elf.h>

#include "pyrope/base.h"

/* Where PT_DYNAMIC is, and how what is loaded at an address (as linked) is read: returns how many bytes. */
struct elf_dynamic {
	uint64_t vaddr, bytes;
	size_t (*read)(const void *context, uint64_t vaddr, void *data, size_t length);
	const void *context;
};

/*
 * What finding symbols takes; 0: not there. Addresses as they stand: in memory, glibc has added the load
 * bias.
 */
struct elf_dynamic_table {
	uint64_t symbols, strings, strings_bytes, gnu_hash, sysv_hash, soname;
	bool has_soname;
};

/*
 * Of DT_GNU_HASH. Behind it: 8 bytes for each bloom word, 4 for each bucket, 4 for each symbol from the
 * first one on.
 */
struct elf_gnu_hash {
	uint32_t bucket_count, first_symbol, bloom_words, bloom_shift;
};

/* Calls visit for each entry up to DT_NULL, until it returns false. */
void elf_dynamic_visit(const struct elf_dynamic *dynamic,
	bool (*visit)(void *context, const Elf64_Dyn *entry), void *context);
void elf_dynamic_read(const struct elf_dynamic *dynamic, struct elf_dynamic_table *table);

#endif
