/* SPDX-License-Identifier: MIT */
/*
 * From the path of an output file to the place that it names. Another user who may write to one of the
 * folders on the way can exchange a name there at any moment, so a path that is looked at twice may lead to
 * two places. Here it is gone along once, each step from a descriptor of the last one, and what the kernel
 * would do with a symbolic link is done by hand: one that somebody else has made, and may exchange, is not
 * followed (as fs.protected_symlinks does in sticky folders; proc_sys_fs(5)).
 */
#include "config.h"

#include "output/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LINKS_LIMIT 40 /* as the kernel's MAXSYMLINKS */
#define FOLDER_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)

/* What is still to go. */
struct walk {
	struct place *place;
	const char *path; /* as the user gave it, for messages */
	char *rest;
	int links;
};

static int fail(const struct walk *walk, int reason, struct error *err)
{
	return error_set_errno(err, ERROR_SYSTEM, reason, "cannot write '%s'", walk->path);
}

/* Takes over the descriptor, also when it is -1. */
static int enter(struct walk *walk, int folder, struct error *err)
{
	if (folder < 0)
		return fail(walk, errno, err);
	if (walk->place->folder >= 0)
		close(walk->place->folder);
	walk->place->folder = folder;
	return 0;
}

static bool is_ours(const struct stat *status)
{
	return status->st_uid == geteuid() || status->st_uid == 0;
}

static bool others_may_write(const struct stat *folder)
{
	return (folder->st_mode & 0022) || !is_ours(folder);
}

/*
 * The owner of a folder is trusted in it by those who name it, but for root, who has more to lose than what
 * is in that folder.
 */
static bool is_trusted(const struct stat *link, const struct stat *folder)
{
	return is_ours(link) ||
		(geteuid() != 0 && link->st_uid == folder->st_uid && !(folder->st_mode & 0022));
}

/* The links of /proc are not texts to go along. */
static bool is_in_proc(int fd)
{
	struct statfs system;

	return fstatfs(fd, &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

/* Puts what the link says before what is still to go. fd: the link itself. */
static int follow(struct walk *walk, int fd, const struct stat *link, struct error *err)
{
	char text[PATH_MAX];
	struct stat folder;
	ssize_t length;
	char *rest;

	if (fstat(walk->place->folder, &folder) != 0)
		return fail(walk, errno, err);
	if (!is_trusted(link, &folder))
		return error_set(err, ERROR_SYSTEM,
			"cannot write '%s': '%s' on the way is a symbolic link that user %lld has made and "
			"may "
			"exchange: name the place that it leads to",
			walk->path, walk->place->name, (long long)link->st_uid);
	length = readlinkat(fd, "", text, sizeof(text) - 1);
	if (length < 0)
		return fail(walk, errno, err);
	text[length] = '\0';
	if (++walk->links > LINKS_LIMIT || !length)
		return fail(walk, length ? ELOOP : ENOENT, err);
	if (text[0] == '/' && enter(walk, open("/", FOLDER_FLAGS), err) != 0)
		return -1;
	rest = *walk->rest ? xasprintf("%s/%s", text, walk->rest) : xstrdup(text);
	free(walk->rest);
	walk->rest = rest;
	return 0;
}

/* Cuts the next name off what is still to go, into place->name. Is it the last one? */
static bool next_name(struct walk *walk)
{
	char *start = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(start, "/");
	char *rest = xstrdup(start + length + strspn(start + length, "/"));
	bool wants_folder = start[length] == '/' || !length;

	free(walk->place->name);
	/* What ends with a slash is a folder, and a folder's name in itself is a point. */
	walk->place->name = length ? xstrndup(start, length) : xstrdup(".");
	if (wants_folder && !*rest && length) {
		free(rest);
		rest = xstrdup(".");
	}
	free(walk->rest);
	walk->rest = rest;
	return !*rest;
}

/* One name. 1: it is the last one, 0: there are more, or -1. */
static int step(struct walk *walk, struct error *err)
{
	struct place *place = walk->place;
	bool is_last = next_name(walk);
	struct stat status;
	int result, fd = openat(place->folder, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT && is_last ? 1 : fail(walk, errno, err);
	if (fstat(fd, &status) == 0 && S_ISLNK(status.st_mode)) {
		if (!is_in_proc(fd)) {
			result = follow(walk, fd, &status, err);
			close(fd);
			return result;
		}
		close(fd);
		fd = openat(place->folder, place->name, O_PATH | O_CLOEXEC);
	}
	if (fd < 0 || fstat(fd, &status) != 0) {
		fail(walk, errno, err);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (is_last) {
		place->file = fd;
		place->status = status;
		return 1;
	}
	if (!S_ISDIR(status.st_mode)) {
		close(fd);
		return fail(walk, ENOTDIR, err);
	}
	return enter(walk, fd, err);
}

int place_find(struct place *place, const char *path, struct error *err)
{
	struct walk walk = { .place = place, .path = path };
	struct stat folder = { 0 };
	int result;

	*place = (struct place){ .folder = -1, .file = -1 };
	if (!*path)
		return fail(&walk, ENOENT, err);
	walk.rest = xstrdup(path);
	result = enter(&walk, open(path[0] == '/' ? "/" : ".", FOLDER_FLAGS), err);
	while (result == 0)
		result = step(&walk, err);
	free(walk.rest);
	if (result > 0 && place->file >= 0 && S_ISDIR(place->status.st_mode))
		result = error_set(
			err, ERROR_SYSTEM, "cannot write '%s': it is a directory: name a file in it", path);
	if (result > 0 && fstat(place->folder, &folder) != 0)
		result = fail(&walk, errno, err);
	if (result < 0) {
		place_release(place);
		return -1;
	}
	place->is_shared = others_may_write(&folder);
	return 0;
}

/* A hard link may lead to one of our files; a pipe, to somebody who reads. */
bool place_is_foreign(const struct place *place)
{
	bool is_file = S_ISREG(place->status.st_mode);

	if (!place->is_shared)
		return false;
	return is_ours(&place->status) ? is_file && place->status.st_nlink > 1 : geteuid() == 0 || !is_file;
}

bool place_is_unchanged(const struct place *place)
{
	struct stat now;

	if (!place->is_shared || fstatat(place->folder, place->name, &now, AT_SYMLINK_NOFOLLOW) != 0)
		return true;
	return now.st_uid == geteuid() ||
		(place->file >= 0 && now.st_dev == place->status.st_dev &&
			now.st_ino == place->status.st_ino);
}

int place_open(const struct place *place)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", place->file);
	return open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
}

void place_release(struct place *place)
{
	if (place->folder >= 0)
		close(place->folder);
	if (place->file >= 0)
		close(place->file);
	free(place->name);
	*place = (struct place){ .folder = -1, .file = -1 };
}
