/* SPDX-License-Identifier: MIT */
/*
 * What of a file's name says something to who reads it: the part below the entry of sys.path that it was
 * imported from. It is told by the name alone, so that it can be told of a recording, too.
 */
#include "config.h"

#include "pyrope/output.h"

#include <string.h>

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

/* Behind the last of this folder in the path; NULL: it is not there. */
static const char *behind_last(const char *path, const char *folder)
{
	const char *found = NULL;

	for (const char *at = strstr(path, folder); at; at = strstr(at + 1, folder))
		found = at + strlen(folder);
	return found;
}

/* Behind a folder pythonX.Y (or pythonX.Yt) at `at`, or a pythonXY.zip; NULL: there is none. */
static const char *behind_version(const char *at)
{
	if (strncmp(at, "python", strlen("python")) != 0)
		return NULL;
	at += strlen("python");
	if (!is_digit(*at))
		return NULL;
	while (is_digit(*at) || *at == '.')
		at++;
	if (strncmp(at, "zip/", strlen("zip/")) == 0)
		return at + strlen("zip/");
	while (*at >= 'a' && *at <= 'z')
		at++;
	return *at == '/' ? at + 1 : NULL;
}

/* Behind lib/pythonX.Y/, lib64/pythonX.Y/: the standard library. */
static const char *behind_library(const char *path)
{
	const char *found = NULL;

	for (const char *at = strstr(path, "/lib"); at; at = strstr(at + 1, "/lib")) {
		const char *next = strchr(at + 1, '/');
		const char *behind = next ? behind_version(next + 1) : NULL;

		if (behind)
			found = behind;
	}
	return found;
}

/* An egg is an entry of sys.path itself. */
static const char *behind_egg(const char *path)
{
	const char *slash = strchr(path, '/');

	if (slash && slash - path > 4 && memcmp(slash - 4, ".egg", 4) == 0)
		return slash + 1;
	return path;
}

static const char *behind_root(const char *path, const char *const *roots)
{
	size_t longest = 0;

	for (; roots && *roots; roots++) {
		size_t length = strlen(*roots);

		if (length > longest && strncmp(path, *roots, length) == 0 && path[length])
			longest = length;
	}
	return longest ? path + longest : NULL;
}

const char *short_path(const char *file, const char *const *roots)
{
	const char *site, *found;

	if (file[0] != '/')
		return file;
	site = behind_last(file, "/site-packages/");
	found = behind_last(file, "/dist-packages/");
	if (site > found || !found)
		found = site;
	if (found)
		found = behind_egg(found);
	if (!found)
		found = behind_library(file);
	if (!found)
		found = behind_root(file, roots);
	return found && *found ? found : file;
}

enum path_kind path_kind(const char *file)
{
	if (strstr(file, "/site-packages/") || strstr(file, "/dist-packages/") ||
		strncmp(file, "site-packages/", strlen("site-packages/")) == 0)
		return PATH_LIBRARY;
	/* <frozen runpy> is compiled into the interpreter */
	if (strncmp(file, "<frozen ", strlen("<frozen ")) == 0 || behind_library(file))
		return PATH_STANDARD;
	return PATH_OWN;
}
