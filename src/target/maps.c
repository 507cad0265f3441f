/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/maps as a sorted table. Format: proc_pid_maps(5) and show_map_vma in fs/proc/task_mmu.c:
 *
 *     start-end rwxp offset major:minor inode          path
 *
 * all numbers but the inode in hexadecimal. Of the characters in a path only newline is escaped, as \012.
 * The path is chosen by the target and may hold anything else. The file is not read in one go, the kernel
 * gives a few KB at a time, so that mappings made or removed meanwhile may show twice or overlap: what
 * overlaps an earlier line is left out, and the table keeps its promise of being sorted and disjoint.
 */
#include "config.h"

#include "target/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAPS_LIMIT_BYTES ((size_t)256 << 20) /* 65,530 mappings (vm.max_map_count) take about 8 MB */
#define READ_BYTES ((size_t)64 << 10)
#define DELETED " (deleted)"
#define NEWLINE_ESCAPE "\\012"

static int digit_value(char character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	if (character >= 'a' && character <= 'f')
		return character - 'a' + 10;
	return -1;
}

/* A number that ends in `end`, which is stepped over. */
static bool parse_number(char **cursor, unsigned base, char end, uint64_t limit, uint64_t *value)
{
	char *position = *cursor;
	uint64_t number = 0;
	int digit = digit_value(*position);

	if (digit < 0 || digit >= (int)base)
		return false;
	for (; digit >= 0 && digit < (int)base; digit = digit_value(*++position)) {
		if (__builtin_mul_overflow(number, base, &number) ||
			__builtin_add_overflow(number, digit, &number) || number > limit)
			return false;
	}
	*value = number;
	if (*position == end)
		position++;
	else if (*position != '\0' || end != ' ') /* the inode may be the last thing in the line */
		return false;
	*cursor = position;
	return true;
}

static bool parse_flag(char character, char set, char clear, bool *flag)
{
	*flag = character == set;
	return character == set || character == clear;
}

static bool parse_permissions(char **cursor, struct mapping *mapping)
{
	char *text = *cursor;

	/* each comparison fails at the end of the line, so that nothing behind it is looked at */
	if (!parse_flag(text[0], 'r', '-', &mapping->readable) ||
		!parse_flag(text[1], 'w', '-', &mapping->writable) ||
		!parse_flag(text[2], 'x', '-', &mapping->executable) ||
		!parse_flag(text[3], 's', 'p', &mapping->is_shared) || text[4] != ' ')
		return false;
	*cursor = text + 5;
	return true;
}

/* Takes " (deleted)" off and undoes the escapes, in place. */
static void clean_path(char *path, struct mapping *mapping)
{
	size_t length = strlen(path);
	const size_t suffix = sizeof(DELETED) - 1;
	char *out;

	if (length > suffix && strcmp(path + length - suffix, DELETED) == 0) {
		mapping->deleted = true;
		path[length - suffix] = '\0';
	}
	mapping->path = path;
	out = strstr(path, NEWLINE_ESCAPE);
	if (!out)
		return;
	for (const char *in = out; *in;) {
		if (strncmp(in, NEWLINE_ESCAPE, sizeof(NEWLINE_ESCAPE) - 1) == 0) {
			*out++ = '\n';
			in += sizeof(NEWLINE_ESCAPE) - 1;
		} else {
			*out++ = *in++;
		}
	}
	*out = '\0';
}

static bool parse_line(char *line, struct mapping *mapping)
{
	uint64_t major, minor;

	*mapping = (struct mapping){ 0 };
	if (!parse_number(&line, 16, '-', UINT64_MAX, &mapping->start) ||
		!parse_number(&line, 16, ' ', UINT64_MAX, &mapping->end) || mapping->start >= mapping->end ||
		!parse_permissions(&line, mapping) ||
		!parse_number(&line, 16, ' ', UINT64_MAX, &mapping->offset) ||
		!parse_number(&line, 16, ':', UINT32_MAX, &major) ||
		!parse_number(&line, 16, ' ', UINT32_MAX, &minor) ||
		!parse_number(&line, 10, ' ', UINT64_MAX, &mapping->inode))
		return false;
	mapping->device_major = (uint32_t)major;
	mapping->device_minor = (uint32_t)minor;
	clean_path(line + strspn(line, " "), mapping);
	return true;
}

