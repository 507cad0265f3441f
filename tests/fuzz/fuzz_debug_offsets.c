/* SPDX-License-Identifier: MIT */
/* The block of debug offsets: whatever it says, what comes out is refused or bounded. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "python/layout.h"

/* The largest size of a struct that is accepted, twice: some offsets are the sum of two. */
#define OFFSET_LIMIT (2u * 64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t first = offsetof(struct layout, runtime_state);
	struct layout layout;
	struct error err = { 0 };
	bool newer;

	debug_offsets_version(data, size);
	if (layout_from_debug_offsets(&layout, data, size, &newer, &err) < 0) {
		if (err.kind != ERROR_UNSUPPORTED || err.message[0] == '\0')
			abort();
		return 0;
	}
	for (size_t at = first; at + sizeof(uint32_t) <= sizeof(layout); at += sizeof(uint32_t)) {
		uint32_t offset;

		memcpy(&offset, (const char *)&layout + at, sizeof(offset));
		if (offset != OFFSET_NONE && offset > OFFSET_LIMIT)
			abort();
	}
	if (layout.code_object.code_adaptive > CODE_OBJECT_LIMIT ||
		layout.unicode.state + 4 > OBJECT_HEAD_LIMIT ||
		layout.unicode.length + 8 > OBJECT_HEAD_LIMIT ||
		layout.unicode.compact_data > OBJECT_HEAD_LIMIT ||
		layout.gil_runtime_state.switch_number > GIL_LIMIT + 8)
		abort();
	return 0;
}
