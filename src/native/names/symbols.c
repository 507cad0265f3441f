/* SPDX-License-Identifier: MIT */
/*
 * Symbol tables, made into one that can be searched by address.
 *
 * What counts: functions (STT_FUNC, STT_GNU_IFUNC), and symbols without a type in executable sections, which
 * is what assembly leaves. A size is respected: behind the end of a function lies padding or a function
 * without a name, not that function. A symbol of no size reaches to the next symbol, or to the end of its
 * section.
 *
 * Where several symbols begin at one address, gdb, perf and libdwfl each choose differently. Here the one
 * that a programmer would write wins: a sized one over an unsized one, one with a type over one without, then
 * the fewest leading underscores (write, not __write or __GI___write), global over weak over local, the
 * shortest name, and the alphabet. So the choice does not depend on the order of the file.
 */
#include "config.h"

#include "native/names/symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "native/names/symbols_internal.h"

#define SYMBOL_LIMIT ((size_t)1 << 22)  /* 64 MB of table; the largest libraries have some 10^6 */
#define ALIAS_NAME_BYTES 256            /* as much of a name decides between aliases */
#define OVERLAP_LIMIT 32                /* how far back to look for a function around another one */
#define ENTRY_LIMIT ((uint64_t)1 << 24) /* that are read, of all tables of a binary */
#define ABSOLUTE_LIMIT 65536            /* of them those for which all sections have to be asked */
#define CHUNK 1024

/* ---- taking entries in ---- */

static bool in_code(struct symbols *symbols, const struct elf_object *object, const Elf64_Sym *entry)
{
	if (!object->section_count)
		return elf_object_is_code(object, entry->st_value);
	if (entry->st_shndx < object->section_count)
		return object->sections[entry->st_shndx].sh_flags & SHF_EXECINSTR;
	/* SHN_ABS, SHN_XINDEX */
	return symbols->absolute_count++ < ABSOLUTE_LIMIT &&
		elf_object_code_section(object, entry->st_value) != NULL;
}

static bool is_function(struct symbols *symbols, const struct elf_object *object, const Elf64_Sym *entry)
{
	unsigned type = ELF64_ST_TYPE(entry->st_info);

	return entry->st_shndx != SHN_UNDEF && entry->st_value && entry->st_value < SYMBOL_START_LIMIT &&
		(type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE) &&
		in_code(symbols, object, entry);
}

static unsigned binding_rank(unsigned binding)
{
	return binding == STB_GLOBAL || binding == STB_GNU_UNIQUE ? 0 : binding == STB_WEAK ? 1 : 2;
}

static void add_entry(struct symbols *symbols, size_t table, const Elf64_Sym *entry)
{
	if (symbols->count == SYMBOL_LIMIT || !is_function(symbols, symbols->tables[table].object, entry) ||
		entry->st_name >= symbols->tables[table].names_bytes)
		return;
	array_reserve(&symbols->list, &symbols->capacity, symbols->count + 1, sizeof(*symbols->list));
	symbols->list[symbols->count++] = (struct symbol){
		.start = entry->st_value,
		.table = (unsigned char)table,
		.binding = (unsigned char)binding_rank(ELF64_ST_BIND(entry->st_info)),
		.untyped = ELF64_ST_TYPE(entry->st_info) == STT_NOTYPE,
		.bytes = entry->st_size > UINT32_MAX ? UINT32_MAX : (uint32_t)entry->st_size,
		.name = entry->st_name,
	};
}

void symbols_add_table(
	struct symbols *symbols, const struct symbol_table *table, uint64_t offset, uint64_t count)
{
	Elf64_Sym *entries;
	size_t index = symbols->table_count;

	if (index == SYMBOL_TABLES)
		return;
	symbols->tables[symbols->table_count++] = *table;
	entries = xreallocarray(NULL, CHUNK, sizeof(*entries));
	while (count && symbols->entry_count < ENTRY_LIMIT && !is_hurried()) {
		size_t wanted = count < CHUNK ? (size_t)count : CHUNK;
		size_t got = elf_object_read_some(table->object, offset, entries, wanted * sizeof(*entries)) /
			sizeof(*entries);

		symbols->entry_count += got;
		for (size_t i = 0; i < got; i++)
			add_entry(symbols, index, &entries[i]);
		if (got < wanted)
			break;
		offset += got * sizeof(*entries);
		count -= got;
	}
	free(entries);
}

static void add_section(struct symbols *symbols, const struct elf_object *object, const Elf64_Shdr *section)
{
	const Elf64_Shdr *names;

	if (section->sh_link >= object->section_count || section->sh_flags & SHF_COMPRESSED)
		return;
	names = &object->sections[section->sh_link];
	if (names->sh_type != SHT_STRTAB || names->sh_flags & SHF_COMPRESSED)
		return;
	symbols_add_table(symbols,
		&(struct symbol_table){
			.object = object, .names = names->sh_offset, .names_bytes = names->sh_size },
		section->sh_offset, section->sh_size / sizeof(Elf64_Sym));
}

static void add_object(struct symbols *symbols, const struct elf_object *object, uint64_t bias)
{
	size_t found = 0;

	for (size_t i = 1; i < object->section_count; i++) {
		if (object->sections[i].sh_type != SHT_SYMTAB && object->sections[i].sh_type != SHT_DYNSYM)
			continue;
		add_section(symbols, object, &object->sections[i]);
		found++;
	}
	if (!found)
		symbols_add_dynamic(symbols, object, bias);
}

/* ---- one symbol an address ---- */

static int compare_places(const void *left_symbol, const void *right_symbol)
{
	const struct symbol *left = left_symbol, *right = right_symbol;

	if (left->start != right->start)
		return left->start < right->start ? -1 : 1;
	if (!left->bytes != !right->bytes)
		return left->bytes ? -1 : 1;
	if (left->untyped != right->untyped)
		return left->untyped ? 1 : -1;
	return 0;
}

