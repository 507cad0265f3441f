/* SPDX-License-Identifier: MIT */
/*
 * --version: which pyrope this is, how it was built and with what. The version itself stands in configure.ac.
 */
#include "config.h"

#include "commands/command.h"

#include "pyrope/live.h"
#include "pyrope/native.h"
#include "pyrope/python.h"
#include "pyrope/web.h"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <zlib.h>
#include <zstd.h>

#include "src/commands/commit.h"

#if __has_include(<elfutils/version.h>) /* from 0.161 on, and not of other implementations of libelf */
#include <elfutils/version.h>
#endif
#ifdef HAVE_LIBLZMA
#include <lzma.h>
#endif
#ifdef HAVE_LIBYAML
#include <yaml.h>
#endif
#ifdef HAVE_WEB
#include <microhttpd.h>
#include <sqlite3.h>
#endif
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "an unknown compiler"
#endif

#if defined(__x86_64__)
#define MACHINE "x86_64"
#elif defined(__aarch64__)
#define MACHINE "aarch64"
#else
#define MACHINE "unknown machine"
#endif

#define TEXT_OF_(word) #word
#define TEXT_OF(word) TEXT_OF_(word)

/* A program that is linked dynamically names its loader (PT_INTERP in elf(5)). */
static bool is_static(void)
{
	const ElfW(Phdr) *segments =
		(const ElfW(Phdr) *)(uintptr_t)getauxval(AT_PHDR); /* NOLINT: from the kernel */
	const unsigned long count = getauxval(AT_PHNUM);

	for (unsigned long i = 0; segments && i < count; i++)
		if (segments[i].p_type == PT_INTERP)
			return false;
	return segments != NULL;
}

static void append_c_library(struct buffer *text)
{
#ifdef __GLIBC__
	buffer_printf(text, "glibc %s", gnu_get_libc_version());
#else
	buffer_append_string(text, "musl or another C library");
#endif
}

/* ---- libraries: the version that is loaded where it can say it, else the one it was built with ---- */

static const char *elf_version_text(void)
{
#ifdef _ELFUTILS_VERSION
	return "0." TEXT_OF(_ELFUTILS_VERSION);
#else
	return NULL;
#endif
}

#if defined(HAVE_LIBIBERTY) || defined(HAVE_LIBUNWIND)
static const char *no_version(void)
{
	return NULL;
}
#endif

static const struct {
	const char *name;
	const char *(*version)(void);
} libraries[] = {
	{ "libelf", elf_version_text },
	{ "zlib", zlibVersion },
	{ "libzstd", ZSTD_versionString },
#ifdef HAVE_LIBDW
	{ "libdw", elf_version_text },
#endif
#ifdef HAVE_LIBUNWIND
	{ "libunwind", no_version },
#endif
#ifdef HAVE_LIBLZMA
	{ "liblzma", lzma_version_string },
#endif
#ifdef HAVE_LIBIBERTY
	{ "libiberty", no_version },
#endif
#ifdef HAVE_LIBYAML
	{ "libyaml", yaml_get_version_string },
#endif
#ifdef HAVE_CURSES
	{ "ncursesw", live_library_version },
#endif
#ifdef HAVE_WEB
	{ "libmicrohttpd", MHD_get_version },
	{ "sqlite", sqlite3_libversion },
#endif
#ifdef HAVE_LIBCURL
	{ "libcurl", web_push_library_version },
#endif
};

/* ---- features ---- */

static const struct {
	const char *name;
	bool is_on;
	const char *needs;
} features[] = {
#ifdef HAVE_LIBDW
	{ "--native", true, NULL },
#else
	{ "--native", false, "libdw" },
#endif
#ifdef HAVE_LIBUNWIND
	{ "native stacks through signal handlers", true, NULL },
#else
	{ "native stacks through signal handlers", false, "libunwind" },
#endif
#ifdef HAVE_LIBIBERTY
	{ "names of C++ and Rust", true, NULL },
#else
	{ "names of C++ and Rust", false, "libiberty" },
#endif
#ifdef HAVE_LIBLZMA
	{ "compressed symbol tables", true, NULL },
#else
	{ "compressed symbol tables", false, "liblzma" },
#endif
#ifdef HAVE_LIBYAML
	{ "files of budgets", true, NULL },
#else
	{ "files of budgets", false, "libyaml" },
#endif
#ifdef HAVE_CURSES
	{ "top", true, NULL },
#else
	{ "top", false, "ncursesw" },
#endif
#ifdef HAVE_WEB
	{ "serve", true, NULL },
#else
	{ "serve", false, "libmicrohttpd and sqlite" },
#endif
#ifdef HAVE_LIBCURL
	{ "sending to serve", true, NULL },
#else
	{ "sending to serve", false, "libcurl" },
#endif
};

static void append_libraries(struct buffer *text)
{
	for (size_t i = 0; i < ARRAY_LENGTH(libraries); i++) {
		const char *version = libraries[i].version();

		buffer_printf(text, "%s%s%s%s", i ? ", " : "", libraries[i].name, version ? " " : "",
			version ? version : "");
	}
}

static size_t count_features(bool is_on)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(features); i++)
		count += features[i].is_on == is_on;
	return count;
}

static void append_features(struct buffer *text, bool is_on)
{
	const char *separator = "";

	if (!count_features(is_on))
		buffer_append_string(text, "nothing");
	for (size_t i = 0; i < ARRAY_LENGTH(features); i++) {
		if (features[i].is_on != is_on)
			continue;
		buffer_printf(text, "%s%s", separator, features[i].name);
		if (features[i].needs)
			buffer_printf(text, " (%s)", features[i].needs);
		separator = ", ";
	}
}

static void append_name(struct buffer *text)
{
	buffer_append_string(text, PACKAGE_STRING);
	if (BUILD_COMMIT[0])
		buffer_append_string(text, ", commit " BUILD_COMMIT);
}

void build_append(struct buffer *text)
{
	append_name(text);
	buffer_printf(text, ", %s, %s, ", MACHINE, is_static() ? "static" : "dynamic");
	append_c_library(text);
	buffer_append_string(text, ", " COMPILER);
	if (count_features(false)) {
		buffer_append_string(text, "; without: ");
		append_features(text, false);
	}
}

void version_append(struct buffer *text)
{
	append_name(text);
	buffer_append_string(text, "\nbuilt:     for " MACHINE " by " COMPILER);
#ifdef SANITIZER
	buffer_append_string(text, " with sanitizers (" SANITIZER ")");
#endif
	buffer_printf(text, ", linked %s, ", is_static() ? "statically" : "dynamically");
	append_c_library(text);
	buffer_append_string(text, "\nlibraries: ");
	append_libraries(text);
	buffer_append_string(text, "\nwith:      ");
	append_features(text, true);
	buffer_append_string(text, "\nwithout:   ");
	append_features(text, false);
	buffer_printf(text, "\nreads:     CPython %s\n", python_known_range());
}
