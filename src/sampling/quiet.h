/* SPDX-License-Identifier: MIT */
/*
 * A process of which no thread has run since it was looked at last: its next sample says what that one
 * said.
 */
#ifndef PYROPE_SAMPLING_QUIET_H
#define PYROPE_SAMPLING_QUIET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define QUIET_THREADS 8 /* with more threads looking whether one has run takes as long as a tick does */

/* Of one watch; zero-initialise. */
struct quiet {
	struct quiet_thread {
		pid_t tid;
		uint64_t cpu_ns, slices; /* how long it had been on a CPU, how often it had come to one */
	} threads[QUIET_THREADS];        /* all that the process has */
	size_t count;
	bool is_asked;    /* they were listed before the tick that goes on */
	bool is_quiet;    /* they slept in that tick, and have to have run before anything can change */
	bool is_settled;  /* what the samples name has been checked since */
	int64_t ask_ns;   /* not asked for before this */
	int64_t since_ns; /* when that began */
};

struct watch;

/* Before a tick: which threads are there, if it may be that all sleep? */
void quiet_ask(struct watch *watch, int64_t now_ns);
/* After that tick: have they all slept through it? */
void quiet_answer(struct watch *watch, int64_t now_ns);
/*
 * Instead of a tick: adds what the last one has added, if no thread has run since. False: it is no quiet
 * process any more.
 */
bool quiet_tick(struct watch *watch, int64_t now_ns);

#endif
