/* SPDX-License-Identifier: MIT */
/*
 * What the threads of the target are doing, from /proc/PID/task (proc(5)). The two files that are read for
 * each sample are kept open for the threads that were looked at last.
 */
#include "config.h"

#include "target/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int compare_tids(const void *left, const void *right)
{
	pid_t a = *(const pid_t *)left, b = *(const pid_t *)right;

	return (a > b) - (a < b);
}

static int list_failed(struct target *target, int reason, struct error *err)
{
	if (!is_gone(reason))
		target->unanswered[ASKED_TASKS] = reason;
	return error_set_errno(err, is_gone(reason) ? ERROR_GONE : ERROR_SYSTEM, reason,
		"cannot list the threads of process %d", target->pid);
}

static ssize_t list_by_script(const struct target_script *script, pid_t **tids, size_t *capacity)
{
	const pid_t *list;
	const size_t count = script->list_tids(script->context, &list);

	array_reserve(tids, capacity, count + 1, sizeof(**tids));
	memcpy(*tids, list, count * sizeof(**tids));
	return (ssize_t)count;
}

static ssize_t list_by_proc(struct target *target, pid_t **tids, size_t *capacity, struct error *err)
{
	int fd = openat(target->proc_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t count = 0;
	int reason = errno;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return list_failed(target, reason, err);
	}
	while (errno = 0, entry = readdir(directory)) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid <= 0)
			continue;
		array_reserve(tids, capacity, count + 1, sizeof(**tids));
		(*tids)[count++] = tid;
	}
	reason = errno;
	closedir(directory);
	if (reason && !is_gone(reason)) /* a list that ends early is no list */
		return list_failed(target, reason, err);
	if (count)
		qsort(*tids, count, sizeof(**tids), compare_tids);
	return (ssize_t)count;
}

ssize_t target_list_tids(struct target *target, pid_t **tids, size_t *capacity, struct error *err)
{
	return target->script ? list_by_script(target->script, tids, capacity)
			      : list_by_proc(target, tids, capacity, err);
}

static const struct task_files no_files = { .syscall_fd = -1,
	.schedstat_fd = -1,
	.stat_fd = -1,
	.sched_fd = -1 };

void task_files_init(struct target *target)
{
	for (size_t i = 0; i < TASK_SLOTS; i++)
		target->tasks[i] = no_files;
}

static void close_slot(struct task_files *task)
{
	if (task->syscall_fd >= 0)
		close(task->syscall_fd);
	if (task->schedstat_fd >= 0)
		close(task->schedstat_fd);
	if (task->stat_fd >= 0)
		close(task->stat_fd);
	if (task->sched_fd >= 0)
		close(task->sched_fd);
	*task = no_files;
}

void task_files_close(struct target *target)
{
	for (size_t i = 0; i < TASK_SLOTS; i++)
		close_slot(&target->tasks[i]);
}

/*
 * Where there are no more descriptors, those of the other threads are given up: they are opened again when
 * they are needed.
 */
static int open_task_file(struct target *target, pid_t tid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "task/%d/%s", tid, name);
	fd = openat(target->proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
		return fd;
	for (size_t i = 0; i < TASK_SLOTS; i++) {
		if (target->tasks[i].tid != tid)
			close_slot(&target->tasks[i]);
	}
	return openat(target->proc_fd, path, O_RDONLY | O_CLOEXEC);
}

static struct task_files *task_slot(struct target *target, pid_t tid)
{
	struct task_files *task = &target->tasks[(unsigned)tid % TASK_SLOTS];

	if (task->tid != tid) {
		close_slot(task);
		task->tid = tid;
	}
	return task;
}

/*
 * Reads a file of the thread by its kept descriptor; opened again once when the thread of that number is
 * another one. -1 with errno.
 */
