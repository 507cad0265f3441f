/* SPDX-License-Identifier: MIT */
/*
 * How often each stack was seen, below the root frames of its process and thread where they are asked for.
 */
#include "config.h"

#include "pyrope/profile.h"

#include <stdlib.h>
#include <string.h>

#define NO_FRAME UINT32_MAX

struct profile {
	struct functions *functions; /* borrowed: the run's */
	unsigned groups;
	int64_t interval_ns;
	uint64_t samples;
	struct profile_summary summary;
	struct u64_map threads, processes; /* that were met: pid << 32 | tid, pid */
	uint64_t last_thread;
	char *command;
	bool has_begun;
	int64_t last_ns; /* of the run that goes on: what came last */
	bool counts_gil;
	uint64_t *gil; /* by node */
	size_t gil_capacity;

	struct stacks stacks;
	struct stack_path path;
	struct u64_map frames_by_group; /* pid or tid -> frame */
	struct u64_map nodes_by_key;    /* stack_key of an event -> node below the root */
	struct buffer group_name;
};

struct profile *profile_new(struct functions *functions, unsigned groups, int64_t interval_ns)
{
	struct profile *profile = xcalloc(1, sizeof(*profile));

	profile->functions = functions;
	profile->groups = groups;
	profile->interval_ns = interval_ns;
	profile->summary.command = "";
	stacks_init(&profile->stacks);
	return profile;
}

void profile_free(struct profile *profile)
{
	if (!profile)
		return;
	stacks_release(&profile->stacks);
	stack_path_release(&profile->path);
	u64_map_release(&profile->frames_by_group);
	u64_map_release(&profile->nodes_by_key);
	u64_map_release(&profile->threads);
	u64_map_release(&profile->processes);
	buffer_release(&profile->group_name);
	free(profile->command);
	free(profile->gil);
	free(profile);
}

/* ---- groups ---- */

void group_append(struct buffer *buffer, enum profile_group group, const struct sample *sample)
{
	bool is_process = group == GROUP_PROCESS;
	pid_t id = is_process ? sample->pid : sample->tid;
	const char *name = is_process ? sample->process_name : sample->thread_name;

	if (id == 0)
		return;
	buffer_append_string(buffer, is_process ? "process " : "thread ");
	buffer_append_int(buffer, id);
	buffer_append_string(buffer, " \"");
	buffer_append_string(buffer, name);
	buffer_append_char(buffer, '"');
}

/* The frame of a process or thread under its present name, or NO_FRAME. */
static uint32_t group_frame(struct profile *profile, enum profile_group group, const struct sample *sample)
{
	uint64_t key = (uint64_t)group << 32 | (uint32_t)(group == GROUP_PROCESS ? sample->pid : sample->tid);
	const uint64_t *known = u64_map_get(&profile->frames_by_group, key);
	uint32_t frame;

	buffer_clear(&profile->group_name);
	group_append(&profile->group_name, group, sample);
	if (!profile->group_name.length)
		return NO_FRAME;
	if (known && strcmp(profile->stacks.frames[*known].function->name, profile->group_name.data) == 0)
		return (uint32_t)*known;
	frame = stacks_frame(
		&profile->stacks, functions_marker(profile->functions, profile->group_name.data), 0);
	u64_map_put(&profile->frames_by_group, key, frame);
	return frame;
}

/* ---- stacks ---- */

/* The node below which the sample's own frames go. */
static uint32_t root_of(struct profile *profile, const struct sample *sample)
{
	static const enum profile_group order[] = { GROUP_PROCESS, GROUP_THREAD };
	uint32_t node = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(order); i++) {
		uint32_t frame;

		if (!(profile->groups & order[i]))
			continue;
		frame = group_frame(profile, order[i], sample);
		if (frame != NO_FRAME)
			node = stacks_child(&profile->stacks, node, frame);
	}
	return node;
}

/*
 * The node of its stack. Where the source tells equal stacks by a key, the frames are looked at once for
 * each.
 */
