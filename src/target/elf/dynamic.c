/* SPDX-License-Identifier: MIT */
/*
 * What the dynamic linker knows of an image: PT_DYNAMIC, and the exported symbols through their hash table.
 * The same code serves files and memory, since PT_DYNAMIC speaks in addresses and needs no section headers
 * (which are not loaded, and which sstrip removes). A name costs a handful of small reads, however large
 * the file.
 *
 * Formats: elf(5); DT_GNU_HASH: bfd/elflink.c in binutils, dl-lookup.c in glibc. Both hash tables are
 * chains whose ends the file decides, hence STEP_LIMIT.
 */
#include "config.h"

#include "target/elf/dynamic.h"

#include <string.h>

#include "target/elf/internal.h"

#define DYNAMIC_LIMIT 1024 /* entries */
#define STEP_LIMIT 65536   /* links of one chain */

/* ---- PT_DYNAMIC ---- */

void elf_dynamic_visit(const struct elf_dynamic *dynamic,
	bool (*visit)(void *context, const Elf64_Dyn *entry), void *context)
{
	size_t total = dynamic->bytes / sizeof(Elf64_Dyn);

	if (total > DYNAMIC_LIMIT)
		total = DYNAMIC_LIMIT;
	for (size_t first = 0; first < total;) {
		Elf64_Dyn entries[32];
		size_t wanted = total - first < ARRAY_LENGTH(entries) ? total - first : ARRAY_LENGTH(entries);
		size_t got = dynamic->read(dynamic->context, dynamic->vaddr + first * sizeof(*entries),
				     entries, wanted * sizeof(*entries)) /
			sizeof(*entries);

		for (size_t i = 0; i < got; i++)
			if (entries[i].d_tag == DT_NULL || !visit(context, &entries[i]))
				return;
		if (got < wanted)
			return;
		first += got;
	}
}

static size_t read_image(const void *context, uint64_t vaddr, void *data, size_t length)
{
	return elf_image_read(context, vaddr, data, length);
}

static struct elf_dynamic image_dynamic(const struct elf_image *image)
{
	return (struct elf_dynamic){ .vaddr = image->dynamic_vaddr,
		.bytes = image->dynamic_bytes,
		.read = read_image,
		.context = image };
}

struct wanted_value {
	int64_t tag;
	uint64_t *value;
	bool found;
};

static bool match_tag(void *context, const Elf64_Dyn *entry)
{
	struct wanted_value *wanted = context;

	if (entry->d_tag != wanted->tag)
		return true;
	*wanted->value = entry->d_un.d_val;
	wanted->found = true;
	return false;
}

bool elf_image_dynamic_value(const struct elf_image *image, int64_t tag, uint64_t *value)
{
	const struct elf_dynamic dynamic = image_dynamic(image);
	struct wanted_value wanted = { .tag = tag, .value = value };

	elf_dynamic_visit(&dynamic, match_tag, &wanted);
	return wanted.found;
}

static bool collect_entry(void *context, const Elf64_Dyn *entry)
{
	struct elf_dynamic_table *table = context;

	switch (entry->d_tag) {
	case DT_SYMTAB:
		table->symbols = entry->d_un.d_ptr;
		break;
	case DT_STRTAB:
		table->strings = entry->d_un.d_ptr;
		break;
	case DT_STRSZ:
		table->strings_bytes = entry->d_un.d_val;
		break;
	case DT_GNU_HASH:
		table->gnu_hash = entry->d_un.d_ptr;
		break;
	case DT_HASH:
		table->sysv_hash = entry->d_un.d_ptr;
		break;
	case DT_SONAME:
		table->soname = entry->d_un.d_val;
		table->has_soname = true;
		break;
	}
	return true;
}

void elf_dynamic_read(const struct elf_dynamic *dynamic, struct elf_dynamic_table *table)
{
	*table = (struct elf_dynamic_table){ 0 };
	elf_dynamic_visit(dynamic, collect_entry, table);
}

/*
 * glibc adds the load bias to the addresses in the table in memory (dl_main's ELF_GET_DYNAMIC_INFO), musl
 * does not.
 */
static uint64_t to_vaddr(const struct elf_image *image, uint64_t pointer)
{
	if (image->fd < 0 && elf_image_segment(image, pointer - image->bias))
		return pointer - image->bias;
	return pointer;
}

static bool read_table(const struct elf_image *image, struct elf_dynamic_table *table)
{
	const struct elf_dynamic dynamic = image_dynamic(image);

	elf_dynamic_read(&dynamic, table);
	if (!table->strings || !table->strings_bytes)
		return false;
	table->strings = to_vaddr(image, table->strings);
	if (table->symbols)
		table->symbols = to_vaddr(image, table->symbols);
	if (table->gnu_hash)
		table->gnu_hash = to_vaddr(image, table->gnu_hash);
	if (table->sysv_hash)
		table->sysv_hash = to_vaddr(image, table->sysv_hash);
	return true;
}

