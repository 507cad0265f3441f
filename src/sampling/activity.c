/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID/task/TID/syscall says "running" of a thread that is on a CPU and of one that only waits for one.
 * What tells them apart are two counters of the scheduler: schedstat counts how often a thread has come to a
 * CPU (kernel/sched/stats.h, sched_info_arrive), sched how often it has left one (nr_switches,
 * kernel/sched/core.c, __schedule). While it is on one it has come once more than it has left. The time that
 * schedstat counts would not tell: it is brought up to date when the thread leaves, and every few
 * milliseconds.
 *
 * How far the two are apart while the thread is on no CPU is learned when it sleeps, and again after it has
 * run: the kernel does not count the next arrival of a thread that is driven from its CPU just after it has
 * said that it sleeps, and before it does (sched_info_depart queues only what is running). On a busy machine
 * that is a matter of seconds. What was learned before would then make each look at it on a CPU one at a
 * thread that waits for one.
 *
 * The sampler itself needs a CPU. Where none is free it drives a thread from one, and would find each thread
 * that shares its CPU waiting, whatever that thread does between the ticks. A thread that has left its CPU no
 * earlier than the sampler came to its own (exec_start of both, by the clock of the CPU's queue) was running
 * at the moment of the tick.
 */
#include "config.h"

#include "sampling/activity.h"

#include <sched.h>

/* what the counters say of a sleeper that has run is asked for anew after so long */
#define LEARN_AGE_NS INT64_C(50000000)
/*
 * looks at random moments, at all of which a thread waits, that is on a CPU for half of the time: one in
 * 65,536
 */
#define WAITS_ENOUGH 16
/*
 * From coming to the CPU to the first look at the clock, when caches are cold. What left the CPU in this time
 * for another thread counts as well, though: with 150 us three threads that compute without the GIL beside 4
 * to 8 busy processes on two CPUs got 1.06 of their CPU time (0.97 to 1.11), with 30 us 1.01 (0.93 to 1.04).
 */
#define WAKING_NS 30000

bool activity_sleeps_still(const struct activity *activity, struct target *target, pid_t tid)
{
	uint64_t cpu_ns, slices;

	return target_task_schedstat(target, tid, &cpu_ns, &slices) && slices == activity->slices &&
		cpu_ns == activity->cpu_ns;
}

/* Asleep it is on no CPU: how far are its counters apart then? */
static void learn_off(struct activity *activity, struct target *target, pid_t tid, int64_t now_ns)
{
	uint64_t cpu_ns, slices, switches, exec_ns;

	if (activity->off_ns &&
		(activity->slices == activity->off_slices || now_ns - activity->off_ns < LEARN_AGE_NS))
		return;
	if (!target_task_sched(target, tid, &switches, &exec_ns) ||
		!target_task_schedstat(target, tid, &cpu_ns, &slices) || slices != activity->slices)
		return;
	activity->off = (int64_t)(slices - switches);
	activity->off_ns = now_ns;
	activity->off_slices = slices;
	activity->is_suspected = false;
}

static bool was_displaced(struct activity_tick *tick, uint64_t exec_ns)
{
	if (!tick->has_displaced) {
		const uint64_t own_ns = own_exec_start();
		const uint64_t since_ns = (uint64_t)(monotonic_ns() - tick->now_ns) + WAKING_NS;

		tick->has_displaced = true;
		tick->displaced_exec_ns = own_ns > since_ns ? own_ns - since_ns : UINT64_MAX;
	}
	return exec_ns >= tick->displaced_exec_ns;
}

/* It can run. Does it? before: what was remembered of it. */
static enum thread_state running_or_waiting(struct activity *activity, const struct activity *before,
	struct target *target, pid_t tid, struct activity_tick *tick)
{
	uint64_t switches, exec_ns;

	if (!target_task_sched(target, tid, &switches, &exec_ns))
		return THREAD_RUNNING;
	activity->has_switches = true;
	activity->ahead = (int64_t)(activity->slices - switches);
	/*
	 * It has run on since the last look without coming to a CPU: it was on one then, unless it left that
	 * in the middle of the look, which does not happen twice.
	 */
	if (before->has_switches && before->slices == activity->slices && activity->cpu_ns > before->cpu_ns) {
		if (activity->is_suspected && before->ahead == activity->suspected)
			activity->off = before->ahead - 1;
		activity->is_suspected = true;
		activity->suspected = before->ahead;
	}
	if (activity->ahead > activity->off)
		return THREAD_RUNNING;
	return was_displaced(tick, exec_ns) && target_task_cpu(target, tid) == sched_getcpu()
		? THREAD_RUNNING
		: THREAD_WAITS_CPU;
}

/*
 * It seems to wait for a CPU at look after look, and has been on one for half of the time: the counters are
 * further apart than known.
 */
static bool has_run_all_the_same(struct activity *activity, int64_t now_ns)
{
	if (!activity->waits++) {
		activity->waits_ns = now_ns;
		activity->waits_cpu_ns = activity->cpu_ns;
	}
	if (activity->waits < WAITS_ENOUGH ||
		(int64_t)(activity->cpu_ns - activity->waits_cpu_ns) < (now_ns - activity->waits_ns) / 2)
		return false;
	activity->off = activity->ahead - 1;
	return true;
}

enum thread_state activity_look(
	struct activity *activity, struct target *target, pid_t tid, struct activity_tick *tick)
{
	const struct activity before = *activity;
	/* of one that sleeps it says when to look again */
	bool has_times =
		!tick->is_only && target_task_schedstat(target, tid, &activity->cpu_ns, &activity->slices);

	activity->task = target_task_state(target, tid);
	activity->looked_ns = tick->now_ns;
	activity->is_asleep = activity->has_switches = false;
	if (activity->task.activity == TASK_GONE) {
		activity->state = THREAD_UNKNOWN;
	} else if (activity->task.activity != TASK_RUNNING) {
		activity->state = THREAD_SLEEPING;
		activity->is_asleep = has_times;
		if (has_times)
			learn_off(activity, target, tid, tick->now_ns);
	} else {
		if (tick->is_only)
			has_times = target_task_schedstat(target, tid, &activity->cpu_ns, &activity->slices);
		activity->state =
			has_times ? running_or_waiting(activity, &before, target, tid, tick) : THREAD_RUNNING;
		if (activity->state == THREAD_WAITS_CPU && has_run_all_the_same(activity, tick->now_ns))
			activity->state = THREAD_RUNNING;
	}
	if (activity->state != THREAD_WAITS_CPU)
		activity->waits = 0;
	return activity->state;
}

uint64_t random_share(uint64_t numerator, uint64_t denominator, uint64_t *random)
{
	*random = hash_u64(*random + 1);
	return numerator / denominator + (*random % denominator < numerator % denominator);
}

void roster_begin(struct roster *roster, size_t budget, uint64_t random)
{
	roster->asleep = roster->seen;
	roster->seen = 0;
	roster->budget = budget;
	roster->random = random;
	roster->first = roster->asleep ? random % roster->asleep : 0;
}

uint64_t roster_weight(struct roster *roster, const struct activity *activity)
{
	size_t distance;

	if (!activity->is_asleep)
		return 1;
	if (roster->budget >= roster->asleep) {
		roster->seen++;
		return 1;
	}
	distance = (roster->seen++ + roster->asleep - roster->first) % roster->asleep;
	return distance < roster->budget ? random_share(roster->asleep, roster->budget, &roster->random) : 0;
}
