/* SPDX-License-Identifier: MIT */
/* A perf map that anyone may have written, in two parts: the second is appended after a first look. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "native/names/perf_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/tmp/fuzz_perf_map_XXXXXX";

static void clean_up(void)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/tmp/perf-1.map", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/tmp", directory);
	rmdir(path);
	rmdir(directory);
}

/* A root directory with a /tmp in it, for the whole run. */
static int make_root(void)
{
	char path[64];

	if (!mkdtemp(directory))
		abort();
	snprintf(path, sizeof(path), "%s/tmp", directory);
	if (mkdir(path, 0700))
		abort();
	atexit(clean_up);
	return open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void write_all(int fd, const uint8_t *data, size_t size)
{
	if (write(fd, data, size) != (ssize_t)size)
		abort();
}

static void look_up(struct perf_map *map, int64_t now_ns)
{
	static const raddr_t addresses[] = { 0, 1, 0x1000, 0x1008, 0x2000, UINT32_MAX, UINT64_MAX };

	for (size_t i = 0; i < ARRAY_LENGTH(addresses); i++) {
		char *name = perf_map_find(map, addresses[i], now_ns);

		if (name && (!name[0] || strchr(name, '\n')))
			abort();
		free(name);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int root = -1;
	struct perf_map *map;
	char path[64];
	int fd;

	if (root < 0)
		root = make_root();
	snprintf(path, sizeof(path), "%s/tmp/perf-1.map", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		abort();
	map = perf_map_new(root, 1, getuid());
	write_all(fd, data, size / 2);
	look_up(map, 0);
	write_all(fd, data + size / 2, size - size / 2);
	look_up(map, INT64_C(1000000000));
	perf_map_free(map);
	close(fd);
	return 0;
}
