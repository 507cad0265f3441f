/* SPDX-License-Identifier: MIT */
/*
 * The folder: ID.pyrope, ID.txt or ID.pb.gz for each profile that was uploaded, .ID.entry with what was said
 * of it, and whatever profiles somebody has put there. While it comes in a profile is .upload-ID; the entry
 * is in its place before the profile is.
 */
#include "config.h"

#include "web/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define UPLOAD ".upload-"
#define LOCK ".pyrope-serve.lock"
#define FOLDER_MODE 0700
#define FILE_MODE 0600
#define ID_LENGTH (WEB_ID_BYTES - 1)

struct file_name {
	char text[64];
};

static struct file_name upload_name(const char *id)
{
	struct file_name name;

	snprintf(name.text, sizeof(name.text), UPLOAD "%s", id);
	return name;
}

static struct file_name entry_name(const char *id)
{
	struct file_name name;

	snprintf(name.text, sizeof(name.text), ".%s.entry", id);
	return name;
}

/* ---- opening ---- */

/* Files that nobody waits for any more: what came in halfway, and entries whose profile is gone. */
static bool is_left_over(const struct store *store, const char *name)
{
	struct stat status;
	char file[64];

	if (strncmp(name, UPLOAD, strlen(UPLOAD)) == 0)
		return strspn(name + strlen(UPLOAD), "0123456789abcdef") >= ID_LENGTH;
	if (name[0] != '.' || strspn(name + 1, "0123456789abcdef") != ID_LENGTH ||
		strcmp(name + 1 + ID_LENGTH, ".entry") != 0)
		return false;
	for (int kind = 0; kind < WEB_KINDS; kind++) {
		snprintf(file, sizeof(file), "%.*s%s", ID_LENGTH, name + 1, web_kind_endings[kind]);
		if (fstatat(store->folder, file, &status, AT_SYMLINK_NOFOLLOW) == 0)
			return false;
	}
	return true;
}

static DIR *list_folder(const struct store *store)
{
	const int fd = openat(store->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;

	if (!list && fd >= 0)
		close(fd);
	return list;
}

static void sweep(const struct store *store)
{
	DIR *list = list_folder(store);
	const struct dirent *file;

	while (list && (file = readdir(list)))
		if (is_left_over(store, file->d_name))
			unlinkat(store->folder, file->d_name, 0);
	if (list)
		closedir(list);
}

/* Of errno. */
static int bad_folder(const char *what, const char *path, struct error *err)
{
	const int reason = errno;

	return error_set(err, ERROR_SYSTEM, "cannot %s the folder '%.256s': %s: %s: pyrope serve DIR", what,
		path, strerror(reason),
		reason == ENOENT ? "make the one above it first, or name another"
				 : "name one that you may write to");
}

int store_open(struct store *store, const char *path, struct error *err)
{
	*store = (struct store){ .folder = -1, .lock = -1, .path = xstrdup(path) };
	if (mkdir(path, FOLDER_MODE) != 0 && errno != EEXIST)
		return bad_folder("make", path, err);
	store->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->folder < 0)
		return bad_folder("open", path, err);
	store->lock = openat(store->folder, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (store->lock < 0)
		return bad_folder("write to", path, err);
	if (flock(store->lock, LOCK_EX | LOCK_NB) != 0)
		return error_set(err, ERROR_SYSTEM,
			"another pyrope serves the folder '%.256s': stop that one, or name another folder",
			path);
	sweep(store);
	return 0;
}

void store_close(struct store *store)
{
	if (store->folder >= 0)
		close(store->folder);
	if (store->lock >= 0)
		close(store->lock);
	free(store->path);
	*store = (struct store){ .folder = -1, .lock = -1 };
}

/* ---- what comes in ---- */

static int failed(const struct store *store, const char *what, struct error *err)
{
	error_set_errno(err, ERROR_SYSTEM, errno, "cannot %s in '%.256s'", what, store->path);
	return -1;
}

int store_begin(const struct store *store, char id[WEB_ID_BYTES], struct error *err)
{
	uint64_t number = 0;
	int fd;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return failed(store, "make an id for a file", err);
	snprintf(id, WEB_ID_BYTES, "%016llx", (unsigned long long)number);
	fd = openat(store->folder, upload_name(id).text, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		FILE_MODE);
	return fd >= 0 ? fd : failed(store, "make a file", err);
}

void store_abort(const struct store *store, const char *id)
{
	unlinkat(store->folder, upload_name(id).text, 0);
}

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		const ssize_t written = write(fd, bytes, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		bytes += written;
		length -= (size_t)written;
	}
	return 0;
}

