/* SPDX-License-Identifier: MIT */
/*
 * .eh_frame_hdr: a table of pairs, sorted by address: where a function begins, and where its unwind entry is
 * (LSB Core 5.0, section 10.6.2). Linkers write one encoding only, and no other is read here: 4 bytes,
 * relative to the table itself.
 */
#ifndef PYROPE_TARGET_ELF_EH_INDEX_H
#define PYROPE_TARGET_ELF_EH_INDEX_H

#include "pyrope/base.h"

#define EH_INDEX_HEADER_BYTES 12 /* before the pairs */
#define EH_INDEX_PAIR_BYTES 8

struct eh_index {
	uint64_t vaddr;   /* of .eh_frame_hdr */
	uint64_t entries; /* of .eh_frame */
	uint32_t count;
	/* Reads length bytes of .eh_frame_hdr from its byte offset on: all of them, or false. */
	bool (*read)(const void *context, uint64_t offset, void *data, size_t length);
	const void *context;
};

/* Addresses, as linked. */
struct eh_index_pair {
	uint64_t start, entry;
};

/* With vaddr, read and context set: fills in the rest. False: it cannot be read, or is of another form. */
bool eh_index_open(struct eh_index *index);
/* The pair that begins last of those that begin at vaddr or before. False: there is none. */
bool eh_index_find(const struct eh_index *index, uint64_t vaddr, struct eh_index_pair *pair);

#endif