static bool read_exactly(const struct elf_image *image, uint64_t vaddr, void *data, size_t length)
{
	return elf_image_read(image, vaddr, data, length) == length;
}

bool elf_image_soname(const struct elf_image *image, char name[ELF_NAME_BYTES])
{
	struct elf_dynamic_table table;
	size_t got;

	if (!read_table(image, &table) || !table.has_soname || table.soname >= table.strings_bytes)
		return false;
	got = elf_image_read(image, table.strings + table.soname, name, ELF_NAME_BYTES);
	return memchr(name, '\0', got) != NULL;
}

/* ---- symbols ---- */

/* Sets symbol when the entry at this index of .dynsym has its name. */
static bool try_entry(const struct elf_image *image, const struct elf_dynamic_table *table, uint32_t index,
	struct elf_symbol *symbol)
{
	size_t bytes = strlen(symbol->name) + 1;
	char text[ELF_NAME_BYTES];
	Elf64_Sym entry;

	if (bytes > sizeof(text) ||
		!read_exactly(
			image, table->symbols + (uint64_t)index * sizeof(entry), &entry, sizeof(entry)) ||
		!elf_symbol_usable(image, &entry) || entry.st_name >= table->strings_bytes ||
		!read_exactly(image, table->strings + entry.st_name, text, bytes) ||
		memcmp(text, symbol->name, bytes) != 0)
		return false;
	elf_symbol_set(image, &entry, symbol);
	return true;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static void find_by_gnu_hash(const struct elf_image *image, const struct elf_dynamic_table *table,
	const struct elf_gnu_hash *header, struct elf_symbol *symbol)
{
	uint64_t bloom = table->gnu_hash + sizeof(*header),
		 buckets = bloom + (uint64_t)header->bloom_words * 8,
		 chains = buckets + (uint64_t)header->bucket_count * 4, word;
	uint32_t hash = gnu_hash(symbol->name), index, link = 0;

	if (!read_exactly(
		    image, bloom + (uint64_t)(hash / 64 % header->bloom_words) * 8, &word, sizeof(word)) ||
		!(word >> hash % 64 & word >> (hash >> header->bloom_shift % 32) % 64 & 1) ||
		!read_exactly(
			image, buckets + (uint64_t)(hash % header->bucket_count) * 4, &index, sizeof(index)))
		return;
	for (size_t step = 0; index >= header->first_symbol && step < STEP_LIMIT && !(link & 1);
		step++, index++) {
		if (!read_exactly(image, chains + (uint64_t)(index - header->first_symbol) * 4, &link,
			    sizeof(link)))
			return;
		if ((link | 1) == (hash | 1) && try_entry(image, table, index, symbol))
			return;
	}
}

static uint32_t sysv_hash(const char *name)
{
	uint32_t hash = 0;

	for (; *name; name++) {
		hash = (hash << 4) + (unsigned char)*name;
		hash ^= hash >> 24 & 0xf0;
		hash &= 0x0fffffff;
	}
	return hash;
}

static void find_by_sysv_hash(const struct elf_image *image, const struct elf_dynamic_table *table,
	const uint32_t counts[2], struct elf_symbol *symbol)
{
	uint64_t buckets = table->sysv_hash + 8, chains = buckets + (uint64_t)counts[0] * 4;
	uint32_t index;

	if (!read_exactly(image, buckets + (uint64_t)(sysv_hash(symbol->name) % counts[0]) * 4, &index,
		    sizeof(index)))
		return;
	for (size_t step = 0; index && index < counts[1] && step < STEP_LIMIT; step++) {
		if (try_entry(image, table, index, symbol) ||
			!read_exactly(image, chains + (uint64_t)index * 4, &index, sizeof(index)))
			return;
	}
}

size_t elf_image_dynamic_symbols(const struct elf_image *image, struct elf_symbol *symbols, size_t count)
{
	struct elf_dynamic_table table;
	struct elf_gnu_hash gnu;
	uint32_t sysv[2];
	bool has_gnu, has_sysv;
	size_t found = 0;

	read_table(image, &table);
	has_gnu = table.symbols && table.gnu_hash && read_exactly(image, table.gnu_hash, &gnu, sizeof(gnu)) &&
		gnu.bucket_count && gnu.bloom_words;
	has_sysv = !has_gnu && table.symbols && table.sysv_hash &&
		read_exactly(image, table.sysv_hash, sysv, sizeof(sysv)) && sysv[0];
	for (size_t i = 0; i < count; i++) {
		if (!symbols[i].found && has_gnu)
			find_by_gnu_hash(image, &table, &gnu, &symbols[i]);
		else if (!symbols[i].found && has_sysv)
			find_by_sysv_hash(image, &table, sysv, &symbols[i]);
	}
	if (!has_gnu && !has_sysv)
		elf_search_sections(image, SHT_DYNSYM, symbols, count);
	for (size_t i = 0; i < count; i++)
		found += symbols[i].found;
	return found;
}
