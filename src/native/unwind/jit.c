/* SPDX-License-Identifier: MIT */
/*
 * The list is the target's and changes while it is read: entries are put in front and taken out anywhere. So
 * each is read again before it is used, together with what leads to it. Nothing in it is trusted: its length,
 * the files' sizes and the time that all of it may take are limited, a ring ends with the limit, and the
 * unwind table of a file goes the same way as that of a library (cfi.h), from a copy. Of the files only that
 * is copied what is no code.
 *
 * Rows are kept here and not with those of files: code at an address is other code soon.
 *
 * struct jit_descriptor, struct jit_code_entry: gdb's manual, "JIT Compilation Interface", "Declarations".
 */
#include "config.h"

#include "native/unwind/jit.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CODE_LIMIT 4096
#define SECTION_LIMIT 16                   /* CPython's files have 6 */
#define SECTION_BYTES ((uint64_t)64 << 10) /* of one that is copied */
#define FILE_BYTES ((uint64_t)16 << 20)    /* of which most is code */
#define SYMBOL_LIMIT 16
#define NAME_BYTES 128
#define NAME_LIMIT 64 /* different ones */
#define CHECK_NS INT64_C(1000000)
#define READ_SHARE 50             /* reading lists and tables takes at most this part of the time, */
#define READ_NS INT64_C(50000000) /* and this at the start */
/* between two readings of the list as many times as long as one takes */
#define LIST_SHARE 20
#define DESCRIPTOR_VERSION 1

struct jit {
	struct elf_memory memory;
	raddr_t descriptor;
	struct jit_code *codes;
	size_t count, capacity;
	/* the list was read to its end, so that what stands behind an entry that is known is known */
	bool is_whole;
	int64_t begin_ns, spent_ns, list_ns, list_cost_ns;
	char *names[NAME_LIMIT];
	size_t name_count;
};

/* As they are in the target's memory. */
struct descriptor {
	uint32_t version, action;
	uint64_t relevant, first;
};

struct entry {
	uint64_t next, previous, file, file_bytes;
};

struct image {
	Elf64_Ehdr header;
	Elf64_Shdr sections[SECTION_LIMIT];
};

static bool read_all(const struct jit *jit, raddr_t address, void *data, size_t length)
{
	return address && jit->memory.read(jit->memory.context, address, data, length) == length;
}

static bool may_spend(const struct jit *jit, int64_t now_ns)
{
	return jit->spent_ns <= READ_NS + (now_ns - jit->begin_ns) / READ_SHARE;
}

/* ---- one file ---- */

static bool is_within(const struct jit_code *code, uint64_t offset, uint64_t bytes)
{
	return offset <= code->file_bytes && bytes <= code->file_bytes - offset;
}

static bool read_image(const struct jit *jit, const struct jit_code *code, struct image *image)
{
	const Elf64_Ehdr *header = &image->header;

	return code->file_bytes <= FILE_BYTES && code->file <= UINT64_MAX - code->file_bytes &&
		is_within(code, 0, sizeof(*header)) &&
		read_all(jit, code->file, &image->header, sizeof(*header)) &&
		memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == ELFCLASS64 &&
		header->e_shentsize == sizeof(*image->sections) && header->e_shnum &&
		header->e_shnum <= SECTION_LIMIT &&
		is_within(code, header->e_shoff, header->e_shnum * sizeof(*image->sections)) &&
		read_all(jit, code->file + header->e_shoff, image->sections,
			header->e_shnum * sizeof(*image->sections));
}

static void find_code(const struct jit *jit, struct jit_code *code)
{
	struct image image;

	if (!read_image(jit, code, &image))
		return;
	for (size_t i = 0; i < image.header.e_shnum; i++) {
		const Elf64_Shdr *section = &image.sections[i];

		if (!(section->sh_flags & SHF_EXECINSTR) || section->sh_size > FILE_BYTES ||
			section->sh_addr > UINT64_MAX - section->sh_size)
			continue;
		code->start = section->sh_addr;
		code->end = section->sh_addr + section->sh_size;
		return;
	}
}

