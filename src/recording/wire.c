/* SPDX-License-Identifier: MIT */
/* Numbers and texts in columns. */
#include "config.h"

#include "recording/wire.h"

#include <string.h>

#include "pyrope/leb128.h"

void wire_put(struct buffer *buffer, uint64_t number)
{
	leb128_append(buffer, number);
}

void wire_put_signed(struct buffer *buffer, int64_t number)
{
	wire_put(buffer, zigzag(number));
}

void wire_put_text(struct buffer *buffer, const char *text)
{
	const size_t length = strlen(text);

	wire_put(buffer, length);
	buffer_append(buffer, text, length);
}

uint64_t wire_get(struct cursor *cursor)
{
	uint64_t number;

	if (leb128_get(&cursor->at, cursor->end, &number))
		return number;
	cursor->bad = true;
	return 0;
}

int64_t wire_get_signed(struct cursor *cursor)
{
	return unzigzag(wire_get(cursor));
}

const char *wire_get_text(struct cursor *cursor, size_t *length)
{
	const uint64_t bytes = wire_get(cursor);
	const char *text = (const char *)cursor->at;

	if (cursor->bad || bytes > (uint64_t)(cursor->end - cursor->at)) {
		cursor->bad = true;
		return NULL;
	}
	cursor->at += bytes;
	*length = (size_t)bytes;
	return text;
}

unsigned char wire_get_byte(struct cursor *cursor)
{
	if (cursor->at == cursor->end) {
		cursor->bad = true;
		return 0;
	}
	return *cursor->at++;
}
