/* SPDX-License-Identifier: MIT */
/*
 * Filters of system calls that kill. Most of them answer a call that they do not know with an error, and
 * then the older way is taken; some kill the process instead (SECCOMP_RET_KILL, or RET_TRAP without a
 * handler, in seccomp(2)), and know less than pyrope uses. So, where there is a filter on pyrope, a
 * process of ours makes each such call once, with arguments that make no sense, and what kills it is not
 * called any more.
 *
 * The process is made by clone without a signal for its end, as in opener.c. It says how far it has come in
 * memory that both share; the next one goes on behind that.
 */
#include "config.h"

#include "pyrope/base.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_BYTES 4096

/* Those that are younger than what every C library needs, or that filters like to leave out. */
static const long numbers[] = {
#ifdef SYS_pidfd_open
	SYS_pidfd_open,
#endif
#ifdef SYS_openat2
	SYS_openat2,
#endif
#ifdef SYS_close_range
	SYS_close_range,
#endif
#ifdef SYS_statx
	SYS_statx,
#endif
	SYS_process_vm_readv,
	SYS_ptrace,
	SYS_sched_getattr,
	SYS_sched_setattr,
	SYS_kcmp,
	SYS_memfd_create,
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool kills[ARRAY_LENGTH(numbers)];

/* By /proc, for prctl(2) may be what kills. Where there is none, no process can be sampled anyway. */
static bool has_filter(void)
{
	char status[STATUS_BYTES + 1];
	const char *field;
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	status[read_file_at(fd, status, STATUS_BYTES, 0)] = '\0';
	close(fd);
	field = strstr(status, "\nSeccomp:");
	return field && strtol(field + strlen("\nSeccomp:"), NULL, 10) == 2;
}

static _Noreturn void try_from(size_t first, atomic_size_t *reached)
{
	const struct rlimit none = { 0 };

	setrlimit(RLIMIT_CORE, &none);
	signal(SIGSYS, SIG_DFL);
	for (size_t i = first; i < ARRAY_LENGTH(numbers); i++) {
		atomic_store(reached, i);
		syscall(numbers[i], -1L, -1L, -1L, -1L, -1L, -1L);
	}
	atomic_store(reached, ARRAY_LENGTH(numbers));
	_exit(0);
}

/* Which one ends a process of ours, from first on; their number: none does. */
static size_t find_killer(size_t first, atomic_size_t *reached)
{
	sigset_t all, before;
	long pid;
	int status = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		sigdelset(&all, SIGSYS);
		pthread_sigmask(SIG_SETMASK, &all, NULL);
		try_from(first, reached);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return ARRAY_LENGTH(numbers);
	while (waitpid((pid_t)pid, &status, __WALL) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? atomic_load(reached)
								 : ARRAY_LENGTH(numbers);
}

static void learn(void)
{
	atomic_size_t *reached;

	if (!has_filter())
		return;
	reached = mmap(NULL, sizeof(*reached), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (reached == MAP_FAILED)
		return;
	for (size_t i = 0; (i = find_killer(i, reached)) < ARRAY_LENGTH(numbers); i++)
		kills[i] = true;
	munmap(reached, sizeof(*reached));
}

bool syscall_kills(long number)
{
	pthread_once(&once, learn);
	for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
		if (numbers[i] == number && kills[i]) {
			errno = ENOSYS;
			return true;
		}
	}
	return false;
}
