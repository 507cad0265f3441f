/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes go. A profile may have taken two days to collect, so: what can be known to be wrong with
 * the output is found before the first sample; an older file stays whole until the new one is; and the first
 * failed write is remembered, so that writers need not check each of theirs.
 */
#include "config.h"

#include "pyrope/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_BYTES 65536
#define TEMPORARY_TRIES 100

struct output_file {
	int fd;
	bool owns_fd;
	bool truncate;    /* written in place, and older content is still there */
	int failure;      /* errno of the first failed write */
	char *name;       /* for messages: quoted, or "standard output" */
	char *final_path; /* what the temporary becomes */
	char *temporary;  /* NULL: written in place */
	size_t used;
	char bytes[BUFFER_BYTES];
};

/* ---- opening ---- */

/*
 * The descriptor that a path names, or -1. Opening such a path again would begin at the start of the file
 * behind it, and overwrite what others have written there; a rename would take the file away from them.
 */
static int named_descriptor(const char *path)
{
	static const char *const folders[] = { "/dev/fd/", "/proc/self/fd/" };
	struct error ignored = { 0 };
	int64_t fd;

	if (strcmp(path, "/dev/stdout") == 0)
		return STDOUT_FILENO;
	if (strcmp(path, "/dev/stderr") == 0)
		return STDERR_FILENO;
	for (size_t i = 0; i < ARRAY_LENGTH(folders); i++) {
		size_t length = strlen(folders[i]);

		if (strncmp(path, folders[i], length) == 0 &&
			parse_integer(path + length, "descriptor", 0, INT32_MAX, &fd, &ignored) == 0)
			return (int)fd;
	}
	return -1;
}

