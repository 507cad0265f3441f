/* SPDX-License-Identifier: MIT */
/*
 * .eh_frame has 30 MB in a large library, of which a program runs some kilobytes. So nothing is loaded
 * where there is .eh_frame_hdr, a sorted table of where each function's entry is: an address is looked up
 * in the file, with reads of 8 bytes far from each other, of which those at which all searches begin are
 * kept, and one of a block when they come close. What is found is read, and kept by nobody but the row
 * that comes of it (cfi.c).
 *
 * Without such a table (.debug_frame, what a JIT announces), the section is read from end to end, within
 * a limit, and an index of it is made here.
 *
 * All by pread: a mapping of a file that somebody truncates would kill us.
 */
#include "config.h"

#include "native/unwind/frame_table.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "target/elf/eh_index.h"
#include "target/elf/object.h"

#define BLOCK_BYTES 1024                  /* of .eh_frame_hdr */
#define PROBE_BITS 6                      /* of pairs at which searches begin */
#define ENTRY_BYTES 512                   /* read at first: most have some 40 */
#define ENTRY_LIMIT ((uint64_t)256 << 10) /* the largest functions have some 10 KB */
#define WHOLE_LIMIT ((uint64_t)8 << 20)   /* a table that has to be read from end to end */
#define LOADED_LIMIT \
	((uint64_t)256 << 20) /* all of those together, with what it takes to find their entries */

/* An entry that was read. */
struct slot {
	unsigned char *bytes;
	size_t capacity;
	uint64_t offset, length; /* in the table; length 0: none */
};

/* Where an entry is in a table that was loaded. */
struct place {
	struct cfi_extent code;
	uint32_t entry;
};

struct frame_table {
	int fd;
	bool is_debug;
	uint64_t vaddr, offset,
		bytes; /* of the entries, in the file; offset: only where they are not loaded */
	/* .eh_frame_hdr */
	struct eh_index index;
	uint64_t index_offset, index_bytes;
	struct probe {
		uint64_t offset; /* 0: none, since there the header is */
		unsigned char pair[EH_INDEX_PAIR_BYTES];
	} probes[1 << PROBE_BITS]; /* by a hash of the offset */
	unsigned char block[BLOCK_BYTES];
	uint64_t block_offset, probed;
	size_t block_bytes;
	struct slot fde, cie;
	/* loaded from end to end; NULL: not that */
	unsigned char *whole;
	struct place *places; /* by code.begin */
	size_t count, capacity;
	uint64_t *loaded_bytes, loaded; /* its part of these */
};

/* ---- with .eh_frame_hdr ---- */

/* Every search begins at the same few pairs. */
static bool read_probe(struct frame_table *table, uint64_t offset, void *pair)
{
	struct probe *probe = &table->probes[offset * UINT64_C(0x9e3779b97f4a7c15) >> (64 - PROBE_BITS)];

	if (probe->offset != offset) {
		probe->offset = 0;
		if (read_file_at(table->fd, probe->pair, sizeof(probe->pair), table->index_offset + offset) <
			sizeof(probe->pair))
			return false;
		probe->offset = offset;
	}
	memcpy(pair, probe->pair, sizeof(probe->pair));
	return true;
}

static bool read_index(const void *context, uint64_t offset, void *data, size_t length)
{
	struct frame_table *table = (struct frame_table *)context; /* the block is its own */
	const uint64_t last = table->probed;

	if (offset > table->index_bytes || length > table->index_bytes - offset)
		return false;
	table->probed = offset;
	if (offset >= table->block_offset && offset - table->block_offset + length <= table->block_bytes) {
		memcpy(data, table->block + (offset - table->block_offset), length);
		return true;
	}
	if (length == EH_INDEX_PAIR_BYTES && (offset + BLOCK_BYTES < last || last + BLOCK_BYTES < offset))
		return read_probe(table, offset, data);
	if (offset + BLOCK_BYTES < last || last + BLOCK_BYTES < offset)
		return read_file_at(table->fd, data, length, table->index_offset + offset) == length;
	table->block_offset = offset > BLOCK_BYTES / 2 ? offset - BLOCK_BYTES / 2 : 0;
	table->block_bytes = read_file_at(
		table->fd, table->block, sizeof(table->block), table->index_offset + table->block_offset);
	if (offset - table->block_offset + length > table->block_bytes)
		return false;
	memcpy(data, table->block + (offset - table->block_offset), length);
	return true;
}

