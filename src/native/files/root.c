/* SPDX-License-Identifier: MIT */
/*
 * The target chooses what stands at a path: see open_chosen.
 */
#include "config.h"

#include "native/files/root.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_root(struct roots *roots, int fd)
{
	struct stat status, first;

	if (fd < 0)
		return;
	if (roots->count > 0 && fstat(fd, &status) == 0 && fstat(roots->fds[0], &first) == 0 &&
		status.st_dev == first.st_dev && status.st_ino == first.st_ino)
		close(fd);
	else
		roots->fds[roots->count++] = fd;
}

void roots_open(struct roots *roots, struct target *target)
{
	*roots = (struct roots){ .count = 0 };
	add_root(roots, openat(target_proc_fd(target), "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
	add_root(roots, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

void roots_close(struct roots *roots)
{
	while (roots->count)
		close(roots->fds[--roots->count]);
}

int root_open_file(int root, const char *path)
{
	struct stat status;

	return open_chosen(root, path, true, 0, &status);
}
