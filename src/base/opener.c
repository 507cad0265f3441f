/* SPDX-License-Identifier: MIT */
/*
 * Opening files that somebody else has chosen, where the file system may not answer.
 *
 * A file system that is a program (FUSE) or a server's (NFS, 9p) may let open(2) wait for ever, and a thread
 * that waits for FUSE cannot even be killed once the program has the request. So, where such a file system is
 * mounted, a process of ours opens the file, reads its first byte and hands the descriptor over (SCM_RIGHTS,
 * unix(7)). When it does not answer in time it is left behind, to end when it can, and the file counts as not
 * there. Where no such file system is mounted, files are opened here.
 *
 * The process is made by clone without a signal for its end: no SIGCHLD of it gets among those of tracees,
 * and no wait for them meets it. It shares nothing with us that changes, calls nothing but the kernel, and
 * ends when nobody has the other end of its socket any more. (Not by PR_SET_PDEATHSIG, which means the end of
 * the thread that made it.)
 */
#include "config.h"

#include "pyrope/base.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(SYS_openat2) && __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#endif
#if !defined(STATX_INO) && defined(SYS_statx) && __has_include(<linux/stat.h>)
#include <linux/stat.h> /* musl before 1.2.5 has no statx */
#endif

#define ANSWER_NS 1000000000
#define SLICE_MS 50 /* so that being told to end is heard */
#define LEFT_BEHIND_LIMIT 4
#define DEVICES_LIMIT LEFT_BEHIND_LIMIT
#define MOUNTINFO_BYTES ((size_t)1 << 20)

struct request {
	bool in_root;
	char path[PATH_MAX];
};

struct answer {
	int failed; /* errno; 0: a descriptor comes with it */
	struct stat status;
};

static atomic_bool may_not_answer;
static atomic_uint_least64_t unanswered;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int channel = -1; /* to the process that opens; -1: there is none */
static pid_t process;
static unsigned left_behind;
static dev_t devices[DEVICES_LIMIT]; /* that have not answered */

/* ---- which file systems there are ---- */

static const char *const remote_types[] = { "fuse", "nfs", "9p", "cifs", "smb3", "ceph", "afs", "virtiofs",
	"lustre", "gpfs", "orangefs", "gfs", "ocfs", "beegfs", "coda", "ncpfs" };

/*
 * "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw" (proc(5)); a space in a path is "\040"
 * there.
 */
static bool names_remote_type(char *text)
{
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		const char *type = strstr(line, " - ");

		for (size_t i = 0; type && i < ARRAY_LENGTH(remote_types); i++) {
			if (strncmp(type + 3, remote_types[i], strlen(remote_types[i])) == 0)
				return true;
		}
	}
	return false;
}

static void learn_mounts(int directory, const char *path)
{
	char *text;
	int fd = openat(directory, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	text = xmalloc(MOUNTINFO_BYTES + 1);
	text[read_file_at(fd, text, MOUNTINFO_BYTES, 0)] = '\0';
	close(fd);
	if (names_remote_type(text))
		may_not_answer = true;
	free(text);
}

/* A server's workers are in one mount namespace, and its list may be long: read once. */
void opener_learn_mounts(int proc_fd)
{
	static ino_t last;
	struct stat space;
	bool is_new;

	if (may_not_answer)
		return;
	pthread_mutex_lock(&mutex);
	if (!last) /* files are sought in our own root, too */
		learn_mounts(AT_FDCWD, "/proc/self/mountinfo");
	if (fstatat(proc_fd, "ns/mnt", &space, 0) != 0)
		space.st_ino = 1; /* not known: as any other one */
	is_new = space.st_ino != last || space.st_ino == 1;
	last = space.st_ino;
	if (is_new)
		learn_mounts(proc_fd, "mountinfo");
	pthread_mutex_unlock(&mutex);
}

uint64_t files_unanswered(void)
{
	return unanswered;
}

bool identify_file(int directory, const char *path, dev_t *device, uint64_t *inode)
{
	struct stat status;
#ifdef STATX_INO
	struct statx known;

	if (syscall_kills(SYS_statx)) {
		errno = ENOSYS;
	} else if (syscall(SYS_statx, directory, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO,
			   &known) == 0) {
		*device = makedev(known.stx_dev_major, known.stx_dev_minor);
		*inode = known.stx_ino;
		return true;
	}
	if (errno != ENOSYS && errno != EPERM)
		return false;
#endif
	if (fstatat(directory, path, &status, 0) != 0)
		return false;
	*device = status.st_dev;
	*inode = status.st_ino;
	return true;
}

/* ---- opening ---- */

/*
 * O_PATH has no effect on pipes and devices; open_regular opens for reading only what is a regular file,
 * without waiting for who has a lease on it. openat2(2) keeps absolute symbolic links within the root;
 * kernels before 5.6 do not have it, and there such a link leads into our own root.
 */

static int open_path(int directory, const char *path, bool in_root)
{
	if (in_root) {
		while (*path == '/')
			path++;
#ifdef RESOLVE_IN_ROOT
		struct open_how how = { .flags = O_PATH | O_CLOEXEC,
			.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
		long fd = syscall_kills(SYS_openat2)
			? -1
			: syscall(SYS_openat2, directory, path, &how, sizeof(how));

		if (fd >= 0 ||
			(errno != ENOSYS &&
				errno != EPERM)) /* EPERM: what seccomp says where it does not know it */
			return (int)fd;
#endif
	}
	return openat(directory, path, O_PATH | O_CLOEXEC);
}

/* ---- the process that opens ---- */

union descriptor_message {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* fd -1: none goes with it. */
static bool send_with(int socket, void *data, size_t bytes, int fd)
{
	union descriptor_message control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
						     .cmsg_level = SOL_SOCKET,
						     .cmsg_type = SCM_RIGHTS } };
	struct iovec part = { .iov_base = data, .iov_len = bytes };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) == (ssize_t)bytes;
}

