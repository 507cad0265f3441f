/* SPDX-License-Identifier: MIT */
/*
 * Opening a process, and telling whether it is still the one that was opened.
 *
 * /proc/PID/mem is bound to the address space at the time of the open (proc_mem_open in fs/proc/base.c): when that is
 * gone, because the process has exited or called execve, a read gives 0 bytes and not EIO. One pread therefore answers
 * "is everything that we know about this process still true?" without parsing anything, and without a race for a pid
 * that is used again.
 */
#include "config.h"

#include "internal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ssize_t proc_read(int directory, const char *name, char *text, size_t size)
{
	size_t length = 0;
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	while (length < size - 1) {
		ssize_t got = read(fd, text + length, size - 1 - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int saved = errno;

			close(fd);
			errno = saved;
			return -1;
		}
		if (got == 0)
			break;
		length += (size_t)got;
	}
	close(fd);
	text[length] = '\0';
	return (ssize_t)length;
}

const char *stat_fields(const char *line)
{
	const char *end = strrchr(line, ')');

	return end && end[1] == ' ' ? end + 2 : NULL;
}

const char *status_field(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, length) == 0 && line[length] == ':') {
			line += length + 1;
			return line + strspn(line, " \t");
		}
	}
	return NULL;
}

/* State letter, start time and kernel flags of a stat file; 0 when there is no such process. */
static char read_stat(int proc_fd, uint64_t *start_time, unsigned long *flags)
{
	char line[1024];
	const char *fields;
	char state;

	*start_time = 0;
	*flags = 0;
	if (proc_read(proc_fd, "stat", line, sizeof(line)) < 0)
		return 0;
	fields = stat_fields(line);
	if (!fields)
		return 0;
	state = *fields;
	/* proc(5): state is field 3, flags 9, starttime 22 */
	for (int field = 3; field < 22 && fields; field++) {
		fields = strchr(fields, ' ');
		if (!fields)
			return 0;
		fields++;
		if (field + 1 == 9)
			*flags = strtoul(fields, NULL, 10);
	}
	*start_time = strtoull(fields, NULL, 10);
	return state;
}

static pid_t last_number(const char *field)
{
	pid_t number = 0;

	while (field && *field >= '0' && *field <= '9') {
		char *end;

		number = (pid_t)strtol(field, &end, 10);
		field = end + strspn(end, " \t");
	}
	return number;
}

#define KERNEL_PF_KTHREAD 0x00200000ul /* include/linux/sched.h; the same since 2.6.27 */

static int check_kind(struct target *target, struct error *err)
{
	char status[4096];
	unsigned long flags;
	const char *field;
	char state = read_stat(target->proc_fd, &target->start_time, &flags);

	if (!state || proc_read(target->proc_fd, "status", status, sizeof(status)) < 0)
		return error_set(err, ERROR_GONE, "no process %d: it has just exited", target->pid);
	if (state == 'Z' || state == 'X')
		return error_set(err, ERROR_UNSUPPORTED,
			"process %d is a zombie: it has exited and waits for its parent to notice", target->pid);
	if (flags & KERNEL_PF_KTHREAD)
		return error_set(err, ERROR_UNSUPPORTED, "process %d is a thread of the kernel, not a Python",
			target->pid);
	field = status_field(status, "Tgid");
	if (field && (pid_t)strtol(field, NULL, 10) != target->pid)
		return error_set(err, ERROR_UNSUPPORTED, "%d is a thread of process %ld: use that process id",
			target->pid, strtol(field, NULL, 10));
	target->inner_pid = last_number(status_field(status, "NSpid"));
	if (!target->inner_pid)
		target->inner_pid = target->pid; /* before Linux 4.1 */
	return 0;
}

