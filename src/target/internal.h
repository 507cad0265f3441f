/* SPDX-License-Identifier: MIT */
/* What the files of this stage know of a target; nobody else sees it. */
#ifndef PYROPE_TARGET_INTERNAL_H
#define PYROPE_TARGET_INTERNAL_H

#include "pyrope/target.h"

/* Open /proc files of the threads that were looked at last; direct-mapped by tid, so that their number is bounded. */
#define TASK_SLOTS 64

struct task_files {
	pid_t tid; /* 0: empty slot */
	int syscall_fd, schedstat_fd, stat_fd; /* -1: not open */
};

struct guard;

struct target {
	pid_t pid, inner_pid;
	int proc_fd;
	int mem_fd; /* /proc/PID/mem, bound to the address space that the process had when it was opened */
	pid_t living_tid; /* through which thread its memory is reached: pid, unless the first thread has exited */
	int living_fd;    /* /proc/TID of that thread; -1: proc_fd will do */
	bool proc_mem; /* read through mem_fd and not by process_vm_readv */
	uint64_t code_start, stack_start; /* of the image that was remembered, from its stat; 0: none was */
	uint64_t start_time; /* field 22 of /proc/PID/stat, clock ticks since boot */
	uint64_t read_calls;
	struct guard *guard; /* against being stopped in a pause; made for the first one */
	bool is_guarded;     /* that has been tried */
	struct pending {
		pid_t tid;
		bool is_late; /* nobody awaits it any more: it is let go as soon as it stops */
	} pending[PAUSES_AT_ONCE]; /* threads that were told to stop and have not yet; with held_count no more than that */
	size_t pending_count;
	size_t held_count;
	struct task_files tasks[TASK_SLOTS];
};

/* Reads a small /proc file, relative to directory, whole or up to size - 1 bytes; NUL-terminates. -1 with errno. */
ssize_t proc_read(int directory, const char *name, char *text, size_t size);
/* Behind the ") " of a stat line, or NULL. The name in it may hold anything, ")" too. */
const char *stat_fields(const char *line);
/* The value behind "Name:" in the text of a status file, or NULL. */
const char *status_field(const char *text, const char *name);
/*
 * Another thread takes the place of the one through which memory is reached, when that has exited. False: the process has
 * none any more (or /proc is not to be had).
 */
bool target_use_living_thread(struct target *target);
void task_files_close(struct target *target);
/* Is the thread on a CPU, or runnable? One read where target_task_state takes two. */
bool task_is_running(struct target *target, pid_t tid);

#endif
