/* SPDX-License-Identifier: MIT */
/*
 * The server has one thread, so that a fork copies no lock that somebody holds. A child writes one struct to
 * its pipe, which is taken for what a stranger says; then it is killed, whatever it still does.
 */
#include "config.h"

#include "web/job.h"

#include "web/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNNING_MOST 4
#define WALL_NS (INT64_C(300) * 1000000000)
#define CPU_SECONDS 120
#define MEMORY_BYTES (UINT64_C(4) << 30)

void jobs_init(struct jobs *jobs, const struct web_work *work, uint64_t file_bytes)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	*jobs = (struct jobs){ .work = work, .file_bytes = file_bytes };
	jobs->last = &jobs->first;
	jobs->most_running = cpus < 1 ? 1 : cpus > RUNNING_MOST ? RUNNING_MOST : (size_t)cpus;
}

struct job *job_new(enum job_kind kind, void (*done)(struct job *, const struct job_result *), void *context)
{
	struct job *job = xcalloc(1, sizeof(*job));

	job->kind = kind;
	job->inputs[0] = job->inputs[1] = job->out = job->pipe = -1;
	job->done = done;
	job->context = context;
	return job;
}

static void job_free(struct job *job)
{
	for (size_t i = 0; i < ARRAY_LENGTH(job->inputs); i++)
		if (job->inputs[i] >= 0)
			close(job->inputs[i]);
	if (job->pipe >= 0)
		close(job->pipe);
	if (job->pid > 0) {
		kill(job->pid, SIGKILL);
		while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(job);
}

void job_discard(struct job *job)
{
	job_free(job);
}

static void unlink_job(struct jobs *jobs, struct job *job)
{
	struct job **at = &jobs->first;

	while (*at && *at != job)
		at = &(*at)->next;
	assert(*at);
	*at = job->next;
	if (!*at)
		jobs->last = at;
	jobs->count--;
	jobs->running -= job->pid > 0;
}

void jobs_release(struct jobs *jobs)
{
	while (jobs->first)
		jobs_cancel(jobs, jobs->first);
}

void jobs_cancel(struct jobs *jobs, struct job *job)
{
	unlink_job(jobs, job);
	job_free(job);
}

bool jobs_add(struct jobs *jobs, struct job *job)
{
	if (jobs->count >= JOBS_WAITING) {
		job_free(job);
		return false;
	}
	*jobs->last = job;
	jobs->last = &job->next;
	jobs->count++;
	return true;
}

/* ---- in the child ---- */

static int work(const struct jobs *jobs, struct job *job, struct error *err)
{
	const struct web_input inputs[2] = { { job->inputs[0], job->names[0] },
		{ job->inputs[1], job->names[1] } };

	switch (job->kind) {
	case JOB_EXAMINE:
		/* The server waits for no disk. */
		if (fsync(inputs[0].fd) != 0 && errno != EINVAL)
			return error_set_errno(err, ERROR_SYSTEM, errno, "cannot keep the profile");
		return jobs->work->examine(&inputs[0], &job->result.facts, err);
	case JOB_CONVERT:
		return jobs->work->convert(&inputs[0], job->format, job->out, err);
	case JOB_COMPARE:
		return jobs->work->compare(inputs, job->out, err);
	}
	return error_set(err, ERROR_SYSTEM, "nothing is to be done");
}

static int compare_numbers(const void *left, const void *right)
{
	return *(const int *)left - *(const int *)right;
}

static int enter_sandbox(const struct jobs *jobs, const struct job *job, int pipe, struct error *err)
{
	const struct sandbox_limits limits = { MEMORY_BYTES, jobs->file_bytes, CPU_SECONDS };
	const int all[] = { job->inputs[0], job->inputs[1], job->out, pipe };
	int kept[ARRAY_LENGTH(all)] = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
		if (all[i] >= 0)
			kept[count++] = all[i];
	qsort(kept, count, sizeof(*kept), compare_numbers);
	return sandbox_enter(kept, count, &limits, err);
}

static void __attribute__((__noreturn__)) be_child(const struct jobs *jobs, struct job *job, int pipe)
{
	struct error err = { 0 };
	ssize_t written;

	memset(&job->result, 0, sizeof(job->result));
	if (enter_sandbox(jobs, job, pipe, &err) != 0 || work(jobs, job, &err) != 0) {
		job->result.status = -1;
		job->result.error_kind = (int32_t)err.kind;
		memcpy(job->result.message, err.message, sizeof(job->result.message));
	}
	written = write(pipe, &job->result, sizeof(job->result)); /* less than a pipe holds: at once */
	_exit(written == (ssize_t)sizeof(job->result) ? 0 : 1);
}

/* ---- in the server ---- */

static void end_with(struct job *job, const char *message)
{
	memset(&job->result, 0, sizeof(job->result));
	job->result.status = -1;
	job->result.error_kind = ERROR_SYSTEM;
	strcpy(job->result.message, message);
	job->received = sizeof(job->result);
}

static void start(struct jobs *jobs, struct job *job)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0) {
		end_with(job, "cannot start work on it: no descriptors are left");
		return;
	}
	job->began_ns = monotonic_ns();
	job->pid = fork();
	if (job->pid == 0)
		be_child(jobs, job, ends[1]);
	close(ends[1]);
	if (job->pid < 0) {
		close(ends[0]);
		end_with(job, "cannot start work on it: no process can be made");
		job->pid = 0;
		return;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	job->pipe = ends[0];
	jobs->running++;
}

static void take(struct job *job)
{
	char *bytes = (char *)&job->result;

	while (job->received < sizeof(job->result)) {
		const ssize_t count =
			read(job->pipe, bytes + job->received, sizeof(job->result) - job->received);

		if (count > 0)
			job->received += (size_t)count;
		else if (count < 0 && errno == EINTR)
			continue;
		else if (count < 0 && errno == EAGAIN)
			break;
		else
			end_with(job, "it takes too much memory or time, or is made to break its reader");
	}
	if (job->received < sizeof(job->result) && monotonic_ns() - job->began_ns > WALL_NS)
		end_with(job, "it takes too long");
}

size_t jobs_poll(const struct jobs *jobs, struct pollfd *polled, size_t room)
{
	size_t count = 0;

	for (const struct job *job = jobs->first; job && count < room; job = job->next)
		if (job->pid > 0)
			polled[count++] = (struct pollfd){ .fd = job->pipe, .events = POLLIN };
	return count;
}

static void finish(struct jobs *jobs, struct job *job)
{
	struct job_result *result = &job->result;

	result->message[sizeof(result->message) - 1] = '\0';
	unlink_job(jobs, job);
	job->done(job, result);
	job_free(job);
}

void jobs_run(struct jobs *jobs)
{
	struct job *job = jobs->first;

	while (job) {
		struct job *next = job->next;

		if (job->pid > 0)
			take(job);
		else if (jobs->running < jobs->most_running)
			start(jobs, job);
		if (job->received == sizeof(job->result))
			finish(jobs, job);
		job = next;
	}
}
