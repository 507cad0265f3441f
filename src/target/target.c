/* SPDX-License-Identifier: MIT */
/*
 * Opening a process, and telling whether it is still the one that was opened.
 *
 * /proc/PID/mem is bound to the address space at the time of the open (proc_mem_open in fs/proc/base.c): when
 * that is gone, because the process has exited or called execve, a read gives 0 bytes and not EIO. One pread
 * therefore answers "is what we know about this process true no more?" without a race for a pid that is used
 * again.
 */
#include "config.h"

#include "target/guard.h"
#include "target/internal.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

bool is_gone(int errno_value)
{
	return errno_value == ENOENT || errno_value == ESRCH;
}

ssize_t proc_read(int directory, const char *name, char *text, size_t size)
{
	size_t length = 0;
	int interruptions = 0, fd = openat(directory, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	while (length < size - 1) {
		ssize_t got = read(fd, text + length, size - 1 - length);

		if (got < 0 && errno == EINTR && interruptions++ < INTERRUPTIONS_LIMIT)
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

ssize_t read_again(int fd, char *text, size_t size)
{
	ssize_t length;
	int interruptions = 0;

	do
		length = pread(fd, text, size - 1, 0);
	while (length < 0 && errno == EINTR && interruptions++ < INTERRUPTIONS_LIMIT);
	text[length > 0 ? length : 0] = '\0';
	return length;
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

/*
 * A process outlives its first thread when that calls pthread_exit. Then /proc/PID, which is that thread's,
 * has no memory, no maps, no executable and no root any more. All that is to be had from /proc/TID of any
 * thread that lives, which is there although no listing of /proc shows it (proc_pid_lookup in
 * fs/proc/base.c).
 */

static bool thread_lives(struct target *target, pid_t tid)
{
	return target_task_state(target, tid).activity != TASK_GONE;
}

/* The question about the target was not answered, and errno says why. */
static void note_unanswered(struct target *target, enum target_question question)
{
	if (!is_gone(errno))
		target->unanswered[question] = errno;
}

/* A thread that is not known to have exited, the one that we use already if it can be; 0: there is none. */
static pid_t find_living_thread(struct target *target)
{
	struct error ignored = { 0 };
	pid_t *tids = NULL, living = 0;
	size_t capacity = 0;
	ssize_t count;

	if (thread_lives(target, target->living_tid))
		return target->living_tid;
	count = target_list_tids(target, &tids, &capacity, &ignored);
	if (count < 0 && ignored.kind != ERROR_GONE)
		living = target->living_tid;
	for (ssize_t i = 0; i < count && !living; i++)
		living = thread_lives(target, tids[i]) ? tids[i] : 0;
	free(tids);
	return living;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void use_first_thread(struct target *target)
{
	close_fd(&target->living_fd);
	close_fd(&target->living_stat_fd);
	target->living_tid = target->pid;
}

/* /proc/TID, if it is still a thread of this process: the number may have passed on to another one. */
static int open_thread(struct target *target, pid_t tid)
{
	char path[32], status[4096];
	const char *field;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d", tid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (proc_read(fd, "status", status, sizeof(status)) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	field = status_field(status, "Tgid");
	if (field && (pid_t)strtol(field, NULL, 10) == target->pid)
		return fd;
	close(fd);
	errno = ESRCH;
	return -1;
}

bool target_use_living_thread(struct target *target)
{
	pid_t tid = find_living_thread(target);
	int fd;

	if (tid == target->living_tid)
		return tid != 0;
	use_first_thread(target);
	if (!tid || tid == target->pid)
		return tid != 0;
	fd = open_thread(target, tid);
	if (fd < 0) {
		note_unanswered(target, ASKED_LIFE);
		return !is_gone(errno);
	}
	target->living_fd = fd;
	target->living_tid = tid;
	return true;
}

/* What a stat file says of a process: fields 3, 9, 22, 26 and 28 in proc(5). */
struct stat_line {
	char state; /* 0: there is no such process; '?': the system did not say */
	unsigned long flags;
	uint64_t start_time, code_start, stack_start;
};

static bool parse_stat(const char *line, struct stat_line *stat)
{
	const char *fields = stat_fields(line);
	uint64_t numbers[29] = { 0 };

	if (!fields)
		return false;
	stat->state = *fields;
	for (int field = 4; field <= 28; field++) {
		fields = strchr(fields, ' ');
		if (!fields)
			return false;
		numbers[field] = strtoull(++fields, NULL, 10);
	}
	stat->flags = (unsigned long)numbers[9];
	stat->start_time = numbers[22];
	stat->code_start = numbers[26];
	stat->stack_start = numbers[28];
	return true;
}

/*
 * By a descriptor that stays open: the question whether the target lives must not depend on there being
 * another one. It is bound to the process and not to its number: when the process is gone a read gives ESRCH,
 * whoever has the number then.
 */
static struct stat_line read_stat(struct target *target, int directory, int *fd)
{
	struct stat_line stat = { 0 };
	char line[1024];
	ssize_t length = -1;

	if (*fd < 0)
		*fd = openat(directory, "stat", O_RDONLY | O_CLOEXEC);
	if (*fd >= 0)
		length = read_again(*fd, line, sizeof(line));
	if (length < 0) {
		note_unanswered(target, ASKED_LIFE);
		stat.state = is_gone(errno) ? '\0' : '?';
	} else if (!parse_stat(line, &stat)) {
		stat = (struct stat_line){ .state = '?' };
		target->unanswered[ASKED_LIFE] = EIO;
	}
	return stat;
}

static struct stat_line read_own_stat(struct target *target)
{
	return read_stat(target, target->proc_fd, &target->stat_fd);
}

/* That of the thread through which the memory is reached. */
static struct stat_line read_living_stat(struct target *target)
{
	target_use_living_thread(target);
	return target->living_fd >= 0 ? read_stat(target, target->living_fd, &target->living_stat_fd)
				      : read_own_stat(target);
}

bool target_unanswered(const struct target *target, enum target_question question, struct error *err)
{
	static const char *const questions[] = {
		[ASKED_LIFE] = "find out whether process %d still runs",
		[ASKED_MEMORY] = "read the memory of process %d",
		[ASKED_TASKS] = "see what the threads of process %d do",
		[ASKED_FILES] = "open the files of process %d",
	};
	const int reason = target->unanswered[question];
	char what[64];

	if (!reason)
		return false;
	snprintf(what, sizeof(what), questions[question], target->pid);
	error_set_errno(err, ERROR_SYSTEM, reason, "cannot %s", what);
	return true;
}

void target_ask_again(struct target *target)
{
	memset(target->unanswered, 0, sizeof(target->unanswered));
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

/* A file of the process could not be opened or read, and errno says why. */
static int open_failed(struct target *target, struct error *err)
{
	const int reason = errno;

	if (is_gone(reason))
		return error_set(err, ERROR_GONE, "no process %d: it has just exited", target->pid);
	if (reason == EACCES || reason == EPERM)
		return permission_explain(target->pid, reason, err);
	return error_set_errno(err, ERROR_SYSTEM, reason, "cannot look at process %d", target->pid);
}

static int check_kind(struct target *target, struct error *err)
{
	char status[4096];
	const struct stat_line stat = read_own_stat(target);
	const char *field;

	target->start_time = stat.start_time;
	if (target_unanswered(target, ASKED_LIFE, err))
		return -1;
	if (!stat.state)
		return error_set(err, ERROR_GONE, "no process %d: it has just exited", target->pid);
	if (proc_read(target->proc_fd, "status", status, sizeof(status)) < 0)
		return open_failed(target, err);
	if (stat.state == 'Z' || stat.state == 'X') {
		bool lives = target_use_living_thread(target);

		if (target_unanswered(target, ASKED_LIFE, err))
			return -1;
		if (!lives)
			return error_set(err, ERROR_GONE,
				"process %d is a zombie: it has exited and waits for its parent to notice",
				target->pid);
	}
	if (stat.flags & KERNEL_PF_KTHREAD)
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
	struct stat status;
	int fd;

	opener_learn_mounts(target_proc_fd(target));
	fd = open_chosen(target_proc_fd(target), "exe", false, 0, &status);

	if (fd < 0)
		return 0; /* no executable to be seen; whether there is a Python is found out later */
	if (pread(fd, ident, sizeof(ident), 0) == (ssize_t)sizeof(ident) &&
		memcmp(ident, ELFMAG, SELFMAG) == 0 && ident[EI_CLASS] == ELFCLASS32) {
		close(fd);
		return error_set(err, ERROR_UNSUPPORTED,
			"process %d is a 32-bit program: this pyrope reads 64-bit ones only", target->pid);
	}
	close(fd);
	return 0;
}

/*
 * Without the /proc of our own pid namespace nothing can be known of any process, or what is there is of
 * another one.
 */
static int check_proc(struct error *err)
{
	char self[32] = "";
	ssize_t length = readlink("/proc/self", self, sizeof(self) - 1);
	struct statfs status;

	if (length > 0 && strtol(self, NULL, 10) == getpid())
		return 0;
	if (length < 0 && errno != ENOENT && errno != ENOTDIR && errno != EINVAL)
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot read /proc/self");
	if (length < 0 && (statfs("/proc", &status) || (uint64_t)status.f_type != PROC_SUPER_MAGIC))
		return error_set(err, ERROR_SYSTEM,
			"/proc is not mounted, and pyrope sees processes by it alone: mount -t proc proc "
			"/proc");
	return error_set(err, ERROR_SYSTEM,
		"/proc is that of another pid namespace: mount the one of this namespace (mount -t proc proc "
		"/proc, or "
		"unshare --mount-proc)");
}

static int open_process(struct target *target, struct error *err)
{
	char path[32];

	if (check_proc(err))
		return -1;
	snprintf(path, sizeof(path), "/proc/%d", target->pid);
	target->proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target->proc_fd < 0)
		return errno == ENOENT ? error_set(err, ERROR_GONE, "no process %d", target->pid)
				       : open_failed(target, err);
	if (check_kind(target, err))
		return -1;
	target->mem_fd = openat(target_proc_fd(target), "mem", O_RDONLY | O_CLOEXEC);
	if (target->mem_fd < 0)
		return open_failed(target, err);
	target_open_exit(target);
	return check_class(target, err);
}

static struct target *new_target(pid_t pid)
{
	struct target *target = xcalloc(1, sizeof(*target));

	target->pid = target->living_tid = pid;
	target->pauser = &target->own;
	target->exit_fd = target->proc_fd = target->stat_fd = target->living_fd = target->living_stat_fd =
		target->mem_fd = -1;
	task_files_init(target);
	return target;
}

struct target *target_open_script(const struct target_script *script)
{
	struct target *target = new_target(0);

	target->script = script;
	return target;
}

int target_open(struct target **result, pid_t pid, struct error *err)
{
	struct target *target;

	if (pid == getpid())
		return error_set(err, ERROR_UNSUPPORTED, "process %d is pyrope itself", pid);
	target = new_target(pid);
	target->proc_mem = getenv("PYROPE_NO_VM_READV") != NULL || syscall_kills(SYS_process_vm_readv);
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
	pause_let_first_go(target);
	pauser_release(&target->own);
	task_files_close(target);
	close_fd(&target->mem_fd);
	close_fd(&target->exit_fd);
	close_fd(&target->living_fd);
	close_fd(&target->living_stat_fd);
	close_fd(&target->stat_fd);
	close_fd(&target->proc_fd);
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

int target_proc_fd(struct target *target)
{
	target_use_living_thread(target);
	return target->living_fd >= 0 ? target->living_fd : target->proc_fd;
}

void target_remember_image(struct target *target)
{
	const struct stat_line stat = read_living_stat(target);

	target->code_start = stat.code_start;
	target->stack_start = stat.stack_start;
}

/*
 * The address space that was opened is there for as long as anybody has a hold on it, and who reads another
 * process's /proc/PID/maps or mem has one. Then only the addresses tell that the process has another by now;
 * in the middle of an execve they are 0. To who may not see them the kernel says that the code begins at 1
 * (do_task_stat in fs/proc/array.c).
 */
static bool has_other_addresses(struct target *target)
{
	struct stat_line stat;

	if (!target->stack_start)
		return false;
	stat = read_living_stat(target);
	return stat.state != '?' && stat.code_start != 1 &&
		(stat.stack_start != target->stack_start || stat.code_start != target->code_start);
}

bool target_same_image(struct target *target)
{
	char byte;

	if (target->script)
		return true;
	target->unanswered[ASKED_LIFE] = 0;
	if (pread(target->mem_fd, &byte, 1, 0) == 0)
		return false;
	return (target->living_tid == target->pid || find_living_thread(target)) &&
		!has_other_addresses(target);
}

bool target_alive(struct target *target)
{
	struct stat_line stat;

	if (target_same_image(target))
		return true;
	stat = read_own_stat(target);
	/*
	 * In an execve the first thread is dead for a moment, until the one that called it takes its place;
	 * then no other thread is found, and the first one is alive again.
	 */
	if (stat.state == 'Z' && !find_living_thread(target))
		stat.state = read_own_stat(target).state == 'Z' ? 'X' : 'R';
	return stat.state && stat.state != 'X';
}

bool target_execed(struct target *target)
{
	int fd;

	if (target_same_image(target) || !target_alive(target))
		return false;
	fd = openat(target->proc_fd, "mem", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		/* it is in the next execve already; else it execs what we may not read */
		return errno == ESRCH;
	close(target->mem_fd);
	target->mem_fd = fd;
	target->code_start = target->stack_start = 0;
	use_first_thread(target);
	return true;
}

bool target_replaced(struct target *target)
{
	char path[32];

	if (target_alive(target) || read_own_stat(target).state)
		return false;
	snprintf(path, sizeof(path), "/proc/%d", target->pid);
	return access(path, F_OK) == 0;
}
