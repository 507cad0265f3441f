/* SPDX-License-Identifier: MIT */
/*
 * A perf map is text, one line for a function: "START SIZE NAME", numbers in hexadecimal without 0x
 * (tools/perf/Documentation/jit-interface.txt in Linux). It only grows; where code was freed and its memory
 * used again, a later line contradicts an earlier one and is right. Names stay in the file.
 */
#include "config.h"

#include "native/names/perf_map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT ((uint64_t)64 << 20)
#define ENTRY_LIMIT ((size_t)1 << 20)
#define NAME_LIMIT 1024
#define OVERLAP_LIMIT 64   /* how far back to look for what covers an address */
#define AGAIN_NS 100000000 /* between two looks at a file for what was missing */
#define CHUNK 65536

struct entry {
	raddr_t start;
	uint32_t bytes;
	uint32_t name; /* offset in the file: the later, the righter */
};

struct perf_map {
	int root;
	char *path;
	uid_t owner;
	int fd;                /* -1: not there (yet) */
	struct stat status;    /* of what is open */
	uint64_t read_bytes;   /* whole lines up to here */
	struct entry *entries; /* by start, then by name */
	size_t count, capacity;
	bool was_read;
	int64_t read_ns; /* when it was looked at last */
};

struct perf_map *perf_map_new(int root, pid_t pid, uid_t owner)
{
	struct perf_map *map = xcalloc(1, sizeof(*map));

	map->root = root;
	map->path = xasprintf("/tmp/perf-%lld.map", (long long)pid);
	map->owner = owner;
	map->fd = -1;
	return map;
}

static void forget(struct perf_map *map)
{
	if (map->fd >= 0)
		close(map->fd);
	map->fd = -1;
	map->read_bytes = 0;
	map->count = 0;
}

void perf_map_free(struct perf_map *map)
{
	if (!map)
		return;
	forget(map);
	free(map->entries);
	free(map->path);
	free(map);
}

/* ---- lines ---- */

/* Up to a space; NULL: no hexadecimal number, or one that is too large. */
static const char *read_hexadecimal(const char *text, const char *end, uint64_t *value)
{
	const char *start = text;

	*value = 0;
	for (; text < end && *text != ' '; text++) {
		int digit = *text >= '0' && *text <= '9' ? *text - '0'
			: *text >= 'a' && *text <= 'f'   ? *text - 'a' + 10
			: *text >= 'A' && *text <= 'F'   ? *text - 'A' + 10
							 : -1;

		if (text == start + 1 && *start == '0' && (*text == 'x' || *text == 'X'))
			continue;
		if (digit < 0 || *value > UINT64_MAX >> 4)
			return NULL;
		*value = *value << 4 | (uint64_t)digit;
	}
	return text > start && text < end ? text + 1 : NULL;
}

static void add_line(struct perf_map *map, const char *line, const char *end, uint64_t offset)
{
	uint64_t start, bytes;
	const char *at = read_hexadecimal(line, end, &start);

	if (at)
		at = read_hexadecimal(at, end, &bytes);
	if (!at || at == end || !bytes || bytes > UINT32_MAX || bytes > UINT64_MAX - start ||
		map->count == ENTRY_LIMIT)
		return;
	array_reserve(&map->entries, &map->capacity, map->count + 1, sizeof(*map->entries));
	map->entries[map->count++] = (struct entry){
		.start = start,
		.bytes = (uint32_t)bytes,
		.name = (uint32_t)(offset + (uint64_t)(at - line)),
	};
}

/* The whole lines in text; returns how many bytes they are. */
static size_t add_lines(struct perf_map *map, const char *text, size_t length, uint64_t offset)
{
	const char *line = text, *end;

	while ((end = memchr(line, '\n', length - (size_t)(line - text)))) {
		add_line(map, line, end, offset + (uint64_t)(line - text));
		line = end + 1;
	}
	return (size_t)(line - text);
}

static int compare_entries(const void *left_entry, const void *right_entry)
{
	const struct entry *left = left_entry, *right = right_entry;

	if (left->start != right->start)
		return left->start < right->start ? -1 : 1;
	return left->name < right->name ? -1 : left->name > right->name;
}

/* ---- the file ---- */

static ssize_t read_at(int fd, char *data, size_t length, uint64_t offset)
{
	ssize_t got;

	do
		got = pread(fd, data, length, (off_t)offset);
	while (got < 0 && errno == EINTR);
	return got;
}

static void read_more(struct perf_map *map)
{
	char *chunk = xmalloc(CHUNK);
	size_t before = map->count;

	while (map->read_bytes < FILE_LIMIT && !is_hurried()) {
		ssize_t got = read_at(map->fd, chunk, CHUNK, map->read_bytes);
		size_t taken = got > 0 ? add_lines(map, chunk, (size_t)got, map->read_bytes) : 0;

		/* a line that fills the chunk is no line of a map */
		if (!taken && got == CHUNK)
			taken = CHUNK;
		map->read_bytes += taken;
		if (!taken)
			break;
	}
	free(chunk);
	if (map->count > before)
		qsort(map->entries, map->count, sizeof(*map->entries), compare_entries);
}

/* Does it have new lines? It may also be another file by now. */
static void look_again(struct perf_map *map)
{
	int fd = root_open_file(map->root, map->path);
	struct stat status;

	/* anyone may write to /tmp */
	if (fd >= 0 && (fstat(fd, &status) || (status.st_uid != map->owner && status.st_uid != 0))) {
		close(fd);
		fd = -1;
	}
	if (fd < 0) /* removed at exit: what was read is still true */
		return;
	if (map->fd < 0 || status.st_dev != map->status.st_dev || status.st_ino != map->status.st_ino ||
		(uint64_t)status.st_size < map->read_bytes) {
		forget(map);
		map->fd = fd;
		map->status = status;
	} else {
		close(fd);
	}
	if ((uint64_t)status.st_size > map->read_bytes)
		read_more(map);
}

/* ---- looking up ---- */

static const struct entry *find_entry(const struct perf_map *map, raddr_t address)
{
	const struct entry *found = NULL;
	size_t low;

	LOWER_BOUND(low, map->count, i, map->entries[i].start <= address);
	for (size_t i = low; i-- > 0 && low - i <= OVERLAP_LIMIT;) {
		const struct entry *entry = &map->entries[i];

		if (address - entry->start < entry->bytes && (!found || entry->name > found->name))
			found = entry;
	}
	return found;
}

static char *read_name(const struct perf_map *map, const struct entry *entry)
{
	char name[NAME_LIMIT];
	ssize_t got = read_at(map->fd, name, sizeof(name), entry->name);
	const char *end = got > 0 ? memchr(name, '\n', (size_t)got) : NULL;

	if (got <= 0 || !name[0])
		return NULL;
	return xstrndup(name, end ? (size_t)(end - name) : (size_t)got);
}

char *perf_map_find(struct perf_map *map, raddr_t address, int64_t now_ns)
{
	const struct entry *entry = find_entry(map, address);

	if (!entry && (!map->was_read || now_ns - map->read_ns >= AGAIN_NS)) {
		look_again(map);
		map->was_read = true;
		map->read_ns = now_ns;
		entry = find_entry(map, address);
	}
	return entry ? read_name(map, entry) : NULL;
}
