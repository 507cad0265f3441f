/* SPDX-License-Identifier: MIT */
/*
 * Line tables: byte 0 chooses the layout, 1 to 4 are co_firstlineno, 5 and 6 the number of instruction units,
 * the rest is the table.
 */
#include "config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "python/decode.h"
#include "row.h"

#define HEADER_BYTES 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t count;
	int first_line, *lines;

	if (size < HEADER_BYTES)
		return 0;
	memcpy(&first_line, data + 1, sizeof(first_line));
	count = (size_t)data[5] | (size_t)data[6] << 8;
	lines = xcalloc(count + 1, sizeof(*lines));
	memset(lines, 0xff, (count + 1) * sizeof(*lines));
	lines_decode(choose_row(data[0]), data + HEADER_BYTES, size - HEADER_BYTES, first_line, lines, count);
	for (size_t i = 0; i < count; i++) {
		if (lines[i] < 0)
			abort(); /* a unit that was left out, or a line that is none */
	}
	if (lines[count] != -1)
		abort();
	free(lines);
	return 0;
}
