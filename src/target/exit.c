/* SPDX-License-Identifier: MIT */
/*
 * With which status a process has ended, though it is no child of ours. Until its parent has waited for it,
 * it is a zombie, and its stat file says so (field 52 in proc(5)). After that the pidfd that was opened while
 * it lived says it, from Linux 6.15 on (PIDFD_INFO_EXIT in include/uapi/linux/pidfd.h).
 */
#include "config.h"

#include "target/internal.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STATUS_FIELD 52

/* struct pidfd_info as it was first; later fields are asked for by a larger size. */
struct exit_info {
	uint64_t mask, cgroup;
	uint32_t ids[11];
	int32_t status;
};
#define EXIT_INFO_REQUEST _IOWR(0xff, 11, struct exit_info)
#define EXIT_INFO_STATUS (UINT64_C(1) << 3)

void target_open_exit(struct target *target)
{
#ifdef SYS_pidfd_open
	if (!syscall_kills(SYS_pidfd_open))
		target->exit_fd = (int)syscall(SYS_pidfd_open, target->pid, 0);
#endif
}

static int status_of_zombie(struct target *target)
{
	char line[1024];
	const char *fields;

	if (target->stat_fd < 0 || read_again(target->stat_fd, line, sizeof(line)) <= 0)
		return -1;
	fields = stat_fields(line);
	if (!fields || (*fields != 'Z' && *fields != 'X'))
		return -1;
	for (int field = 3; field < STATUS_FIELD && fields; field++) {
		fields = strchr(fields, ' ');
		fields += fields != NULL;
	}
	return fields ? (int)strtol(fields, NULL, 10) : -1;
}

static int status_of_reaped(const struct target *target)
{
	struct exit_info info = { .mask = EXIT_INFO_STATUS };

	return target->exit_fd >= 0 && ioctl(target->exit_fd, EXIT_INFO_REQUEST, &info) == 0 &&
			(info.mask & EXIT_INFO_STATUS)
		? info.status
		: -1;
}

int target_exit_status(struct target *target, int wait_ms)
{
	struct pollfd end = { .fd = target->exit_fd, .events = POLLIN };
	int status = -1;

	if (target->exit_fd >= 0 && poll(&end, 1, wait_ms) <= 0)
		return -1;
	/* between the two questions it may have been waited for */
	for (int attempt = 0; attempt < 2 && status < 0; attempt++) {
		status = status_of_reaped(target);
		if (status < 0)
			status = status_of_zombie(target);
	}
	return status;
}
