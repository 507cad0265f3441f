/* SPDX-License-Identifier: MIT */
/* How a process was started, and where: what a person knows it by (proc(5): cmdline, cwd, root). */
#include "config.h"

#include "pyrope/target.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* A process may write over its arguments, and some are megabytes long. */
#define CMDLINE_BYTES 4096

static void read_arguments(struct target *target, struct buffer *bytes)
{
	int fd = openat(target_proc_fd(target), "cmdline", O_RDONLY | O_CLOEXEC);
	char block[CMDLINE_BYTES];
	ssize_t count;

	if (fd < 0)
		return;
	count = read(fd, block, sizeof(block));
	close(fd);
	if (count > 0)
		buffer_append(bytes, block, (size_t)count);
}

size_t target_arguments(struct target *target, char *arguments[], size_t limit, struct buffer *bytes)
{
	size_t count = 0;

	read_arguments(target, bytes);
	for (size_t at = 0; at < bytes->length && count < limit; at += strlen(bytes->data + at) + 1)
		arguments[count++] = bytes->data + at;
	return count;
}

void target_command_line(struct target *target, struct buffer *text, size_t columns)
{
	struct buffer bytes = { 0 }, clean = { 0 };
	char name[64];

	read_arguments(target, &bytes);
	while (bytes.length && !bytes.data[bytes.length - 1])
		bytes.length--;
	for (size_t i = 0; i < bytes.length; i++)
		if (!bytes.data[i])
			bytes.data[i] = ' ';
	if (bytes.length) {
		utf8_clean(&clean, bytes.data, bytes.length);
	} else {
		target_task_comm(target, target_pid(target), name);
		buffer_append_string(&clean, name);
	}
	buffer_append_fit(text, clean.data, columns, FIT_KEEP_BEGIN);
	buffer_release(&clean);
	buffer_release(&bytes);
}

static bool read_link(struct target *target, const char *name, char path[PATH_MAX])
{
	ssize_t length = readlinkat(target_proc_fd(target), name, path, PATH_MAX - 1);

	if (length <= 0 || path[0] != '/')
		return false;
	path[length] = '\0';
	return true;
}

bool target_folder(struct target *target, struct buffer *path)
{
	char folder[PATH_MAX], root[PATH_MAX];
	size_t length;

	if (!read_link(target, "cwd", folder))
		return false;
	/* As the process itself names it. */
	length = read_link(target, "root", root) && root[1] ? strlen(root) : 0;
	if (length && (strncmp(folder, root, length) != 0 || (folder[length] && folder[length] != '/')))
		return false;
	buffer_append_string(path, folder[length] ? folder + length : "/");
	return true;
}
