/* SPDX-License-Identifier: MIT */
/*
 * Debug information through libdw, which has checked where entries (DIEs) and their attributes end. What it
 * leaves to its callers: how deep and how long trees are (here each walk is a loop with a limit, never a
 * recursion), and files that debug information refers to, which it would open by whatever path stands there
 * (see find_alternate). Nothing here asks for split units, for the same reason. Line tables are read by
 * line_table.c.
 *
 * A unit is found by .debug_aranges; where a compiler has left that out (clang), by one pass over all units.
 * Its functions are listed at the first look.
 */
#include "config.h"

#include "native/names/lines.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "native/files/debug_file.h"
#include "native/names/line_table.h"
#include "native/names/ranges.h"
#include "target/elf/elf.h"

#define SECTIONS_LIMIT_BYTES ((uint64_t)512 << 20)
#define ABBREVIATIONS_LIMIT_BYTES ((uint64_t)32 << 20) /* libdw takes some 50 bytes for one of 5 */
#define UNIT_LIMIT 200000
#define ENTRY_LIMIT 4000000 /* of one unit */
#define RANGE_LIMIT 65536   /* of one entry */
#define SCOPE_LIMIT 32      /* namespaces and classes around a function */
/* ranges of functions of all units, and spans of all line tables: 100 MB each */
#define LISTED_LIMIT ((size_t)1 << 22)
#define STEP_LIMIT 1000000 /* of entries and ranges, for one address */
#define BLOCK_LIMIT 256    /* lexical blocks and inlined functions around an address */
#define NAME_LIMIT 8192
#define TEXT_SECTIONS 16

/* One compilation unit. */
struct unit {
	struct ranges functions;
	struct line_table lines;
};

struct lines {
	const struct roots *roots;
	Elf *elf, *alternate_elf;
	Dwarf *dwarf, *alternate;
	int alternate_fd;
	uint64_t bytes;
	const Elf_Data *line_section;
	struct text_section {
		const char *start;
		size_t bytes;
	} texts[TEXT_SECTIONS]; /* in which names may stand */
	size_t text_count;
	struct ranges units; /* where .debug_aranges does not help */
	bool has_units;
	size_t listed, spans; /* in all units */
	struct unit *seen;
	size_t seen_count, seen_capacity;
	struct u64_map seen_by_entry;
};

/* ---- opening ---- */

static bool is_debug(const char *name)
{
	return strncmp(name, ".debug_", strlen(".debug_")) == 0 ||
		strncmp(name, ".zdebug_", strlen(".zdebug_")) == 0;
}

/* What a section takes in memory. */
static uint64_t unpacked_bytes(const struct elf_object *object, const Elf64_Shdr *section)
{
	unsigned char magic[12];
	uint64_t bytes = 0;
	Elf64_Chdr header;

	if (section->sh_type == SHT_NOBITS)
		return 0;
	if (section->sh_flags & SHF_COMPRESSED)
		return elf_object_read(object, section->sh_offset, &header, sizeof(header)) ? header.ch_size
											    : UINT64_MAX;
	/* what GNU tools wrote before that: "ZLIB" and the size, the highest byte first */
	if (!elf_object_read(object, section->sh_offset, magic, sizeof(magic)) ||
		memcmp(magic, "ZLIB", 4) != 0)
		return section->sh_size;
	for (size_t i = 4; i < sizeof(magic); i++)
		bytes = bytes << 8 | magic[i];
	return bytes;
}

/* 0: there is none, or more than we want to hold. */
static uint64_t debug_bytes(const struct elf_object *object)
{
	uint64_t total = 0;
	bool has_info = false;

	for (size_t i = 1; i < object->section_count; i++) {
		const Elf64_Shdr *section = &object->sections[i];
		const char *name = elf_object_section_name(object, section);
		uint64_t bytes = is_debug(name) ? unpacked_bytes(object, section) : 0;

		if (bytes > SECTIONS_LIMIT_BYTES - total ||
			(strstr(name, "debug_abbrev") && bytes > ABBREVIATIONS_LIMIT_BYTES))
			return 0;
		total += bytes;
		has_info |= strstr(name, "debug_info") && bytes;
	}
	return has_info ? total : 0;
}

/* ".zdebug_line" is unpacked by libdw, under its new name. */
static bool is_section(const char *name, const char *wanted)
{
	return strcmp(name, wanted) == 0 ||
		(strncmp(name, ".z", 2) == 0 && strcmp(name + 2, wanted + 1) == 0);
}

