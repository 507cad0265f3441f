/* SPDX-License-Identifier: MIT */
/* Samples made up by a test. */
#ifndef PYROPE_TESTS_SAMPLES_H
#define PYROPE_TESTS_SAMPLES_H

#include "pyrope/profile.h"

#define MADE_UP_FRAMES 64

struct made_up {
	struct sample sample;
	struct sample_frame frames[MADE_UP_FRAMES];
};

static inline void made_up_begin(struct made_up *made_up, int64_t time_ns, pid_t tid)
{
	made_up->sample = (struct sample){
		.time_ns = time_ns,
		.pid = 100,
		.tid = tid,
		.process_name = "python3",
		.thread_name = "worker",
		.state = THREAD_HOLDS_GIL,
		.syscall_number = -1,
		.frames = made_up->frames,
	};
}

static inline void made_up_push(struct made_up *made_up, const struct function *function, int line)
{
	made_up->frames[made_up->sample.frame_count++] = (struct sample_frame){ function, line };
}

/* Counts it once. */
static inline uint32_t made_up_add(struct profile *profile, const struct made_up *made_up)
{
	const struct event event = { .kind = EVENT_SAMPLE,
		.time_ns = made_up->sample.time_ns,
		.sample = &made_up->sample,
		.weight = 1,
		.last_ns = made_up->sample.time_ns };

	return profile_add(profile, &event);
}

#endif
