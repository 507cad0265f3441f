/* SPDX-License-Identifier: MIT */
/*
 * Python's frames are told apart by their files, markers by their names, which are the same in every
 * recording and in collapsed stacks. What perf script wrote has the suffix _[k] for the kernel's functions.
 */
#include "config.h"

#include "output/kind.h"

#include <string.h>

#include "pyrope/output.h"

const char *const frame_kind_names[FRAME_KINDS] = {
	[KIND_OWN] = "own code",
	[KIND_LIBRARY] = "site-packages",
	[KIND_STANDARD] = "standard library",
	[KIND_NATIVE] = "native",
	[KIND_KERNEL] = "system call",
	[KIND_GC] = "garbage collection",
	[KIND_IDLE] = "idle",
	[KIND_PARTIAL] = "partial",
	[KIND_OTHER] = "other",
};

static const struct {
	const char *name;
	enum frame_kind kind;
} markers[] = {
	{ "(gc)", KIND_GC },
	{ "(idle)", KIND_IDLE },
	{ "(sleeping)", KIND_IDLE },
	{ "(waiting for a CPU)", KIND_IDLE },
	{ "(waiting for the GIL)", KIND_IDLE },
	{ "(failed)", KIND_PARTIAL },
	{ "(missed)", KIND_PARTIAL },
	{ "(native truncated)", KIND_PARTIAL },
	{ "(partial)", KIND_PARTIAL },
	{ "(truncated)", KIND_PARTIAL },
	{ "(unverified)", KIND_PARTIAL },
	{ "(outside of Python)", KIND_NATIVE },
	{ "(running without the GIL)", KIND_NATIVE },
};

static bool begins_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

static bool ends_with(const char *text, const char *ending)
{
	const size_t length = strlen(text), ending_length = strlen(ending);

	return length >= ending_length && strcmp(text + length - ending_length, ending) == 0;
}

static enum frame_kind kind_of_marker(const char *name)
{
	if (begins_with(name, "(syscall "))
		return KIND_KERNEL;
	for (size_t i = 0; i < ARRAY_LENGTH(markers); i++)
		if (strcmp(markers[i].name, name) == 0)
			return markers[i].kind;
	return KIND_OTHER;
}

/* Those of collapsed stacks have no module. */
static enum frame_kind kind_of_native(const struct function *function)
{
	if (ends_with(function->name, "_[k]") || begins_with(function->file, "[kernel"))
		return KIND_KERNEL;
	if (!*function->file &&
		(begins_with(function->name, "process ") || begins_with(function->name, "thread ")))
		return KIND_OTHER;
	return KIND_NATIVE;
}

/* In collapsed stacks, the functions of a module look like Python's: libc.so.6, [vdso]. */
static bool is_module(const char *file)
{
	const char *ending = strstr(file, ".so");

	for (const char *next = ending; next && (next = strstr(next + 1, ".so"));)
		ending = next;
	return file[0] == '[' ||
		(ending && ending[strlen(".so") + strspn(ending + strlen(".so"), ".0123456789")] == '\0');
}

enum frame_kind frame_kind(const struct function *function)
{
	static const enum frame_kind kinds[] = {
		[PATH_OWN] = KIND_OWN,
		[PATH_LIBRARY] = KIND_LIBRARY,
		[PATH_STANDARD] = KIND_STANDARD,
	};

	switch (function->kind) {
	case FUNCTION_MARKER:
		return kind_of_marker(function->name);
	case FUNCTION_NATIVE:
		return kind_of_native(function);
	case FUNCTION_PYTHON:
	case FUNCTION_KINDS:
		break;
	}
	return is_module(function->file) ? kind_of_native(function) : kinds[path_kind(function->file)];
}

bool frame_is_bootstrap(const struct function *function)
{
	static const char *const importers[] = { "importlib/__init__.py", "importlib/_bootstrap.py",
		"importlib/_bootstrap_external.py" };
	static const char *const beginnings[] = { "_bootstrap", "_bootstrap_inner", "__bootstrap",
		"__bootstrap_inner" };
	const char *file = function->file, *last = strrchr(function->name, '.');

	if (function->kind != FUNCTION_PYTHON)
		return false;
	if (begins_with(file, "<frozen importlib._bootstrap") || strcmp(file, "<frozen runpy>") == 0)
		return true;
	if (path_kind(file) != PATH_STANDARD)
		return false;
	file = short_path(file, NULL);
	for (size_t i = 0; i < ARRAY_LENGTH(importers); i++)
		if (strcmp(file, importers[i]) == 0)
			return true;
	for (size_t i = 0; strcmp(file, "threading.py") == 0 && i < ARRAY_LENGTH(beginnings); i++)
		if (strcmp(last ? last + 1 : function->name, beginnings[i]) == 0)
			return true;
	return strcmp(file, "runpy.py") == 0;
}
