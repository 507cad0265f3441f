/* SPDX-License-Identifier: MIT */
/*
 * What a thread does at this instant, as the kernel sees it: is it on a CPU, does it wait for one, does it
 * sleep? Remembers enough that asking again is cheap while it sleeps.
 */
#ifndef PYROPE_SAMPLING_ACTIVITY_H
#define PYROPE_SAMPLING_ACTIVITY_H

#include "pyrope/sample.h"
#include "pyrope/target.h"

/* Of one thread; zero-initialise. */
struct activity {
	/* at the last look: THREAD_RUNNING, _WAITS_CPU, _SLEEPING; THREAD_UNKNOWN: gone */
	enum thread_state state;
	struct task_state task; /* the same as the kernel says it */
	int64_t looked_ns;      /* the tick in which that was; 0: never */
	bool is_asleep;         /* as long as its schedstat says the same, nobody has to look again */

	uint64_t cpu_ns, slices; /* its schedstat when the last look began */
	bool has_switches;
	int64_t ahead; /* slices less switches at the last look */
	/* the same while it is on no CPU: 0, less one for each arrival that the kernel has not counted */
	int64_t off;
	int64_t off_ns;      /* when that was learned; 0: not yet */
	uint64_t off_slices; /* its slices then */
	bool is_suspected;
	int64_t suspected;     /* how far they were apart when it seems to have been on one */
	unsigned waits;        /* looks in a row at which it seemed to wait */
	int64_t waits_ns;      /* the tick of the first of them */
	uint64_t waits_cpu_ns; /* its CPU time then */
};

/* One tick, for all threads. */
struct activity_tick {
	int64_t now_ns;
	bool is_only;       /* there is no other, for which anything were to be learned */
	bool has_displaced; /* what follows is known */
	/* a thread that has left its CPU since was driven from it by the sampler */
	uint64_t displaced_exec_ns;
};

/*
 * Is it asleep still, or at least on no CPU yet, by one read of schedstat? To be asked only when
 * activity->is_asleep.
 */
bool activity_sleeps_still(const struct activity *activity, struct target *target, pid_t tid);
/* Looks, and fills activity. */
enum thread_state activity_look(
	struct activity *activity, struct target *target, pid_t tid, struct activity_tick *tick);

/*
 * Which threads are looked at in a tick. Those that were awake when they were looked at last always are. Of
 * those that slept some are, chosen at random, so that a tick costs little however many there are; one that
 * is found awake then stands for as many ticks as it would have taken on average to find it, so that time on
 * a CPU is not underestimated. (Going round in order would overestimate it: the choice must not depend on
 * what was chosen before.)
 */
struct roster {
	size_t budget;      /* so many of those that sleep */
	size_t asleep;      /* there were in the last tick */
	size_t first, seen; /* of this tick: where the chosen ones begin; how many have been gone by */
	uint64_t random;
};

void roster_begin(struct roster *roster, size_t budget, uint64_t random);
/* How many ticks the thread stands for; 0: it is not looked at. Each thread is asked for once in a tick. */
uint64_t roster_weight(struct roster *roster, const struct activity *activity);
/* numerator / denominator, rounded up or down at random so that it is right on average. */
uint64_t random_share(uint64_t numerator, uint64_t denominator, uint64_t *random);

#endif
