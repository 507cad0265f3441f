/* SPDX-License-Identifier: MIT */
/*
 * Strings of the target: PEP 393's three kinds (Include/cpython/unicodeobject.h), and the byte strings of
 * 2.x. What comes out is clean UTF-8; what a header says is checked before anything is read by it.
 */
#include "config.h"

#include "python/decode.h"

#include <string.h>

/* Header and characters of most names fit: they take one read. */
#define FIRST_READ_BYTES 256
_Static_assert(FIRST_READ_BYTES > OBJECT_HEAD_LIMIT + sizeof(raddr_t), "a header fits");
#define CHUNK_BYTES 4096
/* No str has more characters than this: a length above it is garbage. */
#define LENGTH_LIMIT (INT64_C(1) << 36)
#define CUT_MARK "..."

void string_decode(const void *characters, size_t count, unsigned kind, struct buffer *text)
{
	const uint8_t *at = characters;

	for (size_t i = 0; i < count; i++, at += kind) {
		uint32_t code_point = 0;
		uint16_t narrow;

		if (kind == 1) {
			code_point = *at;
		} else if (kind == 2) {
			memcpy(&narrow, at, sizeof(narrow));
			code_point = narrow;
		} else {
			memcpy(&code_point, at, sizeof(code_point));
		}
		utf8_append(text, code_point);
	}
}

/* Forgets what was appended since the buffer was this long. */
static void take_back(struct buffer *buffer, size_t length)
{
	buffer->length = length;
	if (buffer->data)
		buffer->data[length] = '\0';
}

/* Reads and decodes piece by piece, so that no length makes us allocate. */
static bool read_characters(
	struct target *target, raddr_t address, size_t count, unsigned kind, struct buffer *text)
{
	uint8_t chunk[CHUNK_BYTES];
	size_t before = text->length;

	while (count > 0) {
		size_t now = count < sizeof(chunk) / kind ? count : sizeof(chunk) / kind;

		if (!target_read(target, address, chunk, now * kind)) {
			take_back(text, before);
			return false;
		}
		string_decode(chunk, now, kind, text);
		address += now * kind;
		count -= now;
	}
	return true;
}

bool unicode_header_parse(const struct layout *layout, raddr_t address, const uint8_t *header,
	size_t available, struct unicode_header *parsed)
{
	uint32_t state;
	int64_t length;
	bool is_ascii;

	if (available < layout->unicode.ascii_data)
		return false;
	memcpy(&state, header + layout->unicode.state, sizeof(state));
	memcpy(&length, header + layout->unicode.length, sizeof(length));
	state >>= layout->unicode.kind_shift;
	parsed->kind = state & 7;
	parsed->is_compact = state >> 3 & 1;
	is_ascii = state >> 4 & 1;
	if (length < 0 || length > LENGTH_LIMIT)
		return false;
	if ((parsed->kind != 1 && parsed->kind != 2 && parsed->kind != 4) || (is_ascii && parsed->kind != 1))
		return false;
	parsed->length = (size_t)length;
	parsed->data_at = is_ascii ? layout->unicode.ascii_data : layout->unicode.compact_data;
	parsed->address = address + parsed->data_at;
	if (parsed->is_compact)
		return true;
	/* Only this one is sure to be so long: a short ASCII str may end before it. */
	if (available < layout->unicode.compact_data + sizeof(parsed->address))
		return false;
	memcpy(&parsed->address, header + layout->unicode.compact_data, sizeof(parsed->address));
	return true;
}

static bool unicode_read(
	const struct layout *layout, struct target *target, raddr_t address, struct buffer *text)
{
	uint8_t first[FIRST_READ_BYTES];
	struct unicode_header header;
	size_t available, count;

	available = target_read_upto(target, address, first, sizeof(first));
	if (!unicode_header_parse(layout, address, first, available, &header))
		return false;
	count = header.length < STRING_LIMIT_CHARACTERS ? header.length : STRING_LIMIT_CHARACTERS;
	if (header.is_compact && header.data_at + count * header.kind <= available)
		string_decode(first + header.data_at, count, header.kind, text);
	else if (!read_characters(target, header.address, count, header.kind, text))
		return false;
	if (count < header.length)
		buffer_append_string(text, CUT_MARK);
	return true;
}

/* The number of bytes in a bytes object, or -1. */
static int64_t bytes_length(const struct layout *layout, struct target *target, raddr_t address)
{
	int64_t length;

	if (!target_read(target, address + layout->bytes.ob_size, &length, sizeof(length)))
		return -1;
	return length > LENGTH_LIMIT ? -1 : length;
}

static bool append_bytes(const struct layout *layout, struct target *target, raddr_t address, size_t length,
	struct buffer *bytes)
{
	size_t before = bytes->length;

	/* Piece by piece: a length that lies does not make us allocate more than there is to read. */
	for (size_t done = 0; done < length;) {
		uint8_t chunk[CHUNK_BYTES];
		size_t now = length - done < sizeof(chunk) ? length - done : sizeof(chunk);

		if (!target_read(target, address + layout->bytes.ob_sval + done, chunk, now)) {
			take_back(bytes, before);
			return false;
		}
		buffer_append(bytes, chunk, now);
		done += now;
	}
	return true;
}

bool bytes_read(const struct layout *layout, struct target *target, raddr_t address, size_t limit,
	struct buffer *bytes)
{
	int64_t length = bytes_length(layout, target, address);

	if (length < 0)
		return false;
	return append_bytes(
		layout, target, address, (uint64_t)length < limit ? (size_t)length : limit, bytes);
}

static bool byte_string_read(
	const struct layout *layout, struct target *target, raddr_t address, struct buffer *text)
{
	struct buffer raw = { 0 };
	int64_t length = bytes_length(layout, target, address);
	bool is_cut = length > STRING_LIMIT_CHARACTERS;
	bool done = length >= 0 &&
		append_bytes(
			layout, target, address, is_cut ? STRING_LIMIT_CHARACTERS : (size_t)length, &raw);

	if (done) {
		if (raw.length)
			utf8_clean(text, raw.data, raw.length);
		if (is_cut)
			buffer_append_string(text, CUT_MARK);
	}
	buffer_release(&raw);
	return done;
}

bool string_read(const struct layout *layout, struct target *target, raddr_t address, struct buffer *text)
{
	buffer_append(text, "", 0); /* an empty string is text too: data is not NULL */
	if (layout->strings == STRINGS_BYTES)
		return byte_string_read(layout, target, address, text);
	return unicode_read(layout, target, address, text);
}
