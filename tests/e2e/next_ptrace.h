/* SPDX-License-Identifier: MIT */
/*
 * For libraries that are preloaded into pyrope and stand before ptrace: its arguments, and the call that it
 * would have been.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/ptrace.h>
#include <sys/types.h>

struct ptrace_call {
	pid_t tid;
	void *address, *data;
};

/* Takes them off the list, behind the request. */
static void ptrace_arguments(struct ptrace_call *call, va_list arguments)
{
	call->tid = va_arg(arguments, pid_t);
	call->address = va_arg(arguments, void *);
	call->data = va_arg(arguments, void *);
}

static long next_ptrace(enum __ptrace_request request, const struct ptrace_call *call)
{
	static long (*next)(enum __ptrace_request request, ...);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "ptrace");
	return next(request, call->tid, call->address, call->data);
}
