/* SPDX-License-Identifier: MIT */
/*
 * Threads of the target that run no Python (a pool of OpenBLAS, of gRPC): they have native stacks and
 * nothing else.
 */
#ifndef PYROPE_SAMPLING_NATIVE_THREADS_H
#define PYROPE_SAMPLING_NATIVE_THREADS_H

#include "sampling/activity.h"
#include "pyrope/native.h"

struct native_thread {
	pid_t tid;
	bool listed; /* in the list of threads when that was read last */
	struct activity activity;
	uint64_t weight;   /* of its sample in this tick */
	raddr_t stack_end; /* as native_copy.stack_end */
	char name[64];     /* the kernel's, clean UTF-8 */

	/*
	 * the stack that was taken last, and what schedstat said then: while that stands still, so does the
	 * thread
	 */
	struct native_merged merged;
	bool has_merged, was_asleep;
	uint64_t cpu_ns, slices;
};

/* Zero-initialise; native_threads_release frees. */
struct native_threads {
	struct native_thread **list;
	size_t count, capacity;
	pid_t *tids;
	size_t tid_capacity;
	struct native_copy copy;
};

/* Lists the threads anew. is_python says which have a thread state. */
void native_threads_refresh(struct native_threads *native_threads, struct target *target,
	bool (*is_python)(const void *context, pid_t tid), const void *context);
void native_threads_release(struct native_threads *native_threads);

/* What became of one that was looked at. */
struct native_thread_snapshot {
	struct task_state task;
	bool was_paused;
	struct pause pause; /* when it was */
};

/*
 * Takes the stack into native_thread->merged: without a pause where the thread sleeps, else in one (if
 * capturer_may_pause). False: it is gone, or could not be stopped.
 */
bool native_thread_take(struct native_threads *native_threads, struct native_thread *native_thread,
	struct target *target, struct native *native, bool capturer_may_pause, int64_t deadline_ns,
	struct native_thread_snapshot *snapshot);

#endif
