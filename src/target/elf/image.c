/* SPDX-License-Identifier: MIT */
/*
 * What a target has mapped of an ELF file: segments, sections, .symtab.
 *
 * A sparse file may be of any size, so names over TABLE_LIMIT_BYTES are not looked at; symbols are read piece
 * by piece.
 */
#include "config.h"

#include "target/elf/internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/elf/object.h"

#define TABLE_LIMIT_BYTES ((uint64_t)256 << 20)
#define CHUNK 1024 /* symbols that are read at once */

/* ---- segments ---- */

static void add_segment(struct elf_image *image, const Elf64_Phdr *header)
{
	if (image->segment_count == ELF_SEGMENT_LIMIT || header->p_filesz > header->p_memsz ||
		header->p_memsz > UINT64_MAX - header->p_vaddr ||
		header->p_filesz > UINT64_MAX - header->p_offset)
		return;
	image->segments[image->segment_count++] = (struct elf_segment){
		.vaddr = header->p_vaddr,
		.memory_bytes = header->p_memsz,
		.offset = header->p_offset,
		.file_bytes = header->p_filesz,
		.writable = header->p_flags & PF_W,
		.executable = header->p_flags & PF_X,
	};
}

void elf_image_add_header(struct elf_image *image, const Elf64_Phdr *header)
{
	switch (header->p_type) {
	case PT_LOAD:
		add_segment(image, header);
		break;
	case PT_DYNAMIC:
		image->dynamic_vaddr = header->p_vaddr;
		image->dynamic_bytes = header->p_memsz;
		break;
	case PT_INTERP:
		image->has_interpreter = true;
		break;
	}
}

const struct elf_segment *elf_image_segment(const struct elf_image *image, uint64_t vaddr)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct elf_segment *segment = &image->segments[i];

		if (vaddr >= segment->vaddr && vaddr - segment->vaddr < segment->memory_bytes)
			return segment;
	}
	return NULL;
}

size_t elf_image_read(const struct elf_image *image, uint64_t vaddr, void *data, size_t length)
{
	const struct elf_segment *segment = elf_image_segment(image, vaddr);
	uint64_t within = segment ? vaddr - segment->vaddr : 0;

	if (!segment || within >= segment->file_bytes)
		return 0;
	if (length > segment->file_bytes - within)
		length = segment->file_bytes - within;
	if (image->fd < 0)
		return image->memory.read(image->memory.context, image->bias + vaddr, data, length);
	return read_file_at(image->fd, data, length, segment->offset + within);
}

/* ---- the file ---- */

bool elf_file_is_ordinary(int fd)
{
	Elf64_Ehdr header;

	return pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
		(header.e_shnum != 0 || header.e_shoff == 0) && header.e_phnum != PN_XNUM;
}

int elf_image_open_fd(struct elf_image *image, int fd, struct error *err)
{
	struct elf_object object;

	*image = (struct elf_image){ .fd = fd };
	if (elf_object_try(&object, fd, err)) {
		elf_image_release(image);
		return -1;
	}
	image->object = xmalloc(sizeof(*image->object));
	*image->object = object;
	for (size_t i = 0; i < object.segment_count; i++)
		elf_image_add_header(image, &object.segments[i]);
	if (image->segment_count)
		return 0;
	elf_image_release(image);
	return error_set(
		err, ERROR_UNSUPPORTED, "not an ELF file of this machine: nothing in it is to be loaded");
}

void elf_image_release(struct elf_image *image)
{
	if (image->object)
		elf_object_release(image->object);
	free(image->object);
	if (image->fd >= 0)
		close(image->fd);
	*image = (struct elf_image){ .fd = -1 };
}

/* ---- sections ---- */

bool elf_image_section(const struct elf_image *image, const char *name, struct elf_section *section)
{
	const struct elf_object *object = image->object;

	for (size_t i = 1; object && i < object->section_count; i++) {
		const Elf64_Shdr *header = &object->sections[i];

		if (!(header->sh_flags & SHF_ALLOC) || !header->sh_size ||
			strcmp(elf_object_section_name(object, header), name) != 0)
			continue;
		if (!elf_image_segment(image, header->sh_addr) ||
			header->sh_size > UINT64_MAX - header->sh_addr)
			return false;
		*section = (struct elf_section){ .vaddr = header->sh_addr, .bytes = header->sh_size };
		return true;
	}
	return false;
}

