/* SPDX-License-Identifier: MIT */
/* A byte of a fuzzer's input chooses a row of the table of layouts. */
#ifndef PYROPE_TESTS_FUZZ_ROW_H
#define PYROPE_TESTS_FUZZ_ROW_H

#include "python/layout.h"

/* Rows are counted from the oldest, and from there again when there are no more. */
static inline const struct layout *choose_row(uint8_t number)
{
	const struct layout *const *row = layout_rows();

	for (; number > 0; number--)
		row = row[1] ? row + 1 : layout_rows();
	return *row;
}

#endif
