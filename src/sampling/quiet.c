/* SPDX-License-Identifier: MIT */
/*
 * Of the workers of a server most sleep at any moment. A tick of such a process is one read for each of its
 * threads: schedstat says how often a thread has come to a CPU (kernel/sched/stats.h, sched_info_arrive) and
 * how long it was on one, and while none was, nothing in the process can have changed: a thread, too, is made
 * by one that runs. (An arrival is not always counted, see activity.c; the time is.) The sample is then what
 * a whole tick would find, at the very moment at which that is due. (The CPU time of a process, one system
 * call for all threads, would not do: of a thread that is on a CPU it is brought up to date some milliseconds
 * later.)
 *
 * The order of the reads proves it. Before a tick the threads are listed with their counters; behind it each
 * is seen asleep, the list is the same, and then the counters are the same. So each slept from before the
 * list was read again until its counter was, and there is no thread but those. The process is as the tick has
 * seen it as long as the counters stay.
 */
#include "config.h"

#include "sampling/quiet.h"

#include "sampling/internal.h"

#define AGAIN_NS 50000000 /* asked for anew, when it was not quiet after all */

/* A sample of each thread is taken whatever it does, else one says that all sleep. */
static bool shows_every_thread(const struct watch *watch)
{
	return watch->options.mode == MODE_WALL && !watch->options.leave_out_sleeping;
}

/* Into watch->tids. 0: it has more than are looked at, or they cannot be listed. */
static size_t list_threads(struct watch *watch)
{
	struct error ignored = { 0 };
	const ssize_t count =
		target_list_tids(python_target(watch->python), &watch->tids, &watch->tid_capacity, &ignored);

	return count > 0 && count <= QUIET_THREADS ? (size_t)count : 0;
}

static bool have_not_run(const struct watch *watch)
{
	const struct quiet *quiet = &watch->quiet;
	uint64_t cpu_ns, slices;

	for (size_t i = 0; i < quiet->count; i++)
		if (!target_task_schedstat(
			    python_target(watch->python), quiet->threads[i].tid, &cpu_ns, &slices) ||
			slices != quiet->threads[i].slices || cpu_ns != quiet->threads[i].cpu_ns)
			return false;
	return true;
}

void quiet_ask(struct watch *watch, int64_t now_ns)
{
	struct quiet *quiet = &watch->quiet;

	quiet->is_asked = false;
	if (watch->options.once || watch->is_late || now_ns < quiet->ask_ns ||
		(!shows_every_thread(watch) && !watch->is_idle))
		return;
	quiet->ask_ns = now_ns + AGAIN_NS;
	quiet->count = list_threads(watch);
	for (size_t i = 0; i < quiet->count; i++) {
		quiet->threads[i].tid = watch->tids[i];
		if (!target_task_schedstat(python_target(watch->python), watch->tids[i],
			    &quiet->threads[i].cpu_ns, &quiet->threads[i].slices))
			return;
	}
	quiet->is_asked = quiet->count > 0;
}

/* Can the samples of the tick be made again of what is remembered? */
static bool is_remembered(const struct watch *watch, int64_t now_ns)
{
	if (!shows_every_thread(watch))
		return watch->is_idle && watch->waiting_ns != now_ns;
	if (watch->native_threads.count)
		return false;
	for (size_t i = 0; i < watch->gil_count; i++)
		if (watch->last_states[i].holder)
			return false;
	for (size_t i = 0; i < watch->threads.count; i++) {
		const struct thread *thread = watch->threads.list[i];
		const bool shows_state =
			watch->options.want_states || watch->options.mark_syscalls || !thread->kept.count;

		if (!thread->is_kept || (watch->options.native && !thread->kept.was_asleep) ||
			(shows_state &&
				!(thread->activity.is_asleep && thread->activity.looked_ns == now_ns)))
			return false;
	}
	return true;
}

static bool all_sleep(struct watch *watch)
{
	const struct quiet *quiet = &watch->quiet;

	for (size_t i = 0; i < quiet->count; i++) {
		const struct task_state task =
			target_task_state(python_target(watch->python), quiet->threads[i].tid);

		if (task.activity != TASK_SLEEPING && task.activity != TASK_DISK)
			return false;
	}
	return true;
}

static bool are_the_same(struct watch *watch)
{
	const struct quiet *quiet = &watch->quiet;

	if (list_threads(watch) != quiet->count)
		return false;
	for (size_t i = 0; i < quiet->count; i++)
		if (quiet->threads[i].tid != watch->tids[i])
			return false;
	return true;
}

void quiet_answer(struct watch *watch, int64_t now_ns)
{
	struct quiet *quiet = &watch->quiet;

	if (!quiet->is_asked)
		return;
	quiet->is_asked = false;
	quiet->is_quiet = is_remembered(watch, now_ns) && all_sleep(watch) && are_the_same(watch) &&
		have_not_run(watch);
	quiet->is_settled = false;
	quiet->since_ns = now_ns;
}

static void repeat_threads(struct watch *watch, int64_t now_ns)
{
	for (size_t i = 0; i < watch->threads.count; i++) {
		struct thread *thread = watch->threads.list[i];

		thread->weight = 1;
		if (capture_kept(thread))
			watch_add_captured(watch, thread, capture_kept(thread), 0, now_ns);
	}
}

/* A code object that was found to have been replaced takes the stacks with it that name it. */
static bool is_kept_still(const struct watch *watch)
{
	for (size_t i = 0; shows_every_thread(watch) && i < watch->threads.count; i++)
		if (!watch->threads.list[i]->is_kept)
			return false;
	return true;
}

bool quiet_tick(struct watch *watch, int64_t now_ns)
{
	struct quiet *quiet = &watch->quiet;

	quiet->is_quiet = quiet->is_quiet && is_kept_still(watch) && have_not_run(watch);
	if (!quiet->is_quiet)
		return false;
	if (shows_every_thread(watch))
		repeat_threads(watch, now_ns);
	else
		watch_add_idle(watch, now_ns);
	return true;
}
