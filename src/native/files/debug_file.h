/* SPDX-License-Identifier: MIT */
/*
 * Symbols and debug information that were taken out of a file: where distributions put them, and inside the
 * file itself.
 */
#ifndef PYROPE_NATIVE_FILES_DEBUG_FILE_H
#define PYROPE_NATIVE_FILES_DEBUG_FILE_H

#include "native/files/budget.h"
#include "target/elf/object.h"
#include "native/files/root.h"

#define BUILD_ID_LIMIT 64

/* Returns its length, 0: none. */
size_t build_id_read(const struct elf_object *object, unsigned char id[BUILD_ID_LIMIT]);
/*
 * The separate debug file of the object at path (as the target sees it): by build id, then by .gnu_debuglink;
 * only one that proves to belong to it, and whose checksum, where it takes that, the budget allows to read. A
 * descriptor that the caller closes, or -1.
 */
int debug_file_open(
	const struct roots *roots, struct budget *budget, const char *path, const struct elf_object *object);
/* A file that goes by a build id; -1: there is none. Not checked. */
int debug_file_by_id(const struct roots *roots, const unsigned char *id, size_t length);
/*
 * .gnu_debugdata, unpacked: an ELF file of its own with a symbol table. A descriptor that the caller closes,
 * or -1.
 */
int debug_data_open(const struct elf_object *object);

#endif
