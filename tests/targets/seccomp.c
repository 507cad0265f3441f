/* SPDX-License-Identifier: MIT */
/*
 * seccomp ERRNO CALL... -- COMMAND...: runs the command under a filter that makes these system calls (read,
 * ptrace, or `young` for all that are younger than most C libraries) fail with that number, as the filters of
 * containers do. With the word `notify` for the number, a supervisor answers so: EPERM, each time after 1 ms;
 * where the kernel has no user notification the exit code is 77. With the word `kill` the process is killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How they are called in the arguments: one, or several of one name. */
static const struct call {
	const char *name;
	int number;
} calls[] = {
	{ "read", SYS_process_vm_readv },
	{ "ptrace", SYS_ptrace },
#ifdef SYS_pidfd_open
	{ "young", SYS_pidfd_open },
#endif
#ifdef SYS_openat2
	{ "young", SYS_openat2 },
#endif
#ifdef SYS_close_range
	{ "young", SYS_close_range },
#endif
#if defined(SYS_statx) && defined(SYS_newfstatat)
	{ "young", SYS_statx },
#endif
	{ "young", SYS_sched_getattr },
	{ "young", SYS_sched_setattr },
	{ "young", SYS_kcmp },
	{ "young", SYS_memfd_create },
};
#define CALL_COUNT (sizeof(calls) / sizeof(calls[0]))

static int install(const struct sock_fprog *program, unsigned flags)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
}

static void send_fd(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	if (sendmsg(socket, &message, 0) < 0)
		exit(77);
}

static int receive_fd(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	int fd;

	if (recvmsg(socket, &message, 0) <= 0 || !CMSG_FIRSTHDR(&message))
		exit(77);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	return fd;
}

static void answer(int fd)
{
	for (;;) {
		struct seccomp_notif asked = { 0 };
		struct seccomp_notif_resp told = { .error = -EPERM };

		if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &asked) && errno != EINTR && errno != ENOENT)
			return;
		usleep(1000);
		told.id = asked.id;
		ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &told);
	}
}

int main(int argc, char **argv)
{
	struct sock_filter filter[64];
	int is_notified = argc > 1 && strcmp(argv[1], "notify") == 0, at = 2, ends[2], status;
	unsigned result = is_notified ? SECCOMP_RET_USER_NOTIF
		: argc > 1 && strcmp(argv[1], "kill") == 0
		? SECCOMP_RET_KILL_PROCESS
		: SECCOMP_RET_ERRNO | (unsigned)(argc > 1 ? atoi(argv[1]) : 0);
	struct sock_fprog program = { .filter = filter };
	pid_t child;

	filter[program.len++] =
		(struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
		for (size_t i = 0; i < CALL_COUNT && program.len < 60; i++) {
			if (strcmp(calls[i].name, argv[at]) != 0)
				continue;
			filter[program.len++] = (struct sock_filter)BPF_JUMP(
				BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number, 0, 1);
			filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, result);
		}
	}
	filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (at + 1 >= argc)
		return 2;
	if (!is_notified) {
		if (install(&program, 0))
			return 77;
		execvp(argv[at + 1], argv + at + 1);
		return 127;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return 77;
	child = fork();
	if (child == 0) {
		int fd = install(&program, SECCOMP_FILTER_FLAG_NEW_LISTENER);

		if (fd < 0)
			return 77;
		send_fd(ends[1], fd);
		close(fd);
		execvp(argv[at + 1], argv + at + 1);
		return 127;
	}
	close(ends[1]);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		answer(receive_fd(ends[0]));
		return 0;
	}
	close(ends[0]);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
