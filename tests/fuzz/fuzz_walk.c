/* SPDX-License-Identifier: MIT */
/*
 * The walker over arbitrary memory: the first byte chooses the row of the layout table, the second how deep
 * it may go; the rest is the memory, read again and again so that a small input reaches far.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "python/internal.h"

#define BASE UINT64_C(0x10000)
#define SPAN (1u << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_view {
	struct memory_view view;
	unsigned char bytes[SPAN];
};

static const void *fuzz_at(struct memory_view *view, raddr_t address, size_t length)
{
	struct fuzz_view *memory = (struct fuzz_view *)view;

	if (address < BASE || address - BASE >= SPAN || length > SPAN - (address - BASE))
		return NULL;
	return memory->bytes + (address - BASE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_view memory = { .view = { .at = fuzz_at } };
	static struct walk walk;
	const struct layout *const *rows = layout_rows();
	struct python python = { 0 };
	size_t count = 0, max_frames;

	if (size < 4)
		return 0;
	while (rows[count])
		count++;
	python.layout = *rows[data[0] % count];
	max_frames = (size_t)data[1] * 16 + 1;
	for (size_t at = 0; at < SPAN; at += size - 2) {
		size_t part = SPAN - at < size - 2 ? SPAN - at : size - 2;

		memcpy(memory.bytes + at, data + 2, part);
	}
	python_walk(&python, &memory.view, BASE + (data[1] & 0xf8), max_frames, &walk);
	if (walk.count > max_frames)
		abort();
	return 0;
}
