/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "commands/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int input_open(const char *path, struct error *err)
{
	struct stat status;
	int fd = file_lent(path);

	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	else /* a FIFO would wait for somebody to write, a device might never end */
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot read '%.256s'", path);
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		close(fd);
		return error_set(
			err, ERROR_UNSUPPORTED, "cannot read '%.256s': it is not a regular file", path);
	}
	return fd;
}

bool input_is_recording(int fd)
{
	char bytes[16];

	return recording_recognise(bytes, read_file_at(fd, bytes, sizeof(bytes), 0));
}

static bool is_pprof(int fd)
{
	char bytes[16];

	return pprof_recognise(bytes, read_file_at(fd, bytes, sizeof(bytes), 0));
}

int input_read(int fd, const char *path, struct functions *functions, struct sink *sink, bool *damaged,
	struct error *err)
{
	struct recording_end end = { .is_whole = true };
	int result;

	if (input_is_recording(fd))
		result = recording_read(fd, path, functions, sink, &end, err);
	else if (is_pprof(fd))
		result = pprof_read(fd, path, functions, sink, err);
	else
		result = collapsed_read(fd, path, functions, sink, err);
	close(fd);
	if (result == 0 && end.note[0])
		fprintf(stderr, "pyrope: '%.256s': %s\n", path, end.note);
	*damaged |= end.is_damaged;
	return result;
}
