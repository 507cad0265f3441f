/* SPDX-License-Identifier: MIT */
/*
 * Headers of an ELF file, bounded: elf(5) gives the format, the limits are ours. Real files have some 40
 * sections and 15 segments.
 */
#include "config.h"

#include "target/elf/object.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/elf/internal.h"

#define SEGMENT_LIMIT 256
#define SECTION_LIMIT 8192
#define SECTION_NAMES_LIMIT ((size_t)1 << 20)

size_t elf_object_read_some(const struct elf_object *object, uint64_t offset, void *data, size_t length)
{
	if (object->fd < 0 || offset >= object->bytes)
		return 0;
	if (length > object->bytes - offset)
		length = (size_t)(object->bytes - offset);
	return read_file_at(object->fd, data, length, offset);
}

bool elf_object_read(const struct elf_object *object, uint64_t offset, void *data, size_t length)
{
	return elf_object_read_some(object, offset, data, length) == length;
}

bool elf_object_read_text(
	const struct elf_object *object, uint64_t offset, uint64_t limit, char *text, size_t text_bytes)
{
	size_t wanted = limit < text_bytes ? (size_t)limit : text_bytes;
	size_t got;

	if (!wanted)
		return false;
	/* most names are short, and a short read is a cheap one */
	got = elf_object_read_some(object, offset, text, wanted < 256 ? wanted : 256);
	if (got == 256 && wanted > got && !memchr(text, '\0', got))
		got += elf_object_read_some(object, offset + got, text + got, wanted - got);
	if (memchr(text, '\0', got))
		return true;
	if (got < text_bytes)
		return false;
	text[text_bytes - 1] = '\0';
	return true;
}

static bool read_segments(struct elf_object *object, const Elf64_Ehdr *header)
{
	size_t bytes = header->e_phnum * sizeof(Elf64_Phdr);

	if (!header->e_phnum)
		return true;
	if (header->e_phnum > SEGMENT_LIMIT || header->e_phentsize != sizeof(Elf64_Phdr))
		return false;
	object->segments = xmalloc(bytes);
	if (!elf_object_read(object, header->e_phoff, object->segments, bytes))
		return false;
	object->segment_count = header->e_phnum;
	return true;
}

static void drop_sections(struct elf_object *object)
{
	free(object->sections);
	free(object->section_names);
	object->sections = NULL;
	object->section_names = NULL;
	object->section_count = 0;
	object->section_names_bytes = 0;
}

static bool read_section_names(struct elf_object *object, size_t index)
{
	size_t length = 0;
	char *names;

	if (index >= object->section_count)
		return false;
	names = elf_object_load(object, &object->sections[index], SECTION_NAMES_LIMIT, &length);
	if (!names)
		return false;
	object->section_names = names;
	object->section_names_bytes = length;
	return true;
}

/* With none of them the file is as good as one that was stripped of them. */
static void read_sections(struct elf_object *object, const Elf64_Ehdr *header)
{
	size_t bytes = header->e_shnum * sizeof(Elf64_Shdr);

	if (!header->e_shoff || !header->e_shnum || header->e_shnum > SECTION_LIMIT ||
		header->e_shentsize != sizeof(Elf64_Shdr))
		return;
	object->sections = xmalloc(bytes);
	object->section_count = header->e_shnum;
	if (!elf_object_read(object, header->e_shoff, object->sections, bytes) ||
		!read_section_names(object, header->e_shstrndx))
		drop_sections(object);
}

/* What keeps it from being read; NULL: nothing. */
const char *elf_header_reason(const Elf64_Ehdr *header)
{
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return "it does not begin as one";
	if (header->e_ident[EI_CLASS] != ELFCLASS64)
		return "not a 64-bit one";
	if (header->e_ident[EI_DATA] != (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB))
		return "its byte order is another";
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return "neither an executable nor a shared object";
	return NULL;
}

static const char *open_object(struct elf_object *object, int fd)
{
	struct stat status;
	Elf64_Ehdr header;
	const char *reason;

	*object = (struct elf_object){ .fd = fd };
	if (fd < 0 || fstat(fd, &status) || status.st_size < (off_t)sizeof(header))
		return "it is too short";
	object->bytes = (uint64_t)status.st_size;
	if (!elf_object_read(object, 0, &header, sizeof(header)))
		return "it cannot be read";
	reason = elf_header_reason(&header);
	if (reason)
		return reason;
	if (!read_segments(object, &header))
		return "its program headers make no sense";
	object->type = header.e_type;
	object->machine = header.e_machine;
	read_sections(object, &header);
	return NULL;
}

