/* SPDX-License-Identifier: MIT */
/* Reading a part of a file. */
#include "config.h"

#include "pyrope/base.h"

#include <errno.h>
#include <unistd.h>

size_t read_file_at(int fd, void *data, size_t length, uint64_t offset)
{
	size_t done = 0;

	if (offset > (uint64_t)INT64_MAX - length)
		return 0;
	while (done < length) {
		ssize_t got = pread(fd, (char *)data + done, length - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}