/* Reads the entry at offset, unless it is there. */
static bool read_slot(struct frame_table *table, struct slot *slot, uint64_t offset,
	struct frame_bytes *entry, struct frame_head *head)
{
	uint64_t got = slot->length;

	if (!got || slot->offset != offset) {
		slot->length = 0;
		if (offset >= table->bytes)
			return false;
		array_reserve(&slot->bytes, &slot->capacity, ENTRY_BYTES, 1);
		got = table->bytes - offset < ENTRY_BYTES ? table->bytes - offset : ENTRY_BYTES;
		got = read_file_at(table->fd, slot->bytes, (size_t)got, table->offset + offset);
	}
	*entry = (struct frame_bytes){ .bytes = slot->bytes, .length = got, .vaddr = table->vaddr + offset };
	if (!frame_head_read(entry, table->is_debug, head) || head->bytes > ENTRY_LIMIT ||
		head->bytes > table->bytes - offset)
		return false;
	if (head->bytes > got) {
		array_reserve(&slot->bytes, &slot->capacity, (size_t)head->bytes, 1);
		if (read_file_at(table->fd, slot->bytes, (size_t)head->bytes, table->offset + offset) <
			head->bytes)
			return false;
	}
	slot->offset = offset;
	slot->length = entry->length = head->bytes;
	entry->bytes = slot->bytes;
	return true;
}

static bool find_by_index(struct frame_table *table, uint64_t vaddr, struct frame_found *found)
{
	struct eh_index_pair pair;
	struct frame_head head, cie_head;
	uint64_t offset;

	table->probed = UINT64_MAX / 2;
	if (!eh_index_find(&table->index, vaddr, &pair))
		return false;
	offset = pair.entry - table->vaddr;
	return read_slot(table, &table->fde, offset, &found->fde, &head) && !head.is_cie &&
		read_slot(table, &table->cie, offset - head.cie, &found->cie, &cie_head) && cie_head.is_cie &&
		frame_entry_read(&found->fde, &found->cie, false, &found->entry);
}

/* Where the entries end is told by section headers, where there are some; else by their segment. */
static bool find_index(struct frame_table *table, const struct elf_object *file)
{
	const Elf64_Phdr *segment = elf_object_segment(file, PT_GNU_EH_FRAME);
	const Elf64_Shdr *section;

	if (!segment)
		return false;
	table->index_offset = segment->p_offset;
	table->index_bytes = segment->p_filesz;
	table->index = (struct eh_index){ .vaddr = segment->p_vaddr, .read = read_index, .context = table };
	table->probed = UINT64_MAX / 2;
	if (!eh_index_open(&table->index) || !table->index.count)
		return false;
	table->vaddr = table->index.entries;
	if (!elf_object_offset(file, table->vaddr, &table->offset, &table->bytes))
		return false;
	section = elf_object_section(file, ".eh_frame");
	if (section && section->sh_addr == table->vaddr && section->sh_size < table->bytes)
		table->bytes = section->sh_size;
	return true;
}

/* ---- from end to end ---- */

/* The entry at offset; false: none that can be read. *next: where the next one is; 0: that cannot be told. */
static bool entry_at(const struct frame_table *table, uint64_t offset, struct frame_bytes *entry,
	struct frame_head *head, uint64_t *next)
{
	*next = 0;
	if (offset >= table->bytes)
		return false;
	*entry = (struct frame_bytes){ .bytes = table->whole + offset,
		.length = table->bytes - offset,
		.vaddr = table->vaddr + offset };
	if (!frame_head_read(entry, table->is_debug, head) || head->bytes > entry->length)
		return false;
	entry->length = head->bytes;
	*next = offset + head->bytes;
	return true;
}

static bool read_at(
	const struct frame_table *table, uint64_t offset, struct frame_found *found, uint64_t *next)
{
	struct frame_head head, cie_head;
	uint64_t ignored, cie;

	if (!entry_at(table, offset, &found->fde, &head, next) || head.is_cie)
		return false;
	cie = table->is_debug ? head.cie : offset - head.cie;
	return entry_at(table, cie, &found->cie, &cie_head, &ignored) && cie_head.is_cie &&
		frame_entry_read(&found->fde, &found->cie, table->is_debug, &found->entry);
}

