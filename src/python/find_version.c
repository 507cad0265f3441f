/* SPDX-License-Identifier: MIT */
/*
 * Which version a file is. From 3.11 on Python says so itself (Py_Version, and the debug offsets from 3.13
 * on). Before, there are strings: PY_VERSION ("3.8.18", in Python/getversion.c) and the path of the library
 * ("python3.8", in Modules/getpath.c). Other libraries that are linked in have versions too (SQLite's
 * "3.8.2", pysqlite's "2.6.0"), so that what a single string says is a guess, to be confirmed by
 * validation; but the guesses that agree come first.
 */
#include "config.h"

#include "python/find_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)256 << 10)
#define OVERLAP_BYTES 64 /* more than twice what is looked for */
#define SCAN_LIMIT_BYTES ((uint64_t)128 << 20)
#define PYTHON "python"

/* ---- single texts ---- */

void version_from_hex(struct version *version, uint64_t hex)
{
	unsigned major = hex >> 24 & 0xff, minor = hex >> 16 & 0xff, micro = hex >> 8 & 0xff,
		 serial = hex & 0xf;
	const char *level = "";

	switch (hex >> 4 & 0xf) { /* PY_RELEASE_LEVEL */
	case 0xa:
		level = "a";
		break;
	case 0xb:
		level = "b";
		break;
	case 0xc:
		level = "rc";
		break;
	}
	version->number = (int)(major * 100 + minor);
	if (*level)
		snprintf(version->text, sizeof(version->text), "%u.%u.%u%s%u", major, minor, micro, level,
			serial);
	else
		snprintf(version->text, sizeof(version->text), "%u.%u.%u", major, minor, micro);
}

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

/*
 * One or two digits; the cursor is left behind them. Reads up to the first character that is none, never
 * past a NUL.
 */
static bool parse_part(const char **cursor, int *part)
{
	if (!is_digit(**cursor))
		return false;
	for (*part = 0; is_digit(**cursor); ++*cursor) {
		*part = *part * 10 + (**cursor - '0');
		if (*part > 99)
			return false;
	}
	return true;
}

/* The number that follows the "python" at this place. */
static int version_at(const char *python)
{
	const char *cursor = python + sizeof(PYTHON) - 1;
	int major, minor;

	if (parse_part(&cursor, &major) && *cursor++ == '.' && parse_part(&cursor, &minor))
		return major * 100 + minor;
	return 0;
}

int version_in_name(const char *name)
{
	int number = 0;

	for (const char *at = strstr(name, PYTHON); at && !number; at = strstr(at + 1, PYTHON))
		number = version_at(at);
	return number;
}

/* PY_VERSION: "2.7.18+", "3.8.18", "3.9.0a1", "3.10.0rc2"; the whole of a NUL-terminated text. */
static bool parse_py_version(const char *text, struct version *version)
{
	const char *cursor = text;
	int major, minor, micro, serial;

	if (!parse_part(&cursor, &major) || *cursor++ != '.' || !parse_part(&cursor, &minor) ||
		*cursor++ != '.' || !parse_part(&cursor, &micro))
		return false;
	if (*cursor == 'a' || *cursor == 'b' || strncmp(cursor, "rc", 2) == 0) {
		cursor += *cursor == 'r' ? 2 : 1;
		if (!parse_part(&cursor, &serial))
			return false;
	}
	if (*cursor == '+')
		cursor++;
	if (*cursor != '\0' || (size_t)(cursor - text) >= sizeof(version->text))
		return false;
	version->number = major * 100 + minor;
	strcpy(version->text, text);
	return true;
}

/* ---- the strings of a file ---- */

struct string_scan {
	struct version_list *list;
	int named[VERSION_LIMIT]; /* numbers that names say */
	size_t named_count;
};

static bool has_number(const struct version_list *list, int number)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->versions[i].number == number)
			return true;
	return false;
}

static bool is_named(const struct string_scan *scan, int number)
{
	for (size_t i = 0; i < scan->named_count; i++)
		if (scan->named[i] == number)
			return true;
	return false;
}

