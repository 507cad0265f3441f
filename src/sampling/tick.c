/* SPDX-License-Identifier: MIT */
/* What happens at one tick, by mode: which threads are looked at. What the samples say is in samples.c. */
#include "config.h"

#include "sampling/internal.h"

#include <string.h>

#define ONCE_AGAIN 5
/*
 * For so much of an interval one thread that slept is looked at, which takes a microsecond or, with many
 * threads, five.
 */
#define GIL_EACH_NS 500000 /* by default, and with --mode=gil */
#define CPU_EACH_NS 100000
#define UPDATE_NS 10000000

/*
 * What capture_stack() has said of one thread; holder is who held its lock when the tick began. False: no
 * sample.
 */
static bool add_if_taken(struct watch *watch, struct thread *thread, enum capture_result result,
	const struct capture *stack, raddr_t holder, int64_t now_ns)
{
	if (result != CAPTURED) {
		thread->is_kept = false;
		watch->list_is_stale |= result == CAPTURE_FOREIGN;
		return false;
	}
	watch_add_captured(watch, thread, stack, holder, now_ns);
	capture_keep(stack, thread);
	thread_fit(thread, stack->count);
	if (thread->activity.is_asleep || watch->options.once)
		thread_rest(thread);
	return true;
}

/* Takes one thread whatever it does. False: it is gone, or its sample is put off. */
static bool tick_thread(
	struct watch *watch, struct thread *thread, const struct gil *gil, raddr_t holder, int64_t now_ns)
{
	raddr_t holder_now = 0;
	const struct capture *stack;
	enum capture_result result = capture_stack(&watch->capturer, thread, gil, false, &holder_now, &stack);

	/*
	 * a sample that is the only one has time: one that could not be proven, of a thread that sleeps
	 * now, is taken again
	 */
	for (int attempt = 0; watch->options.once && attempt < ONCE_AGAIN && result == CAPTURED &&
		stack->quality == SAMPLE_UNVERIFIED &&
		watch_thread_activity(watch, thread, now_ns) == THREAD_SLEEPING;
		attempt++)
		result = capture_stack(&watch->capturer, thread, gil, false, &holder_now, &stack);
	if (result == CAPTURE_DEFERRED) {
		group_pause_add(&watch->group_pause, &watch->capturer, thread);
		return false;
	}
	return add_if_taken(watch, thread, result, stack, holder, now_ns);
}

/* The samples that were put off. */
static size_t tick_together(struct watch *watch, int64_t now_ns)
{
	struct group_pause *group_pause = &watch->group_pause;
	size_t taken = 0;

	group_pause_snapshot(group_pause, &watch->capturer);
	for (size_t i = 0; i < group_pause->count; i++) {
		struct deferral *deferral = &group_pause->list[i];
		const struct capture *stack;
		enum capture_result result = capture_deferred(
			&watch->capturer, deferral->thread, &deferral->first, &deferral->snapshot, &stack);

		taken += add_if_taken(watch, deferral->thread, result, stack, 0, now_ns);
	}
	group_pause_clear(group_pause);
	return taken;
}

static bool may_have_run(
	const struct watch *watch, const struct thread *thread, const struct gil_state *states)
{
	for (size_t i = 0; i < watch->gil_count; i++) {
		if (states[i].holder == thread->identity.state ||
			states[i].last_holder == thread->identity.state)
			return true;
	}
	return false;
}

/*
 * May what was taken of the thread last be taken again, because it has not run? Its Python frames stand still
 * without the GIL, its native ones only while it sleeps.
 */
static bool stands_still(struct watch *watch, struct thread *thread)
{
	return !watch->options.native || capture_sleeps_still(&watch->capturer, thread);
}

/* ---- which threads ---- */

enum which { EVERY, AWAKE, ON_CPU };

/*
 * So many threads that slept are looked at in one tick, for one that costs about a microsecond; see roster.
 */
static size_t budget(const struct watch *watch, int64_t each_ns)
{
	const int64_t count = watch->options.interval_ns / each_ns;

	return watch->options.once ? SIZE_MAX : (size_t)(count > 2 ? count : 2);
}