static ssize_t task_read(struct target *target, pid_t tid, int *fd, const char *name, char *text, size_t size)
{
	int reason = ESRCH;

	for (int attempt = 0; attempt < 2; attempt++) {
		ssize_t got;

		if (*fd < 0)
			*fd = open_task_file(target, tid, name);
		if (*fd < 0) {
			reason = errno;
			if (is_gone(reason))
				break;
			continue;
		}
		got = read_again(*fd, text, size);
		if (got > 0) {
			target->unanswered[ASKED_TASKS] = 0;
			return got;
		}
		reason = got < 0 ? errno : ESRCH;
		close(*fd);
		*fd = -1;
	}
	errno = reason;
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
	struct task_files *task = task_slot(target, tid);
	char line[1024];
	const char *fields;

	if (task_read(target, tid, &task->stat_fd, "stat", line, sizeof(line)) < 0) {
		if (is_gone(errno))
			return TASK_GONE;
		target->unanswered[ASKED_TASKS] = errno;
		return TASK_UNKNOWN;
	}
	fields = stat_fields(line);
	return fields ? activity_of_letter(*fields) : TASK_UNKNOWN;
}

struct task_state target_task_state(struct target *target, pid_t tid)
{
	struct task_state state = { .activity = TASK_GONE, .syscall_number = -1 };
	struct task_files *task = task_slot(target, tid);
	char text[256], *at;

	if (target->script)
		return target->script->task_state(target->script->context, tid);
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
		else if (i == 3)
			state.fourth_argument = argument;
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

	if (target->script)
		return target->script->task_schedstat(target->script->context, tid, cpu_ns, slices);
	if (task_read(target, tid, &task->schedstat_fd, "schedstat", text, sizeof(text)) < 0)
		return false;
	*cpu_ns = strtoull(text, &at, 10);
	strtoull(at, &at, 10);
	*slices = strtoull(at, &at, 10);
	return true;
}

/* The number behind NAME and its colon in the text of a sched file, in millionths where it has a point. */
static bool sched_field(const char *text, const char *name, uint64_t *value)
{
	const char *at = strstr(text, name);
	char *end;

	at = at ? strchr(at, ':') : NULL;
	if (!at)
		return false;
	*value = strtoull(at + 1, &end, 10);
	if (*end == '.')
		*value = *value * 1000000 + strtoull(end + 1, &end, 10);
	return true;
}

bool target_task_sched(struct target *target, pid_t tid, uint64_t *switches, uint64_t *exec_ns)
{
	struct task_files *task = task_slot(target, tid);
	char text[4096];

	return task_read(target, tid, &task->sched_fd, "sched", text, sizeof(text)) > 0 &&
		sched_field(text, "\nse.exec_start", exec_ns) && sched_field(text, "\nnr_switches", switches);
}

uint64_t own_exec_start(void)
{
	uint64_t exec_ns = 0;
	char text[4096];
	ssize_t got = -1;
	int fd;

	thread_cpu_ns(); /* the kernel brings it up to date for that */
	fd = open("/proc/thread-self/sched", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		got = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (got <= 0)
		return 0;
	text[got] = '\0';
	return sched_field(text, "\nse.exec_start", &exec_ns) ? exec_ns : 0;
}

uint64_t own_exec_start_on(int cpu)
{
	uint64_t exec_ns = 0;
	cpu_set_t before, only;

	if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof(before), &before) != 0)
		return 0;
	CPU_ZERO(&only);
	CPU_SET(cpu, &only);
	if (sched_setaffinity(0, sizeof(only), &only) == 0)
		exec_ns = own_exec_start();
	sched_setaffinity(0, sizeof(before), &before);
	return exec_ns;
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

bool task_may_run(const struct task_state *task)
{
	return task->activity == TASK_RUNNING || task->activity == TASK_UNKNOWN;
}

bool task_stopped_in_code(const struct task_state *task)
{
	return task->activity == TASK_STOPPED && task->syscall_number < 0 && task->stack_pointer;
}

bool task_registers(const struct task_state *task, struct registers *registers)
{
	if (task_may_run(task) || task->activity == TASK_GONE || !task->stack_pointer)
		return false;
	*registers = (struct registers){ .pc = task->instruction_pointer };
	registers->values[register_roles.stack_pointer] = task->stack_pointer;
	registers->known = UINT64_C(1) << register_roles.stack_pointer;
	return true;
}
