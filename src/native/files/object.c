/* SPDX-License-Identifier: MIT */
/*
 * Headers of an ELF file, bounded: elf(5) gives the format, the limits are ours. Real files have some 40
 * sections and 15 segments.
 */
#include "config.h"

#include "native/files/object.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENT_LIMIT 256
#define SECTION_LIMIT 8192
#define SECTION_NAMES_LIMIT ((size_t)1 << 20)

size_t object_read_some(const struct object *object, uint64_t offset, void *data, size_t length)
{
	if (object->fd < 0 || offset >= object->bytes)
		return 0;
	if (length > object->bytes - offset)
		length = (size_t)(object->bytes - offset);
	return read_file_at(object->fd, data, length, offset);
}

bool object_read(const struct object *object, uint64_t offset, void *data, size_t length)
{
	return object_read_some(object, offset, data, length) == length;
}

bool object_read_text(
	const struct object *object, uint64_t offset, uint64_t limit, char *text, size_t text_bytes)
{
	size_t wanted = limit < text_bytes ? (size_t)limit : text_bytes;
	size_t got;

	if (!wanted)
		return false;
	/* most names are short, and a short read is a cheap one */
	got = object_read_some(object, offset, text, wanted < 256 ? wanted : 256);
	if (got == 256 && wanted > got && !memchr(text, '\0', got))
		got += object_read_some(object, offset + got, text + got, wanted - got);
	if (memchr(text, '\0', got))
		return true;
	if (got < text_bytes)
		return false;
	text[text_bytes - 1] = '\0';
	return true;
}

static bool read_segments(struct object *object, const Elf64_Ehdr *header)
{
	size_t bytes = header->e_phnum * sizeof(Elf64_Phdr);

	if (!header->e_phnum)
		return true;
	if (header->e_phnum > SEGMENT_LIMIT || header->e_phentsize != sizeof(Elf64_Phdr))
		return false;
	object->segments = xmalloc(bytes);
	if (!object_read(object, header->e_phoff, object->segments, bytes))
		return false;
	object->segment_count = header->e_phnum;
	return true;
}

static void drop_sections(struct object *object)
{
	free(object->sections);
	free(object->section_names);
	object->sections = NULL;
	object->section_names = NULL;
	object->section_count = 0;
	object->section_names_bytes = 0;
}

static bool read_section_names(struct object *object, size_t index)
{
	size_t length = 0;
	char *names;

	if (index >= object->section_count)
		return false;
	names = object_load(object, &object->sections[index], SECTION_NAMES_LIMIT, &length);
	if (!names)
		return false;
	object->section_names = names;
	object->section_names_bytes = length;
	return true;
}

/* With none of them the file is as good as one that was stripped of them. */
static void read_sections(struct object *object, const Elf64_Ehdr *header)
{
	size_t bytes = header->e_shnum * sizeof(Elf64_Shdr);

	if (!header->e_shoff || !header->e_shnum || header->e_shnum > SECTION_LIMIT ||
		header->e_shentsize != sizeof(Elf64_Shdr))
		return;
	object->sections = xmalloc(bytes);
	object->section_count = header->e_shnum;
	if (!object_read(object, header->e_shoff, object->sections, bytes) ||
		!read_section_names(object, header->e_shstrndx))
		drop_sections(object);
}

static bool header_usable(const Elf64_Ehdr *header)
{
	return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == ELFCLASS64 &&
		header->e_ident[EI_DATA] == (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB) &&
		(header->e_type == ET_EXEC || header->e_type == ET_DYN);
}

bool object_open(struct object *object, int fd)
{
	struct stat status;
	Elf64_Ehdr header;

	*object = (struct object){ .fd = fd };
	if (fd < 0 || fstat(fd, &status) || status.st_size < (off_t)sizeof(header)) {
		object->fd = -1;
		return false;
	}
	object->bytes = (uint64_t)status.st_size;
	if (!object_read(object, 0, &header, sizeof(header)) || !header_usable(&header) ||
		!read_segments(object, &header)) {
		object_release(object);
		return false;
	}
	object->type = header.e_type;
	object->machine = header.e_machine;
	read_sections(object, &header);
	return true;
}

void object_release(struct object *object)
{
	drop_sections(object);
	free(object->segments);
	*object = (struct object){ .fd = -1 };
}

/* ---- by address ---- */

bool object_offset(const struct object *object, uint64_t vaddr, uint64_t *offset, uint64_t *available)
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

bool object_read_at(const struct object *object, uint64_t vaddr, void *data, size_t length)
{
	uint64_t offset, available;

	return object_offset(object, vaddr, &offset, &available) && length <= available &&
		object_read(object, offset, data, length);
}

bool object_is_code(const struct object *object, uint64_t vaddr)
{
	for (size_t i = 0; i < object->segment_count; i++) {
		const Elf64_Phdr *segment = &object->segments[i];

		if (segment->p_type == PT_LOAD && segment->p_flags & PF_X && vaddr >= segment->p_vaddr &&
			vaddr - segment->p_vaddr < segment->p_memsz)
			return true;
	}
	return false;
}

const Elf64_Phdr *object_segment(const struct object *object, uint32_t type)
{
	for (size_t i = 0; i < object->segment_count; i++)
		if (object->segments[i].p_type == type)
			return &object->segments[i];
	return NULL;
}

/* ---- sections ---- */

const char *object_section_name(const struct object *object, const Elf64_Shdr *section)
{
	return section->sh_name < object->section_names_bytes ? object->section_names + section->sh_name : "";
}

const Elf64_Shdr *object_section(const struct object *object, const char *name)
{
	for (size_t i = 1; i < object->section_count; i++)
		if (strcmp(object_section_name(object, &object->sections[i]), name) == 0)
			return &object->sections[i];
	return NULL;
}

const Elf64_Shdr *object_code_section(const struct object *object, uint64_t vaddr)
{
	for (size_t i = 1; i < object->section_count; i++) {
		const Elf64_Shdr *section = &object->sections[i];

		if (section->sh_flags & SHF_ALLOC && section->sh_flags & SHF_EXECINSTR &&
			vaddr >= section->sh_addr && vaddr - section->sh_addr < section->sh_size)
			return section;
	}
	return NULL;
}

void *object_load(const struct object *object, const Elf64_Shdr *section, size_t limit, size_t *length)
{
	char *data;

	if (section->sh_type == SHT_NOBITS || section->sh_flags & SHF_COMPRESSED || !section->sh_size ||
		section->sh_size > limit || section->sh_offset > object->bytes ||
		section->sh_size > object->bytes - section->sh_offset)
		return NULL;
	data = xmalloc((size_t)section->sh_size + 1);
	if (!object_read(object, section->sh_offset, data, (size_t)section->sh_size)) {
		free(data);
		return NULL;
	}
	data[section->sh_size] = '\0';
	*length = (size_t)section->sh_size;
	return data;
}
