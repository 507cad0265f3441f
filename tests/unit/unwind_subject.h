/* SPDX-License-Identifier: MIT */
/* A process whose stack is known: data/unwind_target.c, built and started, and a copy of its stack. */
#ifndef PYROPE_TESTS_UNWIND_SUBJECT_H
#define PYROPE_TESTS_UNWIND_SUBJECT_H

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/unwind_target.h"
#include "native/unwind/unwind.h"

#define DEADLINE_NS INT64_C(60000000000)
#define STACK_BYTES ((size_t)1 << 20)

struct subject {
	char program[64];
	pid_t pid;
	struct unwind_shared *shared;
	struct target *target;
	struct modules modules;
	struct unwinder *unwinder;
	struct native_copy copy;
	struct native_frames frames;
	size_t skipped;
};

/* False: this compiler or this system cannot do it. */
static inline bool subject_build(struct subject *subject, const char *flags)
{
	const char *compiler = getenv("CC"), *top = getenv("top_srcdir");
	char *command;
	int fd, status;

	strcpy(subject->program, "/tmp/pyrope-unwind-XXXXXX");
	fd = mkstemp(subject->program);
	ck_assert_int_ge(fd, 0);
	close(fd);
	command = xasprintf("%s -D_GNU_SOURCE %s -o %s %s/tests/unit/data/unwind_target.c 2>/dev/null",
		compiler ? compiler : "cc", flags, subject->program, top ? top : ".");
	status = system(command);
	free(command);
	/* without arguments it says 2; what is built for another processor may not run at all */
	if (status == 0) {
		command = xasprintf("%s 2>/dev/null", subject->program);
		status = system(command);
		free(command);
		status = !WIFEXITED(status) || WEXITSTATUS(status) != 2;
	}
	if (status)
		unlink(subject->program);
	return status == 0;
}

static inline void subject_start(struct subject *subject, const char *way)
{
	int fd = memfd_create("shared", 0);
	char descriptor[16];
	struct error err = { 0 };

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, sizeof(*subject->shared)), 0);
	subject->shared = mmap(NULL, sizeof(*subject->shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(subject->shared, MAP_FAILED);
	snprintf(descriptor, sizeof(descriptor), "%d", fd);
	subject->pid = fork();
	if (subject->pid == 0) {
		execl(subject->program, subject->program, way, descriptor, (char *)NULL);
		_exit(127);
	}
	close(fd);
	for (int64_t begin_ns = monotonic_ns();
		!__atomic_load_n(&subject->shared->is_ready, __ATOMIC_ACQUIRE);) {
		ck_assert_msg(monotonic_ns() - begin_ns < DEADLINE_NS, "the target does not get ready");
		usleep(1000);
	}
	ck_assert_msg(target_open(&subject->target, subject->pid, &err) == 0, "%s", err.message);
	ck_assert_msg(modules_init(&subject->modules, subject->target, 0, &err) == 0, "%s", err.message);
	subject->unwinder = unwinder_new(&subject->modules);
}

static inline void subject_stop(struct subject *subject)
{
	unwinder_free(subject->unwinder);
	modules_release(&subject->modules);
	target_close(subject->target);
	kill(subject->pid, SIGKILL);
	waitpid(subject->pid, NULL, 0);
	munmap(subject->shared, sizeof(*subject->shared));
	free(subject->frames.list);
	free(subject->copy.bytes);
	unlink(subject->program);
}

/* Under an emulator the target's registers and mappings are the emulator's. */
static inline bool subject_is_emulated(const struct subject *subject)
{
	for (size_t i = 0; i < subject->modules.count; i++)
		if (strstr(subject->modules.all[i]->name, "qemu"))
			return true;
	return false;
}

static inline void subject_copy_from(struct subject *subject, const struct registers *registers)
{
	struct native_copy *copy = &subject->copy;

	copy->registers = *registers;
	copy->start = registers->values[register_roles.stack_pointer] - register_roles.red_zone;
	copy->bytes = xrealloc(copy->bytes, STACK_BYTES);
	copy->length = target_read_upto(subject->target, copy->start, copy->bytes, STACK_BYTES);
}

/* The copy of a thread that runs, or of one that sleeps. */
static inline void subject_copy(struct subject *subject)
{
	for (int64_t begin_ns = monotonic_ns();;) {
		struct task_state task;
		struct registers registers;
		struct error err = { 0 };
		struct pause pause;

		ck_assert_msg(monotonic_ns() - begin_ns < DEADLINE_NS, "no copy: %s", err.message);
		if (pause_begin(subject->target, subject->pid, NULL, DEADLINE_NS, &pause, &err) ==
			PAUSE_HELD) {
			bool has_registers = pause_registers(&pause, &registers);

			if (has_registers)
				subject_copy_from(subject, &registers);
			pause_end(&pause);
			if (has_registers)
				return;
		}
		task = target_task_state(subject->target, subject->pid);
		if (task_registers(&task, &registers)) {
			subject_copy_from(subject, &registers);
			return;
		}
		usleep(1000);
	}
}

static inline enum unwind_end subject_unwind(
	struct subject *subject, const raddr_t *anchors, size_t anchor_count)
{
	subject->frames.count = subject->skipped = 0;
	return unwinder_unwind(subject->unwinder, &subject->copy.registers, &subject->copy, anchors,
		anchor_count, &subject->frames, &subject->skipped);
}

static inline void block_child_signal(void)
{
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD); /* pause_begin waits for it */
	sigprocmask(SIG_BLOCK, &child, NULL);
}

#endif
