/* SPDX-License-Identifier: MIT */
/*
 * Names of the system calls that threads sleep in. Numbers come from the headers, because they differ between
 * architectures; calls that a newer architecture was never given (poll, select) are left out there.
 */
#include "config.h"

#include "pyrope/base.h"

#include <sys/syscall.h>

#define CALL(name) \
	{ \
		SYS_##name, #name \
	}

static const struct {
	long number;
	const char *name;
} calls[] = {
	CALL(accept),
	CALL(accept4),
	CALL(clock_nanosleep),
	CALL(connect),
	CALL(epoll_pwait),
	CALL(fdatasync),
	CALL(flock),
	CALL(fsync),
	CALL(futex),
	CALL(io_getevents),
	CALL(ioctl),
	CALL(mq_timedreceive),
	CALL(msgrcv),
	CALL(nanosleep),
	CALL(openat),
	CALL(ppoll),
	CALL(pread64),
	CALL(pselect6),
	CALL(pwrite64),
	CALL(read),
	CALL(readv),
	CALL(recvfrom),
	CALL(recvmmsg),
	CALL(recvmsg),
	CALL(restart_syscall),
	CALL(rt_sigsuspend),
	CALL(rt_sigtimedwait),
	CALL(semop),
	CALL(semtimedop),
	CALL(sendfile),
	CALL(sendmsg),
	CALL(sendto),
	CALL(splice),
	CALL(wait4),
	CALL(waitid),
	CALL(write),
	CALL(writev),
#ifdef SYS_epoll_wait
	CALL(epoll_wait),
#endif
#ifdef SYS_io_uring_enter
	CALL(io_uring_enter),
#endif
#ifdef SYS_open
	CALL(open),
#endif
#ifdef SYS_pause
	CALL(pause),
#endif
#ifdef SYS_poll
	CALL(poll),
#endif
#ifdef SYS_select
	CALL(select),
#endif
};

const char *syscall_name(long number)
{
	for (size_t i = 0; i < ARRAY_LENGTH(calls); i++) {
		if (calls[i].number == number)
			return calls[i].name;
	}
	return NULL;
}

void syscall_append(struct buffer *buffer, long number)
{
	const char *name = syscall_name(number);

	if (name) {
		buffer_append_string(buffer, name);
		return;
	}
	buffer_append_string(buffer, "syscall ");
	buffer_append_int(buffer, number);
}
