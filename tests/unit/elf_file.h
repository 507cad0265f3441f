/* SPDX-License-Identifier: MIT */
/*
 * A small ELF file, put together byte by byte, as a linker makes it with -z separate-code:
 *
 *     file     vaddr (from base)
 *     0x0000   0x0000   r--  headers, .dynsym, .dynstr, hash tables
 *     0x1000   0x1000   r-x  code
 *     0x2000   0x2000   r--  .rodata
 *     0x2e00   0x3e00   rw-  .dynamic, .PyRuntime, .data; then .bss: a page apart from its place in the file
 *     0x4000   -             .symtab, .strtab, .shstrtab, section headers
 */
#ifndef PYROPE_TESTS_ELF_FILE_H
#define PYROPE_TESTS_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ELF_FILE_BYTES 0x5000
#define ELF_DYNAMIC 0x3e00
#define ELF_RUNTIME 0x3f00 /* _PyRuntime, and the section .PyRuntime */
#define ELF_CURRENT 0x3f80 /* _PyThreadState_Current */
#define ELF_BSS 0x4000
#define ELF_MEMORY_END 0x4800
#define ELF_RODATA 0x2000

enum elf_hash_kind { HASH_GNU, HASH_SYSV, HASH_NONE };

struct elf_file_options {
	uint16_t type; /* ET_DYN, ET_EXEC */
	uint64_t base; /* the vaddr of the first segment */
	enum elf_hash_kind hash;
	bool without_sections; /* as after sstrip */
	bool without_symtab;   /* as after strip */
	const char *rodata;    /* NULL, or what stands in .rodata */
	size_t rodata_bytes;
};

struct elf_file {
	unsigned char bytes[ELF_FILE_BYTES];
	size_t strings_used;
};

static inline void elf_put(struct elf_file *file, size_t offset, const void *bytes, size_t length)
{
	memcpy(file->bytes + offset, bytes, length);
}

/* Appends a string to the table at offset; its index. */
static inline uint32_t elf_string(struct elf_file *file, size_t offset, const char *text)
{
	size_t at = file->strings_used;

	elf_put(file, offset + at, text, strlen(text) + 1);
	file->strings_used += strlen(text) + 1;
	return (uint32_t)at;
}

static inline uint32_t elf_gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static inline Elf64_Sym elf_symbol_entry(uint32_t name, unsigned type, uint16_t section, uint64_t value)
{
	return (Elf64_Sym){ .st_name = name,
		.st_info = (unsigned char)(STB_GLOBAL << 4 | type),
		.st_shndx = section,
		.st_value = value,
		.st_size = 64 };
}

#define ELF_DYNSYM 0x200
#define ELF_DYNSTR 0x300
#define ELF_HASH 0x400

/*
 * Symbol 1 is not defined here, 2 is _PyRuntime, 3 is _PyThreadState_Current. One bucket, so that they are
 * one chain.
 */
static inline void elf_put_dynamic_symbols(struct elf_file *file, const struct elf_file_options *options)
{
	static const char *const names[] = { "Py_Version", "_PyRuntime", "_PyThreadState_Current" };
	uint32_t gnu[4 + 2 + 1 + 3] = { 1, 1, 1, 6, UINT32_MAX, UINT32_MAX, 1 };
	uint32_t sysv[2 + 1 + 4] = { 1, 4, 1, 0, 2, 3, 0 };
	Elf64_Sym symbols[4] = { { 0 } };

	file->strings_used = 1;
	symbols[1] = elf_symbol_entry(elf_string(file, ELF_DYNSTR, names[0]), STT_OBJECT, SHN_UNDEF, 0);
	symbols[2] = elf_symbol_entry(
		elf_string(file, ELF_DYNSTR, names[1]), STT_OBJECT, 5, options->base + ELF_RUNTIME);
	symbols[3] = elf_symbol_entry(
		elf_string(file, ELF_DYNSTR, names[2]), STT_OBJECT, 6, options->base + ELF_CURRENT);
	elf_put(file, ELF_DYNSYM, symbols, sizeof(symbols));
	for (unsigned i = 0; i < 3; i++)
		gnu[7 + i] = (elf_gnu_hash(names[i]) & ~1u) | (i == 2);
	if (options->hash == HASH_GNU)
		elf_put(file, ELF_HASH, gnu, sizeof(gnu));
	if (options->hash == HASH_SYSV)
		elf_put(file, ELF_HASH, sysv, sizeof(sysv));
}

static inline void elf_put_dynamic(struct elf_file *file, const struct elf_file_options *options)
{
	uint32_t soname = elf_string(file, ELF_DYNSTR, "libpython3.8.so.1.0");
	Elf64_Dyn entries[] = {
		{ .d_tag = DT_SONAME, .d_un.d_val = soname },
		{ .d_tag = DT_SYMTAB, .d_un.d_ptr = options->base + ELF_DYNSYM },
		{ .d_tag = DT_STRTAB, .d_un.d_ptr = options->base + ELF_DYNSTR },
		{ .d_tag = DT_STRSZ, .d_un.d_val = file->strings_used },
		{ .d_tag = options->hash == HASH_GNU         ? DT_GNU_HASH
				: options->hash == HASH_SYSV ? DT_HASH
							     : DT_FLAGS,
			.d_un.d_ptr = options->base + ELF_HASH },
		{ .d_tag = DT_NULL },
	};

	elf_put(file, ELF_DYNAMIC - 0x1000, entries, sizeof(entries));
}