/* *fd is -1 when none came with it. */
static bool receive_with(int socket, void *data, size_t bytes, int *fd)
{
	union descriptor_message control = { 0 };
	struct iovec part = { .iov_base = data, .iov_len = bytes };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);

	*fd = -1;
	if (got >= 0 && message.msg_controllen >= CMSG_LEN(sizeof(int)) &&
		control.header.cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(&control.header), sizeof(*fd));
	if (got == (ssize_t)bytes)
		return true;
	if (*fd >= 0)
		close(*fd);
	return false;
}

static void serve(int socket) __attribute__((__noreturn__));

/*
 * In a copy of a process with threads: what takes a lock may wait for ever for one that another thread had.
 */
static void serve(int socket)
{
	static struct request request;
	int directory;

	for (int fd = 0; fd < socket; fd++) /* nobody's pipe is to stay open for this process */
		close(fd);
	if (!syscall_kills(SYS_close_range)) /* it has been asked before */
		syscall(SYS_close_range, socket + 1, ~0u, 0);
	while (receive_with(socket, &request, sizeof(request), &directory)) {
		struct answer answer = { 0 };
		char byte;
		int fd;

		errno = 0;
		fd = open_regular(open_path(directory, request.path, request.in_root), &answer.status);
		answer.failed = fd >= 0 ? 0 : errno ? errno : EINVAL;
		if (fd >= 0 && pread(fd, &byte, 1, 0) < 0)
			answer.failed = errno;
		if (!send_with(socket, &answer, sizeof(answer), answer.failed ? -1 : fd))
			break;
		close(directory);
		if (fd >= 0)
			close(fd);
	}
	_exit(0);
}

/* It ends when nobody can ask it any more. No zombie is left to an init that does not care for them. */
static void end(void)
{
	if (channel < 0)
		return;
	close(channel);
	channel = -1;
	while (waitpid(process, NULL, __WALL) < 0 && errno == EINTR)
		;
}

static bool start(void)
{
	static bool ends_at_exit;
	sigset_t all, before;
	int pair[2];
	long pid;

	if (channel >= 0)
		return true;
	syscall_kills(SYS_close_range);
	if (!ends_at_exit)
		ends_at_exit = atexit(end) == 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		descriptors_note(errno);
		return false;
	}
	sigfillset(&all);
	pthread_sigmask(
		SIG_SETMASK, &all, &before); /* what is sent to our process group is not meant for it */
	pid = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (pid == 0)
		serve(pair[1]);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return false;
	}
	channel = pair[0];
	process = (pid_t)pid;
	return true;
}

static bool is_dead(dev_t device)
{
	for (unsigned i = 0; device && i < left_behind; i++) {
		if (devices[i] == device)
			return true;
	}
	return false;
}

/* The descriptor, or -1 with errno. */
static int ask(int directory, struct request *request, dev_t device, struct stat *status)
{
	struct answer answer;
	struct pollfd ready;
	int fd;

	if (!start())
		return -1;
	ready = (struct pollfd){ .fd = channel, .events = POLLIN };
	if (send_with(channel, request, sizeof(*request), directory)) {
		const int64_t until_ns = monotonic_ns() + ANSWER_NS;

		while (poll(&ready, 1, SLICE_MS) <= 0 && monotonic_ns() < until_ns && !is_interrupted())
			ready.revents = 0;
		if (ready.revents && receive_with(channel, &answer, sizeof(answer), &fd)) {
			*status = answer.status;
			errno = answer.failed ? answer.failed : fd < 0 ? EIO : 0;
			return fd;
		}
	}
	close(channel);
	channel = -1;
	devices[left_behind++] = device;
	errno = ETIMEDOUT;
	return -1;
}

int open_chosen(int directory, const char *path, bool in_root, uint64_t device, struct stat *status)
{
	static struct request request;
	int fd, failed;

	if (!may_not_answer || directory < 0)
		return open_regular(open_path(directory, path, in_root), status);
	if (strlen(path) >= sizeof(request.path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	pthread_mutex_lock(&mutex);
	errno = ETIMEDOUT;
	fd = -1;
	if (left_behind < LEFT_BEHIND_LIMIT && !is_dead((dev_t)device)) {
		request.in_root = in_root;
		snprintf(request.path, sizeof(request.path), "%s", path);
		fd = ask(directory, &request, (dev_t)device, status);
	}
	failed = errno;
	if (fd < 0 && failed == ETIMEDOUT)
		unanswered++;
	pthread_mutex_unlock(&mutex);
	errno = failed;
	descriptors_note(failed);
	return fd;
}
