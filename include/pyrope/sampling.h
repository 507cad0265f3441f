/* SPDX-License-Identifier: MIT */
/*
 * When to look at which thread of which process, and how: ticks, looks, proofs, pauses. Produces samples.
 *
 * A sampler has one thread and one clock, by which it does all reading and pausing, and any number of
 * watches, each of which is one process. Samples are handed over in the thread that calls sampler_run, so
 * that slow output never delays a tick.
 */
#ifndef PYROPE_SAMPLING_H
#define PYROPE_SAMPLING_H

#include <stdatomic.h>

#include "pyrope/locks.h"
#include "pyrope/native.h"
#include "pyrope/python.h"
#include "pyrope/sample.h"
#include "pyrope/values.h"

enum sample_mode {
	/* the thread that holds the GIL, and those on a CPU without it; none: one idle sample (default) */
	MODE_ACTIVE,
	MODE_GIL,  /* the thread that holds the GIL, else one sample that says so (as pyflame) */
	MODE_WALL, /* every thread at every tick (--threads) */
	MODE_CPU,  /* the threads that are on a CPU; none: one idle sample */
};

/* Indexed by mode; NULL-terminated. */
extern const char *const sample_mode_names[];
/* The mode of this name; MODE_GIL: there is none. */
enum sample_mode sample_mode_find(const char *name);

enum pause_policy {
	PAUSE_AUTO,   /* only the holder of the GIL, and only when its stack could not be proven without */
	PAUSE_ALWAYS, /* for each sample of a thread that holds the GIL, or has none to hold */
	PAUSE_NEVER,
};

/*
 * Switches sampling on and off while it runs, from any thread and from signal handlers. While it is off
 * nothing of the target is read or stopped; only whether it still lives is looked at. Outlives the samplers
 * that it is given to.
 */
struct sampling_gate {
	atomic_bool is_off;
	_Atomic int64_t opens_ns; /* CLOCK_MONOTONIC: when it is switched on by itself; 0: it is not */
};

/* Off until then (0: until sampling_gate_switch). */
void sampling_gate_close(struct sampling_gate *gate, int64_t until_ns);
/* On if it is off, and the other way round. */
void sampling_gate_switch(struct sampling_gate *gate);
bool sampling_gate_is_off(struct sampling_gate *gate); /* NULL: it is on */

struct sampling_options {
	int64_t interval_ns; /* > 0 */
	int64_t duration_ns; /* from the first watch on; 0: until sampler_stop */
	bool once;           /* one tick of each watch, then the end */
	enum sample_mode mode;
	enum pause_policy pause;
	/* NULL, or take native frames too, which takes a pause for each running thread; borrowed */
	struct native *native;
	bool mark_syscalls; /* add a leaf "(syscall NAME)" where the thread sleeps in one */
	bool mark_gc;       /* add a leaf "(gc)" while garbage is collected */
	bool want_gc;       /* say in the sample that garbage is collected, without the leaf */
	/* find out thread states and system calls even where the mode does not need them */
	bool want_states;
	/* with MODE_WALL: no sample of a thread that sleeps; all do: one idle sample */
	bool leave_out_sleeping;
	bool want_names;  /* thread_name is filled in; else it is "" */
	size_t max_depth; /* frames; what is beyond is cut at the root and marked "(truncated)" */
	/* NULL: always on; borrowed. The duration begins when it is on for the first time */
	struct sampling_gate *gate;
	uint64_t seed; /* of the ticks' random points; 0: from the clock */
	/* with `once`: NULL, or where the variables of each thread go; borrowed */
	struct values *values;
	/* with `once`: NULL, or where it goes who waits for whom; borrowed */
	struct waits *waits;
};

enum sampling_end {
	SAMPLING_DURATION, /* the time is over */
	SAMPLING_STOPPED,  /* sampler_stop was called */
	SAMPLING_GONE,     /* the target has exited */
	SAMPLING_EXECED,   /* the target runs another program now */
	SAMPLING_REFUSED,  /* the system refuses what is essential */
	SAMPLING_STUCK,    /* a read of a target's memory does not return: see sampler_stuck_pid */
};

#define SAMPLING_HOLD_MS 4 /* nothing more is read of a thread that has stood still for so long */

/* Why a thread was held for longer than PAUSE_LONG_NS, as far as it is known. */
enum hold_cause {
	HOLD_BY_CPU, /* pyrope waited for a CPU */
	/*
	 * the thread did not stop before: it had no CPU either, or was in a call that cannot be interrupted
	 */
	HOLD_BY_THREAD,
	HOLD_BY_STOP,  /* pyrope itself was stopped by a signal, or traced */
	HOLD_BY_DEPTH, /* the stack is deep */
	HOLD_BY_OTHER, /* pyrope ran all the time */
};

/* Lengths of holds, four classes to each doubling: class n begins at 2^(n / 4) * (1 + n % 4 / 4) ns. */
#define HELD_CLASSES 160

#define SLEEPS_KEPT 8 /* system calls in which threads sleep, that are told apart */

