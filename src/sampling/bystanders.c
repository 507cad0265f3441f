/* SPDX-License-Identifier: MIT */
/* Threads without Python: which they are, and their native stacks. The rules of pausing are those of take.c. */
#include "config.h"

#include "sampling/bystanders.h"

#include <stdlib.h>

#define SLEEPING_TRIES 3

static struct bystander *find(const struct bystanders *bystanders, pid_t tid)
{
	size_t low = 0, high = bystanders->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (bystanders->list[middle]->tid < tid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < bystanders->count && bystanders->list[low]->tid == tid ? bystanders->list[low] : NULL;
}

static void free_bystander(struct bystander *bystander)
{
	native_merged_release(&bystander->merged);
	free(bystander);
}

static int compare(const void *left, const void *right)
{
	const struct bystander *a = *(struct bystander *const *)left, *b = *(struct bystander *const *)right;

	return (a->tid > b->tid) - (a->tid < b->tid);
}

void bystanders_refresh(struct bystanders *bystanders, struct target *target,
	bool (*is_python)(const void *context, pid_t tid), const void *context)
{
	struct error ignored = { 0 };
	ssize_t count = target_list_tids(target, &bystanders->tids, &bystanders->tid_capacity, &ignored);
	const size_t known = bystanders->count;
	size_t total = known, kept = 0;

	for (size_t i = 0; i < known; i++)
		bystanders->list[i]->listed = false;
	for (ssize_t i = 0; i < count; i++) {
		const pid_t tid = bystanders->tids[i];
		struct bystander *bystander;

		if (is_python(context, tid))
			continue;
		bystander = find(bystanders, tid); /* among the known ones, which are in order */
		if (!bystander) {
			bystander = xcalloc(1, sizeof(*bystander));
			bystander->tid = tid;
			target_task_comm(target, tid, bystander->name);
			array_reserve(&bystanders->list, &bystanders->capacity, total + 1, sizeof(struct bystander *));
			bystanders->list[total++] = bystander;
		}
		bystander->listed = true;
	}
	for (size_t i = 0; i < total; i++) {
		if (bystanders->list[i]->listed)
			bystanders->list[kept++] = bystanders->list[i];
		else
			free_bystander(bystanders->list[i]);
	}
	bystanders->count = kept;
	if (kept)
		qsort(bystanders->list, kept, sizeof(struct bystander *), compare);
}

void bystanders_release(struct bystanders *bystanders)
{
	for (size_t i = 0; i < bystanders->count; i++)
		free_bystander(bystanders->list[i]);
	free(bystanders->list);
	free(bystanders->tids);
	native_copy_release(&bystanders->copy);
	*bystanders = (struct bystanders){ 0 };
}

static void merge_copy(struct bystanders *bystanders, struct bystander *bystander, struct native *native)
{
	native_merge(native, &bystanders->copy, NULL, NULL, &bystander->merged);
	bystander->stack_end = bystanders->copy.stack_end;
	bystander->has_merged = true;
}

static bool same_times(const struct bystander *bystander, uint64_t cpu_ns, uint64_t slices)
{
	return bystander->cpu_ns == cpu_ns && bystander->slices == slices;
}

/* Has it not run since its stack was taken? */
static bool sleeps_still(const struct bystander *bystander, struct target *target)
{
	uint64_t cpu_ns, slices;

	return bystander->has_merged && bystander->was_asleep &&
		target_task_schedstat(target, bystander->tid, &cpu_ns, &slices) &&
		same_times(bystander, cpu_ns, slices);
}

/* The thread sleeps: its stack stands still as long as its times do. */
static bool take_asleep(struct bystanders *bystanders, struct bystander *bystander, struct target *target,
	struct native *native, const struct task_state *task)
{
	struct registers registers;
	uint64_t cpu_ns = 0, slices = 0, cpu_after = 0, slices_after = 0;

	if (!target_task_schedstat(target, bystander->tid, &cpu_ns, &slices))
		return false;
	bystanders->copy.stack_end = bystander->stack_end;
	if (!task_registers(task, &registers) || !native_copy(native, &bystanders->copy, &registers) ||
		!target_task_schedstat(target, bystander->tid, &cpu_after, &slices_after) || cpu_after != cpu_ns ||
		slices_after != slices)
		return false;
	merge_copy(bystanders, bystander, native);
	bystander->was_asleep = true;
	bystander->cpu_ns = cpu_ns;
	bystander->slices = slices;
	return true;
}

/* The thread runs, or a signal has stopped it where its stack pointer tells too little. */
static bool take_held(struct bystanders *bystanders, struct bystander *bystander, struct target *target,
	struct native *native, int64_t deadline_ns, struct bystander_look *look)
{
	struct registers registers;
	struct error ignored = { 0 };
	struct pause pause;
	bool has_copy;

	if ((look->task.activity == TASK_RUNNING
			? pause_begin(target, bystander->tid, NULL, deadline_ns, &pause, &ignored)
			: pause_begin_stopped(target, bystander->tid, deadline_ns, &pause, &ignored)) != PAUSE_HELD)
		return false;
	bystanders->copy.stack_end = bystander->stack_end;
	has_copy = pause_registers(&pause, &registers) && native_copy(native, &bystanders->copy, &registers);
	pause_end(&pause);
	look->was_paused = true;
	look->pause = pause;
	bystander->was_asleep = has_copy && !task_may_run(&look->task) &&
		pause_back_in_stop(&pause, &registers, &bystander->cpu_ns, &bystander->slices);
	if (has_copy)
		merge_copy(bystanders, bystander, native);
	return has_copy;
}

bool bystander_take(struct bystanders *bystanders, struct bystander *bystander, struct target *target,
	struct native *native, bool may_pause, int64_t deadline_ns, struct bystander_look *look)
{
	*look = (struct bystander_look){ 0 };
	for (int attempt = 0; attempt < SLEEPING_TRIES; attempt++) {
		look->task = target_task_state(target, bystander->tid);
		if (look->task.activity == TASK_GONE)
			return false;
		if (!task_may_run(&look->task) && sleeps_still(bystander, target))
			return true;
		if (may_pause && (look->task.activity == TASK_RUNNING || task_stopped_in_code(&look->task)) &&
			take_held(bystanders, bystander, target, native, deadline_ns, look))
			return true;
		if (!task_may_run(&look->task) &&
			take_asleep(bystanders, bystander, target, native, &look->task))
			return true;
	}
	return false;
}
