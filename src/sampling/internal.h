/* SPDX-License-Identifier: MIT */
/* The sampler, as the files of this stage see it. */
#ifndef PYROPE_SAMPLING_INTERNAL_H
#define PYROPE_SAMPLING_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "sampling/batch.h"
#include "sampling/native_threads.h"
#include "pyrope/sampling.h"
#include "sampling/quiet.h"
#include "sampling/threads.h"
#include "sampling/capture.h"
#include "sampling/group_pause.h"

#define GILS 64 /* interpreters with a GIL of their own that are followed */

/*
 * One process: what is known of it, and its samples that have not been handed over. The sampling thread's
 * own, but for what is said.
 */
struct watch {
	struct python *python;
	struct sampling_options options;
	struct capturer capturer;
	struct threads threads;
	struct gil gils[GILS];
	raddr_t predicted[GILS];            /* who held it last */
	struct gil_state last_states[GILS]; /* at the end of the last tick of all threads */
	bool has_last_states;
	bool list_is_stale; /* a thread is not the one any more that was listed */
	size_t gil_count;
	bool free_threaded;
	const char *process_name; /* its command line, of the threads' pool */
	int64_t name_read_ns;
	int64_t name_age_ns; /* until it is read again */
	/* markers, as the next */
	const struct function *running, *sleeping, *waits_gil, *waits_cpu, *starting, *ending;
	const struct function *idle, *partial, *unverified, *failed, *truncated, *collecting, *no_frame,
		*native_truncated;
	uint64_t native_truncated_count; /* samples with that mark */
	struct native_threads native_threads;
	struct group_pause group_pause;
	struct activity_tick activity_tick; /* of the tick that goes on */
	struct roster roster, native_thread_roster;
	int64_t waiting_ns; /* the last tick in which a thread was seen to wait for a CPU */
	int64_t updated_ns; /* when the list of threads was last asked for */
	/* threads that would have to be held in this tick: threads, then native threads */
	void **awake;
	size_t awake_capacity;
	pid_t *tids; /* as listed last, of quiet.c */
	size_t tid_capacity;
	int64_t held_cost_ns; /* of one of them, on average; 0: not known */
	uint64_t choice;      /* random */

	struct quiet quiet;
	bool is_idle; /* all that the last tick had to say was that */

	struct batch filling;
	struct sampling_statistics statistics;
	int64_t began_ns;
	int64_t origin_ns; /* where tick 0 would have been: the same for all */
	int64_t due_ns;    /* of its next tick */
	uint64_t number;   /* of that tick */
	/* of its ticks' random points: of its own, or those of many processes that sleep */
	uint64_t seed, quiet_seed;
	int64_t housekeeping_ns;
	/* since when the system does not say whether the target lives, or what it holds; 0: it does */
	int64_t unanswered_ns;
	struct error refusal; /* of SAMPLING_REFUSED */
	bool is_over;
	bool is_late;          /* one of its threads has been told to stop, and has not yet */
	enum sampling_end end; /* once it is over */

	struct sampling_statistics published; /* under the sampler's mutex */

	/* the caller's thread */
	struct sampler *sampler;
	void *owner;
};

struct watch_list {
	struct watch **list;
	size_t count, capacity;
};

/*
 * What the sampling thread does with a process just now, for the other thread to see whether it comes back.
 */
struct work {
	atomic_uint turn; /* odd: it has something in hand */
	atomic_int pid, tid;

	/* the caller's thread */
	unsigned asked_turn, times;
	int64_t asked_ns;
};

struct sampler {
	struct sampling_options options;
	struct work in_hand;

	/* the sampling thread's own */
	/* those that are sampled; each is due no sooner than its parent, list[(i - 1) / 2] */
	struct watch_list heap;
	struct watch_list late;   /* those with a thread that was told to stop and has not yet */
	struct watch_list ending; /* over, and in `late` as well */
	struct pauser *pauser;
	int64_t origin_ns; /* of all ticks; 0: not yet */
	int64_t oldest_ns; /* of the samples that have not been handed over; 0: there are none */
	bool is_full;      /* a watch has so many that they are to be */
	int64_t asked_reader_ns;

	/* set by the other thread and by signal handlers */
	atomic_bool stop;
	atomic_int suspend; /* the signal that is to stop pyrope, 0: none */
	atomic_bool has_added;
	atomic_bool renew; /* all watches are to end */

	/* shared between the two threads */
	/* set by the sampling thread when the first watch begins; 0: not yet */
	atomic_int_least64_t began_ns;
	pthread_mutex_t mutex;
	pthread_cond_t changed; /* for the caller's thread */
	pthread_cond_t work;    /* for the sampling thread, when it has no watch */
	struct watch_list added;
	struct watch_list ended;
	struct batch ready;
	int64_t cpu_ns, elapsed_ns;
	bool is_over;
	enum sampling_end end;

	/* the caller's thread */
	bool is_abandoned; /* the sampling thread does not come back, and all that it may use has to stay */
	struct watch_list watches;       /* all that have not been given to callbacks->ended */
	struct sampling_statistics past; /* of those that have */
	const struct function *no_frame; /* marker */
	struct sample_frame *delivered;  /* the frames of the sample that is being delivered */
	size_t delivered_capacity;
};

