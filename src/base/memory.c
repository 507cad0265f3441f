/* SPDX-License-Identifier: MIT */
/*
 * Memory that cannot fail: an allocation that the system refuses ends the program. That is safe for the
 * target, which is not traced between samples, and runs on even when a tracer dies in the middle of one
 * (ptrace(2), PTRACE_SEIZE).
 */
#include "config.h"

#include "pyrope/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void (*at_end)(void);

void memory_at_end(void (*restore)(void))
{
	at_end = restore;
}

static void *checked(void *block, size_t bytes)
{
	if (!block && bytes > 0) {
		if (at_end)
			at_end();
		fprintf(stderr, "pyrope: out of memory: cannot allocate %zu bytes\n", bytes);
		_exit(1);
	}
	return block;
}

void *xmalloc(size_t bytes)
{
	return checked(malloc(bytes ? bytes : 1), bytes);
}

void *xcalloc(size_t count, size_t bytes)
{
	return checked(calloc(count ? count : 1, bytes ? bytes : 1), bytes);
}

void *xrealloc(void *block, size_t bytes)
{
	return checked(realloc(block, bytes ? bytes : 1), bytes);
}

void *xreallocarray(void *block, size_t count, size_t bytes)
{
	size_t total;

	if (__builtin_mul_overflow(count, bytes, &total))
		return checked(NULL, SIZE_MAX);
	return xrealloc(block, total);
}

char *xstrdup(const char *text)
{
	return xstrndup(text, strlen(text));
}

char *xstrndup(const char *text, size_t bytes)
{
	size_t length = strnlen(text, bytes);
	char *copy = xmalloc(length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

char *xasprintf(const char *format, ...)
{
	va_list arguments;
	char *text = NULL;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	return checked(length < 0 ? NULL : text, strlen(format));
}

void array_reserve(void *array, size_t *capacity, size_t needed, size_t element_bytes)
{
	void **slot = array;
	size_t grown = *capacity ? *capacity : 16;

	if (needed <= *capacity)
		return;
	while (grown < needed)
		grown += grown / 2 + 1;
	*slot = xreallocarray(*slot, grown, element_bytes);
	*capacity = grown;
}
