/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes go. A profile may have taken two days to collect, so: what can be known to be wrong with
 * the output is found before the first sample; an older file stays whole until the new one is; and the first
 * failed write is remembered, so that writers need not check each of theirs.
 */
#include "config.h"

#include "pyrope/output.h"

#include "output/gzip.h"
#include "output/place.h"

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
#define PRIVATE_MODE 0600
#define FAILURE_EXCHANGED (-1) /* where others have an errno */
#define STEM_BYTES 200 /* of the name in the temporary's: a long one leaves no room for a longer one */

struct output_file {
	int fd;
	bool owns_fd;
	bool truncate; /* written in place, and older content is still there */
	int failure;   /* errno of the first failed write, or FAILURE_EXCHANGED */
	char *name;    /* for messages: quoted, or "standard output" */
	struct place place;
	char *temporary; /* in the folder of the place; NULL: written in place */
	mode_t mode;     /* what the temporary gets at the end; its owner comes from the place */
	bool takes_owner;
	struct gzip *gzip; /* NULL: what is written goes out as it is */
	uint64_t written;  /* before it was compressed */
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

static int open_in_place(struct output_file *file, struct error *err)
{
	if (place_is_foreign(&file->place))
		return error_set(err, ERROR_SYSTEM,
			"cannot write %s: others may write to its folder, and it is a file of user %lld, or "
			"has "
			"another name elsewhere: name a file in a folder of your own",
			file->name, (long long)file->place.status.st_uid);
	file->fd = place_open(&file->place);
	if (file->fd < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot write %s", file->name);
	file->owns_fd = true;
	file->truncate = true;
	return 0;
}

/* What a file that open(2) creates with 0666 would have. */
static mode_t default_mode(void)
{
	mode_t mask = umask(077);

	umask(mask);
	return 0666 & ~mask;
}

/*
 * The new file will be what the older one was to others: its mode, and its owner where we may. But not what
 * somebody else has put into a folder that is open to others.
 */
static void choose_ownership(struct output_file *file)
{
	const struct place *place = &file->place;

	file->takes_owner = place->file >= 0 && (!place->is_shared || place->status.st_uid == geteuid());
	file->mode = file->takes_owner ? place->status.st_mode & 0777 : default_mode();
}

/* Nobody else may look into a profile before it is whole, or keep it open for writing. */
static int settle_ownership(const struct output_file *file)
{
	if (file->takes_owner &&
		fchown(file->fd, file->place.status.st_uid, file->place.status.st_gid) != 0) {
		/* Not root: then it is ours, as every file that we may create. */
	}
	/* A file system without modes has nothing to refuse. */
	return fchmod(file->fd, file->mode) == 0 || errno == EPERM || errno == ENOTSUP ? 0 : errno;
}

/* Creates the temporary beside the place. -1 with errno when the folder does not allow it. */
static int create_temporary(struct output_file *file)
{
	const struct place *place = &file->place;
	uint64_t salt = hash_combine((uint64_t)getpid(), (uint64_t)monotonic_ns());

	for (int i = 0; i < TEMPORARY_TRIES; i++) {
		salt = hash_u64(salt);
		file->temporary =
			xasprintf("%.*s.pyrope-%06x", STEM_BYTES, place->name, (unsigned)(salt & 0xffffff));
		file->fd = openat(place->folder, file->temporary,
			O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, PRIVATE_MODE);
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

static int open_beside(struct output_file *file, struct error *err)
{
	int reason;

	choose_ownership(file);
	if (create_temporary(file) == 0)
		return 0;
	reason = errno;
	/* A file may be writable in a folder that is not. */
	if (file->place.file >= 0)
		return open_in_place(file, err);
	return error_set_errno(err, ERROR_SYSTEM, reason, "cannot write %s", file->name);
}

static bool may_write(const struct place *place)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", place->file);
	return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static int open_path(struct output_file *file, const char *path, struct error *err)
{
	const int lent = file_lent(path);

	if (lent >= 0) {
		file->fd = lent;
		file->owns_fd = true;
		return 0;
	}
	if (named_descriptor(path) >= 0)
		return open_descriptor(file, named_descriptor(path), err);
	if (place_find(&file->place, path, err) != 0)
		return -1;
	if (file->place.file < 0)
		return open_beside(file, err);
	if (!S_ISREG(file->place.status.st_mode))
		return open_in_place(file, err);
	/* A rename would get around the missing permission; who took it away meant something by it. */
	if (!may_write(&file->place))
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot write %s", file->name);
	return open_beside(file, err);
}

static struct output_file *file_new(void)
{
	struct output_file *file = xcalloc(1, sizeof(*file));

	file->fd = file->place.folder = file->place.file = -1;
	return file;
}

/* The placeholder that main puts there for a closed descriptor cannot be written to either. */
bool output_can_print(void)
{
	const int flags = fcntl(STDOUT_FILENO, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

int output_open(struct output_file **opened, const char *path, struct error *err)
{
	struct output_file *file = file_new();

	if (!path || strcmp(path, "-") == 0) {
		file->fd = STDOUT_FILENO;
		file->name = xstrdup("standard output");
		if (!output_can_print()) {
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

/* In place, for there is no older file that it could spoil; and it stays for nobody else. */
int output_open_rescue(struct output_file **opened, char **path, const char *ending, struct error *err)
{
	const char *folder = getenv("TMPDIR");
	struct output_file *file = file_new();

	*path = xasprintf("%s/pyrope-XXXXXX%s", folder && *folder ? folder : "/tmp", ending);
	file->fd = mkostemps(*path, (int)strlen(ending), O_CLOEXEC);
	file->name = xasprintf("'%s'", *path);
	if (file->fd < 0) {
		error_set_errno(err, ERROR_SYSTEM, errno, "cannot write %s", file->name);
		output_close(file);
		free(*path);
		return -1;
	}
	file->owns_fd = true;
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

static void append(void *context, const void *bytes, size_t length)
{
	struct output_file *file = context;

	if (length > BUFFER_BYTES - file->used)
		drain(file);
	if (length > BUFFER_BYTES) {
		write_out(file, bytes, length);
		return;
	}
	memcpy(file->bytes + file->used, bytes, length);
	file->used += length;
}

void output_compress(struct output_file *file)
{
	if (!file->gzip)
		file->gzip = gzip_new(append, file);
}

void output_write(struct output_file *file, const void *bytes, size_t length)
{
	file->written += length;
	if (file->gzip)
		gzip_append(file->gzip, bytes, length);
	else
		append(file, bytes, length);
}

uint64_t output_bytes(const struct output_file *file)
{
	return file->written;
}

static int report(const struct output_file *file, int failure, struct error *err)
{
	if (failure == EPIPE)
		return error_set(err, ERROR_GONE, "%s", "");
	if (failure == FAILURE_EXCHANGED)
		return error_set(err, ERROR_SYSTEM,
			"cannot write %s: another user exchanged it meanwhile: name a file in a folder of "
			"your own",
			file->name);
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

/* Is what has the temporary's name what we have written? In an open folder, others may have exchanged it. */
static bool is_temporary(const struct output_file *file)
{
	struct stat written, named;

	return fstat(file->fd, &written) == 0 &&
		fstatat(file->place.folder, file->temporary, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
		written.st_dev == named.st_dev && written.st_ino == named.st_ino;
}

/* The temporary gets the name that was asked for. */
static int put_in_place(struct output_file *file)
{
	const struct place *place = &file->place;

	if (place->is_shared && (!is_temporary(file) || !place_is_unchanged(place)))
		return FAILURE_EXCHANGED;
	if (renameat(place->folder, file->temporary, place->folder, place->name) != 0)
		return errno;
	free(file->temporary);
	file->temporary = NULL;
	return 0;
}

/* Bytes that the disk has not taken yet are not a file that may replace another one. */
static int settle_temporary(struct output_file *file)
{
	int failure = settle_ownership(file);

	if (fsync(file->fd) != 0 && errno != EINVAL && errno != ENOTSUP && errno != EINTR)
		failure = errno;
	if (!failure)
		failure = put_in_place(file);
	if (close(file->fd) != 0 && errno != EINTR && !failure)
		failure = errno;
	file->fd = -1;
	return failure;
}

int output_publish(struct output_file *file, struct error *err)
{
	if (output_flush(file, err) != 0)
		return -1;
	if (file->temporary)
		file->failure = settle_ownership(file);
	if (file->temporary && !file->failure)
		file->failure = put_in_place(file);
	return file->failure ? report(file, file->failure, err) : 0;
}

int output_commit(struct output_file *file, struct error *err)
{
	if (file->gzip)
		gzip_finish(file->gzip);
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
		unlinkat(file->place.folder, file->temporary, 0);
	free(file->temporary);
	gzip_free(file->gzip);
	place_release(&file->place);
	free(file->name);
	free(file);
}
