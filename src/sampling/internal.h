/* SPDX-License-Identifier: MIT */
/* The sampler, as the files of this stage see it. */
#ifndef PYROPE_SAMPLING_INTERNAL_H
#define PYROPE_SAMPLING_INTERNAL_H

#include <pthread.h>
#include <signal.h>

#include "batch.h"
#include "bystanders.h"
#include "pyrope/sampling.h"
#include "subjects.h"
#include "take.h"
#include "together.h"

#define GILS 64 /* interpreters with a GIL of their own that are followed */

struct sampler {
	struct python *python;
	struct sampling_options options;
	struct taker taker;
	struct subjects subjects;
	struct gil gils[GILS];
	raddr_t predicted[GILS]; /* who held it last */
	struct gil_state last_states[GILS]; /* at the end of the last tick of all threads */
	bool has_last_states;
	size_t gil_count;
	bool free_threaded;
	char process_name[64];
	const struct function *idle, *partial, *unverified, *failed, *truncated, *collecting, *no_frame, *native_truncated;
	struct bystanders bystanders;
	struct together together;

	struct batch filling;                   /* the sampler thread's own */
	struct sampling_statistics statistics;  /* the sampler thread's own */
	uint64_t proc_calls;                    /* reads of /proc files */
	int64_t began_ns;

	volatile sig_atomic_t stop;
	volatile sig_atomic_t suspend; /* the signal that is to stop pyrope, 0: none */

	/* shared between the two threads */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct batch ready;
	struct sampling_statistics published;
	bool ended;
	enum sampling_end end;

	/* the caller's thread: the frames of the sample that is being delivered */
	struct sample_frame *delivered;
	size_t delivered_capacity;
};

/* One tick: samples go into sampler->filling. False: the target has gone, or runs another program. */
bool tick(struct sampler *sampler, int64_t now_ns);
/* Re-reads what changes rarely: interpreters and their locks. */
void tick_housekeeping(struct sampler *sampler);
#endif
