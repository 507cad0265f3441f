/* SPDX-License-Identifier: MIT */
/* The bytes of an input as the memory of a target, from some address on. */
#ifndef PYROPE_FUZZ_BYTES_H
#define PYROPE_FUZZ_BYTES_H

#include <string.h>

#include "pyrope/base.h"

struct bytes {
	raddr_t base;
	const uint8_t *data;
	size_t size;
};

static size_t read_bytes(void *context, raddr_t address, void *data, size_t length)
{
	const struct bytes *bytes = context;

	if (address < bytes->base || address - bytes->base >= bytes->size)
		return 0;
	if (length > bytes->size - (address - bytes->base))
		length = bytes->size - (address - bytes->base);
	memcpy(data, bytes->data + (address - bytes->base), length);
	return length;
}

#endif
