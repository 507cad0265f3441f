/* SPDX-License-Identifier: MIT */
/*
 * Being woken when it is time, also when a thread of the target has the CPU on which the sampler sleeps. A
 * scheduler that lets that thread finish its slice of some milliseconds first makes samples late, and always
 * those of a thread that runs: of a program that works for 1 ms in 10, up to nine tenths of the work were
 * missing and seen as sleep.
 *
 * Facts: sched_setattr(2); from Linux 6.12 on sched_runtime of a thread of the normal class is the slice that
 * it asks for (100 us to 100 ms), and who asks for a shorter one goes first when it is woken
 * (kernel/sched/fair.c, PREEMPT_SHORT). It gets no more of the CPU for that, and takes no privilege. Older
 * kernels ignore it; there the nice value helps.
 */
#include "config.h"

#include "sampling/priority.h"

#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pyrope/base.h"

#define SLICE_NS 100000

/* linux/sched/types.h, SCHED_ATTR_SIZE_VER0; not every C library has it. Policy 0 is the normal class. */
struct scheduling {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

void priority_ask(bool more_than_others)
{
	struct scheduling scheduling = { 0 };

	if (more_than_others)
		/* of this thread alone; refused without privilege, which does no harm */
		setpriority(PRIO_PROCESS, 0, -10);
	/* whoever has been given another class by chrt(1) has been given what is wanted */
	if (syscall_kills(SYS_sched_getattr) || syscall_kills(SYS_sched_setattr) ||
		syscall(SYS_sched_getattr, 0, &scheduling, sizeof(scheduling), 0) || scheduling.policy)
		return;
	scheduling.runtime = SLICE_NS;
	syscall(SYS_sched_setattr, 0, &scheduling, 0);
}
