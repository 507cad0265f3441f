/* SPDX-License-Identifier: MIT */
/*
 * What crosses from sampling to profile: one look at one thread. Lent by the sampler for the length of one
 * call; who wants to keep it copies it. `struct function` objects live as long as the table that the run has
 * of them.
 */
#ifndef PYROPE_SAMPLE_H
#define PYROPE_SAMPLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pyrope/functions.h"

struct sample_frame {
	const struct function *function;
	int line; /* the line being executed; 0: not known or a marker */
};

/* The state of the thread at the instant of the sample. */
enum thread_state {
	THREAD_UNKNOWN,
	THREAD_HOLDS_GIL,
	THREAD_WAITS_GIL, /* wants the GIL, does not have it */
	THREAD_RUNNING,   /* on a CPU, without the GIL */
	THREAD_SLEEPING,  /* blocked in a system call */
	THREAD_WAITS_CPU, /* could run, without the GIL, if it had a CPU */
	THREAD_STATES
};

/* As a user writes them; NULL-terminated. */
extern const char *const thread_state_names[THREAD_STATES + 1];

/* How sure we are of the stack. */
enum sample_quality {
	SAMPLE_VERIFIED, /* read without a pause, and proven */
	SAMPLE_PAUSED,   /* read while the thread stood still */
	SAMPLE_PARTIAL,  /* the outer frames are proven, the inner ones could not be: leaf is "(partial)" */
	/* read, but not proven, and pausing was not allowed or did not help: leaf is "(unverified)" */
	SAMPLE_UNVERIFIED,
	SAMPLE_FAILED, /* no frame could be read: the only frame is "(failed)" */
	SAMPLE_IDLE,   /* nobody held the GIL: the only frame is "(idle)" */
	SAMPLE_QUALITIES
};

struct sample {
	int64_t time_ns; /* CLOCK_MONOTONIC */
	pid_t pid;       /* as pyrope sees it */
	pid_t tid;       /* as pyrope sees it; 0 for an idle sample */
	uint64_t interpreter_id;
	const char *process_name; /* clean UTF-8, never NULL */
	const char *thread_name;  /* clean UTF-8, "" for an idle sample */
	enum thread_state state;
	bool is_off_cpu; /* it holds the GIL, and waits for a CPU or sleeps; where states were asked for */
	long syscall_number; /* -1: none or not known */
	bool is_collecting;  /* garbage, where that was asked for */
	enum sample_quality quality;
	uint64_t weight; /* how many ticks it stands for */
	size_t frame_count;
	const struct sample_frame *frames; /* outermost first */
};

#endif
