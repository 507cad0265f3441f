/* SPDX-License-Identifier: MIT */
/*
 * From a mapping to the file behind it. A path in /proc/PID/maps is a name as the kernel shows it to us: it
 * may lie in the target's root or in ours, be taken by another file by now, or lead into another mount
 * namespace. So each way is tried, and what it leads to counts only when it is the very file that is
 * mapped:
 *
 * - the same device and inode; or
 * - where those disagree (btrfs and overlayfs show one device in maps and another in stat) and the file was
 *   not deleted: the same first bytes as in memory. They hold the program headers, the offset of the
 *   section headers and nearly always the build id, so that another build does not pass.
 *
 * The path is chosen by the target. It is opened with O_PATH first, which has no effect on pipes and
 * devices, and for reading only when it is a regular file.
 */
#include "config.h"

#include "target/elf/internal.h"
#include "target/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FILE_MAPPING_LIMIT 256
#define FINGERPRINT_BYTES 4096

/* The mappings of one file. */
struct file_mappings {
	struct target *target;
	const struct mapping *mappings[FILE_MAPPING_LIMIT];
	size_t count;
	const struct mapping *first; /* the lowest one that begins the file; NULL: none */
};

static void collect_mappings(struct file_mappings *file, struct target *target, const struct maps *maps,
	const struct mapping *mapping)
{
	*file = (struct file_mappings){ .target = target };
	for (size_t i = 0; i < maps->count && file->count < FILE_MAPPING_LIMIT; i++) {
		const struct mapping *candidate = &maps->mappings[i];

		if (!mapping_same_file(candidate, mapping))
			continue;
		file->mappings[file->count++] = candidate;
		if (!file->first && candidate->offset == 0 && candidate->readable)
			file->first = candidate;
	}
	assert(file->count > 0); /* mapping is one of them */
}

static bool same_first_bytes(const struct file_mappings *file, int fd)
{
	char in_file[FINGERPRINT_BYTES], in_memory[FINGERPRINT_BYTES];
	ssize_t length = pread(fd, in_file, sizeof(in_file), 0);

	return file->first && length >= (ssize_t)sizeof(Elf64_Ehdr) &&
		target_read(file->target, file->first->start, in_memory, (size_t)length) &&
		memcmp(in_file, in_memory, (size_t)length) == 0;
}

/* For reading, when this path leads to the mapped file; else -1. */
static int open_mapped(const struct file_mappings *file, const char *path)
{
	const struct mapping *mapping = file->mappings[0];
	const dev_t device = makedev(mapping->device_major, mapping->device_minor);
	struct stat status;
	int fd = open_chosen(target_proc_fd(file->target), path, false, device, &status);

	if (fd < 0)
		return -1;
	if (status.st_ino == mapping->inode && major(status.st_dev) == mapping->device_major &&
		minor(status.st_dev) == mapping->device_minor)
		return fd;
	if (!mapping->deleted && same_first_bytes(file, fd))
		return fd;
	close(fd);
	return -1;
}

/* Does this say something of the file, and not of how pyrope or the system fares? */
static bool is_answer(int errno_value)
{
	static const int answers[] = { 0, ENOENT, ENOTDIR, ESRCH, EACCES, EPERM, ELOOP, ENAMETOOLONG, ENXIO };

	for (size_t i = 0; i < ARRAY_LENGTH(answers); i++) {
		if (answers[i] == errno_value)
			return true;
	}
	return false;
}

static int try_path(const struct file_mappings *file, const char *prefix, const char *path)
{
	char *whole = xasprintf("%s%s", prefix, path);
	int fd;

	errno = 0;
	fd = open_mapped(file, whole);
	if (fd < 0 && !is_answer(errno))
		file->target->unanswered[ASKED_FILES] = errno;
	free(whole);
	return fd;
}

static int try_map_files(const struct file_mappings *file)
{
	char name[64];

	snprintf(name, sizeof(name), "map_files/%llx-%llx", (unsigned long long)file->mappings[0]->start,
		(unsigned long long)file->mappings[0]->end);
	return try_path(file, "", name);
}

static int find_file(const struct file_mappings *file)
{
	const char *path = file->mappings[0]->path;
	int fd = -1;

	if (path[0] != '/' || file->mappings[0]->inode == 0)
		return -1;
	if (!file->mappings[0]->deleted) {
		fd = try_path(file, "root", path);
		if (fd < 0)
			fd = try_path(file, "", path);
	}
	if (fd < 0)
		fd = try_path(file, "", "exe");
	return fd < 0 ? try_map_files(file) : fd;
}

static size_t read_target(void *context, raddr_t address, void *data, size_t length)
{
	return target_read_upto(context, address, data, length);
}

static int open_memory(struct elf_image *image, const struct file_mappings *file, struct error *err)
{
	struct elf_memory memory = { .read = read_target, .context = file->target };

	if (!file->first) {
		*image = (struct elf_image){ .fd = -1 };
		return error_set(
			err, ERROR_UNSUPPORTED, "the start of '%s' is not mapped", file->mappings[0]->path);
	}
	return elf_image_open_memory(image, memory, file->first->start, file->mappings, file->count, err);
}

int elf_image_open(struct elf_image *image, struct target *target, const struct maps *maps,
	const struct mapping *mapping, struct error *err)
{
	struct file_mappings file;
	int fd;

	collect_mappings(&file, target, maps, mapping);
	errno = 0;
	fd = find_file(&file);
	/* what is mapped of it and not in memory would be waited for, too */
	if (fd < 0 && errno == ETIMEDOUT)
		return error_set(err, ERROR_SYSTEM, "the file system of '%s' does not answer", mapping->path);
	if (fd < 0)
		return open_memory(image, &file, err);
	if (elf_image_open_fd(image, fd, err))
		return -1;
	if (!elf_load_bias(image->segments, image->segment_count, file.mappings, file.count, &image->bias)) {
		elf_image_release(image);
		return error_set(err, ERROR_RACED, "'%s' is not mapped as its headers say", mapping->path);
	}
	return 0;
}

bool elf_image_loading(const struct elf_image *image, struct target *target)
{
	struct elf_image live = *image; /* the same image as it is in memory now */
	uint64_t address;
	struct r_debug debug;

	live.fd = -1;
	live.object = NULL;
	live.memory = (struct elf_memory){ .read = read_target, .context = target };
	if (!image->has_interpreter || !elf_image_dynamic_value(&live, DT_DEBUG, &address))
		return false;
	return !address || !target_read(target, address, &debug, sizeof(debug)) || !debug.r_map ||
		debug.r_state != RT_CONSISTENT;
}
