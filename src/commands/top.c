/* SPDX-License-Identifier: MIT */
/*
 * pyrope top: the same session as that of record, looked at while it runs. The view is called between samples
 * in the thread that takes them, and what a key asks for is done here.
 *
 * When all processes have ended what was seen stays on the screen until it is left: whoever looks at a
 * service that crashes wants to see, and to write down, what it did last.
 */
#include "config.h"

#include "commands/command.h"
#include "commands/events.h"
#include "commands/recording.h"
#include "commands/option.h"
#include "commands/signals.h"
#include "commands/top.h"
#include "pyrope/native.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP_MS 50
#define STOP_PATIENCE_NS INT64_C(2000000000)

struct top {
	struct recording recording; /* first */
	struct options options;     /* of this run: keys change them */
	struct live *live;
	struct sink sink;
	struct top_spool spool;
	struct top_job job;
	bool is_left;         /* by a key */
	int64_t stopped_ns;   /* when the view has made place for the shell; 0: it is there */
	int status;           /* of the process that has ended last; -1: not known */
	struct error failure; /* the terminal could not be taken */
};

/* ---- events ---- */

static int take(struct sink *sink, const struct event *event, struct error *err)
{
	struct top *top = (struct top *)((char *)sink - offsetof(struct top, sink));

	if (event->kind == EVENT_EXIT)
		top->status = event->status;
	return sink_take(live_sink(top->live), event, err) != 0 ? -1
								: sink_take(&top->spool.sink, event, err);
}

/* ---- what keys ask for ---- */

static void leave(struct top *top)
{
	top->is_left = true;
	if (top->recording.sampler)
		sampler_stop(top->recording.sampler);
}

static void change_rate(struct top *top, int64_t interval_ns)
{
	if (!top->recording.sampler) {
		live_say(top->live, "nothing is sampled any more");
		return;
	}
	top->options.interval_ns = interval_ns;
	top->recording.has_begun = false; /* a recording has one rate: the next one begins */
	sampler_renew(top->recording.sampler, interval_ns);
	live_say(top->live, "%.4g samples a second from now on", 1e9 / (double)interval_ns);
}

static void switch_native(struct top *top, bool native)
{
	struct error err = { 0 };

	if (!top->recording.sampler) {
		live_say(top->live, "nothing is sampled any more");
		return;
	}
	top->options.native = native ? NATIVE_WITHOUT_PLUMBING : NATIVE_NONE;
	if (options_check_native(&top->options, &err) != 0) {
		top->options.native = NATIVE_NONE;
		live_say(top->live, "%s", err.message);
		return;
	}
	sampler_renew(top->recording.sampler, top->options.interval_ns);
	live_say(top->live, native ? "native frames, too" : "no native frames any more");
}

static void save(struct top *top, const char *path)
{
	int fds[SPOOL_FILES];
	size_t count = top_spool_open(&top->spool, fds);

	if (!count) {
		live_say(top->live, "nothing to write: %s",
			top->spool.failure.message[0] ? top->spool.failure.message
						      : "nothing was sampled yet");
		return;
	}
	top_job_save(&top->job, top->live, fds, count, sample_mode_names[live_mode(top->live)], path,
		top->spool.is_full ? ": the first gigabyte of what was sampled"
			: top->spool.has_forgotten
			? " without what came before the last 32 changes of the rate"
			: "");
	while (count)
		close(fds[--count]);
}

static void do_request(struct top *top, const struct live_request *request)
{
	switch (request->wish) {
	case LIVE_QUIT:
		leave(top);
		break;
	case LIVE_PAUSE:
		sampling_gate_close(&top->recording.gate, 0);
		break;
	case LIVE_RESUME:
		sampling_gate_switch(&top->recording.gate);
		break;
	case LIVE_RATE:
		change_rate(top, request->interval_ns);
		break;
	case LIVE_NATIVE:
		switch_native(top, request->native);
		break;
	case LIVE_SAVE:
		save(top, request->path);
		break;
	case LIVE_DUMP:
		top_job_dump(&top->job, top->live);
		break;
	case LIVE_NOTHING:
		break;
	}
}

/* ---- Ctrl-Z ---- */

static void stop(struct top *top)
{
	live_suspend(top->live);
	top->stopped_ns = monotonic_ns();
	if (top->recording.sampler) {
		/* between two pauses, so that nothing of the target is stopped for as long */
		sampler_suspend(top->recording.sampler, SIGTSTP);
	} else {
		signal(SIGTSTP, SIG_DFL);
		raise(SIGTSTP);
		top_signals_catch();
	}
}

/* Where nothing can be stopped (an orphaned process group has no shell) the view comes back by itself. */
static bool is_stopped(struct top *top)
{
	if (top_signals_take_stop() && !top->stopped_ns)
		stop(top);
	if (top_signals_take_continue() ||
		(top->stopped_ns && monotonic_ns() - top->stopped_ns > STOP_PATIENCE_NS)) {
		top->stopped_ns = 0;
		live_continue(top->live);
	}
	return top->stopped_ns != 0;
}

/* ---- the view ---- */

static void show_notes(struct top *top)
{
	struct buffer text = { 0 };

	top_terminal_notes(&text);
	if (text.length) {
		char *line;

		if (text.data[text.length - 1] == '\n')
			text.data[text.length - 1] = '\0';
		line = strrchr(text.data, '\n');
		live_say(top->live, "%s", line ? line + 1 : text.data);
	}
	buffer_release(&text);
}