#define ELF_SYMTAB 0x4000
#define ELF_STRTAB 0x4100
#define ELF_SHSTRTAB 0x4200
#define ELF_SECTIONS 0x4400

static inline void elf_put_sections(struct elf_file *file, const struct elf_file_options *options)
{
	Elf64_Sym symbols[3] = { { 0 } };
	Elf64_Shdr sections[10] = { { 0 } };
	size_t names_bytes, count = options->without_symtab ? 8 : 10;
	const uint64_t base = options->base;

	file->strings_used = 1;
	symbols[1] = elf_symbol_entry(
		elf_string(file, ELF_STRTAB, "interp_head.lto_priv.0"), STT_OBJECT, 7, base + ELF_BSS + 8);
	symbols[2] = elf_symbol_entry(
		elf_string(file, ELF_STRTAB, "interp_header"), STT_OBJECT, 7, base + ELF_BSS + 16);
	elf_put(file, ELF_SYMTAB, symbols, sizeof(symbols));
	names_bytes = file->strings_used;
	file->strings_used = 1;
#define SECTION(index, name, type, flags, address, at, length, to, entry) \
	sections[index] = (Elf64_Shdr){ .sh_name = elf_string(file, ELF_SHSTRTAB, name), \
		.sh_type = (type), \
		.sh_flags = (flags), \
		.sh_addr = (address), \
		.sh_offset = (at), \
		.sh_size = (length), \
		.sh_link = (to), \
		.sh_entsize = (entry), \
		.sh_addralign = 1 }
	SECTION(1, ".dynsym", SHT_DYNSYM, SHF_ALLOC, base + ELF_DYNSYM, ELF_DYNSYM, 4 * sizeof(Elf64_Sym), 2,
		sizeof(Elf64_Sym));
	SECTION(2, ".dynstr", SHT_STRTAB, SHF_ALLOC, base + ELF_DYNSTR, ELF_DYNSTR, 0x100, 0, 0);
	SECTION(3, ".rodata", SHT_PROGBITS, SHF_ALLOC, base + ELF_RODATA, ELF_RODATA, 0x800, 0, 0);
	SECTION(4, ".comment", SHT_PROGBITS, 0, 0, 0x2800, 16, 0, 0);
	SECTION(5, ".PyRuntime", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, base + ELF_RUNTIME,
		ELF_RUNTIME - 0x1000, 0x80, 0, 0);
	SECTION(6, ".bss", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, base + ELF_BSS, 0x3000, 0x800, 0, 0);
	SECTION(7, ".shstrtab", SHT_STRTAB, 0, 0, ELF_SHSTRTAB, 0x200, 0, 0);
	SECTION(8, ".symtab", SHT_SYMTAB, 0, 0, ELF_SYMTAB, sizeof(symbols), 9, sizeof(Elf64_Sym));
	SECTION(9, ".strtab", SHT_STRTAB, 0, 0, ELF_STRTAB, names_bytes, 0, 0);
#undef SECTION
	elf_put(file, ELF_SECTIONS, sections, count * sizeof(*sections));
}

static inline void elf_put_headers(struct elf_file *file, const struct elf_file_options *options)
{
	const uint64_t base = options->base;
	Elf64_Phdr headers[] = {
		{ .p_type = PT_LOAD,
			.p_flags = PF_R,
			.p_offset = 0,
			.p_vaddr = base,
			.p_filesz = 0x600,
			.p_memsz = 0x600 },
		{ .p_type = PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_offset = 0x1000,
			.p_vaddr = base + 0x1000,
			.p_filesz = 0x800,
			.p_memsz = 0x800 },
		{ .p_type = PT_LOAD,
			.p_flags = PF_R,
			.p_offset = 0x2000,
			.p_vaddr = base + ELF_RODATA,
			.p_filesz = 0x800,
			.p_memsz = 0x800 },
		{ .p_type = PT_LOAD,
			.p_flags = PF_R | PF_W,
			.p_offset = 0x2e00,
			.p_vaddr = base + ELF_DYNAMIC,
			.p_filesz = ELF_BSS - ELF_DYNAMIC,
			.p_memsz = ELF_MEMORY_END - ELF_DYNAMIC },
		{ .p_type = PT_DYNAMIC,
			.p_flags = PF_R | PF_W,
			.p_offset = 0x2e00,
			.p_vaddr = base + ELF_DYNAMIC,
			.p_filesz = 0x100,
			.p_memsz = 0x100 },
	};
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB, EV_CURRENT },
		.e_type = options->type,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(*headers),
		.e_phnum = 5,
		.e_shentsize = sizeof(Elf64_Shdr),
	};

	if (!options->without_sections) {
		header.e_shoff = ELF_SECTIONS;
		header.e_shnum = options->without_symtab ? 8 : 10;
		header.e_shstrndx = 7;
		elf_put_sections(file, options);
	}
	elf_put(file, 0, &header, sizeof(header));
	elf_put(file, sizeof(header), headers, sizeof(headers));
}

static inline void elf_file_build(struct elf_file *file, const struct elf_file_options *options)
{
	memset(file, 0, sizeof(*file));
	elf_put_dynamic_symbols(file, options);
	elf_put_dynamic(file, options);
	elf_put_headers(file, options);
	if (options->rodata)
		elf_put(file, 0x2000, options->rodata, options->rodata_bytes);
}

#endif
