/* SPDX-License-Identifier: MIT */
/*
 * A hostile file that is to be named: symbol tables, stubs, unwind index, compressed symbols, debug
 * information. The first byte says how often an address is asked for; the rest is the file.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "native/names/binary.h"

#define ADDRESSES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where something may be: around what headers and symbols name, else anywhere. */
static uint64_t choose_address(const struct elf_object *object, size_t number)
{
	if (object->section_count && number % 2)
		return object->sections[number % object->section_count].sh_addr + number;
	if (object->segment_count)
		return object->segments[number % object->segment_count].p_vaddr + number * 7;
	return number * 16;
}

static void look_up(struct binary *binary, uint64_t vaddr)
{
	static struct symbol_found found;
	struct inlines inlines = { .count = 0 };

	if (binary_find(binary, vaddr, &found) &&
		(strnlen(found.name, sizeof(found.name)) == sizeof(found.name) || !found.name[0]))
		abort();
	if (binary_inlines(binary, vaddr, &inlines) && (!inlines.count || inlines.count > INLINE_LIMIT))
		abort();
	for (size_t i = 0; i < inlines.count; i++)
		if (inlines.list[i].line < 0)
			abort();
	inlines_release(&inlines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct roots roots = { .count = 0 };
	struct module module = { .path = (char *)"/x", .name = (char *)"x", .bias = 0x1000 };
	struct binary *binary;
	struct budget budget;
	struct elf_object object;

	if (size < 1)
		return 0;
	module.fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (module.fd < 0 || write(module.fd, data + 1, size - 1) != (ssize_t)(size - 1))
		abort();
	elf_object_open(&object, module.fd);
	budget_begin(&budget, 0);
	binary = binary_new(&roots, &budget, &module);
	for (size_t i = 0; i < 1 + (size_t)data[0] % ADDRESSES; i++)
		look_up(binary, choose_address(&object, i));
	if (binary_bytes(binary) > (size_t)256 << 20)
		abort();
	binary_free(binary);
	budget_release(&budget);
	elf_object_release(&object);
	close(module.fd);
	return 0;
}
