/* SPDX-License-Identifier: MIT */
/*
 * What of all events is shown: a sink before other sinks, for a live run and for a recording alike. What is
 * left out on purpose is handed on as EVENT_LEFT_OUT, so that what shows time has a gap there and not the
 * stack before.
 */
#ifndef PYROPE_FILTER_H
#define PYROPE_FILTER_H

#include "pyrope/event.h"
#include "pyrope/functions.h"
#include "pyrope/sampling.h"

struct filter_options {
	enum sample_mode mode;
	/*
	 * every thread comes at every tick, and the mode says which to show; else what comes has been
	 * selected already
	 */
	bool selects;
	bool exclude_idle;           /* leave out idle samples; in MODE_WALL, threads that sleep */
	bool mark_gc, mark_syscalls; /* add the frames (gc), (syscall NAME) */
	bool has_from, has_to;
	int64_t from_ns, to_ns; /* since the first event of each source: [from, to) */
	pid_t pid;              /* 0: every process */
	unsigned states;        /* 1 << enum thread_state; 0: every state */
	/* extended regular expressions (regex(7)); NULL: not asked for */
	const char *thread, *only, *hide, *focus;
};

struct filter;

/*
 * Borrows next and the table of functions. One of the expressions that pattern_check would refuse is as
 * good as none.
 */
struct filter *filter_new(
	const struct filter_options *options, struct functions *functions, struct sink *next);
void filter_free(struct filter *filter); /* accepts NULL */
/* What events are given to. Its finish hands on what was kept back; next is not finished. */
struct sink *filter_sink(struct filter *filter);
/* Samples (ticks times threads) that were handed on, and those that were left out because they were idle. */
uint64_t filter_kept(const struct filter *filter);
uint64_t filter_idle(const struct filter *filter);
/* Was something left out for another reason: the time, the thread, the functions? */
bool filter_left_out(const struct filter *filter);

#endif
