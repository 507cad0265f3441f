/* SPDX-License-Identifier: MIT */
/* Preloaded into pyrope by long_hold.test: the first thread that is held is read only after 50 ms, in which pyrope sleeps. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <unistd.h>

static int told;

ssize_t process_vm_readv(pid_t pid, const struct iovec *local, unsigned long local_count, const struct iovec *remote,
	unsigned long remote_count, unsigned long flags)
{
	static ssize_t (*next)(pid_t, const struct iovec *, unsigned long, const struct iovec *, unsigned long, unsigned long);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "process_vm_readv");
	if (told == 1) {
		told++;
		usleep(50000);
	}
	return next(pid, local, local_count, remote, remote_count, flags);
}

long ptrace(enum __ptrace_request request, ...)
{
	static long (*next)(enum __ptrace_request request, ...);
	va_list arguments;
	void *address, *data;
	pid_t tid;

	va_start(arguments, request);
	tid = va_arg(arguments, pid_t);
	address = va_arg(arguments, void *);
	data = va_arg(arguments, void *);
	va_end(arguments);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "ptrace");
	if (request == PTRACE_INTERRUPT && !told)
		told++;
	return next(request, tid, address, data);
}
