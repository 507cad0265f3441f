/* SPDX-License-Identifier: MIT */
/*
 * The unwind table of an ELF file: .eh_frame, or .debug_frame. Which entry describes an address, read
 * without care for who has written the file or how large it is.
 */
#ifndef PYROPE_NATIVE_UNWIND_FRAME_TABLE_H
#define PYROPE_NATIVE_UNWIND_FRAME_TABLE_H

#include "native/unwind/frame_entry.h"

struct frame_table;

/*
 * Borrows fd. NULL: the file has no such table, or none that can be used. loaded_bytes: of all tables
 * that are read from end to end; it is counted there as long as the table is open.
 */
struct frame_table *frame_table_open(int fd, bool is_debug, uint64_t *loaded_bytes);
void frame_table_close(struct frame_table *table); /* accepts NULL */

/*
 * An entry, with the bytes that it was read from, as they stand in the file. Good until the next one is
 * asked for.
 */
struct frame_found {
	struct frame_entry entry;
	struct frame_bytes fde, cie;
};

/* False: nothing describes vaddr. */
bool frame_table_find(struct frame_table *table, uint64_t vaddr, struct frame_found *found);

#endif
