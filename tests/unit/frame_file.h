/* SPDX-License-Identifier: MIT */
/*
 * A small ELF file that holds an unwind table and nothing else, put together byte by byte:
 *
 *     0x0000   headers, section headers, their names
 *     0x0800   .eh_frame_hdr, if wanted
 *     0x1000   .eh_frame or .debug_frame
 *
 * All of it is one segment at vaddr 0. The code that the table describes is at FRAME_CODE, and does not
 * exist.
 */
#ifndef PYROPE_TESTS_FRAME_FILE_H
#define PYROPE_TESTS_FRAME_FILE_H

#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FRAME_SEARCH 0x800
#define FRAME_TABLE 0x1000
#define FRAME_CODE UINT64_C(0x100000)
#define FRAME_CODE_BYTES UINT64_C(0x10000)
#define FRAME_PAIRS_LIMIT 64

#ifdef __aarch64__
#define FRAME_MACHINE EM_AARCH64
#else
#define FRAME_MACHINE EM_X86_64
#endif

struct frame_file {
	const void *table;
	size_t table_bytes;
	/* .eh_frame_hdr: where a function begins and where its entry is, both from FRAME_SEARCH */
	const int32_t *pairs;
	size_t pair_count; /* 0: no .eh_frame_hdr */
	int is_debug;      /* .debug_frame */
	int without_sections;
};

static inline void frame_file_headers(unsigned char *bytes, const struct frame_file *file)
{
	static const char names[] = "\0.eh_frame\0.debug_frame\0.shstrtab";
	const size_t search_bytes = 12 + 8 * file->pair_count;
	const uint32_t count[3] = { 0x3b031b01, FRAME_TABLE - FRAME_SEARCH - 4, (uint32_t)file->pair_count };
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
			__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB, EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = FRAME_MACHINE,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phoff = 0x40,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = file->pair_count ? 2 : 1,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shoff = 0x200,
		.e_shnum = 3,
		.e_shstrndx = 2,
	};
	const Elf64_Phdr segments[2] = {
		{ .p_type = PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_filesz = FRAME_TABLE + file->table_bytes,
			.p_memsz = FRAME_CODE + FRAME_CODE_BYTES,
			.p_align = 0x1000 },
		{ .p_type = PT_GNU_EH_FRAME,
			.p_flags = PF_R,
			.p_offset = FRAME_SEARCH,
			.p_vaddr = FRAME_SEARCH,
			.p_filesz = search_bytes,
			.p_memsz = search_bytes },
	};
	const Elf64_Shdr sections[3] = {
		{ .sh_type = SHT_NULL },
		{ .sh_name = file->is_debug ? 11 : 1,
			.sh_type = SHT_PROGBITS,
			.sh_flags = file->is_debug ? 0 : SHF_ALLOC,
			.sh_addr = file->is_debug ? 0 : FRAME_TABLE,
			.sh_offset = FRAME_TABLE,
			.sh_size = file->table_bytes,
			.sh_addralign = 8 },
		{ .sh_name = 24, .sh_type = SHT_STRTAB, .sh_offset = 0x400, .sh_size = sizeof(names) },
	};

	if (file->without_sections)
		header.e_shoff = header.e_shnum = header.e_shstrndx = 0;
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + 0x40, segments, header.e_phnum * sizeof(*segments));
	memcpy(bytes + 0x200, sections, sizeof(sections));
	memcpy(bytes + 0x400, names, sizeof(names));
	memcpy(bytes + FRAME_SEARCH, count, sizeof(count));
	if (file->pair_count)
		memcpy(bytes + FRAME_SEARCH + sizeof(count), file->pairs, 8 * file->pair_count);
}

/* The file as a memfd, to be closed; -1: the system has no room for it. */
static inline int frame_file_open(const struct frame_file *file)
{
	const size_t size = FRAME_TABLE + file->table_bytes;
	unsigned char *bytes = calloc(1, size);
	int fd = memfd_create("frames", MFD_CLOEXEC);

	if (bytes && fd >= 0) {
		frame_file_headers(bytes, file);
		if (file->table_bytes)
			memcpy(bytes + FRAME_TABLE, file->table, file->table_bytes);
		if (write(fd, bytes, size) != (ssize_t)size) {
			close(fd);
			fd = -1;
		}
	}
	free(bytes);
	return fd;
}

#endif
