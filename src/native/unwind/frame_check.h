/* SPDX-License-Identifier: MIT */
/* Is an entry of an unwind table one that libdw can be given? */
#ifndef PYROPE_NATIVE_UNWIND_FRAME_CHECK_H
#define PYROPE_NATIVE_UNWIND_FRAME_CHECK_H

#include <elfutils/libdw.h>

#include "pyrope/base.h"

struct frame_entries {
	const unsigned char *ident; /* e_ident of the file */
	Elf_Data data;              /* the table */
	bool is_eh;                 /* .eh_frame; else .debug_frame */
};

/*
 * Checks the entry at offset; of an FDE its CIE, too. *next: where the next entry begins; offset itself:
 * that cannot be told.
 */
bool frame_entry_check(struct frame_entries *entries, uint64_t offset, uint64_t *next);

#endif