/* Beside its name first, as the profile itself. */
static int write_entry(const struct store *store, const struct web_entry *entry)
{
	struct file_name beside = upload_name(entry->id);
	struct buffer text = { 0 };
	int fd, result;

	strcat(beside.text, ".entry");
	fd = openat(
		store->folder, beside.text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd < 0)
		return -1;
	web_entry_write(entry, &text);
	result = write_all(fd, text.data, text.length);
	if (result == 0)
		result = fsync(fd);
	buffer_release(&text);
	close(fd);
	return result == 0 ? renameat(store->folder, beside.text, store->folder, entry_name(entry->id).text)
			   : -1;
}

int store_commit(const struct store *store, struct web_entry *entry, struct error *err)
{
	snprintf(entry->file, sizeof(entry->file), "%s%s", entry->id, web_kind_endings[entry->facts.kind]);
	if (write_entry(store, entry) != 0 ||
		renameat(store->folder, upload_name(entry->id).text, store->folder, entry->file) != 0)
		return failed(store, "keep a profile", err);
	return fsync(store->folder) == 0 ? 0 : failed(store, "keep a profile", err);
}

int store_scratch(const struct store *store, struct error *err)
{
	char id[WEB_ID_BYTES];
	const int fd = store_begin(store, id, err);

	if (fd >= 0)
		store_abort(store, id);
	return fd;
}

/* ---- what is there ---- */

/* A path of one part: no profile is behind a link, and none is a pipe. */
static int open_file(const struct store *store, const char *name, struct stat *status)
{
	return open_regular(openat(store->folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), status);
}

int store_read(const struct store *store, const struct web_entry *entry, uint64_t *bytes)
{
	struct stat status;
	const int fd = open_file(store, entry->file, &status);

	*bytes = fd >= 0 ? (uint64_t)status.st_size : 0;
	return fd;
}

int store_remove(const struct store *store, const struct web_entry *entry, struct error *err)
{
	if (unlinkat(store->folder, entry->file, 0) != 0 && errno != ENOENT)
		return failed(store, "delete a profile", err);
	unlinkat(store->folder, entry_name(entry->id).text, 0);
	fsync(store->folder);
	return 0;
}

/* An upload's file has the id as its name; others get one that is the same at each start. */
static void find_id(struct web_entry *entry)
{
	static const uint64_t key[2] = { UINT64_C(0x7079726f70652073), UINT64_C(0x65727665206e616d) };
	const size_t digits = strspn(entry->file, "0123456789abcdef");

	if (digits == ID_LENGTH && entry->file[digits] == '.')
		snprintf(entry->id, sizeof(entry->id), "%.*s", ID_LENGTH, entry->file);
	else
		snprintf(entry->id, sizeof(entry->id), "%016llx",
			(unsigned long long)hash_siphash(key, entry->file, strlen(entry->file)));
}

static bool read_entry(const struct store *store, struct web_entry *entry)
{
	struct stat status;
	struct web_entry parsed;
	const int fd = open_file(store, entry_name(entry->id).text, &status);
	char *text;
	size_t length;
	bool is_known;

	if (fd < 0)
		return false;
	text = xmalloc(ENTRY_BYTES);
	length = read_file_at(fd, text, ENTRY_BYTES, 0);
	close(fd);
	is_known = web_entry_parse(&parsed, text, length);
	free(text);
	if (!is_known)
		return false;
	memcpy(parsed.id, entry->id, sizeof(parsed.id));
	memcpy(parsed.file, entry->file, sizeof(parsed.file));
	parsed.bytes = entry->bytes;
	*entry = parsed;
	return true;
}

bool store_describe(const struct store *store, const char *file, struct web_entry *entry, bool *is_known)
{
	struct stat status;

	*entry = (struct web_entry){ .id = "" };
	if (file[0] == '.' || strlen(file) >= sizeof(entry->file) ||
		fstatat(store->folder, file, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
		return false;
	strcpy(entry->file, file);
	entry->bytes = (uint64_t)status.st_size;
	entry->received_ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
	web_name_clean(entry->name, file, strlen(file));
	find_id(entry);
	*is_known = read_entry(store, entry);
	return true;
}

void store_scan(const struct store *store,
	void (*visit)(const struct web_entry *entry, bool is_known, void *context), void *context)
{
	DIR *list = list_folder(store);
	const struct dirent *file;
	struct web_entry entry;
	bool is_known;

	while (list && (file = readdir(list)))
		if (store_describe(store, file->d_name, &entry, &is_known))
			visit(&entry, is_known, context);
	if (list)
		closedir(list);
}
