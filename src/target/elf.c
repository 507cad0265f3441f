/* SPDX-License-Identifier: MIT */
/*
 * ELF files through libelf: segments, sections, .symtab; and where a file was loaded.
 *
 * libelf reads by pread (ELF_C_READ) what is asked of it, and checks each table against the size of the
 * file. What it does not bound is memory: a sparse file may be of any size, so tables over
 * TABLE_LIMIT_BYTES are not looked at.
 */
#include "config.h"

#include "target/elf_internal.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <unistd.h>

#define TABLE_LIMIT_BYTES ((uint64_t)256 << 20)
#define PROGRAM_HEADER_LIMIT 4096

static int unsupported(struct error *err, const char *what)
{
	return error_set(err, ERROR_UNSUPPORTED, "not an ELF file of this machine: %s", what);
}

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

static int read_headers(struct elf_image *image, struct error *err)
{
	GElf_Ehdr header;
	size_t count;

	if (elf_kind(image->elf) != ELF_K_ELF || !gelf_getehdr(image->elf, &header))
		return unsupported(err, elf_errmsg(-1));
	if (header.e_ident[EI_CLASS] != ELFCLASS64)
		return unsupported(err, "not a 64-bit one");
	if (header.e_ident[EI_DATA] != (__BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB))
		return unsupported(err, "its byte order is another");
	if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
		return unsupported(err, "neither an executable nor a shared object");
	if (elf_getphdrnum(image->elf, &count) || count > PROGRAM_HEADER_LIMIT)
		return unsupported(err, "its program headers make no sense");
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr program_header;

		if (gelf_getphdr(image->elf, (int)i, &program_header))
			elf_image_add_header(image, &program_header);
	}
	if (!image->segment_count)
		return unsupported(err, "nothing in it is to be loaded");
	return 0;
}

bool elf_file_is_ordinary(int fd)
{
	Elf64_Ehdr header;

	return pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
		(header.e_shnum != 0 || header.e_shoff == 0) && header.e_phnum != PN_XNUM;
}

int elf_image_open_fd(struct elf_image *image, int fd, struct error *err)
{
	*image = (struct elf_image){ .fd = fd };
	if (elf_version(EV_CURRENT) == EV_NONE) {
		elf_image_release(image);
		return error_set(err, ERROR_SYSTEM, "libelf is older than the headers it was built with");
	}
	image->elf = elf_file_is_ordinary(fd) ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
	if (!image->elf)
		unsupported(err, elf_file_is_ordinary(fd) ? elf_errmsg(-1) : "its headers are too short or too many");
	if (!image->elf || read_headers(image, err)) {
		elf_image_release(image);
		return -1;
	}
	return 0;
}

void elf_image_release(struct elf_image *image)
{
	if (image->elf)
		elf_end(image->elf);
	if (image->fd >= 0)
		close(image->fd);
	*image = (struct elf_image){ .fd = -1 };
}

/* ---- sections ---- */

/* What is compressed may unpack to anything, and no linker compresses these tables. */
static bool table_usable(const GElf_Shdr *header)
{
	return header->sh_size <= TABLE_LIMIT_BYTES && !(header->sh_flags & SHF_COMPRESSED);
}

bool elf_image_section(const struct elf_image *image, const char *name, struct elf_section *section)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr names;
	size_t names_index;

	if (!image->elf || elf_getshdrstrndx(image->elf, &names_index) ||
		!gelf_getshdr(elf_getscn(image->elf, names_index), &names) || !table_usable(&names))
		return false;
	while ((scn = elf_nextscn(image->elf, scn))) {
		GElf_Shdr header;
		const char *text;

		if (!gelf_getshdr(scn, &header) || !(header.sh_flags & SHF_ALLOC) || !header.sh_size)
			continue;
		text = elf_strptr(image->elf, names_index, header.sh_name);
		if (!text || strcmp(text, name) != 0)
			continue;
		if (!elf_image_segment(image, header.sh_addr) || header.sh_size > UINT64_MAX - header.sh_addr)
			return false;
		*section = (struct elf_section){ .vaddr = header.sh_addr, .bytes = header.sh_size };
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

static void search_table(const struct elf_image *image, Elf_Data *data, size_t strings_index,
	struct elf_symbol *symbols, size_t count)
{
	size_t entries = data->d_size / sizeof(Elf64_Sym), missing = count_missing(symbols, count);

	if (entries > INT32_MAX) /* gelf_getsym counts in int */
		entries = INT32_MAX;
	for (size_t i = 0; i < entries && missing; i++) {
		GElf_Sym entry;
		const char *text;

		if (!gelf_getsym(data, (int)i, &entry) || !elf_symbol_usable(image, &entry))
			continue;
		text = elf_strptr(image->elf, strings_index, entry.st_name);
		for (size_t j = 0; text && j < count; j++) {
			if (symbols[j].found || !name_matches(text, symbols[j].name))
				continue;
			elf_symbol_set(image, &entry, &symbols[j]);
			missing--;
		}
	}
}

void elf_search_sections(
	const struct elf_image *image, uint32_t type, struct elf_symbol *symbols, size_t count)
{
	Elf_Scn *scn = NULL;

	while (image->elf && (scn = elf_nextscn(image->elf, scn))) {
		GElf_Shdr table, strings;
		Elf_Data *data;

		if (!gelf_getshdr(scn, &table) || table.sh_type != type || !table_usable(&table) ||
			!gelf_getshdr(elf_getscn(image->elf, table.sh_link), &strings) ||
			!table_usable(&strings))
			continue;
		data = elf_getdata(scn, NULL);
		if (data && data->d_buf && data->d_type == ELF_T_SYM)
			search_table(image, data, table.sh_link, symbols, count);
	}
}

size_t elf_image_static_symbols(const struct elf_image *image, struct elf_symbol *symbols, size_t count)
{
	elf_search_sections(image, SHT_SYMTAB, symbols, count);
	return count - count_missing(symbols, count);
}
