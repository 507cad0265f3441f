/* SPDX-License-Identifier: MIT */
/*
 * Names of C++ (Itanium ABI) and Rust (both manglings), by libiberty where it is there. Suffixes: clone names
 * as GCC makes them (clone_function_name in gcc/cgraphclones.cc and its callers), LLVM's ".llvm.", ".__part."
 * and ".cold".
 *
 * A mangled name can refer back to parts of itself, so that a few hundred bytes of it may stand for gigabytes
 * of text. libiberty bounds how deep it goes, not how much it prints; so what it prints is taken piece by
 * piece, and when that is too much it is left by longjmp, the only way out of a callback that returns
 * nothing.
 */
#include "config.h"

#include "native/names/demangle.h"

#include <ctype.h>
#include <setjmp.h>
#include <string.h>

#ifdef HAVE_LIBIBERTY
/* keeps libiberty.h out, which declares xmalloc() and its like once more than base.h */
#define LIBIBERTY_H
#if defined(HAVE_LIBIBERTY_DEMANGLE_H)
#include <libiberty/demangle.h>
#else
#include <demangle.h>
#endif
#endif

#define MANGLED_LIMIT 8192
#define DEMANGLED_LIMIT 65536

/* ---- suffixes ---- */

static const char *const suffixes[] = { "__part", "clone", "cold", "constprop", "isra", "llvm", "localalias",
	"lto_priv", "part", "unlikely" };

static bool is_suffix(const char *word, size_t length)
{
	for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++)
		if (strlen(suffixes[i]) == length && memcmp(suffixes[i], word, length) == 0)
			return true;
	return false;
}

/* The start of ".word" at the end of the name's first length bytes; length: there is none. */
static size_t last_word(const char *name, size_t length)
{
	size_t at = length;

	while (at > 0 && name[at - 1] != '.')
		at--;
	return at > 1 ? at - 1 : length;
}

static bool is_number(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isdigit((unsigned char)text[i]))
			return false;
	return length > 0;
}

size_t symbol_base_length(const char *name)
{
	size_t length = strlen(name);

	for (;;) {
		size_t end = length, word = last_word(name, end);

		if (word < end && is_number(name + word + 1, end - word - 1)) {
			end = word;
			word = last_word(name, end);
		}
		if (word == end || !is_suffix(name + word + 1, end - word - 1))
			return length;
		length = word;
	}
}

/* ---- C++ and Rust ---- */

#ifdef HAVE_LIBIBERTY
struct output {
	struct buffer *buffer;
	size_t limit; /* its length at which it is too much */
	jmp_buf too_much;
};

static void take(const char *text, size_t length, void *context)
{
	struct output *output = context;

	if (length > output->limit - output->buffer->length)
		longjmp(output->too_much, 1);
	buffer_append(output->buffer, text, length);
}

static void cut(struct buffer *buffer, size_t length)
{
	buffer->length = length;
	if (buffer->data)
		buffer->data[length] = '\0';
}

static bool demangle_mangled(struct buffer *buffer, const char *mangled)
{
	const size_t before = buffer->length;
	struct output output = { .buffer = buffer, .limit = before + DEMANGLED_LIMIT };

	if (setjmp(output.too_much) == 0) {
		/* legacy names of Rust are valid ones of C++ */
		if (rust_demangle_callback(mangled, 0, take, &output) && buffer->length > before)
			return true;
		cut(buffer, before);
		if (cplus_demangle_v3_callback(mangled, DMGL_ANSI, take, &output) && buffer->length > before)
			return true;
	}
	cut(buffer, before);
	return false;
}
#else
static bool demangle_mangled(struct buffer *buffer, const char *mangled)
{
	(void)buffer;
	(void)mangled;
	return false;
}
#endif

static bool is_mangled(const char *name)
{
	return strncmp(name, "_Z", 2) == 0 || strncmp(name, "_R", 2) == 0 ||
		strncmp(name, "_GLOBAL_", 8) == 0;
}

void demangle(struct buffer *buffer, const char *name)
{
	size_t length = symbol_base_length(name);
	size_t mangled_length = strcspn(name, "@"); /* what is behind it stays as it is: "@plt" */
	char mangled[MANGLED_LIMIT];

	if (mangled_length > length)
		mangled_length = length;
	if (is_mangled(name) && mangled_length < sizeof(mangled)) {
		memcpy(mangled, name, mangled_length);
		mangled[mangled_length] = '\0';
		if (demangle_mangled(buffer, mangled)) {
			buffer_append(buffer, name + mangled_length, length - mangled_length);
			return;
		}
	}
	buffer_append(buffer, name, length);
}
