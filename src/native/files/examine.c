/* SPDX-License-Identifier: MIT */
/* What there is to name the functions of a file by: in the file itself, and in separate debug files. */
#include "config.h"

#include "pyrope/native.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "native/files/debug_file.h"
#include "target/elf/elf.h"

static void look_into(const struct elf_object *object, struct native_file_facts *facts)
{
	const Elf64_Shdr *symbols = elf_object_section(object, ".symtab");
	const Elf64_Shdr *lines = elf_object_section(object, ".debug_line");

	facts->has_symbols |= symbols && symbols->sh_type != SHT_NOBITS && symbols->sh_size > 0;
	facts->has_lines |= lines && lines->sh_type != SHT_NOBITS && lines->sh_size > 0;
}

/* As it is called in the root that it was found in. */
static char *path_of(int fd)
{
	char link[64], path[PATH_MAX];
	struct buffer clean = { 0 };
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path));
	buffer_append_string(&clean, "");
	if (length > 0)
		utf8_clean(&clean, path, (size_t)length);
	return clean.data;
}

static void look_beside(struct target *target, const char *path, const struct elf_object *object,
	struct native_file_facts *facts)
{
	struct budget budget = { 0 };
	struct elf_object other;
	struct roots roots;
	int fd;

	roots_open(&roots, target);
	budget_begin(&budget, monotonic_ns());
	fd = debug_file_open(&roots, &budget, path, object);
	if (fd >= 0 && elf_object_open(&other, fd)) {
		facts->debug_file = path_of(fd);
		look_into(&other, facts);
		elf_object_release(&other);
	}
	if (fd >= 0)
		close(fd);
	budget_release(&budget);
	roots_close(&roots);
}

bool native_examine(struct target *target, const struct maps *maps, const struct mapping *mapping,
	struct native_file_facts *facts)
{
	struct error ignored = { 0 };
	unsigned char id[BUILD_ID_LIMIT];
	struct elf_image image;
	size_t length;

	*facts = (struct native_file_facts){ 0 };
	if (elf_image_open(&image, target, maps, mapping, &ignored))
		return false;
	if (!image.object) {
		elf_image_release(&image);
		return false;
	}
	length = build_id_read(image.object, id);
	for (size_t i = 0; i < length; i++)
		snprintf(facts->build_id + 2 * i, 3, "%02x", id[i]);
	facts->has_small_symbols = elf_object_section(image.object, ".gnu_debugdata") != NULL;
	look_into(image.object, facts);
	look_beside(target, mapping->path, image.object, facts);
	elf_image_release(&image);
	return true;
}
