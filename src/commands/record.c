/* SPDX-License-Identifier: MIT */
/*
 * pyrope record: samples come in, a file goes out. What can be wrong with the output is found before anything
 * is started, and what was sampled is written whatever ended the sampling.
 */
#include "config.h"

#include "commands/check.h"
#include "commands/command.h"
#include "commands/events.h"
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
	struct output_options output = output_options_of(options, options->mode);
	struct filter_options filter = filter_options_of(options, options->mode);

	output.interval_ns = options->interval_ns;
	output.epoch_ns = realtime_ns() - monotonic_ns();
	output.roots = recording->roots.list;
	recording->options = options;
	recording->functions = functions_new();
	if (options->budget_file && !(recording->check = check_new(options, recording->functions, true, err)))
		return -1;
	/* standard output is the command's */
	if (recording->check && !options->output_count && !options->format)
		outputs_open_none(&recording->outputs, &output, recording->functions);
	else if (outputs_open(&recording->outputs, options->outputs, options->output_count,
			 options->format ? output_format_find(options->format) : NULL, &output,
			 options->paths, recording->functions,
			 options->embed_source ? sources_new(true) : NULL, err) != 0)
		return -1;
	if (recording->check)
		outputs_watch(&recording->outputs, check_sink(recording->check));
	/*
	 * who asks for a thread is shown the same as of a recording: where another one holds the GIL, it is
	 * idle
	 */
	recording->outputs.needs_all |= filter.thread || filter.states;
	/* one that keeps every thread is not to keep what others are to be shown, too */
	filter.selects = recording->outputs.needs_all;
	filter.mark_gc &= filter.selects;
	filter.mark_syscalls &= filter.selects;
	filter.pid = 0; /* what is sampled has been named */
	outputs_filter(&recording->outputs, &filter);
	progress_begin(recording);
	return 0;
}

static void recording_release(struct recording *recording)
{
	check_free(recording->check);
	outputs_release(&recording->outputs);
	buffer_release(&recording->notes);
	buffer_release(&recording->processes.others);
	roots_release(&recording->roots);
	if (!recording->is_stuck)
		functions_free(recording->functions);
}

/* ---- the end ---- */

static void explain_no_samples(struct recording *recording, enum follow_end end)
{
	if (filter_kept(recording->outputs.filter) || !recording->has_python)
		return;
	if (filter_idle(recording->outputs.filter))
		recording_note(recording, "no samples: there was nothing but idle time, which -x leaves out");
	else if (filter_left_out(recording->outputs.filter))
		recording_note(recording, "no samples: " NOTHING_MATCHES);
	else if (!recording->was_on)
		recording_note(recording, "no samples: sampling had not begun: %s",
			recording->options->paused ? "--paused waits for SIGUSR1"
						   : "the --delay was not over");
	else if (end == FOLLOW_EXITED && recording->statistics.unchecked)
		recording_note(recording,
			"no samples: the process exited and another one has its number: what there was had "
			"not been checked by then");
	else if (end == FOLLOW_EXITED)
		recording_note(recording,
			"no samples: the process exited before the first one was due: try a shorter "
			"interval, as -r 1ms");
	else if (end == FOLLOW_SIGNAL)
		recording_note(recording, "no samples: stopped before the first one was due");
	else
		recording_note(recording, "no samples: the time was over before the first one was due");
}

/*
 * Writes and sums up, whatever ended the sampling. Without samples, too: an older file of the same name would
 * be taken for what this run has found.
 */
static int finish(struct recording *recording, enum follow_end end, struct error *err)
{
	static const char *const reasons[] = {
		[FOLLOW_DURATION] = "the time was over",
		[FOLLOW_SIGNAL] = "pyrope was told to stop",
		[FOLLOW_EXITED] = "the process exited",
		[FOLLOW_OUTPUT] = "nobody took the output any more",
	};
	int result = events_end(recording, reasons[end], err);

	if (outputs_finish(&recording->outputs, result == 0 ? err : &(struct error){ 0 }) != 0)
		result = -1;
	progress_clear(recording);
	explain_no_samples(recording, end);
	if (files_unanswered())
		recording_note(recording, FILES_UNANSWERED);
	if (descriptors_lacking())
		recording_note(recording, SHORT_OF_DESCRIPTORS, descriptor_limit());
	if (filter_kept(recording->outputs.filter) && end == FOLLOW_EXITED &&
		recording->options->cgroup_count)
		recording_note(recording, "the control group is gone: this is what was sampled until then");
	else if (filter_kept(recording->outputs.filter) && !recording->options->launch &&
		end == FOLLOW_EXITED)
		recording_note(recording, "process %d has exited: this is what was sampled until then",
			(int)recording->options->pid);
	summary_print(recording);
	if (result == 0 && !filter_kept(recording->outputs.filter) && recording->options->require_samples)
		result =
			error_set(err, ERROR_SYSTEM, "there are no samples, and --require-samples was given");
	return result;
}

/* ---- the two uses ---- */

static int record_process(struct recording *recording, struct error *err)
{
	enum follow_end end = FOLLOW_DURATION;
	struct error sampling = { 0 };
	int result = follow_processes(recording, &end, &sampling);

	progress_clear(recording);
	if (result != 0 && !filter_kept(recording->outputs.filter)) {
		*err = sampling;
		return -1;
	}
	if (result != 0)
		recording_note(recording, "%s: this is what was sampled until then", sampling.message);
	if (finish(recording, end, err) != 0)
		return -1;
	if (end == FOLLOW_SIGNAL)
		signals_raise(signals_caught());
	if (result != 0)
		err->exit_code = 1;
	return result;
}

/* The command may run for long after the time is over, and nothing is to be seen of pyrope meanwhile. */
static void say_waiting(struct recording *recording, pid_t child)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == child)
		return;
	if (recording->options->summary != SUMMARY_JSON)
		recording_say(recording, "profile written; waiting for %d (%s)", (int)child,
			recording->options->launch[0]);
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
	struct error sampling = { 0 };
	int code, followed, result;

	if (child < 0)
		return -1;
	signals_set_child(child);
	followed = follow_child(recording, child, &end, &sampling);
	if (end == FOLLOW_EXITED)
		signals_set_child(0);
	if (followed != 0)
		/* that it is not the command which has failed is said here, or has been said */
		err->exit_code = 1;
	if (sampling.message[0])
		recording_note(recording, "%s: this is what was sampled until then", sampling.message);
	result = finish(recording, end, err);
	if (result == 0)
		say_waiting(recording, child);
	code = wait_for_child(child);
	/* what the command says of itself goes before what its budgets say */
	if (recording->check && !code && followed == 0 && result == 0)
		result = check_finish(recording->check, &code, err);
	err->exit_code = code ? code : err->exit_code;
	return followed != 0 || result != 0 || code ? -1 : 0;
}

int record_run(const struct options *options, struct error *err)
{
	struct recording recording = { 0 };
	int result = -1;

	recording.options = options;
	if (options->paused || options->delay_ns)
		sampling_gate_close(
			&recording.gate, options->paused ? 0 : monotonic_ns() + options->delay_ns);
	signals_begin(options->launch != NULL, gate_of(&recording));
	if (recording_begin(&recording, options, err) == 0)
		result = options->launch ? record_command(&recording, err) : record_process(&recording, err);
	recording_release(&recording);
	return result;
}