static int open_descriptor(struct output_file *file, int fd, struct error *err)
{
	file->fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (file->fd < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot write %s", file->name);
	file->owns_fd = true;
	return 0;
}

static int open_in_place(struct output_file *file, const char *path, struct error *err)
{
	file->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	if (file->fd < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot write %s", file->name);
	file->owns_fd = true;
	file->truncate = true;
	return 0;
}

/* The new file is what the older one was to others: its mode, and its owner where we may. */
static void copy_ownership(int fd, const struct stat *old)
{
	if (fchown(fd, old->st_uid, old->st_gid) != 0) {
		/* Not root: then it is ours, as every file that we may create. */
	}
	fchmod(fd, old->st_mode & 0777);
}

/* Creates the temporary beside final_path. -1 with errno when the folder does not allow it. */
static int create_temporary(struct output_file *file)
{
	uint64_t salt = hash_combine((uint64_t)getpid(), (uint64_t)monotonic_ns());

	for (int i = 0; i < TEMPORARY_TRIES; i++) {
		salt = hash_u64(salt);
		file->temporary = xasprintf("%s.pyrope-%06x", file->final_path, (unsigned)(salt & 0xffffff));
		file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
		if (file->fd >= 0) {
			file->owns_fd = true;
			return 0;
		}
		free(file->temporary);
		file->temporary = NULL;
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

static int open_beside(struct output_file *file, const char *path, const struct stat *old, struct error *err)
{
	/* A symbolic link stays one: what is replaced is the file that it leads to. */
	file->final_path = old ? realpath(path, NULL) : xstrdup(path);
	if (!file->final_path)
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot write %s", file->name);
	if (create_temporary(file) == 0) {
		if (old)
			copy_ownership(file->fd, old);
		return 0;
	}
	/* A file may be writable in a folder that is not, and a long name leaves no room for a longer one. */
	if (old || errno == ENAMETOOLONG)
		return open_in_place(file, path, err);
	return error_set_errno(err, ERROR_SYSTEM, errno, "cannot write %s", file->name);
}

static int open_path(struct output_file *file, const char *path, struct error *err)
{
	struct stat status;

	if (named_descriptor(path) >= 0)
		return open_descriptor(file, named_descriptor(path), err);
	if (stat(path, &status) != 0) {
		struct stat link;

		if (errno != ENOENT)
			return error_set_errno(err, ERROR_SYSTEM, errno, "cannot write %s", file->name);
		/* Nothing is there, or a symbolic link to nothing. */
		return lstat(path, &link) == 0 ? open_in_place(file, path, err)
					       : open_beside(file, path, NULL, err);
	}
	if (S_ISDIR(status.st_mode))
		return error_set(err, ERROR_SYSTEM, "cannot write %s: it is a directory: name a file in it",
			file->name);
	if (!S_ISREG(status.st_mode))
		return open_in_place(file, path, err);
	/* A rename would get around the missing permission; who took it away meant something by it. */
	if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot write %s", file->name);
	return open_beside(file, path, &status, err);
}

int output_open(struct output_file **opened, const char *path, struct error *err)
{
	struct output_file *file = xcalloc(1, sizeof(*file));

	file->fd = -1;
	if (!path || strcmp(path, "-") == 0) {
		file->fd = STDOUT_FILENO;
		file->name = xstrdup("standard output");
		/* The placeholder that main puts there for a closed descriptor cannot be written to either.
		 */
		if ((fcntl(file->fd, F_GETFL) & O_ACCMODE) == O_RDONLY || fcntl(file->fd, F_GETFL) < 0) {
			output_close(file);
			return error_set(
				err, ERROR_SYSTEM, "cannot write standard output: it is closed: use -o FILE");
		}
	} else {
		file->name = xasprintf("'%s'", path);
		if (open_path(file, path, err) != 0) {
			output_close(file);
			return -1;
		}
	}
	*opened = file;
	return 0;
}

/* ---- writing ---- */

/* A descriptor that we share may have been made non-blocking by somebody else. */
static void wait_writable(int fd)
{
	struct pollfd waited = { .fd = fd, .events = POLLOUT };

	poll(&waited, 1, 1000);
}

static void write_out(struct output_file *file, const char *bytes, size_t length)
{
	if (file->truncate) {
		file->truncate = false;
		/* Devices and pipes have no length to cut: EINVAL. */
		if (ftruncate(file->fd, 0) != 0 && errno != EINVAL)
			file->failure = errno;
	}
	while (length && !file->failure) {
		ssize_t written = write(file->fd, bytes, length);

		if (written >= 0) {
			bytes += written;
			length -= (size_t)written;
		} else if (errno == EAGAIN) {
			wait_writable(file->fd);
		} else if (errno != EINTR) {
			file->failure = errno;
		}
	}
}

static void drain(struct output_file *file)
{
	write_out(file, file->bytes, file->used);
	file->used = 0;
}

void output_write(struct output_file *file, const void *bytes, size_t length)
{
	if (length > BUFFER_BYTES - file->used)
		drain(file);
	if (length > BUFFER_BYTES) {
		write_out(file, bytes, length);
		return;
	}
	memcpy(file->bytes + file->used, bytes, length);
	file->used += length;
}

static int report(const struct output_file *file, int failure, struct error *err)
{
	if (failure == EPIPE)
		return error_set(err, ERROR_GONE, "%s", "");
	error_set_errno(err, ERROR_SYSTEM, failure, "cannot write %s", file->name);
	if (failure == ENOSPC || failure == EDQUOT) {
		size_t length = strlen(err->message);

		snprintf(err->message + length, sizeof(err->message) - length,
			": make room, or name another place with -o");
	}
	return -1;
}

int output_flush(struct output_file *file, struct error *err)
{
	drain(file);
	return file->failure ? report(file, file->failure, err) : 0;
}

/* Bytes that the disk has not taken yet are not a file that may replace another one. */
static int settle_temporary(struct output_file *file)
{
	int failure = 0;

	if (fsync(file->fd) != 0 && errno != EINVAL && errno != ENOTSUP && errno != EINTR)
		failure = errno;
	if (close(file->fd) != 0 && errno != EINTR && !failure)
		failure = errno;
	file->fd = -1;
	if (!failure && rename(file->temporary, file->final_path) != 0)
		failure = errno;
	if (!failure) {
		free(file->temporary);
		file->temporary = NULL;
	}
	return failure;
}

int output_commit(struct output_file *file, struct error *err)
{
	if (output_flush(file, err) != 0)
		return -1;
	if (file->temporary)
		file->failure = settle_temporary(file);
	else if (file->owns_fd && close(file->fd) != 0 && errno != EINTR)
		file->failure = errno;
	if (!file->temporary && file->owns_fd)
		file->fd = -1;
	return file->failure ? report(file, file->failure, err) : 0;
}

void output_close(struct output_file *file)
{
	if (!file)
		return;
	if (file->owns_fd && file->fd >= 0)
		close(file->fd);
	if (file->temporary)
		unlink(file->temporary);
	free(file->temporary);
	free(file->final_path);
	free(file->name);
	free(file);
}
