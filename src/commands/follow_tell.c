/* SPDX-License-Identifier: MIT */
/*
 * What is told about the processes of a run. The outputs are given samples, ticks and exits; people are told
 * why a process is not sampled, and how many are not. Which processes are followed is decided in follow.c.
 */
#include "config.h"

#include "commands/children.h"
#include "commands/events.h"
#include "commands/follow.h"

#define MILLISECOND_NS INT64_C(1000000)
#define EXIT_WAIT_NS (1000 * MILLISECOND_NS) /* for the exit status of one that is about to be gone */
#define EXIT_LAST_WAIT_MS 20
#define OTHERS_SHOWN 8

/* ---- to the outputs ---- */

int follow_take_sample(void *context, const struct sample *sample, struct error *err)
{
	const struct follow *follow = context;

	return events_sample(follow->recording, sample, err);
}

/* A stream is passed on every second, and nobody samples for a reader that has gone. */
static void flush_stream(struct recording *recording)
{
	int64_t now_ns = monotonic_ns();

	if (now_ns - recording->flush_ns < 1000 * MILLISECOND_NS || recording->stream.kind != ERROR_NONE)
		return;
	recording->flush_ns = now_ns;
	if (outputs_flush(&recording->outputs, &recording->stream) != 0)
		sampler_stop(recording->sampler);
}

static int tell_all(struct follow *follow, struct error *err)
{
	for (size_t i = 0; i < follow->count; i++) {
		struct member *member = follow->members[i];

		if (member->watch && events_tick(follow->recording, &member->told, member->watch, err) != 0)
			return -1;
	}
	return events_clock(follow->recording, err);
}

void follow_idle(void *context)
{
	struct follow *follow = context;
	struct recording *recording = follow->recording;
	struct sampling_statistics now;

	recording_begin_time(recording);
	if (recording->stream.kind == ERROR_NONE && tell_all(follow, &recording->stream) != 0)
		sampler_stop(recording->sampler);
	flush_stream(recording);
	if (!progress_is_due(recording))
		return;
	sampler_statistics(recording->sampler, &now);
	progress_draw(recording, &now);
}

void follow_tell_exit(struct follow *follow, struct member *member, bool is_last)
{
	struct recording *recording = follow->recording;
	int status;

	if (member->told_exit || !member->was_sampled || recording->stream.kind != ERROR_NONE)
		return;
	status = member->target ? target_exit_status(member->target, is_last ? EXIT_LAST_WAIT_MS : 0) : -1;
	if (status < 0 && member->target && !is_last && monotonic_ns() - member->gone_ns < EXIT_WAIT_NS)
		return;
	member->told_exit = true;
	events_exit(recording, member->pid, status, &recording->stream);
}

/* ---- to people ---- */

void follow_say_obstacle(struct recording *recording, struct member *member)
{
	char name[64] = "";

	member->said = true;
	if (member->launched) {
		recording_note(recording, "no samples of '%s': %s", recording->options->launch[0],
			member->obstacle.message);
		return;
	}
	if (!member->was_sampled) {
		recording_note(recording, "%s", member->obstacle.message);
		return;
	}
	/* nothing is known of it then, and it may run what it did */
	if (member->obstacle.kind == ERROR_SYSTEM) {
		recording_note(recording, "process %d is not sampled any more: %s", (int)member->pid,
			member->obstacle.message);
		return;
	}
	target_task_comm(member->target, member->pid, name);
	recording_note(recording,
		"process %d runs another program now (%s) and is watched, but there is nothing to sample: %s",
		(int)member->pid, *name ? name : "?",
		member->obstacle.kind == ERROR_UNSUPPORTED ? "it is not a Python" : member->obstacle.message);
}

void follow_count_failure(struct follow *follow, struct member *member)
{
	const enum error_kind kind = member->obstacle.kind;

	if (member->said || (kind != ERROR_PERMISSION && kind != ERROR_SYSTEM))
		return;
	member->said = true;
	follow->recording->processes.failed++;
	if (!follow->told_failure)
		recording_note(follow->recording, "process %d is not sampled: %s", (int)member->pid,
			member->obstacle.message);
	follow->told_failure = true;
}

void follow_count_other(struct recording *recording, const struct member *member)
{
	struct buffer *others = &recording->processes.others;

	recording->processes.other++;
	if (!member->command || recording->processes.others_shown == OTHERS_SHOWN)
		return;
	recording->processes.others_shown++;
	buffer_printf(others, "%s%d (%s)", others->length ? ", " : "", (int)member->pid, member->command);
}

void follow_count_left_out(struct follow *follow)
{
	follow->recording->processes.left_out = tree_left_out(follow->tree);
	if (!follow->recording->processes.left_out || follow->told_limit)
		return;
	follow->told_limit = true;
	recording_note(follow->recording,
		"there are more than %d processes: those beyond are counted, and not sampled",
		PROCESSES_LIMIT);
}

void follow_find_children(struct recording *recording)
{
	const struct options *options = recording->options;

	if (options->follow || options->pid_count != 1 || recording->is_stuck ||
		!summary_is_wanted(recording))
		return;
	recording->children.count = children_that_are_pythons(options->pids[0], recording->functions,
		options->abi, recording->children.pids, CHILDREN_NAMED, &recording->children.has_more);
}