static const Elf_Data *section_data(Elf *elf, const struct elf_object *object, const char *name)
{
	for (size_t i = 1; i < object->section_count; i++)
		if (is_section(elf_object_section_name(object, &object->sections[i]), name))
			return elf_getdata(elf_getscn(elf, i), NULL);
	return NULL;
}

static void add_texts(struct lines *lines, Elf *elf, const struct elf_object *object)
{
	for (size_t i = 1; i < object->section_count && lines->text_count < TEXT_SECTIONS; i++) {
		const char *name = elf_object_section_name(object, &object->sections[i]);
		const Elf_Data *data;

		if (!is_section(name, ".debug_info") && !is_section(name, ".debug_str") &&
			!is_section(name, ".debug_line_str"))
			continue;
		data = elf_getdata(elf_getscn(elf, i), NULL);
		if (data && data->d_buf)
			lines->texts[lines->text_count++] =
				(struct text_section){ .start = data->d_buf, .bytes = data->d_size };
	}
}

/* Is this what may stand for a file's .gnu_debugaltlink? */
static bool is_alternate(const struct elf_object *object, const unsigned char *id, size_t id_bytes)
{
	unsigned char found[BUILD_ID_LIMIT];

	return debug_bytes(object) && !elf_object_section(object, ".gnu_debugaltlink") &&
		build_id_read(object, found) == id_bytes && memcmp(found, id, id_bytes) == 0;
}

/* A path, and the build id of what should be there. */
static int open_alternate(const struct roots *roots, const struct elf_object *object,
	const Elf64_Shdr *section, struct elf_object *alternate)
{
	size_t length = 0, path_bytes, id_bytes;
	char *path = elf_object_load(object, section, 4096, &length);
	const unsigned char *id;
	int fd = -1;

	if (!path)
		return -1;
	path_bytes = strlen(path) + 1;
	id_bytes = path_bytes < length ? length - path_bytes : 0;
	id = (unsigned char *)path + path_bytes;
	if (id_bytes)
		fd = debug_file_by_id(roots, id, id_bytes);
	for (size_t i = 0; i < roots->count && fd < 0 && id_bytes && path[0] == '/'; i++)
		fd = root_open_file(roots->fds[i], path);
	if (!elf_object_open(alternate, fd) || !is_alternate(alternate, id, id_bytes)) {
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	free(path);
	return fd;
}

/*
 * dwz moves what several files share into a file of its own, .gnu_debugaltlink names it. libdw looks for that
 * by itself unless it has been given one; then the path would be the target's choice, a pipe for instance.
 */
static bool find_alternate(struct lines *lines, const struct elf_object *object)
{
	const Elf64_Shdr *section = elf_object_section(object, ".gnu_debugaltlink");
	struct elf_object alternate = { .fd = -1 };

	if (!section)
		return true;
	lines->alternate_fd = open_alternate(lines->roots, object, section, &alternate);
	if (lines->alternate_fd >= 0 && elf_file_is_ordinary(lines->alternate_fd)) {
		lines->alternate_elf = elf_begin(lines->alternate_fd, ELF_C_READ, NULL);
		lines->alternate = dwarf_begin_elf(lines->alternate_elf, DWARF_C_READ, NULL);
	}
	if (lines->alternate) {
		dwarf_setalt(lines->dwarf, lines->alternate);
		add_texts(lines, lines->alternate_elf, &alternate);
	}
	elf_object_release(&alternate);
	return lines->alternate != NULL;
}

struct lines *lines_new(const struct elf_object *object, const struct roots *roots)
{
	uint64_t bytes = debug_bytes(object);
	struct lines *lines;

	if (!bytes || elf_version(EV_CURRENT) == EV_NONE || !elf_file_is_ordinary(object->fd))
		return NULL;
	lines = xcalloc(1, sizeof(*lines));
	lines->roots = roots;
	lines->alternate_fd = -1;
	lines->bytes = bytes;
	lines->elf = elf_begin(object->fd, ELF_C_READ, NULL);
	lines->dwarf = dwarf_begin_elf(lines->elf, DWARF_C_READ, NULL);
	if (!lines->dwarf || !find_alternate(lines, object)) {
		lines_free(lines);
		return NULL;
	}
	lines->line_section = section_data(lines->elf, object, ".debug_line");
	add_texts(lines, lines->elf, object);
	return lines;
}

void lines_free(struct lines *lines)
{
	if (!lines)
		return;
	for (size_t i = 0; i < lines->seen_count; i++) {
		ranges_release(&lines->seen[i].functions);
		line_table_release(&lines->seen[i].lines);
	}
	free(lines->seen);
	u64_map_release(&lines->seen_by_entry);
	ranges_release(&lines->units);
	dwarf_end(lines->dwarf);
	dwarf_end(lines->alternate);
	elf_end(lines->elf);
	elf_end(lines->alternate_elf);
	if (lines->alternate_fd >= 0)
		close(lines->alternate_fd);
	free(lines);
}

size_t lines_bytes(const struct lines *lines)
{
	return (size_t)lines->bytes;
}

/* ---- units and their functions ---- */

static void add_ranges(struct lines *lines, struct ranges *ranges, Dwarf_Die *die)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t next = 0;

	for (size_t i = 0; i < RANGE_LIMIT && lines->listed < LISTED_LIMIT &&
		(next = dwarf_ranges(die, next, &base, &start, &end)) > 0;
		i++) {
		ranges_add(ranges, start, end, dwarf_dieoffset(die));
		lines->listed++;
	}
}

