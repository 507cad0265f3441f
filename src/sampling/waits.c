/* SPDX-License-Identifier: MIT */
/*
 * Who waits for whom, for a dump. Nobody is held for it. All threads are looked at before and after their
 * frames are read: what is read of one that has not run in between is of each moment in between, and what
 * several such threads wait for and hold is of one moment. Only of these a cycle is called a deadlock. Of a
 * thread that has run, what two readings say that follow each other.
 */
#include "config.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "sampling/internal.h"

#define FRAMES_LIMIT 500           /* of a thread that are walked */
#define LOCKS_LIMIT 512            /* that are waited for and store no owner */
#define ENTERED_LIMIT 64           /* of those that one thread is in */
#define TIME_NS INT64_C(200000000) /* for one reading of all threads */
#define FORGET_EVERY 16            /* threads, so that what was read does not grow too large */
#define CPUS_LIMIT 1024

/* What is known of one thread of the list. */
struct looked {
	const struct thread *thread;
	pid_t tid;
	bool is_asleep; /* at the first look, and has not run since */
	bool has_lock;
	raddr_t futex; /* 0: it sleeps elsewhere */
	bool has_timeout;
	uint64_t cpu_ns, slices;
	struct lock_wait wait;
	struct entered_lock *entered;
	size_t entered_count;
	size_t owner; /* whom it waits for; SIZE_MAX: not known */
};

struct looking {
	struct watch *watch;
	struct lock_reader *reader;
	struct walk walk;
	struct looked *list;
	size_t count;
	raddr_t locks[LOCKS_LIMIT];
	size_t lock_count;
	bool is_partial;
};

/* ---- what was found ---- */

void waits_release(struct waits *waits)
{
	for (size_t i = 0; i < waits->deadlock_count; i++)
		free(waits->deadlocks[i].tids);
	free(waits->deadlocks);
	free(waits->list);
	*waits = (struct waits){ 0 };
}

const struct thread_wait *waits_of(const struct waits *waits, pid_t tid)
{
	for (size_t i = 0; i < waits->count; i++) {
		if (waits->list[i].tid == tid)
			return &waits->list[i];
	}
	return NULL;
}

/* ---- the two looks ---- */

/* 0: it does not sleep at a futex. */
static raddr_t futex_of(const struct task_state *state)
{
	return state->activity == TASK_SLEEPING && state->syscall_number == SYS_futex ? state->first_argument
										      : 0;
}

static void look_first(struct looking *looking)
{
	struct watch *watch = looking->watch;
	struct target *target = python_target(watch->python);

	for (size_t i = 0; i < watch->threads.count; i++) {
		struct looked *looked = &looking->list[looking->count];
		struct task_state state;

		*looked = (struct looked){ .thread = watch->threads.list[i], .owner = SIZE_MAX };
		looked->tid = python_thread_tid(watch->python, &looked->thread->identity);
		if (!looked->tid)
			continue;
		looking->count++;
		/* this order: had it run at the first of the two, the second would differ from a later one */
		looked->is_asleep =
			target_task_schedstat(target, looked->tid, &looked->cpu_ns, &looked->slices);
		state = target_task_state(target, looked->tid);
		looked->is_asleep &= state.activity == TASK_SLEEPING;
		looked->futex = looked->is_asleep ? futex_of(&state) : 0;
		looked->has_timeout = looked->futex && state.fourth_argument;
	}
}

static void look_again(struct looking *looking)
{
	struct target *target = python_target(looking->watch->python);

	for (size_t i = 0; i < looking->count; i++) {
		struct looked *looked = &looking->list[i];
		uint64_t cpu_ns, slices;
		struct task_state state;

		if (!looked->is_asleep)
			continue;
		state = target_task_state(target, looked->tid);
		looked->is_asleep = state.activity == TASK_SLEEPING &&
			(!looked->futex || futex_of(&state) == looked->futex) &&
			target_task_schedstat(target, looked->tid, &cpu_ns, &slices) &&
			cpu_ns == looked->cpu_ns && slices == looked->slices;
	}
}

/* ---- frames ---- */

