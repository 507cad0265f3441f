/* SPDX-License-Identifier: MIT */
/*
 * Numbers of 7 bits a byte, the lowest first, each byte but the last with its highest bit set: LEB128 (DWARF
 * 5, 7.6), which protobuf calls a varint. Inline: a recording holds them by the hundred million.
 */
#ifndef PYROPE_LEB128_H
#define PYROPE_LEB128_H

#include "pyrope/base.h"

/* Moves *at behind the number. False: it does not end before end, or is none of 64 bits. */
static inline bool leb128_get(const unsigned char **at, const unsigned char *end, uint64_t *number)
{
	*number = 0;
	for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
		const unsigned char byte = *(*at)++;

		if (shift == 63 && byte > 1)
			return false;
		*number |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* In two's complement, with its sign in the second highest bit of the last byte. */
bool leb128_get_signed(const unsigned char **at, const unsigned char *end, int64_t *number);
void leb128_append(struct buffer *buffer, uint64_t number);

#endif
