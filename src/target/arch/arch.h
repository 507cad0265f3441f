/* SPDX-License-Identifier: MIT */
/* What differs between processors: one file each in this folder, of which configure builds one. */
#ifndef PYROPE_TARGET_ARCH_H
#define PYROPE_TARGET_ARCH_H

#include "pyrope/target.h"

/*
 * Called in the stop of a thread that PTRACE_INTERRUPT caught. Where the stop has made a system call return
 * EINTR that the kernel does not restart of itself (the list in signal(7)), asks the kernel to restart it
 * unless a handler of the target runs first. registers: as they were, when they had to be read for that; else
 * nothing of them is known.
 */
void arch_restart_system_call(pid_t tid, struct registers *registers);

/* The registers of a thread that is in a ptrace stop. False when it is gone. */
bool arch_registers(pid_t tid, struct registers *registers);

/* Is this system call one that signal(7) lists as never restarted, and safe to begin again? */
bool restartable_system_call(long number);

#endif