bool elf_object_open(struct elf_object *object, int fd)
{
	const bool is_good = open_object(object, fd) == NULL;

	if (!is_good)
		elf_object_release(object);
	return is_good;
}

int elf_object_try(struct elf_object *object, int fd, struct error *err)
{
	const char *reason = open_object(object, fd);

	if (!reason)
		return 0;
	elf_object_release(object);
	return error_set(err, ERROR_UNSUPPORTED, "not an ELF file of this machine: %s", reason);
}

void elf_object_release(struct elf_object *object)
{
	drop_sections(object);
	free(object->segments);
	*object = (struct elf_object){ .fd = -1 };
}

/* ---- by address ---- */

bool elf_object_offset(const struct elf_object *object, uint64_t vaddr, uint64_t *offset, uint64_t *available)
{
	for (size_t i = 0; i < object->segment_count; i++) {
		const Elf64_Phdr *segment = &object->segments[i];

		if (segment->p_type != PT_LOAD || vaddr < segment->p_vaddr ||
			vaddr - segment->p_vaddr >= segment->p_filesz)
			continue;
		if (__builtin_add_overflow(segment->p_offset, vaddr - segment->p_vaddr, offset))
			continue;
		*available = segment->p_filesz - (vaddr - segment->p_vaddr);
		return true;
	}
	return false;
}

bool elf_object_read_at(const struct elf_object *object, uint64_t vaddr, void *data, size_t length)
{
	uint64_t offset, available;

	return elf_object_offset(object, vaddr, &offset, &available) && length <= available &&
		elf_object_read(object, offset, data, length);
}

bool elf_object_is_code(const struct elf_object *object, uint64_t vaddr)
{
	for (size_t i = 0; i < object->segment_count; i++) {
		const Elf64_Phdr *segment = &object->segments[i];

		if (segment->p_type == PT_LOAD && segment->p_flags & PF_X && vaddr >= segment->p_vaddr &&
			vaddr - segment->p_vaddr < segment->p_memsz)
			return true;
	}
	return false;
}

const Elf64_Phdr *elf_object_segment(const struct elf_object *object, uint32_t type)
{
	for (size_t i = 0; i < object->segment_count; i++)
		if (object->segments[i].p_type == type)
			return &object->segments[i];
	return NULL;
}

/* ---- sections ---- */

const char *elf_object_section_name(const struct elf_object *object, const Elf64_Shdr *section)
{
	return section->sh_name < object->section_names_bytes ? object->section_names + section->sh_name : "";
}

const Elf64_Shdr *elf_object_section(const struct elf_object *object, const char *name)
{
	for (size_t i = 1; i < object->section_count; i++)
		if (strcmp(elf_object_section_name(object, &object->sections[i]), name) == 0)
			return &object->sections[i];
	return NULL;
}

const Elf64_Shdr *elf_object_code_section(const struct elf_object *object, uint64_t vaddr)
{
	for (size_t i = 1; i < object->section_count; i++) {
		const Elf64_Shdr *section = &object->sections[i];

		if (section->sh_flags & SHF_ALLOC && section->sh_flags & SHF_EXECINSTR &&
			vaddr >= section->sh_addr && vaddr - section->sh_addr < section->sh_size)
			return section;
	}
	return NULL;
}

void *elf_object_load(
	const struct elf_object *object, const Elf64_Shdr *section, size_t limit, size_t *length)
{
	char *data;

	if (section->sh_type == SHT_NOBITS || section->sh_flags & SHF_COMPRESSED || !section->sh_size ||
		section->sh_size > limit || section->sh_offset > object->bytes ||
		section->sh_size > object->bytes - section->sh_offset)
		return NULL;
	data = xmalloc((size_t)section->sh_size + 1);
	if (!elf_object_read(object, section->sh_offset, data, (size_t)section->sh_size)) {
		free(data);
		return NULL;
	}
	data[section->sh_size] = '\0';
	*length = (size_t)section->sh_size;
	return data;
}