static bool find_in_whole(struct frame_table *table, uint64_t vaddr, struct frame_found *found)
{
	size_t low = 0, high = table->count;
	uint64_t next;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (table->places[middle].code.begin <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low && vaddr < table->places[low - 1].code.end &&
		read_at(table, table->places[low - 1].entry, found, &next);
}

static int compare_places(const void *first, const void *second)
{
	const struct place *one = first, *other = second;

	return (one->code.begin > other->code.begin) - (one->code.begin < other->code.begin);
}

/* False: all the tables together would take too much memory. */
static bool may_load(struct frame_table *table, uint64_t bytes)
{
	if (*table->loaded_bytes > LOADED_LIMIT || bytes > LOADED_LIMIT - *table->loaded_bytes)
		return false;
	table->loaded += bytes;
	*table->loaded_bytes += bytes;
	return true;
}

static bool index_whole(struct frame_table *table)
{
	struct frame_found found = { 0 };
	uint64_t next;

	for (uint64_t offset = 0; offset < table->bytes && !is_interrupted(); offset = next) {
		const bool is_good = read_at(table, offset, &found, &next);

		if (!next)
			break;
		if (!is_good || found.entry.code.begin == found.entry.code.end)
			continue;
		if (table->count == table->capacity) {
			const size_t more = table->capacity ? table->capacity : 16;

			if (!may_load(table, more * sizeof(*table->places)))
				return false;
			array_reserve(&table->places, &table->capacity, table->capacity + more,
				sizeof(*table->places));
		}
		table->places[table->count++] =
			(struct place){ .code = found.entry.code, .entry = (uint32_t)offset };
	}
	if (table->count)
		qsort(table->places, table->count, sizeof(*table->places), compare_places);
	return table->count != 0;
}

/* Unpacks what elf(5) calls a compressed section; other than zlib's has not been seen in an unwind table. */
static bool load_packed(struct frame_table *table, const struct elf_object *file, const Elf64_Shdr *section)
{
	Elf64_Shdr plain = *section;
	uLongf unpacked;
	unsigned char *packed;
	Elf64_Chdr header = { 0 };
	size_t length;
	bool is_good;

	plain.sh_flags &= ~(Elf64_Xword)SHF_COMPRESSED;
	packed = elf_object_load(file, &plain, WHOLE_LIMIT, &length);
	if (!packed)
		return false;
	is_good = length > sizeof(header);
	if (is_good)
		memcpy(&header, packed, sizeof(header));
	is_good = is_good && header.ch_type == ELFCOMPRESS_ZLIB && header.ch_size <= WHOLE_LIMIT &&
		may_load(table, header.ch_size);
	if (is_good) {
		unpacked = (uLongf)header.ch_size;
		table->whole = xmalloc((size_t)header.ch_size + 1);
		is_good = uncompress(table->whole, &unpacked, packed + sizeof(header),
				  (uLong)(length - sizeof(header))) == Z_OK;
		table->bytes = unpacked;
	}
	free(packed);
	return is_good;
}

static bool open_whole(struct frame_table *table, const struct elf_object *file, const char *name)
{
	const Elf64_Shdr *section = elf_object_section(file, name);
	size_t length = 0;

	if (!section || section->sh_size > WHOLE_LIMIT)
		return false;
	table->vaddr = section->sh_addr;
	if (section->sh_flags & SHF_COMPRESSED)
		return load_packed(table, file, section) && index_whole(table);
	if (!may_load(table, section->sh_size))
		return false;
	table->whole = elf_object_load(file, section, WHOLE_LIMIT, &length);
	table->bytes = length;
	return table->whole && index_whole(table);
}

/* ---- both ---- */

bool frame_table_find(struct frame_table *table, uint64_t vaddr, struct frame_found *found)
{
	return table->whole ? find_in_whole(table, vaddr, found) : find_by_index(table, vaddr, found);
}

struct frame_table *frame_table_open(int fd, bool is_debug, uint64_t *loaded_bytes)
{
	struct frame_table *table = xcalloc(1, sizeof(*table));
	struct elf_object file;
	bool is_open = false;

	table->fd = fd;
	table->is_debug = is_debug;
	table->loaded_bytes = loaded_bytes;
	if (elf_object_open(&file, fd)) {
		is_open = is_debug ? open_whole(table, &file, ".debug_frame")
				   : find_index(table, &file) || open_whole(table, &file, ".eh_frame");
		elf_object_release(&file);
	}
	if (is_open)
		return table;
	frame_table_close(table);
	return NULL;
}

void frame_table_close(struct frame_table *table)
{
	if (!table)
		return;
	*table->loaded_bytes -= table->loaded;
	free(table->fde.bytes);
	free(table->cie.bytes);
	free(table->whole);
	free(table->places);
	free(table);
}