static int compare_start(const void *first, const void *second)
{
	raddr_t a = ((const struct mapping *)first)->start, b = ((const struct mapping *)second)->start;

	return (a > b) - (a < b);
}

static void sort_and_separate(struct maps *maps)
{
	size_t kept = 0;
	bool sorted = true;

	for (size_t i = 1; i < maps->count && sorted; i++)
		sorted = maps->mappings[i - 1].start <= maps->mappings[i].start;
	if (!sorted)
		qsort(maps->mappings, maps->count, sizeof(*maps->mappings), compare_start);
	for (size_t i = 0; i < maps->count; i++)
		if (!kept || maps->mappings[i].start >= maps->mappings[kept - 1].end)
			maps->mappings[kept++] = maps->mappings[i];
	maps->count = kept;
}

void maps_parse(struct maps *maps, struct buffer *text)
{
	size_t capacity = 0;
	char *end;

	*maps = (struct maps){ .text = *text };
	*text = (struct buffer){ 0 };
	if (!maps->text.data)
		return;
	end = maps->text.data + maps->text.length; /* buffers end in a NUL behind their length */
	for (char *line = maps->text.data; line < end;) {
		char *newline = memchr(line, '\n', (size_t)(end - line));

		if (newline)
			*newline = '\0';
		array_reserve(&maps->mappings, &capacity, maps->count + 1, sizeof(*maps->mappings));
		if (parse_line(line, &maps->mappings[maps->count]))
			maps->count++;
		line = newline ? newline + 1 : end;
	}
	sort_and_separate(maps);
}

static int read_error(struct target *target, int errno_value, struct error *err)
{
	switch (errno_value) {
	case 0:
	case ENOENT:
	case ESRCH:
		return error_set(err, ERROR_GONE, "process %d has exited", target_pid(target));
	case EACCES:
	case EPERM:
		return permission_explain(target_pid(target), errno_value, err);
	default:
		return error_set_errno(err, ERROR_SYSTEM, errno_value,
			"cannot read the mappings of process %d", target_pid(target));
	}
}

/* All of the file into text: 0, or an errno. */
static int read_all(int fd, struct buffer *text)
{
	int interruptions = 0;

	while (text->length < MAPS_LIMIT_BYTES) {
		ssize_t got;

		array_reserve(&text->data, &text->capacity, text->length + READ_BYTES + 1, 1);
		got = read(fd, text->data + text->length, READ_BYTES);
		if (got < 0 && errno == EINTR && interruptions++ < INTERRUPTIONS_LIMIT)
			continue;
		if (got < 0)
			return errno;
		text->length += (size_t)got;
		text->data[text->length] = '\0';
		if (got == 0)
			break;
	}
	return 0;
}

int target_read_maps(struct target *target, struct maps *maps, struct error *err)
{
	struct buffer text = { 0 };
	int fd = openat(target_proc_fd(target), "maps", O_RDONLY | O_CLOEXEC);
	int failure;

	if (fd < 0)
		return read_error(target, errno, err);
	failure = read_all(fd, &text);
	close(fd);
	if (failure || text.length == 0) { /* the maps of a process without memory are empty: it has exited */
		buffer_release(&text);
		return read_error(target, failure, err);
	}
	maps_parse(maps, &text);
	return 0;
}

void maps_release(struct maps *maps)
{
	free(maps->mappings);
	buffer_release(&maps->text);
	*maps = (struct maps){ 0 };
}

const struct mapping *maps_find(const struct maps *maps, raddr_t address)
{
	size_t low;

	LOWER_BOUND(low, maps->count, i, maps->mappings[i].end <= address);
	return low < maps->count && address >= maps->mappings[low].start ? &maps->mappings[low] : NULL;
}