static bool walk_thread(struct looking *looking, const struct looked *looked)
{
	struct python *python = looking->watch->python;
	struct memory_view *view = lock_reader_view(looking->reader);
	const raddr_t address = looked->thread->identity.state;
	const void *state = view->at(view, address, python_thread_state_bytes(python));
	enum walk_status status;

	if (!state || !python_thread_matches(python, &looked->thread->identity, state))
		return false;
	status = python_walk(python, view, address, FRAMES_LIMIT, &looking->walk);
	if (status == WALK_WHOLE)
		return python_leaf_is_linked(python, view, &looking->walk);
	return status == WALK_CUT;
}

/* Who holds it is to be found out. */
static void add_lock(struct looking *looking, raddr_t lock)
{
	for (size_t i = 0; i < looking->lock_count; i++) {
		if (looking->locks[i] == lock)
			return;
	}
	if (looking->lock_count < LOCKS_LIMIT)
		looking->locks[looking->lock_count++] = lock;
	else
		looking->is_partial = true;
}

static void read_waits(struct looking *looking)
{
	const int64_t deadline_ns = monotonic_ns() + TIME_NS;

	for (size_t i = 0; i < looking->count && !is_interrupted(); i++) {
		struct looked *looked = &looking->list[i];

		if (i % FORGET_EVERY == 0)
			lock_reader_begin(looking->reader, deadline_ns);
		if (!looked->futex || !walk_thread(looking, looked))
			continue;
		looked->has_lock =
			lock_reader_wait(looking->reader, &looking->walk, looked->futex, &looked->wait);
		if (looked->has_lock && looked->wait.kind == WAIT_LOCK)
			add_lock(looking, looked->wait.lock);
		looking->is_partial |= lock_reader_is_late(looking->reader);
	}
}

/* Of what was there before, keeps what is there now, too. */
static void keep_common(struct looked *looked, const struct entered_lock *now, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < looked->entered_count; i++) {
		const struct entered_lock *before = &looked->entered[i];
		bool is_there = false;

		for (size_t j = 0; j < count && !is_there; j++)
			is_there = now[j].lock == before->lock && now[j].frame == before->frame &&
				now[j].instruction == before->instruction;
		if (is_there)
			looked->entered[kept++] = *before;
	}
	looked->entered_count = kept;
}

static void read_entered(struct looking *looking, bool is_second)
{
	const int64_t deadline_ns = monotonic_ns() + TIME_NS;
	struct entered_lock list[ENTERED_LIMIT];

	for (size_t i = 0; i < looking->count && !is_interrupted(); i++) {
		struct looked *looked = &looking->list[i];
		size_t count = 0;

		if (i % FORGET_EVERY == 0)
			lock_reader_begin(looking->reader, deadline_ns);
		if (is_second && !looked->entered_count)
			continue;
		if (walk_thread(looking, looked))
			count = lock_reader_entered(looking->reader, &looking->walk, looking->locks,
				looking->lock_count, list, ENTERED_LIMIT);
		if (is_second) {
			keep_common(looked, list, count);
		} else if (count) {
			looked->entered = xreallocarray(NULL, count, sizeof(*list));
			memcpy(looked->entered, list, count * sizeof(*list));
			looked->entered_count = count;
		}
		looking->is_partial |= lock_reader_is_late(looking->reader);
	}
}

/* ---- who holds what ---- */

static bool has_entered(const struct looked *looked, raddr_t lock)
{
	for (size_t i = 0; i < looked->entered_count; i++) {
		if (looked->entered[i].lock == lock)
			return true;
	}
	return false;
}

/* SIZE_MAX: nobody, or there are several, of which at most one is right. */
static size_t owner_by_frames(const struct looking *looking, raddr_t lock)
{
	size_t owner = SIZE_MAX;

	for (size_t i = 0; i < looking->count; i++) {
		if (!has_entered(&looking->list[i], lock))
			continue;
		if (owner != SIZE_MAX)
			return SIZE_MAX;
		owner = i;
	}
	return owner;
}

static size_t owner_by_ident(const struct looking *looking, uint64_t ident)
{
	for (size_t i = 0; ident && i < looking->count; i++) {
		if (looking->list[i].thread->identity.pthread_id == ident)
			return i;
	}
	return SIZE_MAX;
}

static void find_owners(struct looking *looking)
{
	for (size_t i = 0; i < looking->count; i++) {
		struct looked *looked = &looking->list[i];

		if (!looked->has_lock || !looked->is_asleep)
			continue;
		if (looked->wait.kind == WAIT_LOCK)
			looked->owner = owner_by_frames(looking, looked->wait.lock);
		else
			looked->owner = owner_by_ident(looking, looked->wait.owner);
	}
}

