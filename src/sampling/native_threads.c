/* SPDX-License-Identifier: MIT */
/*
 * Threads without Python: which they are, and their native stacks. The rules of pausing are those of
 * capture.c.
 */
#include "config.h"

#include "sampling/native_threads.h"

#include <stdlib.h>

#define SLEEPING_TRIES 3

static struct native_thread *find(const struct native_threads *native_threads, pid_t tid)
{
	size_t low;

	LOWER_BOUND(low, native_threads->count, i, native_threads->list[i]->tid < tid);
	return low < native_threads->count && native_threads->list[low]->tid == tid
		? native_threads->list[low]
		: NULL;
}

static void free_native_thread(struct native_thread *native_thread)
{
	native_merged_release(&native_thread->merged);
	free(native_thread);
}

static int compare(const void *left, const void *right)
{
	const struct native_thread *a = *(struct native_thread *const *)left,
				   *b = *(struct native_thread *const *)right;

	return (a->tid > b->tid) - (a->tid < b->tid);
}

void native_threads_refresh(struct native_threads *native_threads, struct target *target,
	bool (*is_python)(const void *context, pid_t tid), const void *context)
{
	struct error ignored = { 0 };
	ssize_t count =
		target_list_tids(target, &native_threads->tids, &native_threads->tid_capacity, &ignored);
	const size_t known = native_threads->count;
	size_t total = known, kept = 0;

	for (size_t i = 0; i < known; i++)
		native_threads->list[i]->listed = false;
	for (ssize_t i = 0; i < count; i++) {
		const pid_t tid = native_threads->tids[i];
		struct native_thread *native_thread;

		if (is_python(context, tid))
			continue;
		native_thread = find(native_threads, tid); /* among the known ones, which are in order */
		if (!native_thread) {
			native_thread = xcalloc(1, sizeof(*native_thread));
			native_thread->tid = tid;
			target_task_comm(target, tid, native_thread->name);
			array_reserve(&native_threads->list, &native_threads->capacity, total + 1,
				sizeof(struct native_thread *));
			native_threads->list[total++] = native_thread;
		}
		native_thread->listed = true;
	}
	for (size_t i = 0; i < total; i++) {
		if (native_threads->list[i]->listed)
			native_threads->list[kept++] = native_threads->list[i];
		else
			free_native_thread(native_threads->list[i]);
	}
	native_threads->count = kept;
	if (kept)
		qsort(native_threads->list, kept, sizeof(struct native_thread *), compare);
}

void native_threads_release(struct native_threads *native_threads)
{
	for (size_t i = 0; i < native_threads->count; i++)
		free_native_thread(native_threads->list[i]);
	free(native_threads->list);
	free(native_threads->tids);
	native_copy_release(&native_threads->copy);
	*native_threads = (struct native_threads){ 0 };
}

static void merge_copy(
	struct native_threads *native_threads, struct native_thread *native_thread, struct native *native)
{
	native_merge(native, &native_threads->copy, NULL, NULL, &native_thread->merged);
	native_thread->stack_end = native_threads->copy.stack_end;
	native_thread->has_merged = true;
}

static bool same_times(const struct native_thread *native_thread, uint64_t cpu_ns, uint64_t slices)
{
	return native_thread->cpu_ns == cpu_ns && native_thread->slices == slices;
}

/* Has it not run since its stack was taken? */
static bool sleeps_still(const struct native_thread *native_thread, struct target *target)
{
	uint64_t cpu_ns, slices;

	return native_thread->has_merged && native_thread->was_asleep &&
		target_task_schedstat(target, native_thread->tid, &cpu_ns, &slices) &&
		same_times(native_thread, cpu_ns, slices);
}

/* The thread sleeps: its stack stands still as long as its times do. */
static bool capture_asleep(struct native_threads *native_threads, struct native_thread *native_thread,
	struct target *target, struct native *native, const struct task_state *task)
{
	struct registers registers;
	uint64_t cpu_ns = 0, slices = 0, cpu_after = 0, slices_after = 0;

	if (!target_task_schedstat(target, native_thread->tid, &cpu_ns, &slices))
		return false;
	native_threads->copy.stack_end = native_thread->stack_end;
	if (!task_registers(task, &registers) || !native_copy(native, &native_threads->copy, &registers) ||
		!target_task_schedstat(target, native_thread->tid, &cpu_after, &slices_after) ||
		cpu_after != cpu_ns || slices_after != slices)
		return false;
	merge_copy(native_threads, native_thread, native);
	native_thread->was_asleep = true;
	native_thread->cpu_ns = cpu_ns;
	native_thread->slices = slices;
	return true;
}

/* The thread runs, or a signal has stopped it where its stack pointer tells too little. */
static bool capture_held(struct native_threads *native_threads, struct native_thread *native_thread,
	struct target *target, struct native *native, int64_t deadline_ns,
	struct native_thread_snapshot *snapshot)
{
	struct registers registers;
	struct error ignored = { 0 };
	struct pause pause;
	bool has_copy;

	if ((snapshot->task.activity == TASK_RUNNING
			    ? pause_begin(target, native_thread->tid, NULL, deadline_ns, &pause, &ignored)
			    : pause_begin_stopped(target, native_thread->tid, deadline_ns, &pause,
				      &ignored)) != PAUSE_HELD)
		return false;
	native_threads->copy.stack_end = native_thread->stack_end;
	has_copy =
		pause_registers(&pause, &registers) && native_copy(native, &native_threads->copy, &registers);
	pause_end(&pause);
	snapshot->was_paused = true;
	snapshot->pause = pause;
	native_thread->was_asleep = has_copy && !task_may_run(&snapshot->task) &&
		pause_back_in_stop(&pause, &registers, &native_thread->cpu_ns, &native_thread->slices);
	if (has_copy)
		merge_copy(native_threads, native_thread, native);
	return has_copy;
}

bool native_thread_take(struct native_threads *native_threads, struct native_thread *native_thread,
	struct target *target, struct native *native, bool capturer_may_pause, int64_t deadline_ns,
	struct native_thread_snapshot *snapshot)
{
	*snapshot = (struct native_thread_snapshot){ 0 };
	for (int attempt = 0; attempt < SLEEPING_TRIES; attempt++) {
		snapshot->task = target_task_state(target, native_thread->tid);
		if (snapshot->task.activity == TASK_GONE)
			return false;
		if (!task_may_run(&snapshot->task) && sleeps_still(native_thread, target))
			return true;
		if (capturer_may_pause &&
			(snapshot->task.activity == TASK_RUNNING || task_stopped_in_code(&snapshot->task)) &&
			capture_held(native_threads, native_thread, target, native, deadline_ns, snapshot))
			return true;
		if (!task_may_run(&snapshot->task) &&
			capture_asleep(native_threads, native_thread, target, native, &snapshot->task))
			return true;
	}
	return false;
}
