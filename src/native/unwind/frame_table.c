/* SPDX-License-Identifier: MIT */
/*
 * libdw wants an ELF file. Given the one that is mapped in the target, it reads all of .eh_frame (30 MB in
 * a large library), all of the file where section headers were stripped, and for .debug_frame all debug
 * sections; given a mapping of the file, it dies when somebody truncates that.
 *
 * So it gets a file of our making, in memory: an ELF header, and the sections .eh_frame_hdr and .eh_frame
 * (or .debug_frame alone) at their own addresses. The memory of .eh_frame is empty at first. .eh_frame_hdr
 * is a sorted table of where each function's entry is: the entry for an address is looked up there, and
 * read into its place together with its CIE, before libdw is asked. Where there is no such table, all of
 * .eh_frame is read, within a limit.
 *
 * Behind the sections lie bytes of zero, since libdw
 * looks a few bytes beyond an entry that is cut short.
 */
#include "config.h"

#include "native/unwind/frame_table.h"

#include <elf.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "native/unwind/frame_check.h"
#include "target/elf/eh_index.h"
#include "target/elf/elf.h"

#define BLOCK_BYTES 4096u
#define SPARSE_LIMIT ((uint64_t)512 << 20) /* .eh_frame of which only parts are read */
#define SEARCH_LIMIT ((uint64_t)32 << 20)  /* .eh_frame_hdr; the largest libraries have some 5 MB */
#define LOADED_LIMIT ((uint64_t)256 << 20) /* of what is loaded from end to end, in all tables */
#define WHOLE_LIMIT ((uint64_t)8 << 20)    /* a table that has to be read from end to end */
#define ENTRY_LIMIT ((uint64_t)256 << 10)  /* one entry; the largest functions have some 10 KB */

/* Of all tables that are open; they belong to the thread that samples. */
static uint64_t loaded_bytes;

/* Where a table is in its file. */
struct place {
	uint64_t vaddr, offset, bytes;
};

struct frame_table {
	int fd;
	unsigned char *image;
	size_t image_bytes;
	struct place search, entries;              /* search.bytes 0: no search table */
	struct eh_index index;                     /* of the search table */
	unsigned char *search_bytes, *entry_bytes; /* in the image */
	uint64_t loaded;                           /* its part of loaded_bytes */
	unsigned char *is_read;                    /* by blocks of the entries; NULL: all was read */
	struct frame_entries checked;              /* the entries, for frame_entry_check */
	Elf *elf;
	Dwarf *dwarf; /* only of .debug_frame */
	Dwarf_CFI *cfi;
};

/* ---- reading ---- */

static int32_t get_i32(const unsigned char *bytes)
{
	int32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* Makes [from, from + length) of the entries readable. False: it is not within them. */
static bool read_entries(struct frame_table *table, uint64_t from, uint64_t length)
{
	if (from > table->entries.bytes || length > table->entries.bytes - from)
		return false;
	for (uint64_t block = from / BLOCK_BYTES; block * BLOCK_BYTES < from + length; block++) {
		uint64_t at = block * BLOCK_BYTES;
		uint64_t left = table->entries.bytes - at;

		if (table->is_read[block])
			continue;
		read_file_at(table->fd, table->entry_bytes + at, left < BLOCK_BYTES ? left : BLOCK_BYTES,
			table->entries.offset + at);
		table->is_read[block] = true;
	}
	return true;
}

/*
 * Reads the entry at offset; *length gets what its first word says. The 64-bit format is for tables over 4
 * GB.
 */
static bool read_entry(struct frame_table *table, uint64_t offset, uint64_t *length)
{
	if (!read_entries(table, offset, 8))
		return false;
	*length = (uint32_t)get_i32(table->entry_bytes + offset);
	return *length >= 4 && *length <= ENTRY_LIMIT && read_entries(table, offset, 4 + *length);
}

Dwarf_CFI *frame_table_at(struct frame_table *table, uint64_t vaddr)
{
	struct eh_index_pair pair;
	uint64_t offset, length, cie, next;

	if (!table->is_read)
		return table->cfi;
	if (!eh_index_find(&table->index, vaddr, &pair))
		return NULL;
	offset = pair.entry - table->entries.vaddr;
	if (!read_entry(table, offset, &length))
		return NULL;
	cie = offset + 4 - (uint32_t)get_i32(table->entry_bytes + offset + 4);
	if (!read_entry(table, cie, &length) || !frame_entry_check(&table->checked, offset, &next))
		return NULL;
	return table->cfi;
}

/* ---- finding ---- */

/* The bytes of the file that are loaded at vaddr, up to the end of their segment. */
static bool find_loaded(Elf *file, uint64_t vaddr, struct place *place)
{
	size_t count;

	if (elf_getphdrnum(file, &count))
		return false;
	for (size_t i = 0; i < count && i < UINT16_MAX; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(file, (int)i, &header) || header.p_type != PT_LOAD ||
			vaddr < header.p_vaddr || vaddr - header.p_vaddr >= header.p_filesz ||
			header.p_offset > UINT64_MAX - header.p_filesz)
			continue;
		*place = (struct place){ .vaddr = vaddr,
			.offset = header.p_offset + (vaddr - header.p_vaddr),
			.bytes = header.p_filesz - (vaddr - header.p_vaddr) };
		return true;
	}
	return false;
}