/* Mapping symbols of the Arm ABI ($x, $d), of annobin, and of assemblers' own labels name no function. */
static bool is_label(const char *name)
{
	return !name[0] || name[0] == '$' || strncmp(name, ".L", 2) == 0 || strncmp(name, ".annobin", 8) == 0;
}

static bool read_name(
	const struct symbols *symbols, const struct symbol *symbol, char *text, size_t text_bytes)
{
	const struct symbol_table *table = &symbols->tables[symbol->table];
	char *version;

	if (!elf_object_read_text(table->object, table->names + symbol->name,
		    table->names_bytes - symbol->name, text, text_bytes))
		return false;
	version = text[0] ? strchr(text + 1, '@') : NULL;
	if (version)
		*version = '\0';
	return true;
}

static size_t underscores(const char *name)
{
	return strspn(name, "_");
}

/* Is the first name the better one? Of two places that compare as equal. */
static bool preferred(const char *name, unsigned binding, const char *other, unsigned other_binding)
{
	if (underscores(name) != underscores(other))
		return underscores(name) < underscores(other);
	if (binding != other_binding)
		return binding < other_binding;
	if (strlen(name) != strlen(other))
		return strlen(name) < strlen(other);
	return strcmp(name, other) < 0;
}

/* The best of [first, end), which begin at one address; false: none of them has a name. */
static bool choose(const struct symbols *symbols, size_t first, size_t end, struct symbol *best)
{
	char name[ALIAS_NAME_BYTES], best_name[ALIAS_NAME_BYTES];
	bool found = false;

	for (size_t i = first; i < end; i++) {
		const struct symbol *symbol = &symbols->list[i];

		if (found && compare_places(best, symbol) != 0)
			break;
		if (found && symbol->table == best->table && symbol->name == best->name)
			continue;
		if (!read_name(symbols, symbol, name, sizeof(name)) || is_label(name) ||
			(found && !preferred(name, symbol->binding, best_name, best->binding)))
			continue;
		*best = *symbol;
		memcpy(best_name, name, sizeof(name));
		found = true;
	}
	return found;
}

/* A label within a function is not a function. */
static bool covered(const struct symbol *symbol, uint64_t end)
{
	return !symbol->bytes && symbol->start < end;
}

static void keep_one_each(struct symbols *symbols)
{
	uint64_t covered_end = 0;
	size_t kept = 0;

	for (size_t first = 0, end; first < symbols->count; first = end) {
		struct symbol best = symbols->list[first];

		for (end = first + 1; end < symbols->count && symbols->list[end].start == best.start;)
			end++;
		/* names are read only where there is a choice, or where a label may hide */
		if ((end - first > 1 || best.untyped) && !choose(symbols, first, end, &best))
			continue;
		if (covered(&best, covered_end))
			continue;
		if (best.start + best.bytes > covered_end)
			covered_end = best.start + best.bytes;
		symbols->list[kept++] = best;
	}
	symbols->count = symbols->capacity = kept;
	symbols->list = xreallocarray(symbols->list, kept, sizeof(*symbols->list));
}

struct symbols *symbols_new(const struct elf_object *const *objects, size_t object_count, uint64_t bias)
{
	struct symbols *symbols = xcalloc(1, sizeof(*symbols));

	for (size_t i = 0; i < object_count; i++)
		add_object(symbols, objects[i], bias);
	symbols->code = object_count ? objects[0] : NULL;
	if (symbols->count)
		qsort(symbols->list, symbols->count, sizeof(*symbols->list), compare_places);
	keep_one_each(symbols);
	return symbols;
}

void symbols_free(struct symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->list);
	free(symbols);
}

size_t symbols_bytes(const struct symbols *symbols)
{
	return sizeof(*symbols) + symbols->capacity * sizeof(*symbols->list);
}

/* ---- looking up ---- */

/* Does a symbol of no size, the last one before vaddr, reach as far? */
static bool same_section(const struct symbols *symbols, uint64_t start, uint64_t vaddr)
{
	const struct elf_object *code = symbols->code;

	if (code->section_count)
		return elf_object_code_section(code, start) == elf_object_code_section(code, vaddr);
	return elf_object_is_code(code, start) && elf_object_is_code(code, vaddr);
}

/* How many begin at vaddr or before. */
static size_t count_before(const struct symbols *symbols, uint64_t vaddr)
{
	size_t low;

	LOWER_BOUND(low, symbols->count, i, symbols->list[i].start <= vaddr);
	return low;
}

static bool take(const struct symbols *symbols, const struct symbol *symbol, struct symbol_found *found)
{
	if (!read_name(symbols, symbol, found->name, sizeof(found->name)) || !found->name[0])
		return false;
	found->start = symbol->start;
	found->is_symbol = true;
	return true;
}

bool symbols_find(const struct symbols *symbols, uint64_t vaddr, struct symbol_found *found)
{
	size_t count = count_before(symbols, vaddr);

	for (size_t i = count; i-- > 0 && count - i <= OVERLAP_LIMIT;) {
		const struct symbol *symbol = &symbols->list[i];
		bool reaches = symbol->bytes ? vaddr - symbol->start < symbol->bytes
					     : i + 1 == count && same_section(symbols, symbol->start, vaddr);

		if (reaches && take(symbols, symbol, found))
			return true;
	}
	return false;
}

bool symbols_next(const struct symbols *symbols, uint64_t vaddr, struct symbol_found *found)
{
	size_t next = count_before(symbols, vaddr);

	return next < symbols->count && take(symbols, &symbols->list[next], found);
}
