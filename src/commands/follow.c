/* SPDX-License-Identifier: MIT */
/*
 * Following one process. Attached to, it has to be a Python and stays one until it ends. Launched, it may be
 * anything at first: env, sh -c, nice and the shims of pyenv replace themselves by the Python that is meant
 * (execve, the same process id), and until then there is nothing to do but to look again. A wrapper that
 * forks is another process, not followed.
 */
#include "config.h"

#include "commands/recording.h"
#include "commands/signals.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND_NS INT64_C(1000000)
#define ATTACH_WAIT_NS (5000 * MILLISECOND_NS)
#define CHILD_WAIT_NS (60000 * MILLISECOND_NS)

/* How often an exec is looked for, and how the tries to find an interpreter (some ms of CPU each) thin out.
 */
#define EXEC_CHECK_NS (MILLISECOND_NS / 2)
#define RETRY_FIRST_NS (2 * MILLISECOND_NS)
#define RETRY_LAST_NS (500 * MILLISECOND_NS)
/* A command that is no Python for so long is worth a word. */
#define PATIENCE_NS (3000 * MILLISECOND_NS)

/* ---- samples ---- */

/* What -x leaves out: time in which nothing happened. */
static bool is_idle(const struct recording *recording, const struct sample *sample)
{
	return sample->quality == SAMPLE_IDLE ||
		(recording->options->mode == MODE_WALL && sample->state == THREAD_SLEEPING);
}

static int take_sample(void *context, const struct sample *sample, struct error *err)
{
	struct recording *recording = context;
	bool left_out = recording->options->exclude_idle && is_idle(recording, sample);

	(void)err;
	recording->left_out += left_out;
	recording->kept += !left_out;
	if (recording->flamechart && left_out)
		flamechart_skip(recording->flamechart, sample);
	else if (recording->flamechart)
		flamechart_add(recording->flamechart, sample);
	else if (!left_out)
		profile_add(recording->profile, sample);
	return 0;
}

/* A stream is passed on every second, and nobody samples for a reader that has gone. */
static void flush_stream(struct recording *recording)
{
	int64_t now_ns = monotonic_ns();

	if (now_ns - recording->flush_ns < 1000 * MILLISECOND_NS || recording->stream.kind != ERROR_NONE)
		return;
	recording->flush_ns = now_ns;
	if (output_flush(recording->file, &recording->stream) != 0)
		sampler_stop(recording->sampler);
}

static void idle(void *context)
{
	struct recording *recording = context;
	struct sampling_statistics now;

	if (recording->flamechart)
		flush_stream(recording);
	sampler_statistics(recording->sampler, &now);
	now.samples += recording->statistics.samples;
	now.elapsed_ns += recording->statistics.elapsed_ns;
	progress_draw(recording, &now);
}

static struct sampling_options sampling_options(const struct recording *recording)
{
	const struct options *options = recording->options;
	struct sampling_options sampling = {
		.interval_ns = options->interval_ns,
		.duration_ns = options->duration_ns,
		.once = options->has_duration && options->duration_ns == 0,
		.mode = options->mode,
		.pause = options->pause,
		.mark_gc = options->mark_gc,
		.mark_syscalls = options->mark_syscalls,
		.want_names = (options->groups & GROUP_THREAD) != 0,
		.want_states = options->exclude_idle && options->mode == MODE_WALL,
		.max_depth = options->max_depth,
	};

	/* After an exec: what is left of the time. */
	if (sampling.duration_ns) {
		sampling.duration_ns -= recording->statistics.elapsed_ns;
		if (sampling.duration_ns < 1)
			sampling.duration_ns = 1;
	}
	return sampling;
}

static enum follow_end follow_end_of(const struct recording *recording, enum sampling_end end)
{
	if (recording->stream.kind != ERROR_NONE)
		return FOLLOW_OUTPUT;
	switch (end) {
	case SAMPLING_GONE:
		return FOLLOW_EXITED;
	case SAMPLING_EXECED:
		return FOLLOW_EXECED;
	case SAMPLING_STOPPED:
		return FOLLOW_SIGNAL;
	default:
		return FOLLOW_DURATION;
	}
}

static int sample_python(
	struct recording *recording, struct python *python, enum follow_end *end, struct error *err)
{
	struct sampling_options options = sampling_options(recording);
	struct sampler_callbacks callbacks = { .sample = take_sample, .idle = idle, .context = recording };
	const struct native_options native = { .show_all = recording->options->native == NATIVE_ALL };
	struct sampling_statistics statistics;
	enum sampling_end sampling_end = SAMPLING_DURATION;
	int result;

	if (recording->options->native && native_new(&options.native, python, &native, err) != 0)
		return -1;
	if (python_warning(python) && !recording->warned)
		say(recording, true, "%s", python_warning(python));
	recording->warned |= python_warning(python) != NULL;
	recording->has_python = true;
	recording->sampler = sampler_new(python, &options);
	signals_set_sampler(recording->sampler);
	result = sampler_run(recording->sampler, &callbacks, &sampling_end, err);
	signals_set_sampler(NULL);
	sampler_statistics(recording->sampler, &statistics);
	statistics_add(recording, &statistics);
	sampler_free(recording->sampler);
	native_free(options.native);
	recording->sampler = NULL;
	*end = follow_end_of(recording, sampling_end);
	return result;
}

