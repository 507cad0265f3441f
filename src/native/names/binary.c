/* SPDX-License-Identifier: MIT */
/*
 * The file that is mapped comes first, then what was taken out of it: compressed symbols in itself, a
 * separate debug file. Of an address, who knows best is asked first: symbols, then relocations, then unwind
 * tables.
 */
#include "config.h"

#include "native/names/binary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "native/files/debug_file.h"
#include "native/names/function_start.h"
#include "native/names/plt.h"

enum { MAIN, UNPACKED, SEPARATE, OBJECTS };

struct binary {
	const struct roots *roots;
	struct elf_object objects[OBJECTS]; /* those that are not there are empty */
	struct symbols *symbols;
	struct lines *lines;
	bool has_lines; /* it was tried */
};

struct binary *binary_new(const struct roots *roots, struct budget *budget, const struct module *module)
{
	struct binary *binary = xcalloc(1, sizeof(*binary));
	const struct elf_object *objects[OBJECTS];

	binary->roots = roots;
	for (size_t i = 0; i < OBJECTS; i++) {
		binary->objects[i].fd = -1;
		objects[i] = &binary->objects[i];
	}
	if (elf_object_open(&binary->objects[MAIN], module->fd)) {
		int unpacked = debug_data_open(&binary->objects[MAIN]);
		int separate = debug_file_open(roots, budget, module->path, &binary->objects[MAIN]);

		if (!elf_object_open(&binary->objects[UNPACKED], unpacked) && unpacked >= 0)
			close(unpacked);
		if (!elf_object_open(&binary->objects[SEPARATE], separate) && separate >= 0)
			close(separate);
	}
	binary->symbols = symbols_new(objects, OBJECTS, module->bias);
	return binary;
}

void binary_free(struct binary *binary)
{
	if (!binary)
		return;
	lines_free(binary->lines);
	symbols_free(binary->symbols);
	for (size_t i = 0; i < OBJECTS; i++) {
		if (i != MAIN && binary->objects[i].fd >= 0)
			close(binary->objects[i].fd);
		elf_object_release(&binary->objects[i]);
	}
	free(binary);
}

size_t binary_bytes(const struct binary *binary)
{
	return sizeof(*binary) + symbols_bytes(binary->symbols) + (size_t)binary->objects[UNPACKED].bytes;
}

size_t binary_lines_bytes(const struct binary *binary)
{
	return binary->lines ? lines_bytes(binary->lines) : 0;
}

void binary_drop_lines(struct binary *binary)
{
	lines_free(binary->lines);
	binary->lines = NULL;
	binary->has_lines = false;
}

bool binary_find(const struct binary *binary, uint64_t vaddr, struct symbol_found *found)
{
	const struct elf_object *main = &binary->objects[MAIN];

	if (symbols_find(binary->symbols, vaddr, found) || plt_find(main, binary->symbols, vaddr, found))
		return true;
	if (!function_start(main, vaddr, &found->start))
		return false;
	found->is_symbol = false;
	snprintf(found->name, sizeof(found->name), "0x%llx", (unsigned long long)found->start);
	return true;
}

bool binary_stands_before(const struct binary *binary, uint64_t vaddr, uint64_t bytes, const char *symbol)
{
	struct symbol_found *found = xmalloc(sizeof(*found));
	bool before = !symbols_find(binary->symbols, vaddr, found) &&
		symbols_next(binary->symbols, vaddr, found) && found->start - vaddr <= bytes &&
		strcmp(found->name, symbol) == 0;

	free(found);
	return before;
}

bool binary_inlines(struct binary *binary, uint64_t vaddr, struct inlines *inlines)
{
	if (!binary->has_lines) {
		binary->has_lines = true;
		binary->lines = lines_new(&binary->objects[MAIN], binary->roots);
		if (!binary->lines)
			binary->lines = lines_new(&binary->objects[SEPARATE], binary->roots);
	}
	return binary->lines && lines_find(binary->lines, vaddr, inlines);
}
