/* SPDX-License-Identifier: MIT */
/*
 * Procedure linkage tables, by their sections (.plt, .plt.sec, .plt.got). What a stub does is read from its
 * instructions, so that the forms of all linkers are known by one rule (x86_64 psABI 1.0, section 5.2 and
 * appendix on CET; ELF for the Arm 64-bit Architecture):
 *
 *     x86_64   [endbr64] [bnd] jmp *slot(%rip)    ff 25 disp32
 *              push $index; jmp .plt              68 imm32: the number of the relocation
 *     aarch64  adrp x16, page; ldr x17, [x16, #offset]
 */
#include "config.h"

#include "native/names/plt.h"

#include <stdio.h>
#include <string.h>

#define STUB_LIMIT 32
#define RELOCATION_LIMIT ((uint64_t)1 << 20)
#define CHUNK 256
#define PLT_NAME_BYTES 1024

#ifndef R_AARCH64_IRELATIVE
#define R_AARCH64_IRELATIVE 1032 /* not in musl's elf.h before 1.2.4 */
#endif

static bool is_plt(const char *name)
{
	return strcmp(name, ".plt") == 0 || strcmp(name, ".plt.sec") == 0 || strcmp(name, ".plt.got") == 0 ||
		strcmp(name, ".plt.bnd") == 0 || strcmp(name, ".iplt") == 0;
}

static const Elf64_Shdr *plt_section(const struct elf_object *object, uint64_t vaddr)
{
	const Elf64_Shdr *section = elf_object_code_section(object, vaddr);

	return section && is_plt(elf_object_section_name(object, section)) ? section : NULL;
}

/* ---- what a stub does ---- */

struct jump {
	bool by_slot, by_index;
	uint64_t slot;
	uint32_t index;
};

static struct jump decode_x86_64(const uint8_t *code, size_t length, uint64_t vaddr)
{
	struct jump jump = { 0 };
	int32_t value;

	for (size_t i = 0; i + 6 <= length; i++) {
		if (i == 0 && code[0] == 0xff && code[1] == 0x35)
			break; /* the first one, which calls the dynamic linker */
		memcpy(&value, &code[i + (code[i] == 0xff ? 2 : 1)], sizeof(value));
		if (code[i] == 0xff && code[i + 1] == 0x25) {
			jump.by_slot = true;
			jump.slot = vaddr + i + 6 + (uint64_t)(int64_t)value;
			break;
		}
		if (code[i] == 0x68) {
			jump.by_index = true;
			jump.index = (uint32_t)value;
			break;
		}
	}
	return jump;
}

static struct jump decode_aarch64(const uint8_t *code, size_t length, uint64_t vaddr)
{
	struct jump jump = { 0 };
	uint32_t page, load;

	for (size_t i = 0; i + 8 <= length; i += 4) {
		int64_t pages;

		memcpy(&page, &code[i], sizeof(page));
		memcpy(&load, &code[i + 4], sizeof(load));
		if ((page & 0x9f00001f) != 0x90000010 || (load & 0xffc003ff) != 0xf9400211)
			continue;
		pages = (int64_t)((page >> 5 & 0x7ffff) << 2 | (page >> 29 & 3));
		if (pages & 1 << 20)
			pages -= 1 << 21;
		jump.by_slot = true;
		jump.slot =
			((vaddr + i) & ~UINT64_C(0xfff)) + (uint64_t)pages * 4096 + (load >> 10 & 0xfff) * 8;
		break;
	}
	return jump;
}

/* The stub around vaddr: how many bytes it has, by what the section says and by what linkers do. */
static uint64_t stub_bytes(const struct elf_object *object, const Elf64_Shdr *section)
{
	if (object->machine == EM_X86_64 && (section->sh_entsize == 8 || section->sh_entsize == 16))
		return section->sh_entsize;
	return 16;
}

static struct jump decode(
	const struct elf_object *object, const Elf64_Shdr *section, uint64_t vaddr, uint64_t *start)
{
	uint64_t bytes = stub_bytes(object, section), offset = (vaddr - section->sh_addr) / bytes * bytes;
	uint8_t code[STUB_LIMIT];
	size_t length = elf_object_read_some(object, section->sh_offset + offset, code, (size_t)bytes);

	*start = section->sh_addr + offset;
	if (object->machine == EM_X86_64)
		return decode_x86_64(code, length, *start);
	if (object->machine == EM_AARCH64)
		return decode_aarch64(code, length, *start);
	return (struct jump){ 0 };
}