static Elf_Scn *find_section(Elf *file, const char *name, GElf_Shdr *header)
{
	Elf_Scn *section = NULL;
	GElf_Shdr names_header;
	size_t names;

	if (elf_getshdrstrndx(file, &names) || !gelf_getshdr(elf_getscn(file, names), &names_header) ||
		names_header.sh_size > WHOLE_LIMIT || names_header.sh_flags & SHF_COMPRESSED)
		return NULL;
	while ((section = elf_nextscn(file, section))) {
		const char *text;

		if (!gelf_getshdr(section, header) || header->sh_type == SHT_NOBITS || !header->sh_size)
			continue;
		text = elf_strptr(file, names, header->sh_name);
		if (text && strcmp(text, name) == 0)
			return section;
	}
	return NULL;
}

static bool find_search_table(Elf *file, struct place *search)
{
	size_t count;

	if (elf_getphdrnum(file, &count))
		return false;
	for (size_t i = 0; i < count && i < UINT16_MAX; i++) {
		GElf_Phdr header;

		if (!gelf_getphdr(file, (int)i, &header) || header.p_type != PT_GNU_EH_FRAME)
			continue;
		*search = (struct place){
			.vaddr = header.p_vaddr, .offset = header.p_offset, .bytes = header.p_filesz
		};
		return true;
	}
	return false;
}

/* Of the file until it is loaded, then of what was loaded. */
static bool read_index(const void *context, uint64_t offset, void *data, size_t length)
{
	const struct frame_table *table = context;

	if (offset > table->search.bytes || length > table->search.bytes - offset)
		return false;
	if (!table->search_bytes)
		return read_file_at(table->fd, data, length, table->search.offset + offset) == length;
	memcpy(data, table->search_bytes + offset, length);
	return true;
}

/* Both tables, when the first is of the form that linkers make. */
static bool find_sparse(struct frame_table *table, Elf *file)
{
	GElf_Shdr section;
	uint64_t bytes;

	if (!find_search_table(file, &table->search))
		return false;
	table->index =
		(struct eh_index){ .vaddr = table->search.vaddr, .read = read_index, .context = table };
	if (!eh_index_open(&table->index))
		return false;
	bytes = EH_INDEX_HEADER_BYTES + EH_INDEX_PAIR_BYTES * (uint64_t)table->index.count;
	if (!table->index.count || bytes > table->search.bytes || bytes > SEARCH_LIMIT)
		return false;
	table->search.bytes = bytes;
	if (!find_loaded(file, table->index.entries, &table->entries))
		return false;
	if (find_section(file, ".eh_frame", &section) && section.sh_addr == table->entries.vaddr &&
		section.sh_size < table->entries.bytes)
		table->entries.bytes = section.sh_size;
	if (table->entries.bytes > SPARSE_LIMIT)
		table->entries.bytes = SPARSE_LIMIT;
	return true;
}

/* ---- the file for libdw ---- */

static const char section_names[] = "\0.shstrtab\0.eh_frame_hdr\0.eh_frame\0.debug_frame";
#define NAME_STRINGS 1
#define NAME_SEARCH 11
#define NAME_EH 25
#define NAME_DEBUG 35

