/* SPDX-License-Identifier: MIT */
/* Bytes that grow. data is NUL-terminated behind length, so that a buffer of text can be used as a string. */
#include "config.h"

#include "pyrope/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
	size_t needed;

	if (__builtin_add_overflow(buffer->length, length, &needed) || needed == SIZE_MAX)
		needed = SIZE_MAX - 1; /* the reservation fails with the message it deserves */
	if (needed >= buffer->capacity)
		array_reserve(&buffer->data, &buffer->capacity, needed + 1, 1);
	if (length)
		memcpy(buffer->data + buffer->length, bytes, length);
	buffer->length += length;
	buffer->data[buffer->length] = '\0';
}

void buffer_append_string(struct buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text));
}

void buffer_append_char(struct buffer *buffer, char character)
{
	buffer_append(buffer, &character, 1);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length <= 0)
		return;
	array_reserve(&buffer->data, &buffer->capacity, buffer->length + (size_t)length + 1, 1);
	va_start(arguments, format);
	vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, arguments);
	va_end(arguments);
	buffer->length += (size_t)length;
}

void buffer_append_uint(struct buffer *buffer, uint64_t number)
{
	char digits[20];
	size_t first = sizeof(digits);

	do {
		digits[--first] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	buffer_append(buffer, digits + first, sizeof(digits) - first);
}

void buffer_append_int(struct buffer *buffer, int64_t number)
{
	if (number < 0)
		buffer_append_char(buffer, '-');
	buffer_append_uint(buffer, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void buffer_append_json(struct buffer *buffer, const char *text)
{
	buffer_append_char(buffer, '"');
	for (; *text; text++) {
		unsigned char character = (unsigned char)*text;

		if (character == '"' || character == '\\') {
			buffer_append_char(buffer, '\\');
			buffer_append_char(buffer, *text);
		} else if (character < 0x20) {
			buffer_printf(buffer, "\\u%04x", character);
		} else {
			buffer_append_char(buffer, *text);
		}
	}
	buffer_append_char(buffer, '"');
}

void buffer_clear(struct buffer *buffer)
{
	buffer->length = 0;
	if (buffer->data)
		buffer->data[0] = '\0';
}

void buffer_release(struct buffer *buffer)
{
	free(buffer->data);
	memset(buffer, 0, sizeof(*buffer));
}
