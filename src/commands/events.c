/* SPDX-License-Identifier: MIT */
/* The events of a live run. */
#include "config.h"

#include "commands/events.h"

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "pyrope/recording.h"

#define COUNTERS_NS INT64_C(1000000000)
#define CLOCK_NS INT64_C(60000000000)
/*
 * The two clocks run apart when the machine was suspended or its clock set; less is drift, which the next
 * CLOCK_NS tells.
 */
#define CLOCK_STEP_NS INT64_C(10000000)

static int give(struct recording *recording, struct event *event, struct error *err)
{
	event->time_ns = monotonic_ns();
	return outputs_take(&recording->outputs, event, err);
}

int events_begin(struct recording *recording, struct error *err)
{
	const struct options *options = recording->options;
	struct buffer arguments = { 0 }, machine = { 0 }, clean = { 0 };
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct run_info run = {
		.version = PACKAGE_VERSION,
		.cpus = cpus > 0 ? (unsigned)cpus : 0,
		.interval_ns = options->interval_ns,
		.realtime_ns = realtime_ns(),
		.mode = sample_mode_names[options->mode],
		.native = options->native != NATIVE_NONE,
	};
	struct event event = { .kind = EVENT_BEGIN, .run = &run };
	struct utsname name;
	int result;

	if (recording->has_begun)
		return 0;
	recording->has_begun = true;
	for (char *const *argument = options->arguments; argument && *argument; argument++)
		buffer_printf(&arguments, "%s%s", argument == options->arguments ? "" : " ", *argument);
	buffer_append_string(&clean, "");
	if (arguments.length)
		utf8_clean(&clean, arguments.data, arguments.length);
	run.arguments = clean.data;
	buffer_append_string(&machine, "");
	if (uname(&name) == 0)
		buffer_printf(
			&machine, "%s %s %s %s", name.nodename, name.sysname, name.release, name.machine);
	run.machine = machine.data;
	recording->clock_ns = monotonic_ns();
	recording->clock_offset_ns = run.realtime_ns - recording->clock_ns;
	result = give(recording, &event, err);
	buffer_release(&arguments);
	buffer_release(&machine);
	buffer_release(&clean);
	return result;
}

int events_process(struct recording *recording, struct python *python, struct error *err)
{
	struct target *target = python_target(python);
	struct buffer command_line = { 0 }, roots = { 0 };
	char name[64];
	struct process_info process = {
		.parent = target_parent(target_pid(target)),
		.name = name,
		.version = python_version(python),
		.free_threaded = python_free_threaded(python),
	};
	struct event event = { .kind = EVENT_PROCESS, .pid = target_pid(target), .process = &process };
	int result;

	roots_append(&recording->roots, &roots);
	process.roots = roots.data;
	target_task_comm(target, target_pid(target), name);
	target_command_line(target, &command_line, SIZE_MAX);
	process.command_line = command_line.data ? command_line.data : "";
	result = give(recording, &event, err);
	buffer_release(&command_line);
	buffer_release(&roots);
	return result;
}

int events_sample(struct recording *recording, const struct sample *sample, struct error *err)
{
	const int64_t step_ns = recording_step_ns(recording->options->interval_ns);
	struct sample copy = *sample;
	struct event event = {
		.kind = EVENT_SAMPLE, .pid = sample->pid, .sample = &copy, .weight = sample->weight
	};

	/*
	 * the clock of a recording: what is written now and what report makes of the recording are the same
	 * bytes
	 */
	copy.time_ns -= copy.time_ns % step_ns;
	event.time_ns = event.last_ns = copy.time_ns;
	return outputs_take(&recording->outputs, &event, err);
}

int events_missed(struct recording *recording, struct told *told,
	const struct sampling_statistics *statistics, struct error *err)
{
	struct event event = {
		.kind = EVENT_MISSED, .pid = told->pid, .missed = statistics->missed_ticks - told->missed
	};

	told->missed = statistics->missed_ticks;
	return event.missed ? give(recording, &event, err) : 0;
}

/* Sampling was switched on or off. */
static int tell_mark(struct recording *recording, struct error *err)
{
	struct event event = { .kind = EVENT_MARK };
	const bool is_off = sampling_gate_is_off(gate_of(recording));

	if (is_off == recording->told_off)
		return 0;
	recording->told_off = is_off;
	event.reason = is_off ? "sampling is off" : "sampling is on";
	return give(recording, &event, err);
}

static int tell_clock(struct recording *recording, int64_t now_ns, struct error *err)
{
	struct event event = { .kind = EVENT_CLOCK, .realtime_ns = realtime_ns() };
	const int64_t moved_ns = event.realtime_ns - now_ns - recording->clock_offset_ns;

	if (moved_ns > -CLOCK_STEP_NS && moved_ns < CLOCK_STEP_NS && now_ns - recording->clock_ns < CLOCK_NS)
		return 0;
	recording->clock_ns = now_ns;
	recording->clock_offset_ns += moved_ns;
	return give(recording, &event, err);
}

int events_clock(struct recording *recording, struct error *err)
{
	return tell_mark(recording, err) != 0 ? -1 : tell_clock(recording, monotonic_ns(), err);
}

int events_tick(struct recording *recording, struct told *told, const struct watch *watch, struct error *err)
{
	const int64_t now_ns = monotonic_ns();
	struct sampling_statistics statistics;
	struct process_counters counters;
	struct event event = { .kind = EVENT_COUNTERS, .pid = told->pid, .counters = &counters };

	watch_statistics(watch, &statistics);
	if (events_missed(recording, told, &statistics, err) != 0)
		return -1;
	if (now_ns - told->counters_ns < COUNTERS_NS)
		return 0;
	told->counters_ns = now_ns;
	return target_read_counters(told->pid, &counters) ? give(recording, &event, err) : 0;
}

int events_exit(struct recording *recording, pid_t pid, int status, struct error *err)
{
	struct event event = { .kind = EVENT_EXIT, .pid = pid, .status = status };

	return give(recording, &event, err);
}

int events_end(struct recording *recording, const char *reason, struct error *err)
{
	struct event event = { .kind = EVENT_END, .reason = reason };

	return events_begin(recording, err) != 0 ? -1 : give(recording, &event, err);
}
