/* SPDX-License-Identifier: MIT */
/*
 * An unwind table (.eh_frame or .debug_frame) of an ELF file, in a form that libdw can be given without
 * care for where it comes from or how large it is.
 */
#ifndef PYROPE_NATIVE_UNWIND_FRAME_TABLE_H
#define PYROPE_NATIVE_UNWIND_FRAME_TABLE_H

#include <elfutils/libdw.h>

#include "pyrope/base.h"

struct frame_table;

/* .eh_frame, or .debug_frame. Borrows fd. NULL: the file has none that can be used. */
struct frame_table *frame_table_open(int fd, bool is_debug);
void frame_table_close(struct frame_table *table); /* accepts NULL */
/* libdw's view of the table, after the part that describes vaddr was read. NULL: nothing does. */
Dwarf_CFI *frame_table_at(struct frame_table *table, uint64_t vaddr);

#endif
