/* SPDX-License-Identifier: MIT */
/*
 * An ELF file: its headers, and its bytes by offset or by address. Read with pread alone, since a descriptor
 * may be shared by two threads, and a file may be truncated while it is in use.
 *
 * target/elf has all that reads ELF, but for libdw, which reads what it is given (native): the headers of a
 * file here, of an image in memory in memory.c, PT_DYNAMIC in dynamic.c, .eh_frame_hdr in eh_index.c.
 *
 * 64-bit, in the byte order of this machine. Section headers may be missing (stripped of them, or copied out
 * of memory).
 */
#ifndef PYROPE_TARGET_ELF_OBJECT_H
#define PYROPE_TARGET_ELF_OBJECT_H

#include <elf.h>

#include "pyrope/base.h"

struct elf_object {
	int fd;         /* borrowed */
	uint64_t bytes; /* of the file, when it was opened */
	uint16_t type, machine;
	Elf64_Phdr *segments;
	size_t segment_count;
	Elf64_Shdr *sections; /* [0] is the null section */
	size_t section_count;
	char *section_names; /* NUL-terminated behind section_names_bytes; NULL: none */
	size_t section_names_bytes;
};

/* False: not an ELF file that can be read. The object is empty then, and may be used as such. */
bool elf_object_open(struct elf_object *object, int fd);
/* The same; err: ERROR_UNSUPPORTED that says what it lacks. */
int elf_object_try(struct elf_object *object, int fd, struct error *err);
void elf_object_release(struct elf_object *object);

/* All of length, or false. */
bool elf_object_read(const struct elf_object *object, uint64_t offset, void *data, size_t length);
/* Up to length bytes; returns how many. */
size_t elf_object_read_some(const struct elf_object *object, uint64_t offset, void *data, size_t length);
/* All of length at an address as linked, by the PT_LOADs. */
bool elf_object_read_at(const struct elf_object *object, uint64_t vaddr, void *data, size_t length);
/*
 * Where in the file the byte at vaddr stands; false: not in the file. *available: bytes up to the segment's
 * end.
 */
bool elf_object_offset(
	const struct elf_object *object, uint64_t vaddr, uint64_t *offset, uint64_t *available);
/* A text that ends before limit bytes in the file do; cut off at text_bytes - 1. False: none there. */
bool elf_object_read_text(
	const struct elf_object *object, uint64_t offset, uint64_t limit, char *text, size_t text_bytes);

/* NULL: none of that name. */
const Elf64_Shdr *elf_object_section(const struct elf_object *object, const char *name);
const char *elf_object_section_name(const struct elf_object *object, const Elf64_Shdr *section);
/* The section that is loaded as code and holds vaddr; NULL: none. */
const Elf64_Shdr *elf_object_code_section(const struct elf_object *object, uint64_t vaddr);
/* Does a PT_LOAD that is executable hold vaddr? */
bool elf_object_is_code(const struct elf_object *object, uint64_t vaddr);
/* The first one of the type; NULL: none. */
const Elf64_Phdr *elf_object_segment(const struct elf_object *object, uint32_t type);
/* All of a section that is not compressed, on the heap; NULL: missing, empty or over limit. */
void *elf_object_load(
	const struct elf_object *object, const Elf64_Shdr *section, size_t limit, size_t *length);

#endif
