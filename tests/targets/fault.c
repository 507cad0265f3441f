/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into pyrope: makes a system call fail without being made.
 *
 *   PYROPE_FAULT=CALL:ERRNO:FIRST:COUNT   calls FIRST to FIRST + COUNT - 1 of CALL fail with that number;
 * COUNT 0: all from FIRST on PYROPE_FAULT_CALLS=FILE               how often each was called goes there at
 * the end, a line each
 *
 * What a C library calls for itself (in fdopendir, say) is not seen here.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct call {
	const char *name;
	atomic_long count;
	struct call *next;
};

static struct call *_Atomic calls;
static char fault_name[32];
static int fault_errno;
static long fault_first, fault_count;

static void __attribute__((constructor)) begin(void)
{
	const char *fault = getenv("PYROPE_FAULT");

	if (fault &&
		sscanf(fault, "%31[^:]:%d:%ld:%ld", fault_name, &fault_errno, &fault_first, &fault_count) !=
			4)
		abort();
	unsetenv("LD_PRELOAD"); /* what pyrope launches does not fail */
}

static void __attribute__((destructor)) end(void)
{
	const char *path = getenv("PYROPE_FAULT_CALLS");
	FILE *file;

	fault_name[0] = '\0';
	file = path ? fopen(path, "w") : NULL;
	if (!file)
		return;
	for (struct call *call = calls; call; call = call->next)
		fprintf(file, "%s %ld\n", call->name, atomic_load(&call->count));
	fclose(file);
}

static int fails(struct call *call)
{
	long number = atomic_fetch_add(&call->count, 1) + 1;

	if (number == 1) {
		call->next = atomic_load(&calls);
		while (!atomic_compare_exchange_weak(&calls, &call->next, call))
			;
	}
	if (strcmp(call->name, fault_name) != 0 || number < fault_first ||
		(fault_count && number >= fault_first + fault_count))
		return 0;
	errno = fault_errno;
	return 1;
}

/* symbol: what is replaced; name: what it counts as. The result of a call that fails is failure. */
#define REPLACE(result, symbol, name, failure, parameters, arguments) \
	result symbol parameters \
	{ \
		static result(*real) parameters; \
\
		if (fails(&call_##name)) \
			return failure; \
		if (!real) \
			real = (result(*) parameters)dlsym(RTLD_NEXT, #symbol); \
		return real arguments; \
	}
#define COUNT(name) static struct call call_##name = { #name, 0, NULL };

/* Those whose last argument is there only with certain flags. */
#define REPLACE_OPEN(symbol, name, parameters, arguments, ...) \
	int symbol(__VA_ARGS__, int flags, ...) \
	{ \
		static int(*real) parameters; \
		mode_t mode = 0; \
		va_list list; \
\
		va_start(list, flags); \
		if (flags & (O_CREAT | __O_TMPFILE)) \
			mode = va_arg(list, mode_t); \
		va_end(list); \
		if (fails(&call_##name)) \
			return -1; \
		if (!real) \
			real = (int(*) parameters)dlsym(RTLD_NEXT, #symbol); \
		return real arguments; \
	}

COUNT(open)
REPLACE_OPEN(open, open, (const char *, int, ...), (path, flags, mode), const char *path)
REPLACE_OPEN(open64, open, (const char *, int, ...), (path, flags, mode), const char *path)
COUNT(openat)
REPLACE_OPEN(openat, openat, (int, const char *, int, ...), (fd, path, flags, mode), int fd, const char *path)
REPLACE_OPEN(
	openat64, openat, (int, const char *, int, ...), (fd, path, flags, mode), int fd, const char *path)
COUNT(read)
REPLACE(ssize_t, read, read, -1, (int fd, void *data, size_t size), (fd, data, size))
COUNT(pread)
REPLACE(ssize_t, pread, pread, -1, (int fd, void *data, size_t size, off_t offset), (fd, data, size, offset))
REPLACE(ssize_t, pread64, pread, -1, (int fd, void *data, size_t size, off_t offset),
	(fd, data, size, offset))
COUNT(readlink)
REPLACE(ssize_t, readlink, readlink, -1, (const char *path, char *data, size_t size), (path, data, size))
COUNT(readlinkat)
REPLACE(ssize_t, readlinkat, readlinkat, -1, (int fd, const char *path, char *data, size_t size),
	(fd, path, data, size))
COUNT(fstat)
REPLACE(int, fstat, fstat, -1, (int fd, struct stat *status), (fd, status))
COUNT(fcntl)
int fcntl(int fd, int command, ...)
{
	static int (*real)(int fd, int command, ...);
	va_list list;
	long argument;

	va_start(list, command);
	argument = va_arg(list, long); /* whatever it is when there is none */
	va_end(list);
	if (fails(&call_fcntl))
		return -1;
	if (!real)
		real = (int (*)(int, int, ...))dlsym(RTLD_NEXT, "fcntl");
	return real(fd, command, argument);
}
COUNT(readdir)
REPLACE(struct dirent *, readdir, readdir, NULL, (DIR * directory), (directory))
REPLACE(struct dirent64 *, readdir64, readdir, NULL, (DIR * directory), (directory))
COUNT(process_vm_readv)
REPLACE(ssize_t, process_vm_readv, process_vm_readv, -1,
	(pid_t pid, const struct iovec *local, unsigned long locals, const struct iovec *remote,
		unsigned long remotes, unsigned long flags),
	(pid, local, locals, remote, remotes, flags))
COUNT(ptrace)
REPLACE(long, ptrace, ptrace, -1, (int request, pid_t pid, void *address, void *data),
	(request, pid, address, data))
COUNT(waitid)
REPLACE(int, waitid, waitid, -1, (idtype_t type, id_t id, siginfo_t *info, int options),
	(type, id, info, options))
COUNT(epoll_create1)
REPLACE(int, epoll_create1, epoll_create1, -1, (int flags), (flags))
COUNT(eventfd)
REPLACE(int, eventfd, eventfd, -1, (unsigned value, int flags), (value, flags))
COUNT(timerfd_create)
REPLACE(int, timerfd_create, timerfd_create, -1, (int clock, int flags), (clock, flags))
COUNT(timer_create)
REPLACE(int, timer_create, timer_create, -1, (clockid_t clock, struct sigevent *event, timer_t *timer),
	(clock, event, timer))
COUNT(memfd_create)
REPLACE(int, memfd_create, memfd_create, -1, (const char *name, unsigned flags), (name, flags))
COUNT(pthread_create)
REPLACE(int, pthread_create, pthread_create, fault_errno,
	(pthread_t * thread, const pthread_attr_t *attributes, void *(*start)(void *), void *context),
	(thread, attributes, start, context))
COUNT(clock_nanosleep)
REPLACE(int, clock_nanosleep, clock_nanosleep, fault_errno,
	(clockid_t clock, int flags, const struct timespec *time, struct timespec *left),
	(clock, flags, time, left))
COUNT(sigtimedwait)
REPLACE(int, sigtimedwait, sigtimedwait, -1,
	(const sigset_t *set, siginfo_t *info, const struct timespec *time), (set, info, time))