static void list_units(struct lines *lines)
{
	Dwarf_Off offset = 0, next;
	size_t header_bytes;
	Dwarf_Die die;

	lines->has_units = true;
	for (size_t i = 0; i < UNIT_LIMIT; i++) {
		if (dwarf_nextcu(lines->dwarf, offset, &next, &header_bytes, NULL, NULL, NULL) != 0 ||
			next <= offset)
			break;
		if (dwarf_offdie(lines->dwarf, offset + header_bytes, &die))
			add_ranges(lines, &lines->units, &die);
		offset = next;
	}
	ranges_sort(&lines->units);
}

static bool find_unit(struct lines *lines, uint64_t vaddr, Dwarf_Die *die)
{
	const struct range *range;

	if (dwarf_addrdie(lines->dwarf, vaddr, die))
		return true;
	if (!lines->has_units)
		list_units(lines);
	range = ranges_find(&lines->units, vaddr);
	return range && dwarf_offdie(lines->dwarf, range->value, die);
}

static bool holds_functions(int tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_module || tag == DW_TAG_class_type ||
		tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_enumeration_type;
}

/* All functions of the unit, also those in namespaces and classes. */
static void list_functions(struct lines *lines, struct unit *unit, Dwarf_Die *unit_die)
{
	Dwarf_Die path[SCOPE_LIMIT];
	size_t depth = 0;

	if (dwarf_child(unit_die, &path[0]) != 0)
		return;
	for (size_t steps = 0; steps < ENTRY_LIMIT && !is_hurried(); steps++) {
		int tag = dwarf_tag(&path[depth]);

		if (tag == DW_TAG_subprogram)
			add_ranges(lines, &unit->functions, &path[depth]);
		if (holds_functions(tag) && depth + 1 < SCOPE_LIMIT &&
			dwarf_child(&path[depth], &path[depth + 1]) == 0) {
			depth++;
			continue;
		}
		while (dwarf_siblingof(&path[depth], &path[depth]) != 0)
			if (depth-- == 0)
				return;
	}
}

static void open_line_table(const struct lines *lines, Dwarf_Die *unit_die, struct line_table *table)
{
	const Elf_Data *section = lines->line_section;
	Dwarf_Attribute attribute;
	Dwarf_Word offset;

	if (section && section->d_buf && dwarf_attr(unit_die, DW_AT_stmt_list, &attribute) &&
		dwarf_formudata(&attribute, &offset) == 0)
		line_table_open(table, section->d_buf, section->d_size, offset);
}

static const struct unit *look_at_unit(struct lines *lines, Dwarf_Die *die)
{
	Dwarf_Off entry = dwarf_dieoffset(die);
	uint64_t *known = u64_map_get(&lines->seen_by_entry, entry);
	struct unit *unit;

	if (known)
		return &lines->seen[*known];
	array_reserve(&lines->seen, &lines->seen_capacity, lines->seen_count + 1, sizeof(*lines->seen));
	unit = &lines->seen[lines->seen_count];
	*unit = (struct unit){ .functions = { .count = 0 } };
	list_functions(lines, unit, die);
	ranges_sort(&unit->functions);
	if (lines->spans < LISTED_LIMIT)
		open_line_table(lines, die, &unit->lines);
	lines->spans += unit->lines.count;
	u64_map_put(&lines->seen_by_entry, entry, lines->seen_count++);
	return unit;
}

/* ---- names ---- */