static void add_name(struct string_scan *scan, int number)
{
	if (number && scan->named_count < VERSION_LIMIT && !is_named(scan, number))
		scan->named[scan->named_count++] = number;
}

static void add_version(struct version_list *list, const struct version *version)
{
	if (list->count == VERSION_LIMIT)
		return;
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->versions[i].text, version->text) == 0)
			return;
	list->versions[list->count++] = *version;
}

/* Looks at what begins in text[0 .. length). The text goes on behind that, up to a NUL. */
static void scan_chunk(struct string_scan *scan, const char *text, size_t length)
{
	const char *end = text + length;

	/*
	 * versions: by their dots, which are rarer than digits; what stands before one may be anything,
	 * since the linker makes one string of "/usr/lib/3.8.18" and "3.8.18"
	 */
	for (const char *dot = memchr(text, '.', length); dot;
		dot = memchr(dot + 1, '.', (size_t)(end - dot - 1))) {
		struct version version;

		if (dot - text >= 2 && is_digit(dot[-1]) && !is_digit(dot[-2]) && dot[-2] != '.' &&
			parse_py_version(dot - 1, &version) && layout_find(version.number))
			add_version(scan->list, &version);
	}
	for (const char *at = text; (at = memmem(at, (size_t)(end - at), PYTHON, sizeof(PYTHON) - 1)); at++)
		add_name(scan, version_at(at));
	if (memmem(text, length, "PYTHONHOME", sizeof("PYTHONHOME")))
		scan->list->says_python = true;
}

static void scan_range(
	const struct elf_image *image, uint64_t vaddr, uint64_t bytes, struct string_scan *scan)
{
	char *chunk = xmalloc(CHUNK_BYTES + 1);

	if (bytes > SCAN_LIMIT_BYTES)
		bytes = SCAN_LIMIT_BYTES;
	for (uint64_t at = 0; at < bytes;) {
		size_t wanted = bytes - at < CHUNK_BYTES ? bytes - at : CHUNK_BYTES;
		size_t got = elf_image_read(image, vaddr + at, chunk, wanted);
		bool last = got < wanted || at + got == bytes;

		chunk[got] = '\0';
		/*
		 * what begins near the end may be cut: the next chunk has it whole, and what stands before
		 * it
		 */
		scan_chunk(scan, chunk, last ? got : got - OVERLAP_BYTES / 2);
		if (last)
			break;
		at += got - OVERLAP_BYTES;
	}
	free(chunk);
}

static void scan_image(const struct elf_image *image, struct string_scan *scan)
{
	struct elf_section section;

	if (elf_image_section(image, ".rodata", &section)) {
		scan_range(image, section.vaddr, section.bytes, scan);
		return;
	}
	for (size_t i = 0; i < image->segment_count; i++)
		if (!image->segments[i].writable)
			scan_range(image, image->segments[i].vaddr, image->segments[i].file_bytes, scan);
}

/* Those that a name agrees with come first; the order stays else. */
static void prefer_named(const struct string_scan *scan, struct version_list *list)
{
	struct version_list sorted = { .says_python = list->says_python };

	for (int named = 1; named >= 0; named--)
		for (size_t i = 0; i < list->count; i++)
			if (is_named(scan, list->versions[i].number) == named)
				sorted.versions[sorted.count++] = list->versions[i];
	*list = sorted;
}

void version_list_read(const struct elf_image *image, const char *file_name, struct version_list *list)
{
	struct string_scan scan = { .list = list };
	char soname[ELF_NAME_BYTES];

	*list = (struct version_list){ 0 };
	add_name(&scan, version_in_name(file_name));
	if (elf_image_soname(image, soname))
		add_name(&scan, version_in_name(soname));
	scan_image(image, &scan);
	prefer_named(&scan, list);
	for (size_t i = 0; i < scan.named_count && list->count < VERSION_LIMIT; i++)
		if (!has_number(list, scan.named[i]))
			list->versions[list->count++] = (struct version){ .number = scan.named[i] };
}
