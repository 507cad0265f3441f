/* SPDX-License-Identifier: MIT */
/*
 * Strings in a target's memory: byte 0 chooses the layout, the rest is the memory, in which a str and a bytes
 * object begin. Whatever it is, the text that comes out is bounded and valid UTF-8.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "../child.h"
#include "python/decode.h"
#include "row.h"

#define MEMORY_BYTES 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cleaning what is clean changes nothing. */
static void check_clean(const struct buffer *text)
{
	struct buffer again = { 0 };

	utf8_clean(&again, text->data, text->length);
	if (again.length != text->length ||
		(text->length && memcmp(again.data, text->data, text->length) != 0))
		abort();
	buffer_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct child child;
	struct buffer text = { 0 };

	if (size == 0 || size > MEMORY_BYTES)
		return 0;
	if (!child.target)
		child = child_start(MEMORY_BYTES);
	memset(child.bytes, 0, MEMORY_BYTES);
	memcpy(child.bytes, data + 1, size - 1);

	string_read(choose_row(data[0]), child.target, CHILD_ADDRESS, &text);
	check_clean(&text);
	buffer_clear(&text);
	bytes_read(choose_row(data[0]), child.target, CHILD_ADDRESS, 4096, &text);
	if (text.length > 4096)
		abort();
	buffer_clear(&text);
	for (unsigned kind = 1; kind <= 4; kind *= 2)
		string_decode(data, size / kind, kind, &text);
	check_clean(&text);
	buffer_release(&text);
	return 0;
}
