/* SPDX-License-Identifier: MIT */
/*
 * pyrope record: samples come in, a file goes out. What can be wrong with the output is found before anything
 * is started, and what was sampled is written whatever ended the sampling.
 */
#include "config.h"

#include "commands/command.h"
#include "commands/recording.h"
#include "commands/signals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- output ---- */

static int recording_begin(struct recording *recording, const struct options *options, struct error *err)
{
	struct flamechart_options flamechart = {
		.text = { .no_lines = options->no_lines },
		.groups = options->groups,
		.per_thread = options->mode != MODE_GIL,
		.interval_ns = options->interval_ns,
	};

	recording->options = options;
	if (output_open(&recording->file, options->output, err) != 0)
		return -1;
	if (options->flamechart)
		recording->flamechart = flamechart_new(recording->file, &flamechart);
	else
		recording->profile = profile_new(options->groups, options->interval_ns);
	progress_begin(recording);
	return 0;
}

static void recording_release(struct recording *recording)
{
	profile_free(recording->profile);
	flamechart_free(recording->flamechart);
	output_close(recording->file);
}

static void write_profile(const struct recording *recording, struct output_file *file)
{
	struct output_options options = { .no_lines = recording->options->no_lines };

	output_formats[0]->write(recording->profile, &options, file);
}

/* The output failed, but the profile is still here: to a place for temporary files with it. */
static void rescue(const struct recording *recording, struct error *err)
{
	const char *folder = getenv("TMPDIR");
	char *path = xasprintf("%s/pyrope-XXXXXX.txt", folder && *folder ? folder : "/tmp");
	struct output_file *file = NULL;
	struct error ignored = { 0 };
	int fd = mkstemps(path, (int)strlen(".txt"));

	if (fd >= 0) {
		close(fd);
		if (output_open(&file, path, &ignored) == 0) {
			write_profile(recording, file);
			if (output_commit(file, &ignored) == 0) {
				size_t length = strlen(err->message);

				snprintf(err->message + length, sizeof(err->message) - length,
					": the profile is in '%s' instead", path);
			} else {
				unlink(path);
			}
			output_close(file);
		}
	}
	free(path);
}

static int write_output(struct recording *recording, struct error *err)
{
	if (recording->flamechart)
		flamechart_finish(recording->flamechart);
	else
		write_profile(recording, recording->file);
	if (output_commit(recording->file, err) == 0)
		return 0;
	if (err->kind != ERROR_GONE && recording->profile)
		rescue(recording, err);
	return -1;
}

/* ---- the end ---- */

static void explain_no_samples(struct recording *recording, enum follow_end end)
{
	if (recording->kept || !recording->has_python)
		return;
	if (recording->left_out)
		say(recording, true, "no samples: there was nothing but idle time, which -x leaves out");
	else if (end == FOLLOW_EXITED || end == FOLLOW_EXECED)
		say(recording, true,
			"no samples: the process %s before the first one was due: try a shorter interval, "
			"as -r 1ms",
			end == FOLLOW_EXITED ? "exited" : "started another program");
	else if (end == FOLLOW_SIGNAL)
		say(recording, true, "no samples: stopped before the first one was due");
	else
		say(recording, true, "no samples: the time was over before the first one was due");
}

static void say_end(struct recording *recording, enum follow_end end)
{
	if (recording->statistics.note)
		say(recording, true, "%s", recording->statistics.note);
	explain_no_samples(recording, end);
	if (!recording->options->launch && end == FOLLOW_EXITED)
		say(recording, false, "process %d has exited: this is what was sampled until then",
			(int)recording->options->pid);
	if (end == FOLLOW_EXECED)
		say(recording, false,
			"process %d runs another program now: this is what was sampled until then",
			(int)recording->options->pid);
}

/* Writes and sums up, whatever ended the sampling. */
static int finish(struct recording *recording, enum follow_end end, struct error *err)
{
	int result = write_output(recording, err);

	progress_clear(recording);
	say_end(recording, end);
	summary_print(recording);
	return result;
}

/* ---- the two uses ---- */

static int record_process(struct recording *recording, struct error *err)
{
	enum follow_end end = FOLLOW_DURATION;
	struct error sampling = { 0 };
	int result = follow_process(recording, recording->options->pid, &end, &sampling);

	progress_clear(recording);
	if (result != 0 && !recording->kept) {
		*err = sampling;
		return -1;
	}
	if (result != 0)
		say(recording, true, "%s: this is what was sampled until then", sampling.message);
	if (finish(recording, end, err) != 0)
		return -1;
	if (end == FOLLOW_SIGNAL)
		signals_raise(signals_caught());
	if (result != 0)
		err->exit_code = 1;
	return result;
}

static int wait_for_child(pid_t child)
{
	siginfo_t info;
	int status = 0;

	/* Not reaped before the handler has forgotten its id, which may be somebody else's from then on. */
	while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
		;
	signals_set_child(0);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* The exit code is the command's own, unless that says 0 and pyrope has failed. */
static int record_command(struct recording *recording, struct error *err)
{
	enum follow_end end = FOLLOW_DURATION;
	pid_t child = launch_command(recording->options->launch, err);
	int code, result = 0;

	if (child < 0)
		return -1;
	signals_set_child(child);
	follow_child(recording, child, &end);
	if (recording->has_python)
		result = finish(recording, end, err);
	code = wait_for_child(child);
	err->exit_code = code ? code : err->exit_code;
	return result != 0 || code ? -1 : 0;
}

int command_record(const struct options *options, struct error *err)
{
	struct recording recording = { 0 };
	int result = -1;

	signals_begin(options->launch != NULL);
	if (recording_begin(&recording, options, err) == 0)
		result = options->launch ? record_command(&recording, err) : record_process(&recording, err);
	recording_release(&recording);
	return result;
}