static bool is_wanted(enum which which, enum thread_state state)
{
	return state != THREAD_UNKNOWN &&
		(state == THREAD_RUNNING || which == EVERY || (which == AWAKE && state != THREAD_SLEEPING));
}

static void begin_roster(struct watch *watch, struct roster *roster, int64_t each_ns, int64_t now_ns)
{
	roster_begin(roster, budget(watch, each_ns), hash_combine(watch->options.seed, (uint64_t)now_ns));
}

/* Does the thread do what is asked for? Sets how many ticks it stands for. */
static bool chosen(struct watch *watch, struct thread *thread, enum which which, int64_t now_ns)
{
	struct activity *activity = &thread->activity;

	thread->weight = roster_weight(&watch->roster, activity);
	if (!thread->weight ||
		(activity->is_asleep &&
			activity_sleeps_still(activity, python_target(watch->python), thread->identity.tid)))
		return false;
	return is_wanted(which, watch_thread_activity(watch, thread, now_ns));
}

/* ---- a budget for the target's time ---- */

/* one in so many ns of an interval may go into holding threads that run without the GIL */
#define HELD_SHARE 10
#define FIRST_COST_NS 50000 /* of holding one, until it is known */
#define COST_AVERAGE 8

/*
 * Of count threads that would have to be held, which? *first and *number, in a ring; each stands for count /
 * *number. So the target keeps its speed with any number of threads that compute, and the shares are right.
 */
static void choose_held(struct watch *watch, size_t count, size_t *first, size_t *number)
{
	const int64_t cost_ns = watch->held_cost_ns ? watch->held_cost_ns : FIRST_COST_NS;
	const int64_t affordable = watch->options.interval_ns / HELD_SHARE / cost_ns;

	*number = count;
	*first = 0;
	if (watch->options.once || affordable >= (int64_t)count || !count)
		return;
	*number = affordable > 0 ? (size_t)affordable : 1;
	watch->choice = hash_u64(watch->choice + (uint64_t)monotonic_ns());
	*first = watch->choice % count;
	watch->statistics.spared += count - *number;
}

static void count_cost(struct watch *watch, int64_t began_ns)
{
	const int64_t cost_ns = monotonic_ns() - began_ns;

	watch->held_cost_ns += ((cost_ns > 1 ? cost_ns : 1) - watch->held_cost_ns) / COST_AVERAGE;
	if (watch->held_cost_ns < 1)
		watch->held_cost_ns = FIRST_COST_NS;
}

static void add_awake(struct watch *watch, void *thread, size_t *count)
{
	array_reserve(&watch->awake, &watch->awake_capacity, *count + 1, sizeof(void *));
	watch->awake[(*count)++] = thread;
}

/* ---- threads without Python ---- */

static bool native_thread_chosen(
	struct watch *watch, struct native_thread *native_thread, enum which which, int64_t now_ns)
{
	struct target *target = python_target(watch->python);
	struct activity *activity = &native_thread->activity;

	native_thread->weight = which == EVERY ? 1 : roster_weight(&watch->native_thread_roster, activity);
	if (!native_thread->weight)
		return false;
	if (activity->is_asleep && activity_sleeps_still(activity, target, native_thread->tid))
		return which == EVERY;
	return is_wanted(which,
		activity_look(activity, target, native_thread->tid, watch_activity_tick(watch, now_ns)));
}

static size_t tick_native_threads(struct watch *watch, int64_t now_ns, enum which which)
{
	struct native_threads *native_threads = &watch->native_threads;
	size_t taken = 0, awake = 0, first, number;

	begin_roster(watch, &watch->native_thread_roster, CPU_EACH_NS, now_ns);
	for (size_t i = 0; i < native_threads->count && !is_interrupted(); i++) {
		struct native_thread *native_thread = native_threads->list[i];

		pause_settle(python_target(watch->python), 0);
		if (!native_thread_chosen(watch, native_thread, which, now_ns))
			continue;
		taken++;
		if (native_thread->activity.is_asleep)
			watch_add_native_thread(watch, native_thread, native_thread->weight, now_ns);
		else
			add_awake(watch, native_thread, &awake);
	}
	choose_held(watch, awake, &first, &number);
	for (size_t i = 0; i < number && !is_interrupted(); i++) {
		struct native_thread *native_thread = watch->awake[(first + i) % awake];
		const int64_t began_ns = monotonic_ns();
		const uint64_t weight = random_share(native_thread->weight * awake, number, &watch->choice);

		pause_settle(python_target(watch->python), 0);
		if (weight)
			watch_add_native_thread(watch, native_thread, weight, now_ns);
		count_cost(watch, began_ns);
	}
	return taken;
}