/* ---- a process that runs already ---- */

int follow_process(struct recording *recording, pid_t pid, enum follow_end *end, struct error *err)
{
	struct python_options options = {
		.abi = recording->options->abi,
		.wait_ns = ATTACH_WAIT_NS,
		.cancelled = signals_flag(),
	};
	struct target *target = NULL;
	struct python *python = NULL;
	int result = -1;

	if (target_open(&target, pid, err) != 0)
		return -1;
	if (python_attach(&python, target, &options, err) == 0) {
		result = sample_python(recording, python, end, err);
	} else if (signals_caught()) {
		*end = FOLLOW_SIGNAL;
		result = 0;
	}
	python_free(python);
	target_close(target);
	return result;
}

/* ---- a child ---- */

/* Why there is nothing to sample yet, as far as it is known. */
struct obstacle {
	struct error err;
	int64_t since_ns;
	bool said;
	bool has_children;
};

static bool child_exited(pid_t child)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

/* Has it children of its own? (proc(5): needs CONFIG_PROC_CHILDREN; without, the answer is no.) */
static bool has_children(pid_t pid)
{
	char path[64];
	FILE *file;
	int first;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	first = fgetc(file);
	fclose(file);
	return first != EOF;
}

static void pause_for(int64_t nanoseconds)
{
	struct timespec span = { .tv_nsec = (long)nanoseconds };

	nanosleep(&span, NULL);
}

static void say_obstacle(struct recording *recording, const struct obstacle *obstacle)
{
	const char *command = recording->options->launch[0];

	if (obstacle->has_children)
		say(recording, true,
			"no samples of '%s': it runs another program as a child, which is not followed: "
			"profile the command itself",
			command);
	else
		say(recording, true, "no samples of '%s': %s", command, obstacle->err.message);
}

/* Waits until another try makes sense. False: the child has exited. */
static bool wait_for_change(struct recording *recording, pid_t child, struct target *target,
	int64_t *retry_ns, struct obstacle *obstacle)
{
	int64_t until_ns = monotonic_ns() + *retry_ns;

	for (;;) {
		int64_t now_ns = monotonic_ns();

		if (child_exited(child))
			return false;
		if (target && target_execed(target)) {
			*retry_ns = RETRY_FIRST_NS;
			return true;
		}
		if (now_ns >= until_ns)
			break;
		pause_for(EXEC_CHECK_NS);
	}
	obstacle->has_children = has_children(child);
	if (!obstacle->said && monotonic_ns() - obstacle->since_ns > PATIENCE_NS) {
		obstacle->said = true;
		say_obstacle(recording, obstacle);
	}
	*retry_ns = *retry_ns * 2 < RETRY_LAST_NS ? *retry_ns * 2 : RETRY_LAST_NS;
	return true;
}

/* One try to find an interpreter in the child and to sample it. 0: sampled, *end says until when. */
static int try_child(struct recording *recording, pid_t child, struct target **target, enum follow_end *end,
	struct error *err)
{
	struct python_options options = { .abi = recording->options->abi, .wait_ns = CHILD_WAIT_NS };
	struct python *python = NULL;
	int result = -1;

	error_clear(err);
	target_close(*target);
	*target = NULL;
	if (target_open(target, child, err) == 0 && python_attach(&python, *target, &options, err) == 0)
		result = sample_python(recording, python, end, err);
	python_free(python);
	return result;
}

void follow_child(struct recording *recording, pid_t child, enum follow_end *end)
{
	struct obstacle obstacle = { .since_ns = monotonic_ns() };
	struct target *target = NULL;
	int64_t retry_ns = RETRY_FIRST_NS;

	for (;;) {
		struct error err = { 0 };

		if (try_child(recording, child, &target, end, &err) == 0) {
			if (*end != FOLLOW_EXECED)
				break;
			/* A Python that becomes another program: maybe another Python. */
			retry_ns = RETRY_FIRST_NS;
			obstacle = (struct obstacle){ .since_ns = monotonic_ns(), .said = true };
			continue;
		}
		/* An exec or the exit in the middle of a try says nothing about the command. */
		if (err.kind != ERROR_GONE && err.kind != ERROR_RACED)
			obstacle.err = err;
		if (!wait_for_change(recording, child, target, &retry_ns, &obstacle)) {
			*end = FOLLOW_EXITED;
			break;
		}
	}
	if (!recording->has_python && !obstacle.said && *end == FOLLOW_EXITED) {
		if (!obstacle.err.message[0])
			error_set(&obstacle.err, ERROR_GONE, "it exited before a Python was found in it");
		say_obstacle(recording, &obstacle);
	}
	target_close(target);
}