/* ---- .symtab ---- */

bool elf_symbol_usable(const struct elf_image *image, const Elf64_Sym *entry)
{
	unsigned type = ELF64_ST_TYPE(entry->st_info);

	return entry->st_shndx != SHN_UNDEF &&
		(type == STT_OBJECT || type == STT_NOTYPE || type == STT_FUNC) &&
		elf_image_segment(image, entry->st_value);
}

void elf_symbol_set(const struct elf_image *image, const Elf64_Sym *entry, struct elf_symbol *symbol)
{
	symbol->found = true;
	symbol->address = image->bias + entry->st_value;
	symbol->bytes = entry->st_size;
}

/* Link-time optimisation makes static variables unique: "interp_head.lto_priv.0". */
static bool name_matches(const char *text, const char *name)
{
	size_t length = strlen(name);

	return strncmp(text, name, length) == 0 && (text[length] == '\0' || text[length] == '.');
}

static size_t count_missing(const struct elf_symbol *symbols, size_t count)
{
	size_t missing = 0;

	for (size_t i = 0; i < count; i++)
		missing += !symbols[i].found;
	return missing;
}

struct symbol_names {
	char *text; /* NUL-terminated */
	size_t bytes;
};

/* Compares one entry with all names that are not found yet. Returns how many it has found. */
static size_t match_entry(const struct elf_image *image, const struct symbol_names *names,
	const Elf64_Sym *entry, struct elf_symbol *symbols, size_t count)
{
	size_t found = 0;

	if (!elf_symbol_usable(image, entry) || entry->st_name >= names->bytes)
		return 0;
	for (size_t j = 0; j < count; j++) {
		if (symbols[j].found || !name_matches(names->text + entry->st_name, symbols[j].name))
			continue;
		elf_symbol_set(image, entry, &symbols[j]);
		found++;
	}
	return found;
}

static void search_table(const struct elf_image *image, const Elf64_Shdr *table,
	const struct symbol_names *names, struct elf_symbol *symbols, size_t count)
{
	size_t missing = count_missing(symbols, count);
	Elf64_Sym *entries = xreallocarray(NULL, CHUNK, sizeof(*entries));
	uint64_t left = table->sh_size / sizeof(*entries), offset = table->sh_offset;

	while (left && missing) {
		const size_t wanted = left < CHUNK ? (size_t)left : CHUNK;
		const size_t got =
			elf_object_read_some(image->object, offset, entries, wanted * sizeof(*entries)) /
			sizeof(*entries);

		for (size_t i = 0; i < got && missing; i++)
			missing -= match_entry(image, names, &entries[i], symbols, count);
		if (got < wanted)
			break;
		left -= got;
		offset += got * sizeof(*entries);
	}
	free(entries);
}

/* What is compressed may unpack to anything, and no linker compresses these tables. */
static bool table_usable(const Elf64_Shdr *table)
{
	return table->sh_size <= TABLE_LIMIT_BYTES && !(table->sh_flags & SHF_COMPRESSED);
}

void elf_search_sections(
	const struct elf_image *image, uint32_t type, struct elf_symbol *symbols, size_t count)
{
	const struct elf_object *object = image->object;

	for (size_t i = 1; object && i < object->section_count; i++) {
		const Elf64_Shdr *table = &object->sections[i];
		struct symbol_names names;

		if (table->sh_type != type || !table_usable(table) || table->sh_link >= object->section_count)
			continue;
		names.text = elf_object_load(
			object, &object->sections[table->sh_link], TABLE_LIMIT_BYTES, &names.bytes);
		if (!names.text)
			continue;
		search_table(image, table, &names, symbols, count);
		free(names.text);
	}
}

size_t elf_image_static_symbols(const struct elf_image *image, struct elf_symbol *symbols, size_t count)
{
	elf_search_sections(image, SHT_SYMTAB, symbols, count);
	return count - count_missing(symbols, count);
}
