/* SPDX-License-Identifier: MIT */
/*
 * What the threads of the target are doing, from /proc/PID/task (proc(5)). The two files that are read for each sample
 * are kept open for the threads that were looked at last.
 */
#include "config.h"

#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int compare_tids(const void *left, const void *right)
{
	pid_t a = *(const pid_t *)left, b = *(const pid_t *)right;

	return (a > b) - (a < b);
}

ssize_t target_list_tids(struct target *target, pid_t **tids, size_t *capacity, struct error *err)
{
	int fd = openat(target->proc_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t count = 0;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return error_set_errno(err, ERROR_GONE, errno, "cannot list the threads of process %d", target->pid);
	}
	while ((entry = readdir(directory))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid <= 0)
			continue;
		array_reserve(tids, capacity, count + 1, sizeof(**tids));
		(*tids)[count++] = tid;
	}
	closedir(directory);
	if (count)
		qsort(*tids, count, sizeof(**tids), compare_tids);
	return (ssize_t)count;
}

static void close_slot(struct task_files *task)
{
	if (!task->tid)
		return;
	if (task->syscall_fd >= 0)
		close(task->syscall_fd);
	if (task->schedstat_fd >= 0)
		close(task->schedstat_fd);
	if (task->stat_fd >= 0)
		close(task->stat_fd);
	task->tid = 0;
}

void task_files_close(struct target *target)
{
	for (size_t i = 0; i < TASK_SLOTS; i++)
		close_slot(&target->tasks[i]);
}

static int open_task_file(struct target *target, pid_t tid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "task/%d/%s", tid, name);
	return openat(target->proc_fd, path, O_RDONLY | O_CLOEXEC);
}

static struct task_files *task_slot(struct target *target, pid_t tid)
{
	struct task_files *task = &target->tasks[(unsigned)tid % TASK_SLOTS];

	if (task->tid != tid) {
		close_slot(task);
		*task = (struct task_files){ .tid = tid, .syscall_fd = -1, .schedstat_fd = -1, .stat_fd = -1 };
	}
	return task;
}

/* Reads a file of the thread by its kept descriptor; opened again once when the thread of that number is another one. */
static ssize_t task_read(struct target *target, pid_t tid, int *fd, const char *name, char *text, size_t size)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		ssize_t got;

		if (*fd < 0)
			*fd = open_task_file(target, tid, name);
		if (*fd < 0)
			return -1;
		got = pread(*fd, text, size - 1, 0);
		if (got > 0) {
			text[got] = '\0';
			return got;
		}
		close(*fd);
		*fd = -1;
	}
	return -1;
}

static enum task_activity activity_of_letter(char letter)
{
	switch (letter) {
	case 'R':
		return TASK_RUNNING;
	case 'D':
		return TASK_DISK;
	case 'T':
		return TASK_STOPPED;
	case 't':
		return TASK_TRACED;
	case 'Z':
	case 'X':
	case 'x':
		return TASK_GONE;
	default:
		return TASK_SLEEPING;
	}
}

static enum task_activity activity_by_stat(struct target *target, pid_t tid)
{
	char path[64], line[1024];
	const char *fields;

	snprintf(path, sizeof(path), "task/%d/stat", tid);
	if (proc_read(target->proc_fd, path, line, sizeof(line)) <= 0)
		return TASK_GONE;
	fields = stat_fields(line);
	return fields ? activity_of_letter(*fields) : TASK_GONE;
}

struct task_state target_task_state(struct target *target, pid_t tid)
{
	struct task_state state = { .activity = TASK_GONE, .syscall_number = -1 };
	struct task_files *task = task_slot(target, tid);
	char text[256], *at;

	if (task_read(target, tid, &task->syscall_fd, "syscall", text, sizeof(text)) < 0) {
		state.activity = activity_by_stat(target, tid);
		return state;
	}
	if (strncmp(text, "running", 7) == 0) {
		state.activity = TASK_RUNNING;
		return state;
	}
	/* "NUMBER ARGUMENT*6 SP PC", or "-1 SP PC" when it is blocked outside a system call */
	state.activity = activity_by_stat(target, tid);
	state.syscall_number = strtol(text, &at, 10);
	if (state.activity == TASK_RUNNING)
		state.syscall_number = -1; /* it has woken up since */
	for (int i = 0; state.syscall_number >= 0 && i < 6; i++) {
		uint64_t argument = strtoull(at, &at, 16);

		if (i == 0)
			state.first_argument = argument;
	}
	state.stack_pointer = strtoull(at, &at, 16);
	state.instruction_pointer = strtoull(at, &at, 16);
	return state;
}

bool task_is_running(struct target *target, pid_t tid)
{
	struct task_files *task = task_slot(target, tid);
	char text[256];

	if (task_read(target, tid, &task->syscall_fd, "syscall", text, sizeof(text)) < 0)
		return activity_by_stat(target, tid) == TASK_RUNNING;
	return strncmp(text, "running", 7) == 0;
}

bool target_task_schedstat(struct target *target, pid_t tid, uint64_t *cpu_ns, uint64_t *slices)
{
	struct task_files *task = task_slot(target, tid);
	char text[128], *at;

	if (task_read(target, tid, &task->schedstat_fd, "schedstat", text, sizeof(text)) < 0)
		return false;
	*cpu_ns = strtoull(text, &at, 10);
	strtoull(at, &at, 10);
	*slices = strtoull(at, &at, 10);
	return true;
}

int target_task_cpu(struct target *target, pid_t tid)
{
	struct task_files *task = task_slot(target, tid);
	char line[1024];
	const char *fields;

	if (task_read(target, tid, &task->stat_fd, "stat", line, sizeof(line)) < 0)
		return -1;
	fields = stat_fields(line);
	/* proc(5): state is field 3, processor 39 */
	for (int field = 3; field < 39 && fields; field++) {
		fields = strchr(fields, ' ');
		fields += fields != NULL;
	}
	return fields ? (int)strtol(fields, NULL, 10) : -1;
}

void target_task_comm(struct target *target, pid_t tid, char name[64])
{
	struct buffer clean = { 0 };
	char path[64], raw[64];
	ssize_t length;

	name[0] = '\0';
	snprintf(path, sizeof(path), "task/%d/comm", tid);
	length = proc_read(target->proc_fd, path, raw, sizeof(raw));
	if (length <= 0)
		return;
	if (raw[length - 1] == '\n')
		length--;
	if (length > 16)
		length = 16; /* TASK_COMM_LEN; each byte may become three */
	utf8_clean(&clean, raw, (size_t)length);
	snprintf(name, 64, "%s", clean.data ? clean.data : "");
	buffer_release(&clean);
}

pid_t target_tracer(struct target *target, pid_t tid)
{
	char path[64], status[4096];
	const char *field;

	snprintf(path, sizeof(path), "task/%d/status", tid);
	if (proc_read(target->proc_fd, path, status, sizeof(status)) < 0)
		return 0;
	field = status_field(status, "TracerPid");
	return field ? (pid_t)strtol(field, NULL, 10) : 0;
}

bool task_stopped_in_code(const struct task_state *task)
{
	return task->activity == TASK_STOPPED && task->syscall_number < 0 && task->stack_pointer;
}

bool task_registers(const struct task_state *task, struct registers *registers)
{
	if (task->activity == TASK_RUNNING || task->activity == TASK_GONE || !task->stack_pointer)
		return false;
	*registers = (struct registers){ .pc = task->instruction_pointer };
	registers->values[register_roles.stack_pointer] = task->stack_pointer;
	registers->known = UINT64_C(1) << register_roles.stack_pointer;
	return true;
}
