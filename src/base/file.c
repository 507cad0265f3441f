/* SPDX-License-Identifier: MIT */
/* Opening and reading files that somebody else has chosen. */
#include "config.h"

#include "pyrope/base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

size_t read_file_at(int fd, void *data, size_t length, uint64_t offset)
{
	size_t done = 0;
	int interruptions = 0;

	if (offset > (uint64_t)INT64_MAX - length)
		return 0;
	while (done < length) {
		ssize_t got = pread(fd, (char *)data + done, length - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR && interruptions++ < INTERRUPTIONS_LIMIT)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

int memory_file(const char *name)
{
	return syscall_kills(SYS_memfd_create) ? -1 : memfd_create(name, MFD_CLOEXEC);
}

int open_regular(int path_fd, struct stat *status)
{
	char self[64];
	int fd = -1;

	if (path_fd < 0) {
		descriptors_note(errno);
		return -1;
	}
	errno = 0;
	if (fstat(path_fd, status) == 0 && S_ISREG(status->st_mode)) {
		snprintf(self, sizeof(self), "/proc/self/fd/%d", path_fd);
		fd = open(self, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	}
	if (fd < 0)
		descriptors_note(errno);
	close(path_fd);
	return fd;
}

/* ---- how many may be open ---- */

static atomic_uint_least64_t lacking;

size_t descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return _POSIX_OPEN_MAX;
	return limit.rlim_cur < SIZE_MAX ? (size_t)limit.rlim_cur : SIZE_MAX;
}

void descriptors_note(int errno_value)
{
	if (errno_value == EMFILE || errno_value == ENFILE)
		atomic_fetch_add(&lacking, 1);
}

uint64_t descriptors_lacking(void)
{
	return atomic_load(&lacking);
}
