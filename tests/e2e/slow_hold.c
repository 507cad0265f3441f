/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into pyrope by long_hold.test: the first thread that is held is read only after 50 ms, in which
 * pyrope sleeps.
 */
#define _GNU_SOURCE
#include <sys/uio.h>
#include <unistd.h>

#include "next_ptrace.h"

static int told;

ssize_t process_vm_readv(pid_t pid, const struct iovec *local, unsigned long local_count,
	const struct iovec *remote, unsigned long remote_count, unsigned long flags)
{
	static ssize_t (*next)(pid_t, const struct iovec *, unsigned long, const struct iovec *,
		unsigned long, unsigned long);

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
	struct ptrace_call call;
	va_list arguments;

	va_start(arguments, request);
	ptrace_arguments(&call, arguments);
	va_end(arguments);
	if (request == PTRACE_INTERRUPT && !told)
		told++;
	return next_ptrace(request, &call);
}
