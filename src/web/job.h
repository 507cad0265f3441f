/* SPDX-License-Identifier: MIT */
/*
 * What is done with a profile, each piece of work in a child of its own (sandbox.h). The server never waits
 * for one: it polls their pipes, and goes on with whoever waited when one has ended.
 */
#ifndef PYROPE_WEB_JOB_H
#define PYROPE_WEB_JOB_H

#include <poll.h>
#include <sys/types.h>

#include "web/names.h"

enum job_kind { JOB_EXAMINE, JOB_CONVERT, JOB_COMPARE };

/* All that a child says. */
struct job_result {
	int32_t status; /* 0: done, -1: error */
	int32_t error_kind;
	struct web_facts facts; /* of JOB_EXAMINE; not cleaned yet */
	char message[ERROR_MESSAGE_BYTES];
};

struct job {
	enum job_kind kind;
	int inputs[2]; /* -1: none. Closed with the job */
	char names[2][WEB_NAME_BYTES];
	char format[WEB_FORMAT_BYTES]; /* of JOB_CONVERT */
	int out;                       /* -1: none. The caller's */
	/* Called when it has ended, however, but for jobs_cancel; the job is freed afterwards. */
	void (*done)(struct job *job, const struct job_result *result);
	void *context;

	/* of jobs.c */
	struct job *next;
	pid_t pid; /* 0: not started */
	int pipe;
	int64_t began_ns;
	size_t received;
	struct job_result result;
};

#define JOBS_WAITING 512 /* more are refused */

struct jobs {
	struct job *first, **last; /* in the order in which they came; those that run are the first ones */
	size_t count, running, most_running;
	const struct web_work *work;
	uint64_t file_bytes; /* that one may write */
};

void jobs_init(struct jobs *jobs, const struct web_work *work, uint64_t file_bytes);
/* Ends all that run, calls nobody. */
void jobs_release(struct jobs *jobs);
/* Takes over the job (allocated, inputs included). False: too many wait, and it is freed. */
bool jobs_add(struct jobs *jobs, struct job *job);
struct job *job_new(enum job_kind kind, void (*done)(struct job *, const struct job_result *), void *context);
void job_discard(struct job *job); /* one that was not added */
/* Nobody waits for it any more: it is ended, and done is not called. */
void jobs_cancel(struct jobs *jobs, struct job *job);

/* Adds what to poll for; returns how many. */
size_t jobs_poll(const struct jobs *jobs, struct pollfd *polled, size_t room);
/* Starts those that can be, takes what they say, ends those that take too long. */
void jobs_run(struct jobs *jobs);

#endif