static int check_class(struct target *target, struct error *err)
{
	unsigned char ident[EI_NIDENT] = { 0 };
	int fd = openat(target->proc_fd, "exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0; /* no executable to be seen; whether there is a Python is found out later */
	if (pread(fd, ident, sizeof(ident), 0) == (ssize_t)sizeof(ident) && memcmp(ident, ELFMAG, SELFMAG) == 0 &&
		ident[EI_CLASS] == ELFCLASS32) {
		close(fd);
		return error_set(err, ERROR_UNSUPPORTED,
			"process %d is a 32-bit program: this pyrope reads 64-bit ones only", target->pid);
	}
	close(fd);
	return 0;
}

static int open_process(struct target *target, struct error *err)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", target->pid);
	target->proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target->proc_fd < 0) {
		if (errno == ENOENT)
			return error_set(err, ERROR_GONE, "no process %d%s", target->pid,
				access("/proc/self/stat", R_OK) ? ": /proc is not mounted" : "");
		return permission_explain(target->pid, errno, err);
	}
	if (check_kind(target, err))
		return -1;
	target->mem_fd = openat(target->proc_fd, "mem", O_RDONLY | O_CLOEXEC);
	if (target->mem_fd < 0) {
		if (errno == ENOENT || errno == ESRCH)
			return error_set(err, ERROR_GONE, "no process %d: it has just exited", target->pid);
		return permission_explain(target->pid, errno, err);
	}
	return check_class(target, err);
}

int target_open(struct target **result, pid_t pid, struct error *err)
{
	struct target *target;

	if (pid == getpid())
		return error_set(err, ERROR_UNSUPPORTED, "process %d is pyrope itself", pid);
	target = xcalloc(1, sizeof(*target));
	target->pid = pid;
	target->proc_fd = target->mem_fd = -1;
	target->proc_mem = getenv("PYROPE_NO_VM_READV") != NULL;
	if (open_process(target, err)) {
		target_close(target);
		return -1;
	}
	*result = target;
	return 0;
}

void target_close(struct target *target)
{
	if (!target)
		return;
	task_files_close(target);
	if (target->mem_fd >= 0)
		close(target->mem_fd);
	if (target->proc_fd >= 0)
		close(target->proc_fd);
	free(target);
}

pid_t target_pid(const struct target *target)
{
	return target->pid;
}

pid_t target_inner_pid(const struct target *target)
{
	return target->inner_pid;
}

int target_proc_fd(const struct target *target)
{
	return target->proc_fd;
}

/* Is there a thread, other than the first, that has not exited? */
static bool has_other_thread(struct target *target)
{
	struct error ignored = { 0 };
	pid_t *tids = NULL;
	size_t capacity = 0;
	ssize_t count = target_list_tids(target, &tids, &capacity, &ignored);
	bool live = false;

	for (ssize_t i = 0; i < count && !live; i++)
		live = tids[i] != target->pid && target_task_state(target, tids[i]).activity != TASK_GONE;
	free(tids);
	return live;
}

bool target_same_image(struct target *target)
{
	char byte;

	/* The address space that we opened is still in use; by more than somebody who looks at it, as we do. */
	return pread(target->mem_fd, &byte, 1, 0) != 0 && (!target->leaderless || has_other_thread(target));
}

bool target_alive(struct target *target)
{
	uint64_t start_time;
	unsigned long flags;
	char state;

	if (target_same_image(target))
		return true;
	state = read_stat(target->proc_fd, &start_time, &flags);
	/*
	 * In an execve the first thread is dead for a moment, until the one that called it takes its place; then no
	 * other thread is found, and the first one is alive again.
	 */
	if (state == 'Z' && !has_other_thread(target))
		state = read_stat(target->proc_fd, &start_time, &flags) == 'Z' ? 'X' : 'R';
	return state && state != 'X' && start_time == target->start_time;
}

bool target_execed(struct target *target)
{
	int fd;

	if (target_same_image(target) || !target_alive(target))
		return false;
	fd = openat(target->proc_fd, "mem", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ESRCH; /* it is in the next execve already; else it execs what we may not read */
	close(target->mem_fd);
	target->mem_fd = fd;
	return true;
}
