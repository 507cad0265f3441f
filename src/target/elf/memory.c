/* SPDX-License-Identifier: MIT */
/*
 * An ELF image out of a target's memory, for files that can no longer be reached. What the loader maps is
 * there: the ELF header and the program headers (at the start of the first segment), PT_DYNAMIC and all
 * that it points to. Section headers and .symtab are not loaded.
 */
#include "config.h"

#include "target/elf/internal.h"

#define HEADER_LIMIT 128 /* program headers; linkers make about a dozen */

int elf_image_open_memory(struct elf_image *image, struct elf_memory memory, raddr_t base,
	const struct mapping *const *mappings, size_t mapping_count, struct error *err)
{
	Elf64_Phdr headers[HEADER_LIMIT];
	Elf64_Ehdr header;
	size_t bytes;

	*image = (struct elf_image){ .fd = -1, .memory = memory };
	if (memory.read(memory.context, base, &header, sizeof(header)) < sizeof(header))
		return error_set(
			err, ERROR_RACED, "no ELF header can be read at 0x%llx", (unsigned long long)base);
	if (elf_header_reason(&header) || header.e_phnum > HEADER_LIMIT ||
		header.e_phentsize != sizeof(*headers))
		return error_set(err, ERROR_UNSUPPORTED, "no ELF header of this machine at 0x%llx",
			(unsigned long long)base);
	bytes = header.e_phnum * sizeof(*headers);
	if (header.e_phoff > UINT64_MAX - base ||
		memory.read(memory.context, base + header.e_phoff, headers, bytes) < bytes)
		return error_set(err, ERROR_RACED, "no program headers can be read at 0x%llx",
			(unsigned long long)base);
	for (size_t i = 0; i < header.e_phnum; i++)
		elf_image_add_header(image, &headers[i]);
	if (!elf_load_bias(image->segments, image->segment_count, mappings, mapping_count, &image->bias))
		return error_set(err, ERROR_UNSUPPORTED,
			"the ELF file at 0x%llx is not mapped as its headers say", (unsigned long long)base);
	return 0;
}
