/* SPDX-License-Identifier: MIT */
/*
 * Whether a system call is to be had is found out by making it, as pyrope does later, but in a child and on a
 * child: a filter (seccomp(2)) may kill who calls what it does not know, and a process of somebody else is
 * not to be stopped for a trial.
 */
#include "config.h"

#include "doctor/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIAL_SECONDS 5

static _Noreturn void child(int (*attempt)(void))
{
	const struct rlimit none = { 0 };

	signal(SIGSYS, SIG_DFL);
	signal(SIGALRM, SIG_DFL);
	setrlimit(RLIMIT_CORE, &none);
	alarm(TRIAL_SECONDS);
	_exit(attempt() & 0xff);
}

struct trial trial_run(int (*attempt)(void))
{
	const pid_t pid = fork();
	pid_t got;
	int status;

	if (pid == 0)
		child(attempt);
	if (pid < 0)
		return (struct trial){ TRIAL_UNKNOWN, errno };
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got != pid)
		return (struct trial){ TRIAL_UNKNOWN, errno };
	if (WIFSIGNALED(status))
		return (struct trial){ WTERMSIG(status) == SIGSYS ? TRIAL_KILLED : TRIAL_UNKNOWN, EINTR };
	return (struct trial){ WEXITSTATUS(status) ? TRIAL_FAILS : TRIAL_WORKS, WEXITSTATUS(status) };
}

char *trial_describe(const struct trial *trial)
{
	switch (trial->result) {
	case TRIAL_WORKS:
		return xstrdup("works");
	case TRIAL_KILLED:
		return xstrdup("a filter of system calls kills who calls it");
	case TRIAL_FAILS:
		return xstrdup(trial->reason == ENOSYS
				? "this kernel, filter or emulator has no such call (ENOSYS)"
				: strerror(trial->reason));
	default:
		return xstrdup("could not be tried");
	}
}

/* ---- what pyrope needs ---- */

int try_read_memory(void)
{
	char here[] = "pyrope", there[sizeof(here)] = "";
	struct iovec local = { there, sizeof(there) }, remote = { here, sizeof(here) };

	if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)sizeof(here))
		return memcmp(here, there, sizeof(here)) ? EIO : 0;
	return errno ? errno : EIO;
}

int try_pidfd(void)
{
#ifdef SYS_pidfd_open
	return syscall(SYS_pidfd_open, getpid(), 0) < 0 ? errno : 0;
#else
	return ENOSYS;
#endif
}

/* As pause.c does it: seized, interrupted, looked at without taking the stop away, let go. */
static int pause_child(pid_t pid)
{
	siginfo_t info = { 0 };

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL))
		return errno;
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) ||
		waitid(P_PID, (id_t)pid, &info, WSTOPPED | WEXITED | WNOWAIT | __WALL) ||
		ptrace(PTRACE_DETACH, pid, NULL, NULL))
		return errno;
	return 0;
}

int try_pause(void)
{
	const pid_t pid = fork();
	int reason;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(TRIAL_SECONDS); /* where prctl is not to be had */
		for (;;)
			pause();
	}
	if (pid < 0)
		return errno;
	reason = pause_child(pid);
	kill(pid, SIGKILL);
	return reason;
}
