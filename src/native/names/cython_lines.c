/* SPDX-License-Identifier: MIT */
/*
 * Before each statement Cython writes a comment into the C file whose first line is its opening and the place
 * of the statement in the source,
 *
 *     "demo.pyx":12
 *
 * and the code up to the next such comment belongs to it. Where it was told to write #line directives, debug
 * information has the lines of the .pyx file already.
 */
#include "config.h"

#include "native/names/cython.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_LIMIT ((uint64_t)256 << 20)
#define LINE_LIMIT (1 << 20) /* comments that are kept */
#define CHUNK 65536

static int read_number(const char *text, const char *end)
{
	int64_t number = 0;

	if (text == end)
		return 0;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return 0;
		number = number * 10 + (*text - '0');
		if (number > INT32_MAX)
			return 0;
	}
	return (int)number;
}

static void add_line(struct cython_lines *lines, const char *text, const char *end, int generated)
{
	const char *quote = NULL;
	int original;

	while (text < end && (*text == ' ' || *text == '\t'))
		text++;
	while (end > text && (end[-1] == ' ' || end[-1] == '\r'))
		end--;
	if (end - text >= 6 && memcmp(text, "#line ", 6) == 0)
		lines->is_mapped = true;
	if (end - text < 7 || memcmp(text, "/* \"", 4) != 0)
		return;
	for (const char *at = end; at > text + 4 && !quote; at--)
		if (at[-1] == '"')
			quote = at;
	if (!quote || quote == end || *quote != ':' || lines->count == LINE_LIMIT)
		return;
	original = read_number(quote + 1, end);
	if (!original)
		return;
	array_reserve(&lines->list, &lines->capacity, lines->count + 1, sizeof(*lines->list));
	lines->list[lines->count++] = (struct cython_line){ .generated = generated, .original = original };
}

static void read_file(struct cython_lines *lines, int fd)
{
	char *chunk = xmalloc(CHUNK);
	uint64_t offset = 0;
	int number = 0;

	while (offset < FILE_LIMIT && !is_hurried()) {
		ssize_t got = pread(fd, chunk, CHUNK, (off_t)offset);
		const char *line = chunk, *end;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		while ((end = memchr(line, '\n', (size_t)(chunk + got - line)))) {
			add_line(lines, line, end, ++number);
			line = end + 1;
		}
		/* a line longer than the chunk is passed over, and is no comment */
		offset += line > chunk ? (uint64_t)(line - chunk) : (uint64_t)got;
	}
	free(chunk);
}

void cython_lines_release(struct cython_lines *lines)
{
	free(lines->path);
	free(lines->list);
	memset(lines, 0, sizeof(*lines));
}

static void load(struct cython_lines *lines, const struct roots *roots, const char *path)
{
	int fd = -1;

	cython_lines_release(lines);
	lines->path = xstrdup(path);
	for (size_t i = 0; i < roots->count && fd < 0; i++)
		fd = root_open_file(roots->fds[i], path);
	if (fd < 0)
		return;
	read_file(lines, fd);
	close(fd);
}

int cython_line(struct cython_lines *lines, const struct roots *roots, const char *path, int generated)
{
	size_t low;

	if (path[0] != '/')
		return 0;
	if (!lines->path || strcmp(lines->path, path) != 0)
		load(lines, roots, path);
	if (lines->is_mapped)
		return generated;
	LOWER_BOUND(low, lines->count, i, lines->list[i].generated <= generated);
	return low ? lines->list[low - 1].original : 0;
}
