/* SPDX-License-Identifier: MIT */
/*
 * An ELF file for those who name addresses: its headers, and its bytes by offset or by address. Read with
 * pread alone, since the descriptor is shared with the thread that unwinds, and a file may be truncated while
 * it is in use.
 *
 * 64-bit, in the byte order of this machine. Section headers may be missing (stripped of them, or copied out
 * of memory).
 */
#ifndef PYROPE_NATIVE_FILES_OBJECT_H
#define PYROPE_NATIVE_FILES_OBJECT_H

#include <elf.h>

#include "pyrope/base.h"

struct object {
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
bool object_open(struct object *object, int fd);
void object_release(struct object *object);

/* All of length, or false. */
bool object_read(const struct object *object, uint64_t offset, void *data, size_t length);
/* Up to length bytes; returns how many. */
size_t object_read_some(const struct object *object, uint64_t offset, void *data, size_t length);
/* All of length at an address as linked, by the PT_LOADs. */
bool object_read_at(const struct object *object, uint64_t vaddr, void *data, size_t length);
/*
 * Where in the file the byte at vaddr stands; false: not in the file. *available: bytes up to the segment's
 * end.
 */
bool object_offset(const struct object *object, uint64_t vaddr, uint64_t *offset, uint64_t *available);
/* A text that ends before limit bytes in the file do; cut off at text_bytes - 1. False: none there. */
bool object_read_text(
	const struct object *object, uint64_t offset, uint64_t limit, char *text, size_t text_bytes);

/* NULL: none of that name. */
const Elf64_Shdr *object_section(const struct object *object, const char *name);
const char *object_section_name(const struct object *object, const Elf64_Shdr *section);
/* The section that is loaded as code and holds vaddr; NULL: none. */
const Elf64_Shdr *object_code_section(const struct object *object, uint64_t vaddr);
/* Does a PT_LOAD that is executable hold vaddr? */
bool object_is_code(const struct object *object, uint64_t vaddr);
/* The first one of the type; NULL: none. */
const Elf64_Phdr *object_segment(const struct object *object, uint32_t type);
/* All of a section that is not compressed, on the heap; NULL: missing, empty or over limit. */
void *object_load(const struct object *object, const Elf64_Shdr *section, size_t limit, size_t *length);

#endif
