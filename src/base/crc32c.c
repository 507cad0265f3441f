/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C: the reflected polynomial 0x82f63b78 (RFC 3720, appendix B.4), eight bytes at a time by eight
 * tables.
 */
#include "config.h"

#include "pyrope/base.h"

#include <pthread.h>
#include <string.h>

#define POLYNOMIAL UINT32_C(0x82f63b78)

static uint32_t tables[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t value = i;

		for (int bit = 0; bit < 8; bit++)
			value = value >> 1 ^ (value & 1 ? POLYNOMIAL : 0);
		tables[0][i] = value;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (size_t table = 1; table < 8; table++)
			tables[table][i] = tables[table - 1][i] >> 8 ^ tables[0][tables[table - 1][i] & 0xff];
}

uint32_t crc32c(uint32_t checksum, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;

	pthread_once(&once, make_tables);
	checksum = ~checksum;
	for (; length >= 8; at += 8, length -= 8) {
		const uint32_t low = checksum ^
			((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
				(uint32_t)at[3] << 24);

		checksum = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^
			tables[4][low >> 24] ^ tables[3][at[4]] ^ tables[2][at[5]] ^ tables[1][at[6]] ^
			tables[0][at[7]];
	}
	for (; length; at++, length--)
		checksum = checksum >> 8 ^ tables[0][(checksum ^ *at) & 0xff];
	return ~checksum;
}
