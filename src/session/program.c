/* SPDX-License-Identifier: MIT */
/* What a process runs, without opening it. */
#include "config.h"

#include "pyrope/session.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

struct program program_of(pid_t pid)
{
	struct program program = { 0 };
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	identify_file(AT_FDCWD, path, &program.device, &program.inode);
	return program;
}

bool shares_memory(pid_t left, pid_t right)
{
	return !syscall_kills(SYS_kcmp) && syscall(SYS_kcmp, left, right, KCMP_VM, 0ul, 0ul) == 0;
}
