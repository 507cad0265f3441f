/* SPDX-License-Identifier: MIT */
/*
 * Blocks: a header with a checksum, and contents that are packed with zstd where that makes them smaller. A
 * checksum is compared before anything of a block is believed.
 */
#include "config.h"

#include "recording/wire.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define LEVEL 3

static void put_u32(unsigned char *bytes, uint32_t number)
{
	for (unsigned i = 0; i < 4; i++)
		bytes[i] = (unsigned char)(number >> 8 * i);
}

static uint32_t get_u32(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
		(uint32_t)bytes[3] << 24;
}

/* magic, kind, number, stored, plain, checksum */
static uint32_t checksum_of(const unsigned char header[BLOCK_HEADER_BYTES], const void *stored, size_t length)
{
	return crc32c(crc32c(0, header, BLOCK_HEADER_BYTES - 4), stored, length);
}

struct packer {
	ZSTD_CCtx *context;
	struct buffer packed;
};

struct packer *packer_new(void)
{
	struct packer *packer = xcalloc(1, sizeof(*packer));

	packer->context = ZSTD_createCCtx();
	return packer;
}

void packer_free(struct packer *packer)
{
	if (!packer)
		return;
	ZSTD_freeCCtx(packer->context);
	buffer_release(&packer->packed);
	free(packer);
}

void packer_pack(struct packer *packer, enum block_kind kind, uint32_t number, const struct buffer *plain,
	struct buffer *out)
{
	unsigned char header[BLOCK_HEADER_BYTES] = { 0 };
	const size_t room = ZSTD_compressBound(plain->length);
	const void *stored = plain->data;
	size_t length;

	array_reserve(&packer->packed.data, &packer->packed.capacity, room, 1);
	length = packer->context ? ZSTD_compressCCtx(packer->context, packer->packed.data, room, plain->data,
					   plain->length, LEVEL)
				 : plain->length;
	if (!ZSTD_isError(length) && length < plain->length)
		stored = packer->packed.data;
	else
		length = plain->length;
	put_u32(header, BLOCK_MAGIC);
	put_u32(header + 4, kind);
	put_u32(header + 8, number);
	put_u32(header + 12, (uint32_t)length);
	put_u32(header + 16, (uint32_t)plain->length);
	put_u32(header + 20, checksum_of(header, stored, length));
	buffer_append(out, header, sizeof(header));
	buffer_append(out, stored, length);
}

bool block_parse_header(const unsigned char bytes[BLOCK_HEADER_BYTES], struct block_header *header)
{
	*header = (struct block_header){
		.kind = get_u32(bytes + 4),
		.number = get_u32(bytes + 8),
		.stored_bytes = get_u32(bytes + 12),
		.plain_bytes = get_u32(bytes + 16),
		.checksum = get_u32(bytes + 20),
	};
	return get_u32(bytes) == BLOCK_MAGIC && header->stored_bytes <= header->plain_bytes &&
		header->plain_bytes <= BLOCK_LIMIT_BYTES;
}

bool block_check(const unsigned char header[BLOCK_HEADER_BYTES], const void *stored, size_t length)
{
	return checksum_of(header, stored, length) == get_u32(header + 20);
}

struct unpacker {
	ZSTD_DCtx *context;
};

struct unpacker *unpacker_new(void)
{
	struct unpacker *unpacker = xcalloc(1, sizeof(*unpacker));

	unpacker->context = ZSTD_createDCtx();
	return unpacker;
}

void unpacker_free(struct unpacker *unpacker)
{
	if (!unpacker)
		return;
	ZSTD_freeDCtx(unpacker->context);
	free(unpacker);
}

bool unpacker_unpack(struct unpacker *unpacker, const struct block_header *header, const void *stored,
	struct buffer *plain)
{
	buffer_clear(plain);
	if (header->stored_bytes == header->plain_bytes) {
		buffer_append(plain, stored, header->stored_bytes);
		return true;
	}
	if (!unpacker->context)
		return false;
	/*
	 * into room of just the size that the header says: a frame that unpacks to more is an error of zstd
	 */
	array_reserve(&plain->data, &plain->capacity, (size_t)header->plain_bytes + 1, 1);
	plain->length = header->plain_bytes;
	plain->data[plain->length] = '\0';
	return ZSTD_decompressDCtx(unpacker->context, plain->data, header->plain_bytes, stored,
		       header->stored_bytes) == header->plain_bytes;
}
