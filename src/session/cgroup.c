/* SPDX-License-Identifier: MIT */
/*
 * A group is a folder with a file cgroup.procs, which has the process ids, one a line; a group below it is a
 * folder in it. That is the same in both versions. Version 2 is mounted at /sys/fs/cgroup; of version 1 each
 * hierarchy is mounted below that, beside version 2 (unified) and systemd's own, and a path may be a group in
 * some of them only.
 */
#include "config.h"

#include "session/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOUNTED "/sys/fs/cgroup"
#define PROCESSES "cgroup.procs"
#define DEPTH_LIMIT 64

/* cgroup.procs in this folder; -1 with errno: ENOENT when it is no group. */
static int open_processes(int folder)
{
	int fd = openat(folder, PROCESSES, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)))
		return fd;
	close(fd);
	errno = ENOENT;
	return -1;
}

static int open_folder(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool cgroup_exists(const char *path)
{
	int folder = open_folder(path), fd = folder < 0 ? -1 : open_processes(folder);

	if (folder >= 0)
		close(folder);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Takes path. NULL: it is no group. */
static char *if_group(char *path)
{
	if (cgroup_exists(path))
		return path;
	free(path);
	return NULL;
}

static char *find_in_hierarchies(const char *path)
{
	static const char *const first[] = { "", "/unified", "/systemd" };
	struct dirent **entries;
	char *found = NULL;
	int count;

	for (size_t i = 0; i < ARRAY_LENGTH(first) && !found; i++)
		found = if_group(xasprintf(MOUNTED "%s/%s", first[i], path));
	if (found)
		return found;
	count = scandir(MOUNTED, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		if (!found && entries[i]->d_name[0] != '.')
			found = if_group(xasprintf(MOUNTED "/%s/%s", entries[i]->d_name, path));
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return found;
}

char *cgroup_find(const char *path, struct error *err)
{
	char *found = path[0] == '/' ? if_group(xstrdup(path)) : NULL;
	struct stat status;

	if (!found)
		found = find_in_hierarchies(path + strspn(path, "/"));
	if (found)
		return found;
	if (stat(path, &status) == 0)
		error_set(err, ERROR_SYSTEM, "'%.200s' is no control group: it has no " PROCESSES, path);
	else
		error_set(err, ERROR_SYSTEM,
			"no control group '%.200s': name one below " MOUNTED
			", or as 'systemctl show -P ControlGroup UNIT' and /proc/PID/cgroup do",
			path);
	return NULL;
}

static void read_processes(int folder, void (*visit)(void *context, pid_t pid), void *context)
{
	int fd = open_processes(folder);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	char line[32];

	if (!file) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		const long pid = strtol(line, NULL, 10);

		if (pid > 0 && pid <= INT32_MAX) /* 0: it is in no pid namespace that we see */
			visit(context, (pid_t)pid);
	}
	fclose(file);
}

static void walk(int folder, int depth, void (*visit)(void *context, pid_t pid), void *context)
{
	DIR *directory = fdopendir(folder);
	const struct dirent *entry;

	if (!directory) {
		close(folder);
		return;
	}
	read_processes(folder, visit, context);
	while (depth < DEPTH_LIMIT && (entry = readdir(directory))) {
		int below;

		if (entry->d_name[0] == '.' || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
			continue;
		below = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0)
			walk(below, depth + 1, visit, context);
	}
	closedir(directory);
}

void cgroup_walk(const char *path, void (*visit)(void *context, pid_t pid), void *context)
{
	int folder = open_folder(path);

	if (folder >= 0)
		walk(folder, 0, visit, context);
}
