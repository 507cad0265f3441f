/* SPDX-License-Identifier: MIT */
/*
 * Time is CPU time of the thread that looks names up, so that a busy machine loses none. Bytes count the
 * whole length of a file, sparse or not, and each file once.
 */
#include "config.h"

#include "native/files/budget.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALWAYS_NS INT64_C(10000000000)
#define SHARE 50
#define CHECKSUM_BYTES ((uint64_t)1 << 30)
#define CHECKSUMS_LIMIT 4096
#define CHUNK 65536

void budget_begin(struct budget *budget, int64_t now_ns)
{
	*budget = (struct budget){ .began_ns = now_ns, .bytes_left = CHECKSUM_BYTES };
}

void budget_release(struct budget *budget)
{
	free(budget->checksums);
	*budget = (struct budget){ .count = 0 };
}

bool budget_allows(const struct budget *budget, int64_t now_ns)
{
	return budget->spent_ns < ALWAYS_NS + (now_ns - budget->began_ns) / SHARE;
}

/* ---- checksums ---- */

/*
 * The CRC-32 of Ethernet and zip (ISO 3309), which gdb's manual gives in code, for eight bytes at a time: row
 * n has what a byte adds when n bytes come after it.
 */
static uint32_t table[8][256];

static void fill_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t value = i;

		for (int bit = 0; bit < 8; bit++)
			value = value >> 1 ^ (value & 1 ? UINT32_C(0xedb88320) : 0);
		table[0][i] = value;
	}
	for (size_t row = 1; row < 8; row++)
		for (size_t i = 0; i < 256; i++)
			table[row][i] = table[row - 1][i] >> 8 ^ table[0][table[row - 1][i] & 0xff];
}

static uint32_t add_bytes(uint32_t checksum, const unsigned char *bytes, size_t length)
{
	for (; length >= 8; bytes += 8, length -= 8) {
		const uint32_t low = checksum ^
			((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
				(uint32_t)bytes[3] << 24);

		checksum = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^ table[5][low >> 16 & 0xff] ^
			table[4][low >> 24] ^ table[3][bytes[4]] ^ table[2][bytes[5]] ^ table[1][bytes[6]] ^
			table[0][bytes[7]];
	}
	for (; length; bytes++, length--)
		checksum = checksum >> 8 ^ table[0][(checksum ^ *bytes) & 0xff];
	return checksum;
}

/* Up to what it was long when it was asked for: it may grow meanwhile. */
static uint32_t checksum_of(int fd, uint64_t bytes)
{
	unsigned char *chunk = xmalloc(CHUNK);
	uint32_t checksum = UINT32_MAX;
	uint64_t offset = 0;
	size_t got;

	if (!table[0][255])
		fill_table();
	do {
		uint64_t left = bytes - offset;

		got = read_file_at(fd, chunk, left < CHUNK ? (size_t)left : CHUNK, offset);
		checksum = add_bytes(checksum, chunk, got);
		offset += got;
	} while (got && offset < bytes && !is_hurried());
	free(chunk);
	return ~checksum;
}

bool budget_checksum(struct budget *budget, int fd, uint32_t *checksum)
{
	struct file_checksum file;
	struct stat status;

	if (fstat(fd, &status) != 0 || status.st_size < 0)
		return false;
	file = (struct file_checksum){ .device = status.st_dev,
		.inode = status.st_ino,
		.bytes = status.st_size,
		.changed_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec };
	for (size_t i = 0; i < budget->count; i++) {
		const struct file_checksum *known = &budget->checksums[i];

		if (known->inode == file.inode && known->device == file.device &&
			known->bytes == file.bytes && known->changed_ns == file.changed_ns) {
			*checksum = known->checksum;
			return true;
		}
	}
	if ((uint64_t)file.bytes > budget->bytes_left || budget->count == CHECKSUMS_LIMIT) {
		atomic_fetch_add(&budget->unread, 1);
		return false;
	}
	budget->bytes_left -= (uint64_t)file.bytes;
	file.checksum = *checksum = checksum_of(fd, (uint64_t)file.bytes);
	array_reserve(&budget->checksums, &budget->capacity, budget->count + 1, sizeof(*budget->checksums));
	budget->checksums[budget->count++] = file;
	return true;
}