/* ---- modes ---- */

static size_t capture_one(struct watch *watch, struct thread *thread, const struct gil_state *states,
	bool still, int64_t now_ns)
{
	const struct gil *gil = watch_gil_of(watch, thread);

	if (still && !may_have_run(watch, thread, states) && stands_still(watch, thread) &&
		capture_kept(thread)) {
		watch_add_captured(watch, thread, capture_kept(thread), 0, now_ns);
		return 1;
	}
	return tick_thread(watch, thread, gil, gil ? states[gil - watch->gils].holder : 0, now_ns);
}

/* Of those that have to be held, as many as the target's time allows. */
static size_t capture_awake(struct watch *watch, size_t awake, const struct gil_state *states, int64_t now_ns)
{
	size_t first, number, taken = 0;

	if (!awake)
		return 0;
	choose_held(watch, awake, &first, &number);
	for (size_t i = 0; i < number && !is_interrupted(); i++) {
		struct thread *thread = watch->awake[(first + i) % awake];
		const int64_t began_ns = monotonic_ns();

		pause_settle(python_target(watch->python), 0);
		thread->weight = random_share(thread->weight * awake, number, &watch->choice);
		if (thread->weight)
			taken += capture_one(watch, thread, states, false, now_ns);
		count_cost(watch, began_ns);
	}
	return taken;
}

/*
 * Every thread, or those that are awake, or on a CPU; and of these those that have not been taken in this
 * tick.
 */
static size_t capture_threads(
	struct watch *watch, enum which which, const struct gil_state *states, bool still, int64_t now_ns)
{
	const bool holds =
		watch->options.native && !watch->free_threaded && watch->capturer.policy != PAUSE_NEVER;
	size_t taken = 0, awake = 0;

	for (size_t i = 0; i < watch->threads.count && !is_interrupted(); i++) {
		struct thread *thread = watch->threads.list[i];

		/*
		 * one that was told to stop and did so late is not left stopped for as long as the others
		 * take
		 */
		pause_settle(python_target(watch->python), 0);
		if (thread->taken_ns == now_ns)
			continue;
		thread->weight = 1;
		if (which != EVERY && !chosen(watch, thread, which, now_ns))
			continue;
		if (which == EVERY && holds && !capture_sleeps_still(&watch->capturer, thread))
			watch_thread_activity(watch, thread, now_ns);
		if (holds && !may_have_run(watch, thread, states) && thread->activity.looked_ns == now_ns &&
			!thread->activity.is_asleep && thread->activity.task.activity == TASK_RUNNING)
			add_awake(watch, thread, &awake);
		else
			taken += capture_one(watch, thread, states, still, now_ns);
	}
	return taken + capture_awake(watch, awake, states, now_ns) + tick_together(watch, now_ns);
}

/*
 * The same; again with a new list of threads when one is another than was listed, and there was nothing else
 * to take. A child that was looked at in the middle of its fork has got its own tid since, with the GIL in
 * the same hands all the while. False: it has gone.
 */
static bool capture_listed(struct watch *watch, enum which which, const struct gil_state *states, bool still,
	int64_t now_ns, size_t *taken)
{
	*taken = capture_threads(watch, which, states, still, now_ns);
	if (!watch->list_is_stale)
		return true;
	watch->list_is_stale = false;
	if (!watch_refresh(watch))
		return false;
	if (!*taken)
		*taken = capture_threads(watch, which, states, false, now_ns);
	return true;
}

