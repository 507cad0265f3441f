/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4) of a text, in base64 (RFC 4648): what a Content-Security-Policy names a script by. */
#include "config.h"

#include "pyrope/base.h"

#include <string.h>

#define BLOCK_BYTES 64
#define ROUNDS 64

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes (section 4.2.2). */
static const uint32_t constants[ROUNDS] = { 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b,
	0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74,
	0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3,
	0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354,
	0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
	0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3,
	0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa,
	0xa4506ceb, 0xbef9a3f7, 0xc67178f2 };

static uint32_t rotate(uint32_t word, unsigned bits)
{
	return word >> bits | word << (32 - bits);
}

static void take_block(uint32_t state[8], const unsigned char *block)
{
	uint32_t schedule[ROUNDS], work[8];

	for (size_t i = 0; i < 16; i++)
		schedule[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
			(uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (size_t i = 16; i < ROUNDS; i++) {
		const uint32_t early = schedule[i - 15], late = schedule[i - 2];

		schedule[i] = schedule[i - 16] + schedule[i - 7] +
			(rotate(early, 7) ^ rotate(early, 18) ^ early >> 3) +
			(rotate(late, 17) ^ rotate(late, 19) ^ late >> 10);
	}
	memcpy(work, state, sizeof(work));
	for (size_t i = 0; i < ROUNDS; i++) {
		const uint32_t a = work[0], e = work[4];
		const uint32_t one = work[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
			((e & work[5]) ^ (~e & work[6])) + constants[i] + schedule[i];
		const uint32_t two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) +
			((a & work[1]) ^ (a & work[2]) ^ (work[1] & work[2]));

		memmove(work + 1, work, 7 * sizeof(*work));
		work[4] += one;
		work[0] = one + two;
	}
	for (size_t i = 0; i < 8; i++)
		state[i] += work[i];
}

static void append_base64(struct buffer *buffer, const unsigned char *bytes, size_t length)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < length; i += 3) {
		const uint32_t bits = (uint32_t)bytes[i] << 16 |
			(i + 1 < length ? (uint32_t)bytes[i + 1] << 8 : 0) |
			(i + 2 < length ? bytes[i + 2] : 0);

		for (unsigned j = 0; j < 4; j++)
			buffer_append_char(buffer, i + j > length ? '=' : letters[bits >> (18 - 6 * j) & 63]);
	}
}

void buffer_append_sha256(struct buffer *buffer, const void *bytes, size_t length)
{
	uint32_t state[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
		0x1f83d9ab, 0x5be0cd19 }; /* section 5.3.3 */
	const size_t whole = length / BLOCK_BYTES * BLOCK_BYTES, rest = length - whole;
	const size_t end_bytes = rest + 9 > BLOCK_BYTES ? 2 * BLOCK_BYTES : BLOCK_BYTES;
	unsigned char end[2 * BLOCK_BYTES] = { 0 }, digest[32];

	for (size_t at = 0; at < whole; at += BLOCK_BYTES)
		take_block(state, (const unsigned char *)bytes + at);
	if (rest)
		memcpy(end, (const unsigned char *)bytes + whole, rest);
	end[rest] = 0x80;
	for (size_t i = 0; i < 8; i++)
		end[end_bytes - 1 - i] = (unsigned char)((uint64_t)length * 8 >> (8 * i));
	for (size_t at = 0; at < end_bytes; at += BLOCK_BYTES)
		take_block(state, end + at);
	for (size_t i = 0; i < sizeof(digest); i++)
		digest[i] = (unsigned char)(state[i / 4] >> (24 - 8 * (i % 4)));
	append_base64(buffer, digest, sizeof(digest));
}
