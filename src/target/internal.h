/* SPDX-License-Identifier: MIT */
/* What the files of this stage know of a target; nobody else sees it. */
#ifndef PYROPE_TARGET_INTERNAL_H
#define PYROPE_TARGET_INTERNAL_H

#include "pyrope/target.h"

/*
 * Open /proc files of the threads that were looked at last; direct-mapped by tid, so that their number is
 * bounded.
 */
#define TASK_SLOTS 64

struct task_files {
	pid_t tid;                                       /* 0: empty slot */
	int syscall_fd, schedstat_fd, stat_fd, sched_fd; /* -1: not open */
};

struct guard;

/* The threads that one thread of pyrope holds or is about to, of however many targets. */
struct pauser {
	struct guard *guard; /* against being stopped in a pause; made for the first one */
	bool is_guarded;     /* that has been tried */
	int schedstat_fd;    /* of the thread of ours, once is_guarded; -1: there is none */
	size_t busy;         /* threads that are held, or were told to stop and have not yet */
};

void pauser_release(struct pauser *pauser);

struct target {
	const struct target_script *script; /* NULL: it is a process */
	pid_t pid, inner_pid;
	int proc_fd, stat_fd; /* /proc/PID and the file in it */
	int exit_fd;          /* a pidfd; -1: there are none */
	int mem_fd; /* /proc/PID/mem, bound to the address space that the process had when it was opened */
	/* through which thread its memory is reached: pid, unless the first thread has exited */
	pid_t living_tid;
	int living_fd, living_stat_fd;    /* /proc/TID of that thread; -1: proc_fd will do */
	int unanswered[TARGET_QUESTIONS]; /* errno values, see target_unanswered */
	bool proc_mem;                    /* read through mem_fd and not by process_vm_readv */
	uint64_t code_start, stack_start; /* of the image that was remembered, from its stat; 0: none was */
	uint64_t start_time;              /* field 22 of /proc/PID/stat, clock ticks since boot */
	uint64_t read_calls;
	struct pauser *pauser; /* own, or one that several targets share */
	struct pauser own;
	struct pending {
		pid_t tid;
		bool is_late; /* nobody awaits it any more: it is let go as soon as it stops */
		/* threads that were told to stop and have not yet; with held_count no more than that */
	} pending[PAUSES_AT_ONCE];
	size_t pending_count;
	/* the first thread has ended, is still traced by us, and cannot be waited for yet */
	bool keeps_first;
	size_t held_count;
	struct task_files tasks[TASK_SLOTS];
};

/*
 * Does this errno value say that what was asked for is not there any more? All others are failures, and
 * prove nothing.
 */
bool is_gone(int errno_value);
/* The beginning of a file that stays open; NUL-terminates. -1 with errno. */
ssize_t read_again(int fd, char *text, size_t size);
/*
 * Another thread takes the place of the one through which memory is reached, when that has exited. False: the
 * process has none any more (or /proc is not to be had).
 */
bool target_use_living_thread(struct target *target);
void task_files_init(struct target *target);
void task_files_close(struct target *target);
/* Waits for the first thread if it was kept and the process has ended by now; see pause_keeps_first. */
void pause_let_first_go(struct target *target);
/* What target_exit_status will ask, while the process lives. */
void target_open_exit(struct target *target);
/* Is the thread on a CPU, or runnable? One read where target_task_state takes two. */
bool task_is_running(struct target *target, pid_t tid);

#endif