struct sampling_statistics {
	uint64_t ticks, missed_ticks;
	uint64_t samples; /* all that were handed over */
	uint64_t by_quality[SAMPLE_QUALITIES];
	uint64_t pauses, pause_timeouts, pauses_refused;
	/* samples that are verified without a pause: later looks show how their call goes on */
	uint64_t seen_going_on;
	/* looks that would have held a thread, left out for the target's speed; others stand for them */
	uint64_t spared;
	uint64_t holds_cut;                     /* ended before all was read: the stack is too deep */
	uint64_t long_holds;                    /* longer than PAUSE_LONG_NS */
	enum hold_cause longest_cause;          /* of the longest of those */
	int64_t held_total_ns, held_longest_ns; /* how long threads of the target were held */
	/* for how long of the longest pyrope was ready to run and had no CPU */
	int64_t held_longest_waited_ns;
	/* the most CPU time that pyrope took from telling a thread to stop to letting it go */
	int64_t held_worked_ns;
	uint32_t held_classes[HELD_CLASSES]; /* how many holds were about so long */
	uint64_t looks;                      /* batches of reads that make up one try at a stack */
	uint64_t system_calls;               /* reads of the target's memory and state */
	int64_t cpu_ns;                      /* CPU time of the sampling thread; 0 for one watch */
	int64_t elapsed_ns;                  /* since the first watch began; 0 for one watch */
	int64_t watched_ns;                  /* for how long there was a watch, of all watches together */
	/* of the idle samples: nobody ran, and a thread waited for a CPU */
	uint64_t waits_cpu;
	/* taken back: another process had the number before they were checked once more */
	uint64_t unchecked;
	uint64_t codes, stale_codes;     /* code objects decoded; found to have been replaced */
	struct native_statistics native; /* zero without native frames */
	/*
	 * Of idle ticks: in which system calls threads slept, and how often one was met there. count 0: the
	 * rest is unused.
	 */
	struct {
		long syscall_number;
		uint64_t count;
	} sleeps[SLEEPS_KEPT];
	/* NULL, or for how long and why it fell back to --pause=never */
	const char *note;
};

/* What so many per thousand of the holds were not longer than, to a quarter of itself; 0: there were none. */
int64_t sampling_held_ns(const struct sampling_statistics *statistics, unsigned permille);

/* Counts threads that were met asleep in a system call. */
void sampling_count_sleep(struct sampling_statistics *statistics, long syscall_number, uint64_t count);

/* Adds what one watch did to what others did; not the note, nor the times of the sampling thread. */
void sampling_add(struct sampling_statistics *sum, const struct sampling_statistics *more);

struct sampler;
struct watch;

struct sampler *sampler_new(const struct sampling_options *options);
/* Accepts NULL. Before the interpreters that its watches have. */
void sampler_free(struct sampler *sampler);
/*
 * Samples this process, too, from soon on. Python and native (NULL: no native frames) are borrowed until the
 * watch is over, and belong to the sampling thread meanwhile. In the thread that calls sampler_run, before it
 * or in a callback. owner is for callbacks->ended.
 */
struct watch *sampler_add(struct sampler *sampler, struct python *python, struct native *native, void *owner);
/* What one watch has done so far; in the same thread. */
void watch_statistics(const struct watch *watch, struct sampling_statistics *statistics);

struct watch_result {
	enum sampling_end end;
	struct error refusal; /* of SAMPLING_REFUSED */
	struct sampling_statistics statistics;
};

struct sampler_callbacks {
	/*
	 * One sample, in order of time. Non-zero: stop, and sampler_run returns -1 with err set by the
	 * callback.
	 */
	int (*sample)(void *context, const struct sample *sample, struct error *err);
	/*
	 * A watch is over, and all its samples have been given. It is gone when this has returned; the
	 * interpreter may be freed later than that only. At the end of sampler_run it is called for all that
	 * are left. May be NULL.
	 */
	void (*ended)(void *context, void *owner, const struct watch_result *result);
	/* About ten times a second, for a progress line and pending signals. May be NULL. */
	void (*idle)(void *context);
	/*
	 * Again and again, as soon as the time is over that it returned last, in ns, or sooner. May be
	 * NULL.
	 */
	int64_t (*poll)(void *context);
	void *context;
};

/*
 * Samples until the time is over or sampler_stop. A run without a watch goes on. 0 and *end, or -1 when a
 * callback failed.
 */
int sampler_run(struct sampler *sampler, const struct sampler_callbacks *callbacks, enum sampling_end *end,
	struct error *err);
/*
 * Which process the sampling thread was busy with when it was given up (SAMPLING_STUCK). That thread is there
 * still, and may come back: nothing that the sampler was given may be freed then, and sampler_free frees
 * nothing.
 */
pid_t sampler_stuck_pid(struct sampler *sampler);
/* Ends sampler_run soon. Safe in a signal handler. */
void sampler_stop(struct sampler *sampler);
/*
 * Ends all watches soon as SAMPLING_EXECED, so that their owner adds them anew, and samples with this
 * interval from then on. In the thread that calls sampler_run.
 */
void sampler_renew(struct sampler *sampler, int64_t interval_ns);
/*
 * Lets this signal (SIGTSTP, SIGTTOU) stop pyrope soon, and no thread of the target with it. Safe in a
 * signal handler.
 */
void sampler_suspend(struct sampler *sampler, int number);
/*
 * When the first watch began, by CLOCK_MONOTONIC, from which duration_ns counts; 0: none has. Safe in any
 * thread.
 */
int64_t sampler_began_ns(struct sampler *sampler);
/* Of all watches. May be called at any time from the thread that calls sampler_run. */
void sampler_statistics(struct sampler *sampler, struct sampling_statistics *statistics);

/*
 * One look at every thread, for dump: samples in order of the thread list, holder of the GIL marked by its
 * state. Of the options those that say what is looked at count, and native. callbacks->sample is used alone.
 */
int sampling_dump(struct python *python, const struct sampling_options *options,
	const struct sampler_callbacks *callbacks, struct error *err);

#endif
