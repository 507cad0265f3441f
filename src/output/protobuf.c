/* SPDX-License-Identifier: MIT */
/* The two wire types that are needed: varint, and bytes with their length. */
#include "config.h"

#include "output/protobuf.h"

#include "pyrope/leb128.h"

enum wire_type { WIRE_VARINT = 0, WIRE_BYTES = 2 };

void protobuf_put_uint(struct buffer *buffer, unsigned field, uint64_t number)
{
	if (!number)
		return;
	leb128_append(buffer, (uint64_t)field << 3 | WIRE_VARINT);
	leb128_append(buffer, number);
}

void protobuf_put_bytes(struct buffer *buffer, unsigned field, const void *bytes, size_t length)
{
	leb128_append(buffer, (uint64_t)field << 3 | WIRE_BYTES);
	leb128_append(buffer, length);
	buffer_append(buffer, bytes, length);
}