/* libdw hands out where a text begins, but does not always look whether it ends. */
static const char *checked_text(const struct lines *lines, const char *text)
{
	for (size_t i = 0; text && i < lines->text_count; i++) {
		const struct text_section *section = &lines->texts[i];

		if (text >= section->start && text < section->start + section->bytes)
			return memchr(text, '\0', (size_t)(section->start + section->bytes - text)) ? text
												    : NULL;
	}
	return NULL;
}

static const char *attribute_text(const struct lines *lines, Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;

	if (!dwarf_attr_integrate(die, name, &attribute))
		return NULL;
	return checked_text(lines, dwarf_formstring(&attribute));
}

static char *function_name(const struct lines *lines, Dwarf_Die *die)
{
	const char *name = attribute_text(lines, die, DW_AT_linkage_name);

	if (!name)
		name = attribute_text(lines, die, DW_AT_MIPS_linkage_name);
	if (!name)
		name = attribute_text(lines, die, DW_AT_name);
	return name && name[0] ? xstrndup(name, NAME_LIMIT) : NULL;
}

static int line_of_call(Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Word line;

	if (!dwarf_attr(die, DW_AT_call_line, &attribute) || dwarf_formudata(&attribute, &line) ||
		line > INT32_MAX)
		return 0;
	return (int)line;
}

/* ---- one address ---- */

static void add(struct inlines *inlines, char *name, int call_line)
{
	if (inlines->count == INLINE_LIMIT) {
		free(name);
		return;
	}
	if (inlines->count)
		inlines->list[inlines->count - 1].line = call_line; /* in the one before */
	inlines->list[inlines->count++] = (struct inlined){ .name = name };
}

/* *steps counts down, for all that is asked of one address. */
static bool holds(Dwarf_Die *die, uint64_t vaddr, size_t *steps)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t next = 0;

	while (*steps && (next = dwarf_ranges(die, next, &base, &start, &end)) > 0) {
		--*steps;
		if (vaddr >= start && vaddr < end)
			return true;
	}
	return false;
}

/* The block or inlined function among the children of die that holds vaddr, into die itself. */
static bool descend(Dwarf_Die *die, uint64_t vaddr, size_t *steps)
{
	Dwarf_Die child;

	if (dwarf_child(die, &child) != 0)
		return false;
	for (; *steps; --*steps) {
		int tag = dwarf_tag(&child);

		if ((tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block) &&
			holds(&child, vaddr, steps)) {
			*die = child;
			return true;
		}
		if (dwarf_siblingof(&child, &child) != 0)
			return false;
		if (!*steps)
			break;
	}
	return false;
}

static char *source_path(const struct lines *lines, Dwarf_Die *unit)
{
	const char *name = attribute_text(lines, unit, DW_AT_name);
	const char *directory = attribute_text(lines, unit, DW_AT_comp_dir);

	if (!name || strnlen(name, NAME_LIMIT) == NAME_LIMIT)
		return NULL;
	if (name[0] == '/' || !directory || strnlen(directory, NAME_LIMIT) == NAME_LIMIT)
		return xstrdup(name);
	return xasprintf("%s/%s", directory, name);
}

bool lines_find(struct lines *lines, uint64_t vaddr, struct inlines *inlines)
{
	const struct range *function;
	const struct unit *unit;
	size_t steps = STEP_LIMIT;
	Dwarf_Die unit_die, die;

	if (!find_unit(lines, vaddr, &unit_die))
		return false;
	unit = look_at_unit(lines, &unit_die);
	/* a function that the compiler found to equal another one has lines, but no entry */
	function = ranges_find(&unit->functions, vaddr);
	if (function && dwarf_offdie(lines->dwarf, function->value, &die)) {
		add(inlines, function_name(lines, &die), 0);
		for (size_t depth = 0; depth < BLOCK_LIMIT && descend(&die, vaddr, &steps); depth++)
			if (dwarf_tag(&die) == DW_TAG_inlined_subroutine)
				add(inlines, function_name(lines, &die), line_of_call(&die));
	} else {
		add(inlines, NULL, 0);
	}
	inlines->list[inlines->count - 1].line = line_table_find(&unit->lines, vaddr);
	inlines->source = source_path(lines, &unit_die);
	return true;
}

void inlines_release(struct inlines *inlines)
{
	for (size_t i = 0; i < inlines->count; i++)
		free(inlines->list[i].name);
	free(inlines->source);
	*inlines = (struct inlines){ .count = 0 };
}
