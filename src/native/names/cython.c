/* SPDX-License-Identifier: MIT */
/*
 * Names as Cython 0.29 to 3.1 makes them (Naming.py, and the scopes' mangle methods in Symtab.py of
 * Cython.Compiler):
 *
 *     __pyx_KIND_ SCOPE... NAME        a scope is its length, its name and "_": it is what NAME is in
 *
 * KIND is pw for what Python calls, pf for the body of that, f for a C function, gb for the body of a
 * generator, getprop and the like for properties, tp_new and the like for slots of types. In pw, pf and gb a
 * number may stand before NAME, which makes it unique within its scope. So "3add_one" may be the third
 * function, add_one, or the function one within add; the first is taken, unless it reads "3add_1one": what is
 * not the first function of its scope has a number.
 */
#include "config.h"

#include "native/names/cython.h"

#include <ctype.h>
#include <string.h>

struct kind {
	const char *prefix;
	bool is_numbered; /* a number may stand before the name */
};

static const struct kind kinds[] = {
	{ "pw_", true },
	{ "pf_", true },
	{ "gb_", true },
	{ "mdef_", true },
	{ "f_", false },
	{ "getprop_", false },
	{ "setprop_", false },
};

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The digits at text as a number; 0: none, or one that is no length of a name. *after: what follows. */
static size_t read_length(const char *text, const char **after)
{
	size_t length = 0;

	while (isdigit((unsigned char)*text)) {
		length = length * 10 + (size_t)(*text++ - '0');
		if (length > 1024)
			return 0;
	}
	*after = text;
	return length;
}

/*
 * The name of the scope at text and its length, 0: there is none. *rest: what stands behind it, never empty.
 */
static size_t read_scope(const char *text, const char **name, const char **rest)
{
	size_t length = read_length(text, name);

	if (!length || strnlen(*name, length) < length || (*name)[length] != '_' || !(*name)[length + 1] ||
		isdigit((unsigned char)**name))
		return 0;
	*rest = *name + length + 1;
	return length;
}

/* Does the file's name begin so: "my_mod" for "my_mod.cpython-311-x86_64-linux-gnu.so"? */
static bool is_module(const char *module, const char *name, size_t length)
{
	return strncmp(module, name, length) == 0 && (module[length] == '.' || module[length] == '\0');
}

static const char *skip_digits(const char *text)
{
	while (isdigit((unsigned char)*text))
		text++;
	return text;
}

/*
 * A scope of a numbered kind, or a number that happens to be as large as the first word of the name is long?
 */
static bool is_scope(const char *module, const char *name, size_t length, const char *rest)
{
	return isdigit((unsigned char)*rest) || isupper((unsigned char)*name) ||
		is_module(module, name, length) || has_prefix(rest, "lambda");
}

static void append_scopes(struct buffer *buffer, const char *text, const char *module, bool is_numbered)
{
	const char *name, *rest;
	bool is_first = true; /* the package or module */
	size_t length;

	while ((length = read_scope(text, &name, &rest)) &&
		(is_first || !is_numbered || is_scope(module, name, length, rest))) {
		buffer_append(buffer, name, length);
		buffer_append_char(buffer, '.');
		text = rest;
		is_first = false;
	}
	if (is_numbered)
		text = skip_digits(text);
	buffer_append_string(buffer, text);
}

/* "tp_new_4demo_Accumulator": a slot of a type, whose name comes last. */
static bool append_slot(struct buffer *buffer, const char *text)
{
	static const char *const groups[] = { "tp_", "nb_", "sq_", "mp_", "am_", "bf_" };
	const char *scopes = text;

	for (size_t i = 0; i < ARRAY_LENGTH(groups); i++) {
		if (!has_prefix(text, groups[i]))
			continue;
		while ((scopes = strchr(scopes, '_')) && !isdigit((unsigned char)scopes[1]))
			scopes++;
		if (!scopes)
			return false;
		append_scopes(buffer, scopes + 1, "", false);
		buffer_append_char(buffer, '.');
		buffer_append(buffer, text, (size_t)(scopes - text));
		return true;
	}
	return false;
}

/* What "__pyx_fuse_0_1__pyx_pw_..." is a variant of. */
static const char *skip_variant(const char *symbol)
{
	const char *inner;

	if (!has_prefix(symbol, "__pyx_fuse_"))
		return symbol;
	inner = strstr(symbol + 1, "__pyx_");
	return inner ? inner : symbol;
}

static const struct kind *find_kind(const char *text)
{
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
		if (has_prefix(text, kinds[i].prefix) &&
			isdigit((unsigned char)text[strlen(kinds[i].prefix)]))
			return &kinds[i];
	return NULL;
}

bool cython_name(struct buffer *buffer, const char *symbol, const char *module)
{
	const char *text = skip_variant(symbol);
	const struct kind *kind;

	if (!has_prefix(text, "__pyx_"))
		return false;
	text += strlen("__pyx_");
	if (has_prefix(text, "pymod_exec_") && text[strlen("pymod_exec_")]) {
		buffer_printf(buffer, "%s.<module>", text + strlen("pymod_exec_"));
		return true;
	}
	if (has_prefix(text, "lambda_funcdef_")) {
		buffer_append_string(buffer, text + strlen("lambda_funcdef_"));
		return true;
	}
	kind = find_kind(text);
	if (!kind)
		return append_slot(buffer, text);
	append_scopes(buffer, text + strlen(kind->prefix), module, kind->is_numbered);
	return true;
}

bool cython_is_source(const char *symbol)
{
	const char *text = skip_variant(symbol);

	return has_prefix(text, "__pyx_") &&
		(find_kind(text + strlen("__pyx_")) || has_prefix(text, "__pyx_pymod_exec_") ||
			has_prefix(text, "__pyx_lambda_funcdef_"));
}