static void attend(struct recording *recording)
{
	struct top *top = (struct top *)recording;
	struct live_request request;

	if (top->failure.kind != ERROR_NONE || top->is_left)
		return;
	if (!live_is_open(top->live)) {
		if (live_open(top->live, top_terminal_fd(), &top->failure) != 0) {
			leave(top);
			return;
		}
		top_signals_catch(); /* ncurses has put its own in their place */
	}
	if (is_stopped(top))
		return;
	show_notes(top);
	top_job_poll(&top->job, top->live);
	while (!top->is_left && (request = live_step(top->live)).wish != LIVE_NOTHING)
		do_request(top, &request);
}

/* All has ended: what was seen is looked at. */
static void linger(struct top *top)
{
	char why[64] = "ALL HAVE EXITED";

	if (top->status >= 0 && WIFSIGNALED(top->status))
		snprintf(why, sizeof(why), "EXITED: SIGNAL %d", WTERMSIG(top->status));
	else if (top->status >= 0)
		snprintf(why, sizeof(why), "EXITED: STATUS %d", WEXITSTATUS(top->status));
	live_end(top->live, why);
	while (!top->is_left && !signals_caught()) {
		struct pollfd terminal = { .fd = top_terminal_fd(), .events = POLLIN };

		attend(&top->recording);
		if (!top->is_left)
			poll(&terminal, 1, STEP_MS);
	}
}

/* ---- the run ---- */

static void begin(struct top *top, const struct options *options)
{
	struct recording *recording = &top->recording;
	const struct output_options output = output_options_of(options, options->mode);
	struct filter_options filter = filter_options_of(options, options->mode);
	const struct live_options live = {
		.interval_ns = options->interval_ns,
		.mode = options->mode,
		.native = options->native != NATIVE_NONE,
		.has_native = native_available(),
		.file = "pyrope.svg",
		.roots = recording->roots.list,
	};

	top->options = *options;
	top->status = -1;
	top->sink = (struct sink){ .take = take };
	recording->options = &top->options;
	recording->attend = attend;
	recording->functions = functions_new();
	outputs_open_none(&recording->outputs, &output, recording->functions);
	outputs_watch(&recording->outputs, &top->sink);
	filter.selects = true;
	filter.pid = 0;
	outputs_filter(&recording->outputs, &filter);
	top_spool_init(&top->spool);
	top->live = live_new(&live, recording->functions);
}

static void release(struct top *top)
{
	live_free(top->live);
	top_job_release(&top->job);
	top_spool_release(&top->spool);
	outputs_release(&top->recording.outputs);
	buffer_release(&top->recording.notes);
	buffer_release(&top->recording.processes.others);
	roots_release(&top->recording.roots);
	if (!top->recording.is_stuck)
		functions_free(top->recording.functions);
}

/*
 * The command has the terminal again: what it has written meanwhile is printed, and what it writes from now
 * on. A signal that somebody has sent to pyrope alone is meant for it, too; the keys of the terminal have
 * reached both.
 */
static int wait_for_command(const struct top *top, pid_t child)
{
	const int number = signals_caught();
	siginfo_t info = { 0 };
	int status = 0;

	if (number && number != SIGINT && number != SIGQUIT)
		kill(child, number);
	top_terminal_print_output();
	if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != child)
		fprintf(stderr, "pyrope: waiting for %d (%s)\n", (int)child, top->options.launch[0]);
	while (waitpid(child, &status, WNOHANG) == 0) {
		top_terminal_print_output();
		poll(NULL, 0, STEP_MS);
	}
	top_terminal_print_output();
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run(struct top *top, struct error *err)
{
	struct recording *recording = &top->recording;
	enum follow_end end = FOLLOW_DURATION;
	pid_t child = 0;
	int result;

	if (top->options.launch && (child = launch_command(top->options.launch, err)) < 0)
		return -1;
	top_terminal_launched();
	result = child ? follow_child(recording, child, &end, err) : follow_processes(recording, &end, err);
	if (result == 0 && recording->stream.kind != ERROR_NONE) {
		*err = recording->stream;
		result = -1;
	}
	if (result == 0 && end == FOLLOW_EXITED && live_is_open(top->live))
		linger(top);
	if (result == 0 && top->failure.kind != ERROR_NONE) {
		*err = top->failure;
		result = -1;
	}
	live_close(top->live);
	top_terminal_give_back();
	if (child) {
		const int code = wait_for_command(top, child);

		if (result == 0 && code) {
			err->exit_code = code;
			result = -1;
		}
	}
	return result;
}

int top_run(const struct options *options, struct error *err)
{
	struct top *top;
	int result = -1;

	if (top_terminal_check(err) != 0)
		return -1;
	top = xcalloc(1, sizeof(*top));
	begin(top, options);
	top_signals_catch();
	signals_begin(false, NULL);
	if (top_terminal_take(options->launch != NULL, err) == 0)
		result = run(top, err);
	live_close(top->live);
	top_terminal_give_back();
	release(top);
	free(top);
	if (result == 0 && signals_caught() && signals_caught() != SIGINT)
		signals_raise(signals_caught());
	return result;
}