/* Every thread, or those that are awake or on a CPU. */
static bool tick_threads(struct watch *watch, int64_t now_ns, enum which which)
{
	struct gil_state states[GILS] = { { 0 } };
	size_t taken;
	bool still;

	if (watch->options.once)
		watch_wait_for_holder(watch);
	still = watch_only_holders_ran(watch, states);
	if (!still && !watch_update(watch))
		return false;
	begin_roster(watch, &watch->roster, CPU_EACH_NS, now_ns);
	if (!capture_listed(watch, which, states, still, now_ns, &taken))
		return false;
	taken += tick_native_threads(watch, now_ns, which);
	memcpy(watch->last_states, states, sizeof(states));
	watch->has_last_states = watch->gil_count > 0;
	if (!taken && which != EVERY)
		watch_add_idle(watch, now_ns);
	if (watch->options.once && watch->options.waits)
		watch_take_waits(watch, watch->options.waits);
	if (watch->options.once && watch->options.values)
		watch_take_values(watch, watch->options.values);
	return taken || which != EVERY || target_same_image(python_target(watch->python));
}

/*
 * The list of threads is read again once in a while: one that has not held the GIL at any tick may compute
 * without it.
 */
static bool update_now_and_then(struct watch *watch, int64_t now_ns)
{
	if (now_ns - watch->updated_ns < UPDATE_NS)
		return true;
	watch->updated_ns = now_ns;
	return watch_update(watch);
}

static bool tick_gil(struct watch *watch, int64_t now_ns)
{
	bool any, running = false;

	if (!watch_take_holders(watch, now_ns, &any))
		return false;
	if (any)
		return true;
	if (!update_now_and_then(watch, now_ns))
		return false;
	begin_roster(watch, &watch->roster, GIL_EACH_NS, now_ns);
	for (size_t i = 0; i < watch->threads.count; i++)
		running |= chosen(watch, watch->threads.list[i], ON_CPU, now_ns);
	if (running)
		watch_add_running(watch, now_ns);
	else
		watch_add_idle(watch, now_ns);
	return true;
}

static bool tick_active(struct watch *watch, int64_t now_ns)
{
	static const struct gil_state unknown[GILS];
	size_t others;
	bool any;

	if (watch->options.once)
		watch_wait_for_holder(watch);
	if (!watch_take_holders(watch, now_ns, &any) || !update_now_and_then(watch, now_ns))
		return false;
	begin_roster(watch, &watch->roster, GIL_EACH_NS, now_ns);
	if (!capture_listed(watch, ON_CPU, unknown, false, now_ns, &others))
		return false;
	if (watch->native_threads.count)
		others += tick_native_threads(watch, now_ns, ON_CPU);
	if (!any && !others)
		watch_add_idle(watch, now_ns);
	return true;
}

bool watch_take_samples(struct watch *watch, int64_t now_ns)
{
	const enum which awake = watch->options.leave_out_sleeping ? AWAKE : EVERY;

	switch (watch->options.mode) {
	case MODE_ACTIVE:
		return watch->free_threaded ? tick_threads(watch, now_ns, ON_CPU)
					    : tick_active(watch, now_ns);
	case MODE_GIL:
		return watch->free_threaded ? tick_threads(watch, now_ns, ON_CPU) : tick_gil(watch, now_ns);
	case MODE_WALL:
		return tick_threads(watch, now_ns, awake);
	case MODE_CPU:
		break;
	}
	return tick_threads(watch, now_ns, ON_CPU);
}

static bool has_thread_state(const void *context, pid_t tid)
{
	return u64_map_get(context, (uint64_t)tid) != NULL;
}

static void list_native_threads(struct watch *watch)
{
	struct u64_map tids = { 0 };

	watch_update(watch);
	for (size_t i = 0; i < watch->threads.count; i++)
		u64_map_put(&tids, (uint64_t)watch->threads.list[i]->identity.tid, 1);
	native_threads_refresh(&watch->native_threads, python_target(watch->python), has_thread_state, &tids);
	u64_map_release(&tids);
}

void watch_housekeeping(struct watch *watch)
{
	if (watch->options.native) {
		native_housekeeping(watch->options.native, monotonic_ns());
		if (watch->options.mode != MODE_GIL)
			list_native_threads(watch);
	}
	watch->free_threaded = watch->capturer.defers = python_free_threaded(watch->python);
	watch->gil_count = watch->free_threaded ? 0 : python_list_gils(watch->python, watch->gils, GILS);
}
