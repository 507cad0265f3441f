/* SPDX-License-Identifier: MIT */
/*
 * The target chooses what stands at a path. So it is opened with O_PATH first, which has no effect on pipes
 * and devices, and for reading only when it is a regular file, without waiting for who has a lease on it. openat2(2) keeps absolute symbolic links
 * within the root; kernels before 5.6 do not have it, and there such a link leads into our own root.
 */
#include "config.h"

#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(SYS_openat2) && __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#endif

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

static int open_path(int root, const char *path)
{
	while (*path == '/')
		path++;
#ifdef RESOLVE_IN_ROOT
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

	if (fd >= 0 ||
		(errno != ENOSYS && errno != EPERM)) /* EPERM: what seccomp says where it does not know it */
		return (int)fd;
#endif
	return openat(root, path, O_PATH | O_CLOEXEC);
}

int root_open_file(int root, const char *path)
{
	struct stat status;

	return open_regular(open_path(root, path), &status);
}
