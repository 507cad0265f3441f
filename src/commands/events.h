/* SPDX-License-Identifier: MIT */
/*
 * What a run says beside its samples: how it began and ended, which processes there are, what they use up,
 * what time it is. All of it goes to the outputs as events.
 */
#ifndef PYROPE_COMMANDS_EVENTS_H
#define PYROPE_COMMANDS_EVENTS_H

#include "commands/recording.h"

/* The first event, unless it has been given already. */
int events_begin(struct recording *recording, struct error *err);
/* This process is sampled from now on. */
int events_process(struct recording *recording, struct python *python, struct error *err);
/* What has been told of a process. */
struct told {
	pid_t pid;
	uint64_t missed;     /* ticks of its watch */
	int64_t counters_ns; /* when its counters were told last */
};

/* Ticks that were missed until now, and counters; to be called some times a second. */
int events_tick(struct recording *recording, struct told *told, const struct watch *watch, struct error *err);
int events_missed(struct recording *recording, struct told *told,
	const struct sampling_statistics *statistics, struct error *err);
/* The clock, some times a second. */
int events_clock(struct recording *recording, struct error *err);
int events_sample(struct recording *recording, const struct sample *sample, struct error *err);
/* A process that was sampled is gone. */
int events_exit(struct recording *recording, pid_t pid, int status, struct error *err);
int events_end(struct recording *recording, const char *reason, struct error *err);

#endif
