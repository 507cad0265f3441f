/* SPDX-License-Identifier: MIT */
/*
 * When to look at which thread, and how: ticks, looks, proofs, pauses. Produces samples.
 *
 * A sampler has one thread of its own, which does all reading and pausing; samples are handed over in the
 * thread that calls sampler_run, so that slow output never delays a tick.
 */
#ifndef PYROPE_SAMPLING_H
#define PYROPE_SAMPLING_H

#include "pyrope/native.h"
#include "pyrope/python.h"
#include "pyrope/sample.h"

enum sample_mode {
	MODE_GIL,  /* the thread that holds the GIL, else one idle sample (default; as pyflame) */
	MODE_WALL, /* every thread at every tick (--threads) */
	MODE_CPU,  /* the threads that are on a CPU; none: one idle sample */
};

enum pause_policy {
	PAUSE_AUTO,   /* only the holder of the GIL, and only when its stack could not be proven without */
	PAUSE_ALWAYS, /* for each sample of a thread that holds the GIL, or has none to hold */
	PAUSE_NEVER,
};

struct sampling_options {
	int64_t interval_ns; /* > 0 */
	int64_t duration_ns; /* 0: until the target exits */
	bool once;           /* one tick, then the end */
	enum sample_mode mode;
	enum pause_policy pause;
	struct native *native; /* NULL, or take native frames too, which takes a pause for each running thread; borrowed */
	bool mark_syscalls; /* add a leaf "(syscall NAME)" where the thread sleeps in one */
	bool mark_gc;      /* add a leaf "(gc)" while garbage is collected */
	bool want_states;  /* find out thread states and system calls even where the mode does not need them */
	bool want_names;   /* thread_name is filled in; else it is "" */
	size_t max_depth;  /* frames; what is beyond is cut at the root and marked "(truncated)" */
	uint64_t seed;     /* of the ticks' random points; 0: from the clock */
};

enum sampling_end {
	SAMPLING_DURATION, /* the time is over */
	SAMPLING_STOPPED,  /* sampler_stop was called */
	SAMPLING_GONE,     /* the target has exited */
	SAMPLING_EXECED,   /* the target runs another program now */
};

/* Lengths of holds, four classes to each doubling: class n begins at 2^(n / 4) * (1 + n % 4 / 4) ns. */
#define HELD_CLASSES 160

struct sampling_statistics {
	uint64_t ticks, missed_ticks;
	uint64_t samples;                       /* all that were handed over */
	uint64_t by_quality[SAMPLE_QUALITIES];
	uint64_t pauses, pause_timeouts, pauses_refused;
	int64_t held_total_ns, held_longest_ns; /* how long threads of the target were held */
	uint32_t held_classes[HELD_CLASSES];    /* how many holds were about so long */
	uint64_t looks;                         /* batches of reads that make up one try at a stack */
	uint64_t system_calls;                  /* reads of the target's memory and state */
	int64_t cpu_ns;                         /* CPU time of the sampler's thread */
	int64_t elapsed_ns;
	uint64_t codes, stale_codes;            /* code objects decoded; found to have been replaced */
	struct native_statistics native;        /* zero without native frames */
	const char *note;                       /* NULL, or for how long and why it fell back to --pause=never */
};

/* What so many per thousand of the holds were not longer than, to a quarter of itself; 0: there were none. */
int64_t sampling_held_ns(const struct sampling_statistics *statistics, unsigned permille);

struct sampler;

/* Borrows python and options. Nothing is touched yet. */
struct sampler *sampler_new(struct python *python, const struct sampling_options *options);
void sampler_free(struct sampler *sampler); /* accepts NULL */

struct sampler_callbacks {
	/* One sample, in order of time. Non-zero: stop, and sampler_run returns -1 with err set by the callback. */
	int (*sample)(void *context, const struct sample *sample, struct error *err);
	/* About ten times a second, for a progress line and pending signals. May be NULL. */
	void (*idle)(void *context);
	void *context;
};

/* Samples until the end. 0 and *end, or -1 when a callback failed or the system refused something essential. */
int sampler_run(struct sampler *sampler, const struct sampler_callbacks *callbacks, enum sampling_end *end,
	struct error *err);
/* Ends sampler_run soon. Safe in a signal handler. */
void sampler_stop(struct sampler *sampler);
/* Lets this signal (SIGTSTP, SIGTTOU) stop pyrope soon, and no thread of the target with it. Safe in a signal handler. */
void sampler_suspend(struct sampler *sampler, int number);
/* May be called at any time from the thread that calls sampler_run. */
void sampler_statistics(const struct sampler *sampler, struct sampling_statistics *statistics);

/* One look at every thread, for dump: samples in order of the thread list, holder of the GIL marked by its state. */
int sampler_dump(struct sampler *sampler, const struct sampler_callbacks *callbacks, struct error *err);

#endif