/* A file with the same sections at the same places, but for what is code; -1: there is no room for it. */
static int copy_file(const struct jit *jit, const struct jit_code *code, const struct image *image)
{
	unsigned char *bytes = xmalloc(SECTION_BYTES);
	const size_t table_bytes = image->header.e_shnum * sizeof(*image->sections);
	int fd = memory_file("jit");
	bool is_good = fd >= 0 &&
		pwrite(fd, &image->header, sizeof(image->header), 0) == (ssize_t)sizeof(image->header);

	for (size_t i = 0; i < image->header.e_shnum && is_good; i++) {
		const Elf64_Shdr *section = &image->sections[i];
		const size_t length = (size_t)section->sh_size;

		if (section->sh_type == SHT_NULL || section->sh_type == SHT_NOBITS ||
			section->sh_flags & SHF_EXECINSTR)
			continue;
		is_good = section->sh_size <= SECTION_BYTES &&
			is_within(code, section->sh_offset, section->sh_size) &&
			(!length || read_all(jit, code->file + section->sh_offset, bytes, length)) &&
			pwrite(fd, bytes, length, (off_t)section->sh_offset) == (ssize_t)length;
	}
	free(bytes);
	/* last, so that no section lies over the table that was checked */
	if (is_good &&
		pwrite(fd, image->sections, table_bytes, (off_t)image->header.e_shoff) ==
			(ssize_t)table_bytes)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static const char *intern(struct jit *jit, const char *name)
{
	for (size_t i = 0; i < jit->name_count; i++)
		if (strcmp(jit->names[i], name) == 0)
			return jit->names[i];
	if (jit->name_count == NAME_LIMIT)
		return NULL;
	return jit->names[jit->name_count++] = xstrdup(name);
}

/* The name of the function that begins where the code does. */
static const char *find_name(struct jit *jit, const struct jit_code *code, const struct image *image)
{
	Elf64_Sym symbols[SYMBOL_LIMIT];
	char name[NAME_BYTES + 1] = "";

	for (size_t i = 0; i < image->header.e_shnum; i++) {
		const Elf64_Shdr *section = &image->sections[i], *strings;
		size_t count = section->sh_size / sizeof(*symbols) < SYMBOL_LIMIT
			? (size_t)section->sh_size / sizeof(*symbols)
			: SYMBOL_LIMIT;

		if (section->sh_type != SHT_SYMTAB || section->sh_link >= image->header.e_shnum ||
			!is_within(code, section->sh_offset, count * sizeof(*symbols)) ||
			!read_all(jit, code->file + section->sh_offset, symbols, count * sizeof(*symbols)))
			continue;
		strings = &image->sections[section->sh_link];
		for (size_t j = 0; j < count; j++) {
			const uint64_t left = strings->sh_size > symbols[j].st_name
				? strings->sh_size - symbols[j].st_name
				: 0;
			const size_t length = left < NAME_BYTES ? (size_t)left : NAME_BYTES;

			if (ELF64_ST_TYPE(symbols[j].st_info) != STT_FUNC ||
				symbols[j].st_value != code->start || !length ||
				!is_within(code, strings->sh_offset, strings->sh_size) ||
				!read_all(jit, code->file + strings->sh_offset + symbols[j].st_name, name,
					length))
				continue;
			return name[0] ? intern(jit, name) : NULL;
		}
	}
	return NULL;
}

/* The bytes of an expression are not kept here; a signal frame is none of code. */
static bool is_usable(const struct cfi_row *row)
{
	return row->is_known && !row->is_signal && !row->entry;
}

/* Reads the row for pc; where there is none, that is kept for this very address. */
static void read_file(struct jit *jit, struct jit_code *code, raddr_t pc)
{
	struct cfi_rows owner = { 0 };
	struct image image;
	uint64_t loaded_bytes = 0;
	struct cfi *table;
	int fd = -1;

	code->is_read = true;
	code->row = (struct cfi_row){ .pc = pc };
	code->row_extent = (struct cfi_extent){ .begin = pc, .end = pc + 1 };
	if (!read_image(jit, code, &image) || (fd = copy_file(jit, code, &image)) < 0)
		return;
	if (!code->name)
		code->name = find_name(jit, code, &image);
	table = cfi_new(fd, &loaded_bytes);
	cfi_look_up(table, pc, &owner, &code->row, &code->row_extent);
	if (!is_usable(&code->row))
		code->row = (struct cfi_row){ .pc = pc };
	cfi_rows_release(&owner);
	cfi_free(table);
	close(fd);
}

/* ---- the list ---- */

static const struct jit_code *find_entry(const struct jit *jit, raddr_t address)
{
	for (size_t i = 0; i < jit->count; i++)
		if (jit->codes[i].entry == address)
			return &jit->codes[i];
	return NULL;
}

static bool is_same(const struct jit_code *code, const struct entry *entry)
{
	return code->file == entry->file && code->file_bytes == entry->file_bytes;
}

static bool is_known(const struct jit *jit, raddr_t address, const struct entry *entry)
{
	const struct jit_code *code = find_entry(jit, address);

	return code && is_same(code, entry) && code->next == entry->next;
}

/* What is new stands in front. */
static void read_list(struct jit *jit)
{
	struct descriptor descriptor;
	bool was_whole = jit->is_whole;
	struct entry entry;
	raddr_t at;

	if (!was_whole || jit->count >= CODE_LIMIT)
		jit->count = 0;
	was_whole = was_whole && jit->count;
	jit->is_whole = false;
	if (!read_all(jit, jit->descriptor, &descriptor, sizeof(descriptor)) ||
		descriptor.version != DESCRIPTOR_VERSION)
		return;
	for (at = descriptor.first; at && jit->count < CODE_LIMIT; at = entry.next) {
		struct jit_code *code;

		if (is_interrupted() || !read_all(jit, at, &entry, sizeof(entry)))
			return;
		if (was_whole && is_known(jit, at, &entry))
			break;
		array_reserve(&jit->codes, &jit->capacity, jit->count + 1, sizeof(*jit->codes));
		code = &jit->codes[jit->count++];
		*code = (struct jit_code){
			.entry = at, .next = entry.next, .file = entry.file, .file_bytes = entry.file_bytes
		};
		find_code(jit, code);
	}
	jit->is_whole = !at || jit->count < CODE_LIMIT;
}

/* Is it in the list, as it was? */
static bool is_listed(const struct jit *jit, const struct jit_code *code)
{
	struct entry entry;
	uint64_t leads_to;

	return read_all(jit, code->entry, &entry, sizeof(entry)) && is_same(code, &entry) &&
		read_all(jit,
			entry.previous ? entry.previous + offsetof(struct entry, next)
				       : jit->descriptor + offsetof(struct descriptor, first),
			&leads_to, sizeof(leads_to)) &&
		leads_to == code->entry;
}

static struct jit_code *find_listed(struct jit *jit, raddr_t pc, int64_t now_ns)
{
	for (size_t i = 0; i < jit->count;) {
		struct jit_code *code = &jit->codes[i];

		if (pc < code->start || pc >= code->end) {
			i++;
			continue;
		}
		if (now_ns - code->checked_ns < CHECK_NS)
			return code;
		if (is_listed(jit, code)) {
			code->checked_ns = now_ns;
			return code;
		}
		*code = jit->codes[--jit->count];
	}
	return NULL;
}

const struct jit_code *jit_find(struct jit *jit, raddr_t pc)
{
	const int64_t now_ns = monotonic_ns();
	struct jit_code *code = find_listed(jit, pc, now_ns);

	if (!code && may_spend(jit, now_ns) && now_ns - jit->list_ns >= jit->list_cost_ns * LIST_SHARE) {
		read_list(jit);
		jit->list_ns = monotonic_ns();
		jit->list_cost_ns = jit->list_ns - now_ns;
		jit->spent_ns += jit->list_cost_ns;
		code = find_listed(jit, pc, now_ns);
	}
	if (!code || (code->is_read && pc >= code->row_extent.begin && pc < code->row_extent.end))
		return code;
	if (!may_spend(jit, now_ns))
		return NULL;
	read_file(jit, code, pc);
	jit->spent_ns += monotonic_ns() - now_ns;
	return code;
}

/* ---- whose it is ---- */

struct jit *jit_new(struct elf_memory memory, raddr_t descriptor)
{
	struct jit *jit = xcalloc(1, sizeof(*jit));

	jit->memory = memory;
	jit->descriptor = descriptor;
	jit->begin_ns = monotonic_ns();
	return jit;
}

void jit_free(struct jit *jit)
{
	if (!jit)
		return;
	for (size_t i = 0; i < jit->name_count; i++)
		free(jit->names[i]);
	free(jit->codes);
	free(jit);
}

static size_t read_target(void *context, raddr_t address, void *data, size_t length)
{
	return target_read_upto(context, address, data, length);
}

static void seek_list(struct modules *modules, struct module *interpreter)
{
	struct elf_symbol descriptor = { .name = "__jit_debug_descriptor" };

	modules->is_jit_sought = true;
	module_open(modules, interpreter);
	if (!elf_image_dynamic_symbols(&interpreter->image, &descriptor, 1))
		return;
	modules->jit = jit_new(
		(struct elf_memory){ .read = read_target, .context = modules->target }, descriptor.address);
	modules->free_jit = jit_free;
}

struct jit *modules_jit(struct modules *modules)
{
	if (modules->is_jit_sought || !modules->target)
		return modules->jit;
	for (size_t i = 0; i < modules->count; i++) {
		if (!atomic_load(&modules->all[i]->is_interpreter) || !modules->all[i]->is_mapped)
			continue;
		seek_list(modules, modules->all[i]);
		break;
	}
	return modules->jit;
}