/* ---- sampler.c ---- */

/* Waits for a condition of the sampler, whose mutex is held, for no longer than that. */
void sampler_wait(struct sampler *sampler, pthread_cond_t *condition, int64_t patience_ns);

/* ---- sampler_thread.c ---- */

/* What the sampling thread does, from its first watch to the end of the run; context: the sampler. */
void *sampler_thread(void *context);

/* ---- delivery.c ---- */

/*
 * Gives the callbacks what the sampling thread hands over, until that is over or does not come back. -1: a
 * callback failed.
 */
int sampler_receive(struct sampler *sampler, const struct sampler_callbacks *callbacks, struct error *err);

/* ---- watch_list.c ---- */

void watch_list_add(struct watch_list *list, struct watch *watch);
void watch_list_remove(struct watch_list *list, const struct watch *watch);
/* The same lists as heaps: the first one is due first. */
void watch_heap_push(struct watch_list *heap, struct watch *watch);
/* Removes the first one. */
void watch_heap_pop(struct watch_list *heap);
/* The first one is due later now, or another one. */
void watch_heap_settle(struct watch_list *heap);
/* After changes of any. */
void watch_heap_rebuild(struct watch_list *heap);

/* ---- stuck.c ---- */

void work_begin(struct work *work, pid_t pid);
void work_end(struct work *work);
/* It waits for something, and has not come back for 5 s, or for 2 s in a hurry. Asked again and again. */
bool work_is_stuck(struct work *work, bool hurry);

/* ---- watch.c ---- */

struct watch *watch_new(struct sampler *sampler, struct python *python, struct native *native, void *owner);
void watch_free(struct watch *watch); /* accepts NULL */
/* Its first tick is the next one of those that are counted from origin_ns on. */
void watch_begin(struct watch *watch, int64_t origin_ns, int64_t now_ns);
/* The run is over: the ticks up to then that have not been taken are missed. */
void watch_miss_rest(struct watch *watch, int64_t end_ns);
/* The ticks up to now have not been asked for. */
void watch_resume(struct watch *watch, int64_t now_ns);
/* Is it still the same program? False: watch->end says what has become of it. */
bool watch_lives(struct watch *watch);
/* Checks what its batch names, which may be handed over then. */
void watch_confirm(struct watch *watch);
/* The tick that is due. False: it is over, and watch->end says why. */
bool watch_tick(struct watch *watch, int64_t now_ns);
/* What the watch is over with when the time is, for all that the system says of it. */
enum sampling_end watch_last_end(struct watch *watch, enum sampling_end end);

/* One tick: samples go into watch->filling. False: the target has gone, or runs another program. */
bool watch_take_samples(struct watch *watch, int64_t now_ns);
/* Re-reads what changes rarely: interpreters and their locks. */
void watch_housekeeping(struct watch *watch);

/* ---- holders.c ---- */

/*
 * Reads the list of threads anew. False: it cannot be read because there is nothing any more to read it from.
 */
bool watch_refresh(struct watch *watch);
/* The same, when there may be new threads. */
bool watch_update(struct watch *watch);
/* Takes the threads that hold a lock. *any: there were some. False: as above. */
bool watch_take_holders(struct watch *watch, int64_t now_ns, bool *any);
/* The lock of the thread's interpreter; NULL: there are none. */
const struct gil *watch_gil_of(const struct watch *watch, const struct thread *thread);
/*
 * Where there is one tick only, it waits a moment for somebody to hold a GIL: a busy thread lets go of it for
 * an instant again and again, and who looks once wants to know which thread it is.
 */
void watch_wait_for_holder(struct watch *watch);
/*
 * Reads the locks into now[GILS]. True: no thread has run Python code since the last tick, but for those that
 * hold a GIL now or held it last.
 */
bool watch_only_holders_ran(struct watch *watch, struct gil_state *now);

/* ---- values.c ---- */

/* The variables of all threads that are listed. */
void watch_take_values(struct watch *watch, struct values *values);

/* ---- waits.c ---- */

/* Who waits for whom, of all threads that are listed. Nobody is held. */
void watch_take_waits(struct watch *watch, struct waits *waits);

/* ---- samples.c ---- */

/* No thread does what is asked for: all sleep, or wait for a CPU. */
void watch_add_idle(struct watch *watch, int64_t now_ns);
/* Nobody holds a GIL, but a thread computes without. */
void watch_add_running(struct watch *watch, int64_t now_ns);
/* There is a holder, and it could not be looked at. */
void watch_add_failed(struct watch *watch, int64_t now_ns);
/* What was taken becomes a sample, of thread->weight ticks. holder: who holds the lock. */
void watch_add_captured(struct watch *watch, struct thread *thread, const struct capture *stack,
	raddr_t holder, int64_t now_ns);
/* Takes the stack of a thread without Python. */
void watch_add_native_thread(
	struct watch *watch, struct native_thread *native_thread, uint64_t weight, int64_t now_ns);
/* What the thread does now; THREAD_WAITS_GIL, too. */
enum thread_state watch_thread_activity(struct watch *watch, struct thread *thread, int64_t now_ns);
struct activity_tick *watch_activity_tick(struct watch *watch, int64_t now_ns);

#endif
