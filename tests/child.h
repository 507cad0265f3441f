/* SPDX-License-Identifier: MIT */
/*
 * Memory of another process that a test can fill: a mapping shared with a child that does nothing. What the
 * test writes into `bytes` is what the target has at the same address.
 */
#ifndef PYROPE_TESTS_CHILD_H
#define PYROPE_TESTS_CHILD_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyrope/target.h"

/* Fixed, so that inputs of fuzzers can hold pointers into it; where no sanitizer keeps anything. */
#define CHILD_ADDRESS UINT64_C(0x200000000000)

struct child {
	pid_t pid;
	struct target *target;
	unsigned char *bytes;
	size_t size;
};

/* The page behind the memory is not mapped. Ends the program when it cannot be done. */
static inline struct child child_start(size_t size)
{
	struct child child = { .size = size };
	struct error err = { 0 };
	pid_t parent = getpid();

	child.bytes = mmap((void *)CHILD_ADDRESS, size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (child.bytes == MAP_FAILED) {
		perror("child.h: mmap");
		exit(1);
	}
	child.pid = fork();
	if (child.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == parent)
			pause();
		_exit(0);
	}
	if (child.pid < 0 || target_open(&child.target, child.pid, &err) < 0) {
		fprintf(stderr, "child.h: no target: %s\n", err.message);
		exit(1);
	}
	return child;
}

static inline void child_end(struct child *child)
{
	target_close(child->target);
	kill(child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
	munmap(child->bytes, child->size);
}

#endif
