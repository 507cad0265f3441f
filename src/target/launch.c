/* SPDX-License-Identifier: MIT */
/*
 * Starting a command as a shell would: what pyrope changed for itself (signal mask, dispositions, limit of
 * descriptors) is put back in the child, so that the child gets what pyrope was given. Errors of execvp come
 * back through a pipe that execve closes.
 */
#include "config.h"

#include "pyrope/target.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	bool known;
	sigset_t mask;
	bool ignored[65]; /* by signal number; Linux has 1 to 64 */
	struct rlimit descriptors;
	bool raised;
} at_start;

/* The soft limit is for programs that use select(2), which pyrope does not. */
static void raise_descriptor_limit(void)
{
	struct rlimit most;

	if (getrlimit(RLIMIT_NOFILE, &at_start.descriptors) ||
		at_start.descriptors.rlim_cur == at_start.descriptors.rlim_max)
		return;
	most = at_start.descriptors;
	most.rlim_cur = most.rlim_max;
	at_start.raised = setrlimit(RLIMIT_NOFILE, &most) == 0;
}

void launch_remember(void)
{
	sigprocmask(SIG_SETMASK, NULL, &at_start.mask);
	for (int signal = 1; signal < (int)ARRAY_LENGTH(at_start.ignored); signal++) {
		struct sigaction action;

		at_start.ignored[signal] =
			sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
	}
	at_start.known = true;
	raise_descriptor_limit();
}

static void restore_signals(void)
{
	if (!at_start.known)
		return;
	for (int signal = 1; signal < (int)ARRAY_LENGTH(at_start.ignored); signal++) {
		struct sigaction action = { .sa_handler = at_start.ignored[signal] ? SIG_IGN : SIG_DFL };

		/* refused for SIGKILL, SIGSTOP and the C library's own: no matter */
		sigaction(signal, &action, NULL);
	}
	sigprocmask(SIG_SETMASK, &at_start.mask, NULL);
}

static _Noreturn void child(char *const argv[], int report_fd)
{
	int reason;

	restore_signals();
	if (at_start.raised)
		setrlimit(RLIMIT_NOFILE, &at_start.descriptors);
	execvp(argv[0], argv);
	reason = errno;
	while (write(report_fd, &reason, sizeof(reason)) < 0 && errno == EINTR)
		;
	_exit(127);
}

static pid_t exec_failed(const char *command, int reason, struct error *err)
{
	if (reason == ENOENT || reason == ENOTDIR) {
		error_set(err, ERROR_SYSTEM, "cannot start '%s': command not found", command);
		err->exit_code = 127;
	} else {
		error_set_errno(err, ERROR_SYSTEM, reason, "cannot start '%s': not executable", command);
		err->exit_code = 126;
	}
	return -1;
}

pid_t launch_command(char *const argv[], struct error *err)
{
	int ends[2], reason = 0;
	ssize_t got;
	sigset_t all, before;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot start '%s': pipe", argv[0]);
	/* no handler of ours may run in the child */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		child(argv, ends[1]);
	reason = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return error_set_errno(err, ERROR_SYSTEM, reason, "cannot start '%s': fork", argv[0]);
	}
	do
		got = read(ends[0], &reason, sizeof(reason));
	while (got < 0 && errno == EINTR);
	close(ends[0]);
	if (got != (ssize_t)sizeof(reason))
		return pid;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return exec_failed(argv[0], reason, err);
}
