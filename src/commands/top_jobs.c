/* SPDX-License-Identifier: MIT */
/*
 * Files and dumps are the work of another pyrope, started from the same program: so sampling and the view go
 * on meanwhile, and what comes out is what 'pyrope report' and 'pyrope dump' print.
 */
#include "config.h"

#include "commands/top.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "/proc/self/exe"
#define TEXT_LIMIT (16u << 20)

/* As a shell would start it: what pyrope catches and blocks is its own affair. */
static int spawn(
	pid_t *pid, char *const *arguments, const int *recordings, size_t count, int input, int output)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int failed;

	sigemptyset(&none);
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	posix_spawn_file_actions_init(&files);
	/* to itself: the one of the child outlives exec */
	for (size_t i = 0; i < count; i++)
		posix_spawn_file_actions_adddup2(&files, recordings[i], recordings[i]);
	posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	failed = posix_spawn(pid, PROGRAM, &files, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return failed;
}

static void begin(
	struct top_job *job, struct live *live, char *const *arguments, const int *recordings, size_t count)
{
	const int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int ends[2], failed;

	if (input < 0 || pipe2(ends, O_CLOEXEC) != 0) {
		live_say(live, "cannot do that: %s", strerror(errno));
		if (input >= 0)
			close(input);
		job->kind = LIVE_NOTHING;
		return;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	failed = spawn(&job->pid, arguments, recordings, count, input, ends[1]);
	close(input);
	close(ends[1]);
	if (failed) {
		close(ends[0]);
		live_say(live, "cannot do that: %s", strerror(failed));
		job->kind = LIVE_NOTHING;
		return;
	}
	job->fd = ends[0];
}

static bool is_busy(const struct top_job *job, struct live *live)
{
	if (job->kind == LIVE_NOTHING)
		return false;
	live_say(live, "one thing after the other: %s",
		job->kind == LIVE_SAVE ? "a file is being written" : "a dump is being made");
	return true;
}

static void restart(struct top_job *job, enum live_wish kind)
{
	buffer_clear(&job->text);
	free(job->path);
	job->path = NULL;
	job->count = job->next = 0;
	job->has_failed = false;
	job->kind = kind;
}

void top_job_save(struct top_job *job, struct live *live, const int *recordings, size_t count,
	const char *mode, const char *path, const char *note)
{
	char program[] = "pyrope", report[] = "report", output[] = "-o";
	char mode_option[32], inputs[SPOOL_FILES][32];
	char *arguments[5 + SPOOL_FILES + 1] = { program, report, mode_option, output };

	if (is_busy(job, live))
		return;
	restart(job, LIVE_SAVE);
	job->path = xstrdup(path);
	job->note = note;
	snprintf(mode_option, sizeof(mode_option), "--mode=%s", mode);
	arguments[4] = job->path;
	for (size_t i = 0; i < count; i++) {
		snprintf(inputs[i], sizeof(inputs[i]), "/proc/self/fd/%d", recordings[i]);
		arguments[5 + i] = inputs[i];
	}
	live_say(live, "writing %s", path);
	begin(job, live, arguments, recordings, count);
}

static void dump_next(struct top_job *job, struct live *live)
{
	char program[] = "pyrope", dump[] = "dump", pid[32];
	char *const arguments[] = { program, dump, pid, NULL };

	if (job->next)
		buffer_append_char(&job->text, '\n');
	snprintf(pid, sizeof(pid), "%d", (int)job->processes[job->next++]);
	begin(job, live, arguments, NULL, 0);
}

void top_job_dump(struct top_job *job, struct live *live)
{
	if (is_busy(job, live))
		return;
	restart(job, LIVE_DUMP);
	job->count = live_processes(live, job->processes, JOB_PROCESSES);
	if (!job->count) {
		job->kind = LIVE_NOTHING;
		live_say(live, "there is no process to dump");
		return;
	}
	live_say(live, "dumping");
	dump_next(job, live);
}

/* The last line that it has printed: why it has failed. */
static const char *last_line(struct buffer *text)
{
	char *line;

	while (text->length && text->data[text->length - 1] == '\n')
		text->data[--text->length] = '\0';
	line = text->length ? strrchr(text->data, '\n') : NULL;
	return line ? line + 1 : text->length ? text->data : "it does not say why";
}

static void end(struct top_job *job, struct live *live, int status)
{
	const bool is_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	close(job->fd);
	job->pid = 0;
	if (job->kind == LIVE_SAVE) {
		if (is_well)
			live_say(live, "wrote %s%s", job->path, job->note);
		else
			live_say(live, "not written: %s", last_line(&job->text));
		job->kind = LIVE_NOTHING;
	} else if (job->next < job->count) {
		dump_next(job, live);
	} else {
		job->kind = LIVE_NOTHING;
		live_say(live, "%s", "");
		live_show(live, "dump: what every thread was doing", job->text.data, job->text.length);
	}
}

void top_job_poll(struct top_job *job, struct live *live)
{
	char bytes[4096];
	ssize_t count;
	int status;

	if (!job->pid)
		return;
	while ((count = read(job->fd, bytes, sizeof(bytes))) > 0)
		if (job->text.length < TEXT_LIMIT)
			buffer_append(&job->text, bytes, (size_t)count);
	if (count == 0 && waitpid(job->pid, &status, WNOHANG) == job->pid)
		end(job, live, status);
}

/* A file that is being written is waited for: it was asked for. */
void top_job_release(struct top_job *job)
{
	if (job->pid) {
		if (job->kind == LIVE_DUMP)
			kill(job->pid, SIGKILL);
		close(job->fd);
		while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	buffer_release(&job->text);
	free(job->path);
}