static uint32_t find_node(struct profile *profile, const struct event *event, uint32_t root)
{
	const struct sample *sample = event->sample;
	const uint64_t *known =
		event->stack_key && !root ? u64_map_get(&profile->nodes_by_key, event->stack_key) : NULL;
	uint32_t node;

	if (known)
		return (uint32_t)*known;
	node = stacks_find(&profile->stacks, &profile->path, root, sample->frames, sample->frame_count);
	if (event->stack_key && !root)
		u64_map_put(&profile->nodes_by_key, event->stack_key, node);
	return node;
}

static void meet(struct profile *profile, const struct sample *sample)
{
	const uint64_t thread = (uint64_t)sample->pid << 32 | (uint32_t)sample->tid;

	if (thread == profile->last_thread || sample->tid == 0)
		return;
	profile->last_thread = thread;
	if (u64_map_get(&profile->threads, thread))
		return;
	u64_map_put(&profile->threads, thread, 1);
	profile->summary.threads++;
	if (!u64_map_get(&profile->processes, (uint64_t)sample->pid)) {
		u64_map_put(&profile->processes, (uint64_t)sample->pid, 1);
		profile->summary.processes++;
	}
}

static void count_gil(struct profile *profile, uint32_t node, uint64_t weight)
{
	const size_t old = profile->gil_capacity;

	array_reserve(&profile->gil, &profile->gil_capacity, (size_t)node + 1, sizeof(*profile->gil));
	memset(profile->gil + old, 0, (profile->gil_capacity - old) * sizeof(*profile->gil));
	profile->gil[node] += weight;
}

/* Of collapsed stacks no time is known. A recording that was cut off has no end. */
static void pass_time(struct profile *profile, int64_t time_ns)
{
	if (!profile->has_begun || time_ns <= profile->last_ns)
		return;
	profile->summary.duration_ns += time_ns - profile->last_ns;
	profile->last_ns = time_ns;
}

uint32_t profile_add(struct profile *profile, const struct event *event)
{
	const uint32_t root = profile->groups ? root_of(profile, event->sample) : 0;
	const uint32_t node = find_node(profile, event, root);

	profile->stacks.nodes[node].count += event->weight;
	profile->samples += event->weight;
	profile->summary.states[event->sample->state] +=
		event->sample->quality == SAMPLE_IDLE ? 0 : event->weight;
	profile->summary.partial += event->sample->quality == SAMPLE_PARTIAL ? event->weight : 0;
	if (profile->counts_gil && event->sample->state == THREAD_HOLDS_GIL)
		count_gil(profile, node, event->weight);
	meet(profile, event->sample);
	pass_time(profile, event->last_ns);
	return node;
}

static void note_exit(struct profile_summary *summary, pid_t pid, int status)
{
	const size_t badly = summary->exits.count - summary->exits.well - summary->exits.unknown;

	summary->exits.count++;
	if (status < 0)
		summary->exits.unknown++;
	else if (!status)
		summary->exits.well++;
	else if (badly < PROFILE_EXITS)
		summary->exits.badly[badly] = (struct process_exit){ pid, status };
}

void profile_note(struct profile *profile, const struct event *event)
{
	if (event->kind == EVENT_EXIT)
		note_exit(&profile->summary, event->pid, event->status);
	if (event->kind == EVENT_MISSED) {
		profile->summary.missed += event->missed;
	} else if (event->kind == EVENT_PROCESS && !profile->command) {
		profile->command = xstrdup(event->process->command_line);
		profile->summary.command = profile->command;
	} else if (event->kind == EVENT_BEGIN) { /* each of several files has its own clock */
		profile->has_begun = true;
		profile->last_ns = event->time_ns;
	}
	pass_time(profile, event->time_ns);
}

void profile_count_gil(struct profile *profile)
{
	profile->counts_gil = true;
}

/* ---- what was sampled ---- */

const struct stacks *profile_stacks(const struct profile *profile)
{
	return &profile->stacks;
}

uint64_t profile_gil(const struct profile *profile, uint32_t node)
{
	return node < profile->gil_capacity ? profile->gil[node] : 0;
}

uint64_t profile_samples(const struct profile *profile)
{
	return profile->samples;
}

int64_t profile_interval_ns(const struct profile *profile)
{
	return profile->interval_ns;
}

const struct profile_summary *profile_summary(const struct profile *profile)
{
	return &profile->summary;
}