static Elf64_Shdr section_header(uint32_t name, const struct place *place, size_t offset)
{
	return (Elf64_Shdr){ .sh_name = name,
		.sh_type = SHT_PROGBITS,
		.sh_flags = SHF_ALLOC,
		.sh_addr = place->vaddr,
		.sh_offset = offset,
		.sh_size = place->bytes,
		.sh_addralign = 1 };
}

static size_t whole_blocks(uint64_t bytes)
{
	return (size_t)((bytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES);
}

/* Lays out the image; its sections are still empty. */
static bool make_image(struct frame_table *table, Elf *file, bool is_debug)
{
	const size_t search_at = BLOCK_BYTES, entries_at = search_at + whole_blocks(table->search.bytes);
	const char *ident = elf_getident(file, NULL);
	Elf64_Shdr sections[4] = { { 0 } };
	GElf_Ehdr header;
	Elf64_Ehdr own = { .e_type = ET_DYN,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(own),
		.e_shentsize = sizeof(sections[0]),
		.e_shoff = sizeof(own),
		.e_shstrndx = 1 };

	if (!ident || !gelf_getehdr(file, &header))
		return false;
	memcpy(own.e_ident, ident, EI_NIDENT);
	own.e_machine = header.e_machine;
	own.e_shnum = table->search.bytes ? 4 : 3;
	sections[1] = (Elf64_Shdr){ .sh_name = NAME_STRINGS,
		.sh_type = SHT_STRTAB,
		.sh_offset = sizeof(own) + sizeof(sections),
		.sh_size = sizeof(section_names),
		.sh_addralign = 1 };
	sections[2] = section_header(NAME_SEARCH, &table->search, search_at);
	sections[own.e_shnum - 1] =
		section_header(is_debug ? NAME_DEBUG : NAME_EH, &table->entries, entries_at);

	table->image_bytes = entries_at + whole_blocks(table->entries.bytes) + BLOCK_BYTES;
	table->image = mmap(NULL, table->image_bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (table->image == MAP_FAILED) {
		table->image = NULL;
		return false;
	}
	memcpy(table->image, &own, sizeof(own));
	memcpy(table->image + own.e_shoff, sections, sizeof(sections));
	memcpy(table->image + sections[1].sh_offset, section_names, sizeof(section_names));
	table->search_bytes = table->image + search_at;
	table->entry_bytes = table->image + entries_at;
	table->checked = (struct frame_entries){ .ident = table->image,
		.is_eh = !is_debug,
		.data = { .d_buf = table->entry_bytes,
			.d_type = ELF_T_BYTE,
			.d_version = EV_CURRENT,
			.d_size = table->entries.bytes } };
	return true;
}

static bool open_image(struct frame_table *table, bool is_debug)
{
	table->elf = elf_memory((char *)table->image, table->image_bytes);
	if (!table->elf)
		return false;
	if (is_debug) {
		table->dwarf = dwarf_begin_elf(table->elf, DWARF_C_READ, NULL);
		table->cfi = table->dwarf ? dwarf_getcfi(table->dwarf) : NULL;
	} else {
		table->cfi = dwarf_getcfi_elf(table->elf);
	}
	return table->cfi != NULL;
}

/* ---- opening ---- */

/* False: all the tables together would take too much memory. */
static bool may_load(struct frame_table *table, uint64_t bytes)
{
	if (bytes > LOADED_LIMIT - loaded_bytes)
		return false;
	table->loaded += bytes;
	loaded_bytes += bytes;
	return true;
}

/* In a table that is not, libdw's search may end at another entry than ours, which nobody has checked. */
static bool is_sorted(const struct frame_table *table)
{
	const unsigned char *pairs = table->search_bytes + EH_INDEX_HEADER_BYTES;
	const size_t count = (table->search.bytes - EH_INDEX_HEADER_BYTES) / 8;

	for (size_t i = 1; i < count; i++) {
		if (get_i32(pairs + 8 * i) < get_i32(pairs + 8 * (i - 1)))
			return false;
	}
	return true;
}

static bool open_sparse(struct frame_table *table, Elf *file)
{
	if (!find_sparse(table, file) || !may_load(table, table->search.bytes) ||
		!make_image(table, file, false))
		return false;
	if (read_file_at(table->fd, table->search_bytes, table->search.bytes, table->search.offset) <
			table->search.bytes ||
		!is_sorted(table))
		return false;
	table->is_read = xcalloc(table->entries.bytes / BLOCK_BYTES + 1, 1);
	return open_image(table, false);
}

/* Makes an entry one that libdw passes over: an FDE without a CIE. */
static void spoil_entry(struct frame_table *table, uint64_t from, uint64_t to)
{
	const uint64_t head = get_i32(table->entry_bytes + from) == -1 ? 12 : 4;
	const uint32_t nowhere = 0xfffffff0;

	if (to - from >= head + sizeof(nowhere))
		memcpy(table->entry_bytes + from + head, &nowhere, sizeof(nowhere));
}

/* Checks all entries, and ends the table where it cannot be told where the next one is. */
static void check_entries(struct frame_table *table)
{
	uint64_t offset = 0, next;

	while (offset < table->entries.bytes && !is_interrupted()) {
		bool is_good = frame_entry_check(&table->checked, offset, &next);

		if (next <= offset || next > table->entries.bytes)
			break;
		if (!is_good)
			spoil_entry(table, offset, next);
		offset = next;
	}
	if (offset < table->entries.bytes)
		memset(table->entry_bytes + offset, 0, table->entries.bytes - offset);
}

/* A section from end to end, unpacked if need be. */
static bool open_whole(struct frame_table *table, Elf *file, const char *name, bool is_debug)
{
	GElf_Shdr header;
	GElf_Chdr packed;
	Elf_Scn *section = find_section(file, name, &header);
	Elf_Data *data = NULL;

	table->search = (struct place){ 0 };
	if (!section || header.sh_size > WHOLE_LIMIT)
		return false;
	if (header.sh_flags & SHF_COMPRESSED) {
		if (!gelf_getchdr(section, &packed) || packed.ch_size > WHOLE_LIMIT ||
			elf_compress(section, 0, 0) < 0)
			return false;
	}
	data = elf_rawdata(section, NULL);
	if (!data || !data->d_buf || !data->d_size || data->d_size > WHOLE_LIMIT)
		return false;
	table->entries = (struct place){ .vaddr = header.sh_addr, .bytes = data->d_size };
	if (!may_load(table, data->d_size) || !make_image(table, file, is_debug))
		return false;
	memcpy(table->entry_bytes, data->d_buf, data->d_size);
	check_entries(table);
	return open_image(table, is_debug);
}

/* Gives back what an attempt has taken. */
static void reset(struct frame_table *table)
{
	if (table->dwarf)
		dwarf_end(table->dwarf); /* the CFI is its own */
	else if (table->cfi)
		dwarf_cfi_end(table->cfi);
	if (table->elf)
		elf_end(table->elf);
	if (table->image)
		munmap(table->image, table->image_bytes);
	free(table->is_read);
	loaded_bytes -= table->loaded;
	*table = (struct frame_table){ .fd = table->fd };
}

struct frame_table *frame_table_open(int fd, bool is_debug)
{
	struct frame_table *table;
	const char *ident;
	bool is_open;
	Elf *file;

	if (elf_version(EV_CURRENT) == EV_NONE || !elf_file_is_ordinary(fd))
		return NULL;
	file = elf_begin(fd, ELF_C_READ, NULL);
	if (!file)
		return NULL;
	table = xcalloc(1, sizeof(*table));
	table->fd = fd;
	ident = elf_getident(file, NULL);
	is_open = elf_kind(file) == ELF_K_ELF && ident && ident[EI_CLASS] == ELFCLASS64 &&
		ident[EI_DATA] == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB);
	if (is_open && is_debug) {
		is_open = open_whole(table, file, ".debug_frame", true);
	} else if (is_open && !open_sparse(table, file)) {
		reset(table);
		is_open = open_whole(table, file, ".eh_frame", false);
	}
	elf_end(file);
	if (is_open)
		return table;
	frame_table_close(table);
	return NULL;
}

void frame_table_close(struct frame_table *table)
{
	if (!table)
		return;
	reset(table);
	free(table);
}
