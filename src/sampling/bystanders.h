/* SPDX-License-Identifier: MIT */
/* Threads of the target that run no Python (a pool of OpenBLAS, of gRPC): they have native stacks and nothing else. */
#ifndef PYROPE_SAMPLING_BYSTANDERS_H
#define PYROPE_SAMPLING_BYSTANDERS_H

#include "sampling/activity.h"
#include "pyrope/native.h"

struct bystander {
	pid_t tid;
	bool listed;       /* in the list of threads when that was read last */
	struct activity activity;
	uint64_t weight;   /* of its sample in this tick */
	raddr_t stack_end; /* as native_copy.stack_end */
	char name[64];     /* the kernel's, clean UTF-8 */

	/* the stack that was taken last, and what schedstat said then: while that stands still, so does the thread */
	struct native_merged merged;
	bool has_merged, was_asleep;
	uint64_t cpu_ns, slices;
};

/* Zero-initialise; bystanders_release frees. */
struct bystanders {
	struct bystander **list;
	size_t count, capacity;
	pid_t *tids;
	size_t tid_capacity;
	struct native_copy copy;
};

/* Lists the threads anew. is_python says which have a thread state. */
void bystanders_refresh(struct bystanders *bystanders, struct target *target,
	bool (*is_python)(const void *context, pid_t tid), const void *context);
void bystanders_release(struct bystanders *bystanders);

/* What became of the look at one. */
struct bystander_look {
	struct task_state task;
	bool was_paused;
	struct pause pause; /* when it was */
};

/*
 * Takes the stack into bystander->merged: without a pause where the thread sleeps, else in one (if
 * may_pause). False: it is gone, or could not be stopped.
 */
bool bystander_take(struct bystanders *bystanders, struct bystander *bystander, struct target *target,
	struct native *native, bool may_pause, int64_t deadline_ns, struct bystander_look *look);

#endif
