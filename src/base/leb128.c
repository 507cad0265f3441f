/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "pyrope/leb128.h"

bool leb128_get_signed(const unsigned char **at, const unsigned char *end, int64_t *number)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
		const unsigned char byte = *(*at)++;

		if (shift == 63 && byte != 0 && byte != 0x7f)
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if (byte & 0x40 && shift < 57)
			value |= ~UINT64_C(0) << (shift + 7);
		*number = (int64_t)value;
		return true;
	}
	return false;
}

void leb128_append(struct buffer *buffer, uint64_t number)
{
	unsigned char bytes[10];
	size_t length = 0;

	for (; number >= 0x80; number >>= 7)
		bytes[length++] = (unsigned char)(number | 0x80);
	bytes[length++] = (unsigned char)number;
	buffer_append(buffer, bytes, length);
}
