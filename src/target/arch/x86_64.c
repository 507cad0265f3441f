/* SPDX-License-Identifier: MIT */
/* x86_64: registers by PTRACE_GETREGSET. */
#include "config.h"

#include "arch.h"

#include <elf.h>
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

/*
 * include/linux/errno.h; never seen by a program: when a thread leaves its stop with this in rax, the kernel begins the
 * call again if no handler is to be run, and gives EINTR to the program if one is (arch_do_signal_or_restart in
 * arch/x86/kernel/signal.c). That is just what would have happened without us.
 */
#define KERNEL_ERESTARTNOHAND 514

bool arch_restart_system_call(pid_t tid)
{
	struct user_regs_struct registers;
	struct iovec io = { .iov_base = &registers, .iov_len = sizeof(registers) };

	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &io))
		return false;
	/* orig_rax is -1 unless the thread was caught on its way out of a system call */
	if ((long)registers.orig_rax < 0 || (long)registers.rax != -EINTR ||
		!restartable_system_call((long)registers.orig_rax))
		return false;
	registers.rax = (unsigned long)-KERNEL_ERESTARTNOHAND;
	return ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &io) == 0;
}
