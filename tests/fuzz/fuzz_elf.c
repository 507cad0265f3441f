/* SPDX-License-Identifier: MIT */
/* An ELF file, read as a file, and the same bytes read as the memory that it was loaded into. */
#include "config.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bytes.h"
#include "python/find_internal.h"
#include "target/elf/elf.h"

#define BASE UINT64_C(0x7f0000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct elf_image *image)
{
	struct elf_symbol symbols[] = { { .name = "_PyRuntime" }, { .name = "interp_head" },
		{ .name = "Py_Version" } };
	struct version_list versions;
	struct elf_section section;
	char soname[ELF_NAME_BYTES];
	uint64_t value;

	elf_image_dynamic_symbols(image, symbols, ARRAY_LENGTH(symbols));
	elf_image_static_symbols(image, symbols, ARRAY_LENGTH(symbols));
	for (size_t i = 0; i < ARRAY_LENGTH(symbols); i++)
		if (symbols[i].found && !elf_image_segment(image, symbols[i].address - image->bias))
			abort();
	elf_image_section(image, ".PyRuntime", &section);
	elf_image_dynamic_value(image, DT_DEBUG, &value);
	if (elf_image_soname(image, soname) && strlen(soname) >= sizeof(soname))
		abort();
	version_list_read(image, "python3", &versions);
	if (versions.count > VERSION_LIMIT)
		abort();
}

static void look_at_memory(const uint8_t *data, size_t size)
{
	const struct mapping mapping = {
		.start = BASE, .end = BASE + size + 1, .executable = true, .path = ""
	};
	const struct mapping *mappings[] = { &mapping };
	struct bytes bytes = { .base = BASE, .data = data, .size = size };
	struct elf_memory memory = { .read = read_bytes, .context = &bytes };
	struct elf_image image;
	struct error err = { 0 };

	if (elf_image_open_memory(&image, memory, BASE, mappings, 1, &err) == 0)
		look_at(&image);
	else if (err.kind == ERROR_NONE)
		abort();
	elf_image_release(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_image image;
	struct error err = { 0 };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (elf_image_open_fd(&image, fd, &err) == 0)
		look_at(&image);
	else if (err.kind == ERROR_NONE)
		abort();
	elf_image_release(&image);
	look_at_memory(data, size);
	return 0;
}
