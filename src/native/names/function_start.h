/* SPDX-License-Identifier: MIT */
/*
 * Where functions begin that no symbol names: by the index of the unwind tables, which every stripped file
 * still has.
 */
#ifndef PYROPE_NATIVE_NAMES_FUNCTION_START_H
#define PYROPE_NATIVE_NAMES_FUNCTION_START_H

#include "target/elf/object.h"

/* False: there is no such index, or it has nothing that covers vaddr. */
bool function_start(const struct elf_object *object, uint64_t vaddr, uint64_t *start);

#endif