/* ---- since when ---- */

/* What the clock of each CPU says, asked once. */
struct clocks {
	uint64_t now_ns[CPUS_LIMIT]; /* 0: not asked yet */
};

/* -1: the kernel does not say. */
static int64_t asleep_ns(struct clocks *clocks, struct target *target, pid_t tid)
{
	uint64_t switches, exec_ns;
	int cpu;

	if (!target_task_sched(target, tid, &switches, &exec_ns) || !exec_ns)
		return -1;
	cpu = target_task_cpu(target, tid);
	if (cpu < 0 || cpu >= CPUS_LIMIT)
		return -1;
	if (!clocks->now_ns[cpu])
		clocks->now_ns[cpu] = own_exec_start_on(cpu);
	return clocks->now_ns[cpu] > exec_ns ? (int64_t)(clocks->now_ns[cpu] - exec_ns) : -1;
}

/* ---- what becomes of it ---- */

static void add_waits(struct looking *looking, struct waits *waits)
{
	struct target *target = python_target(looking->watch->python);
	struct clocks *clocks = xcalloc(1, sizeof(*clocks));

	for (size_t i = 0; i < looking->count && !is_interrupted(); i++) {
		const struct looked *looked = &looking->list[i];
		struct thread_wait *wait;

		if (!looked->is_asleep || !looked->futex)
			continue;
		array_reserve(&waits->list, &waits->capacity, waits->count + 1, sizeof(*waits->list));
		wait = &waits->list[waits->count++];
		*wait = (struct thread_wait){
			.tid = looked->tid,
			.asleep_ns = asleep_ns(clocks, target, looked->tid),
			.has_timeout = looked->has_timeout,
			.has_lock = looked->has_lock,
			.wait = looked->wait,
			.owner = looked->owner != SIZE_MAX ? looking->list[looked->owner].tid : 0,
		};
	}
	free(clocks);
}

/* Does it wait for another thread, and that for ever? */
static bool is_link(const struct looked *looked)
{
	return looked->is_asleep && looked->has_lock && !looked->has_timeout && looked->owner != SIZE_MAX;
}

static void add_deadlock(const struct looking *looking, struct waits *waits, size_t first)
{
	struct deadlock *deadlock;
	size_t at = first;

	array_reserve(&waits->deadlocks, &waits->deadlock_capacity, waits->deadlock_count + 1,
		sizeof(*waits->deadlocks));
	deadlock = &waits->deadlocks[waits->deadlock_count++];
	*deadlock = (struct deadlock){ .tids = xreallocarray(NULL, looking->count, sizeof(pid_t)) };
	do {
		const pid_t tid = looking->list[at].tid;

		deadlock->tids[deadlock->count++] = tid;
		for (size_t i = 0; i < waits->count; i++)
			waits->list[i].is_deadlocked |= waits->list[i].tid == tid;
		at = looking->list[at].owner;
	} while (at != first);
}

/* Each thread waits for one other at most: from where one leads, it comes back to itself or never. */
static void find_deadlocks(const struct looking *looking, struct waits *waits)
{
	size_t *passed =
		xcalloc(looking->count + 1, sizeof(*passed)); /* from which one it was come by, plus 1 */

	for (size_t i = 0; i < looking->count; i++) {
		size_t at = i;

		while (at != SIZE_MAX && !passed[at] && is_link(&looking->list[at])) {
			passed[at] = i + 1;
			at = looking->list[at].owner;
		}
		if (at != SIZE_MAX && passed[at] == i + 1 && is_link(&looking->list[at]))
			add_deadlock(looking, waits, at);
	}
	free(passed);
}

void watch_take_waits(struct watch *watch, struct waits *waits)
{
	struct looking looking = {
		.watch = watch,
		.reader = lock_reader_new(watch->python),
		.list = xcalloc(watch->threads.count + 1, sizeof(*looking.list)),
	};

	look_first(&looking);
	read_waits(&looking);
	if (looking.lock_count) {
		read_entered(&looking, false);
		read_entered(&looking, true);
	}
	look_again(&looking);
	find_owners(&looking);
	add_waits(&looking, waits);
	find_deadlocks(&looking, waits);
	waits->is_partial = looking.is_partial;
	for (size_t i = 0; i < looking.count; i++)
		free(looking.list[i].entered);
	free(looking.list);
	walk_release(&looking.walk);
	lock_reader_free(looking.reader);
}