/* ---- whose slot it is ---- */

static bool find_slot(
	const struct elf_object *object, const Elf64_Shdr *section, uint64_t slot, Elf64_Rela *found)
{
	uint64_t count = section->sh_size / sizeof(*found);
	Elf64_Rela chunk[CHUNK];

	if (count > RELOCATION_LIMIT)
		count = RELOCATION_LIMIT;
	for (uint64_t first = 0; first < count; first += CHUNK) {
		size_t wanted = count - first < CHUNK ? (size_t)(count - first) : CHUNK;

		if (!elf_object_read(object, section->sh_offset + first * sizeof(*chunk), chunk,
			    wanted * sizeof(*chunk)))
			return false;
		for (size_t i = 0; i < wanted; i++) {
			if (chunk[i].r_offset != slot)
				continue;
			*found = chunk[i];
			return true;
		}
	}
	return false;
}

static const Elf64_Shdr *find_relocation(
	const struct elf_object *object, const struct jump *jump, Elf64_Rela *found)
{
	const Elf64_Shdr *stubs = elf_object_section(object, ".rela.plt"),
			 *others = elf_object_section(object, ".rela.dyn");

	if (jump->by_index)
		return stubs && jump->index < stubs->sh_size / sizeof(*found) &&
				elf_object_read(object, stubs->sh_offset + jump->index * sizeof(*found),
					found, sizeof(*found))
			? stubs
			: NULL;
	if (stubs && jump->by_slot && find_slot(object, stubs, jump->slot, found))
		return stubs;
	return others && jump->by_slot && find_slot(object, others, jump->slot, found) ? others : NULL;
}

static bool is_irelative(const struct elf_object *object, const Elf64_Rela *relocation)
{
	return ELF64_R_TYPE(relocation->r_info) ==
		(object->machine == EM_X86_64 ? R_X86_64_IRELATIVE : R_AARCH64_IRELATIVE);
}

/* The name of the symbol that a relocation refers to. */
static bool symbol_name(const struct elf_object *object, const Elf64_Shdr *relocations, uint32_t number,
	char *name, size_t name_bytes)
{
	const Elf64_Shdr *table, *names;
	Elf64_Sym entry;

	if (!number || relocations->sh_link >= object->section_count)
		return false;
	table = &object->sections[relocations->sh_link];
	if (number >= table->sh_size / sizeof(entry) || table->sh_link >= object->section_count ||
		!elf_object_read(object, table->sh_offset + number * sizeof(entry), &entry, sizeof(entry)))
		return false;
	names = &object->sections[table->sh_link];
	return entry.st_name < names->sh_size &&
		elf_object_read_text(object, names->sh_offset + entry.st_name, names->sh_size - entry.st_name,
			name, name_bytes) &&
		name[0];
}

static bool jump_name(const struct elf_object *object, const struct symbols *symbols, const struct jump *jump,
	struct symbol_found *found)
{
	const Elf64_Shdr *relocations;
	Elf64_Rela relocation;

	relocations = find_relocation(object, jump, &relocation);
	if (!relocations)
		return false;
	/* chosen at load time among several: the function that chooses has the name of what is chosen */
	if (is_irelative(object, &relocation))
		return symbols_find(symbols, (uint64_t)relocation.r_addend, found);
	return symbol_name(
		object, relocations, (uint32_t)ELF64_R_SYM(relocation.r_info), found->name, PLT_NAME_BYTES);
}

bool plt_find(const struct elf_object *object, const struct symbols *symbols, uint64_t vaddr,
	struct symbol_found *found)
{
	const Elf64_Shdr *section = plt_section(object, vaddr);
	struct jump jump;
	uint64_t start;
	size_t length;

	if (!section)
		return false;
	jump = decode(object, section, vaddr, &start);
	if ((jump.by_slot || jump.by_index) && jump_name(object, symbols, &jump, found)) {
		length = strnlen(found->name, PLT_NAME_BYTES);
		snprintf(found->name + length, sizeof(found->name) - length, "@plt");
	} else {
		snprintf(found->name, sizeof(found->name), "plt");
	}
	found->start = start;
	found->is_symbol = false;
	return true;
}
