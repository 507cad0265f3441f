/* SPDX-License-Identifier: MIT */
/*
 * aarch64. The kernel decides about restarting before the stop and forgets the number and first argument of the call
 * (do_signal in arch/arm64/kernel/signal.c), so that a call which it does not restart cannot be restarted from outside.
 * What is left there is the microsecond between pause.c's look at the thread's state and its PTRACE_INTERRUPT.
 */
#include "config.h"

#include "arch.h"

bool arch_restart_system_call(pid_t tid)
{
	(void)tid;
	return false;
}
