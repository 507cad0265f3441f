/* SPDX-License-Identifier: MIT */
/* The two wire types that are needed: varint, and bytes with their length. */
#include "config.h"

#include "output/protobuf.h"

enum wire_type { WIRE_VARINT = 0, WIRE_BYTES = 2 };

void protobuf_put_varint(struct buffer *buffer, uint64_t number)
{
	char bytes[10];
	size_t length = 0;

	for (; number > 0x7f; number >>= 7)
		bytes[length++] = (char)(number | 0x80);
	bytes[length++] = (char)number;
	buffer_append(buffer, bytes, length);
}

void protobuf_put_uint(struct buffer *buffer, unsigned field, uint64_t number)
{
	if (!number)
		return;
	protobuf_put_varint(buffer, (uint64_t)field << 3 | WIRE_VARINT);
	protobuf_put_varint(buffer, number);
}

void protobuf_put_bytes(struct buffer *buffer, unsigned field, const void *bytes, size_t length)
{
	protobuf_put_varint(buffer, (uint64_t)field << 3 | WIRE_BYTES);
	protobuf_put_varint(buffer, length);
	buffer_append(buffer, bytes, length);
}
