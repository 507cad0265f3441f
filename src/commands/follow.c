/* SPDX-License-Identifier: MIT */
/*
 * The processes of a run: those that were named or launched, or are in a control group, through all that they
 * execute (execve, the same process id), and with --follow all that descend from them. Attached to, the only
 * one has to be a Python at first, unless it has children; one that reloads itself executes another one.
 * Launched, it may be anything at first: env, sh -c, nice and the shims of pyenv replace themselves by the
 * Python that is meant, or start it as a child. While a process is no Python there is nothing to do but to
 * look again.
 *
 * All of this happens in the thread that takes the samples, between them: an attach takes some ms, and delays
 * no tick.
 */
#include "config.h"

#include "commands/events.h"
#include "commands/follow.h"
#include "commands/signals.h"

#include <stdlib.h>

#define MILLISECOND_NS INT64_C(1000000)
#define ATTACH_WAIT_NS (5000 * MILLISECOND_NS)
#define CHILD_WAIT_NS (60000 * MILLISECOND_NS)
/* While others are sampled, or may come, they are not kept waiting for one that starts. */
#define CROWD_WAIT_NS (10 * MILLISECOND_NS)
/* A command that is no Python for so long is worth a word. */
#define PATIENCE_NS (3000 * MILLISECOND_NS)
#define POLL_LEAST_NS (2 * MILLISECOND_NS)
#define POLL_MOST_NS (5 * MILLISECOND_NS)
#define POLL_FIRST_NS (MILLISECOND_NS / 2) /* while something is about to become a Python */
#define POLL_IDLE_NS (50 * MILLISECOND_NS)
#define EXIT_CHECK_NS (100 * MILLISECOND_NS)

/* ---- the processes ---- */

static void end_run(struct follow *follow, enum follow_end end)
{
	if (!follow->is_over)
		follow->end = end;
	follow->is_over = true;
	sampler_stop(follow->recording->sampler);
}

static struct member *find_member(const struct follow *follow, pid_t pid)
{
	for (size_t i = 0; i < follow->count; i++)
		if (follow->members[i]->pid == pid && !follow->members[i]->is_gone)
			return follow->members[i];
	return NULL;
}

static struct member *add_member(struct follow *follow, pid_t pid, pid_t parent)
{
	struct member *member = member_new(pid, parent);

	array_reserve(&follow->members, &follow->capacity, follow->count + 1, sizeof(struct member *));
	follow->members[follow->count++] = member;
	follow->waiting++;
	return member;
}

static bool is_root(const struct member *member)
{
	return member->launched || member->named;
}

static int64_t wait_of(const struct follow *follow, const struct member *member)
{
	if (follow->tree || follow->count > 1 || !is_root(member))
		return CROWD_WAIT_NS;
	return member->launched ? CHILD_WAIT_NS : ATTACH_WAIT_NS;
}

static int try_member(struct follow *follow, struct member *member, int64_t wait_ns, struct error *err)
{
	if (member_try(member, follow->recording, find_member(follow, member->parent), wait_ns, err) != 0)
		return -1;
	follow->waiting--;
	return 0;
}

/* Its samples stay. */
static void lose(struct follow *follow, struct member *member)
{
	struct recording *recording = follow->recording;

	if (member->is_gone)
		return;
	follow->waiting -= !member->watch;
	member->is_gone = true;
	member->gone_ns = monotonic_ns();
	if (follow->tree)
		tree_remove(follow->tree, member->pid);
	if (!member->was_sampled) {
		follow_count_other(recording, member);
		return;
	}
	recording->processes.gone++;
	follow_tell_exit(follow, member, false);
}

static void watch_ended(void *context, void *owner, const struct watch_result *result)
{
	struct follow *follow = context;
	struct recording *recording = follow->recording;
	struct member *member = owner;

	if (result->statistics.note)
		recording_note(recording, "%s", result->statistics.note);
	if (recording->stream.kind == ERROR_NONE)
		events_missed(recording, &member->told, &result->statistics, &recording->stream);
	member_ended(member);
	follow->waiting++;
	switch (result->end) {
	case SAMPLING_GONE:
		lose(follow, member);
		break;
	case SAMPLING_EXECED: /* whatever reads a stream gets what there is */
		if (recording->stream.kind == ERROR_NONE)
			outputs_flush(&recording->outputs, &recording->stream);
		break;
	case SAMPLING_REFUSED:
		member->obstacle = result->refusal;
		if (follow->count == 1) {
			follow->refusal = result->refusal;
			end_run(follow, FOLLOW_REFUSED);
		} else {
			follow_count_failure(follow, member);
		}
		break;
	case SAMPLING_DURATION:
	case SAMPLING_STOPPED: /* the whole run is over, and nothing is sampled any more */
		member->is_done = true;
		break;
	case SAMPLING_STUCK: /* see follow_run */
		break;
	}
}

static void find_descendants(struct follow *follow)
{
	const struct descendant *found;
	const size_t count = follow->tree ? tree_look(follow->tree, &found) : 0;

	for (size_t i = 0; i < count; i++)
		if (!find_member(follow, found[i].pid))
			add_member(follow, found[i].pid, found[i].parent);
}

/* Members that have gone, once nothing points to them. */
static void sweep(struct follow *follow)
{
	size_t kept = 0;

	for (size_t i = 0; i < follow->count; i++) {
		struct member *member = follow->members[i];

		if (member->is_gone)
			follow_tell_exit(follow, member, false);
		if (member->is_gone && !is_root(member) && (member->told_exit || !member->was_sampled))
			member_free(member);
		else
			follow->members[kept++] = member;
	}
	follow->count = kept;
}

static void find_exits(struct follow *follow, int64_t now_ns)
{
	if (now_ns - follow->exits_ns < EXIT_CHECK_NS)
		return;
	follow->exits_ns = now_ns;
	for (size_t i = 0; i < follow->count; i++) {
		struct member *member = follow->members[i];

		if (!member->watch && !is_root(member) && !tree_lives(follow->tree, member->pid))
			lose(follow, member);
	}
	sweep(follow);
}

static void try_waiting(struct follow *follow, int64_t now_ns)
{
	const size_t crowd = follow->waiting;

	for (size_t i = 0; i < follow->count && !follow->is_over; i++) {
		struct member *member = follow->members[i];
		struct error err = { 0 };

		if (member->is_gone || member->watch || member->is_done)
			continue;
		/* why a command could not have been sampled is said, however soon it has ended */
		if (is_root(member) && member->was_tried && member_has_exited(member)) {
			lose(follow, member);
		} else if (member_is_due(member, now_ns, crowd) &&
			try_member(follow, member, wait_of(follow, member), &err) != 0) {
			if (!is_root(member))
				follow_count_failure(follow, member);
		} else if (is_root(member) && !member->said && !follow->tree && member->obstacle.message[0] &&
			!member->watch && now_ns - member->since_ns > PATIENCE_NS) {
			follow_say_obstacle(follow->recording, member);
		}
	}
}

/*
 * Is there nothing more to wait for? The run of a command is over when that has ended: what it leaves
 * behind is let go.
 */
static bool is_over(const struct follow *follow, enum follow_end *end)
{
	const struct recording *recording = follow->recording;
	const bool launched = recording->options->launch != NULL;
	bool any = false, looks = false;

	for (size_t i = 0; i < follow->count; i++) {
		const struct member *member = follow->members[i];

		looks |= (is_root(member) || (recording->options->cgroup_count && member->watch)) &&
			!member->is_gone && !member->is_done;
		any |= !member->is_gone && (!launched || (member->launched && !member_has_exited(member)));
	}
	if (!any && !(follow->tree && tree_awaits(follow->tree)))
		*end = FOLLOW_EXITED;
	else if (!launched && signals_caught())
		*end = FOLLOW_SIGNAL;
	else if (recording->options->duration_ns
			? recording->until_ns && monotonic_ns() >= recording->until_ns
			: recording->options->has_duration && !looks)
		*end = FOLLOW_DURATION; /* one look (-s 0) ends when it was taken, however late that is */
	else
		return false;
	return true;
}

static int64_t next_poll_ns(const struct follow *follow)
{
	const int64_t half_ns = follow->recording->options->interval_ns / 2;
	bool is_young = false;

	if (!follow->tree && !follow->waiting)
		return POLL_IDLE_NS;
	for (size_t i = 0; i < follow->count && !is_young; i++) {
		const struct member *member = follow->members[i];

		is_young = !member->watch && !member->is_gone &&
			monotonic_ns() - member->since_ns < 20 * MILLISECOND_NS;
	}
	if (is_young)
		return POLL_FIRST_NS;
	return half_ns < POLL_LEAST_NS ? POLL_LEAST_NS : half_ns > POLL_MOST_NS ? POLL_MOST_NS : half_ns;
}

static int64_t poll(void *context)
{
	struct follow *follow = context;
	const int64_t now_ns = monotonic_ns();
	enum follow_end end;

	if (follow->recording->attend)
		follow->recording->attend(follow->recording);
	if (follow->recording->stream.kind != ERROR_NONE) {
		sampler_stop(follow->recording->sampler);
		return POLL_IDLE_NS;
	}
	if (follow->tree) {
		find_descendants(follow);
		find_exits(follow, now_ns);
		follow_count_left_out(follow);
	}
	try_waiting(follow, now_ns);
	if (!follow->is_over && is_over(follow, &end))
		end_run(follow, end);
	return next_poll_ns(follow);
}

/* ---- the run ---- */

/*
 * The time runs from when sampling is on first: as the sampling thread has it, which on a busy machine
 * begins later than it was told to.
 */
void recording_begin_time(struct recording *recording)
{
	const int64_t began_ns = sampler_began_ns(recording->sampler);

	recording->was_on |= recording->has_python && !sampling_gate_is_off(gate_of(recording));
	if (began_ns && recording->options->has_duration)
		recording->until_ns = began_ns + recording->options->duration_ns;
}

/* What shows time has to know of threads that fall asleep. */
static bool counts_only(const struct outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++)
		if (outputs->list[i].sink)
			return false;
	return true;
}

static struct sampling_options sampling_options(struct recording *recording)
{
	const struct options *options = recording->options;
	const bool all = recording->outputs.needs_all;
	const bool threads = all || recording->outputs.says_threads;
	const bool leaves_out = options->exclude_idle && options->mode == MODE_WALL;
	struct sampling_options sampling = {
		.interval_ns = options->interval_ns,
		.duration_ns = options->duration_ns,
		.once = options->has_duration && options->duration_ns == 0,
		.mode = all ? MODE_WALL : options->mode,
		.pause = options->pause,
		.gate = gate_of(recording),
		.mark_gc = !all && options->mark_gc,
		.mark_syscalls = !all && options->mark_syscalls,
		.want_names = threads || (options->groups & GROUP_THREAD) != 0,
		.leave_out_sleeping = !all && leaves_out && counts_only(&recording->outputs),
		.want_states = threads || leaves_out,
		.want_gc = threads,
		.max_depth = options->max_depth,
	};

	return sampling;
}

static void follow_begin(struct follow *follow, struct recording *recording)
{
	const struct sampling_options options = sampling_options(recording);

	*follow = (struct follow){ .recording = recording, .end = FOLLOW_DURATION };
	recording->sampler = sampler_new(&options);
	if (recording->options->follow)
		follow->tree = tree_new(PROCESSES_LIMIT);
}

static int follow_run(struct follow *follow, struct error *err)
{
	struct recording *recording = follow->recording;
	const struct sampler_callbacks callbacks = { .sample = follow_take_sample,
		.ended = watch_ended,
		.idle = follow_idle,
		.poll = poll,
		.context = follow };
	enum sampling_end end = SAMPLING_DURATION;
	int result;

	signals_set_sampler(recording->sampler);
	result = sampler_run(recording->sampler, &callbacks, &end, err);
	signals_set_sampler(NULL);
	for (size_t i = 0; i < follow->count && end != SAMPLING_STUCK; i++)
		if (follow->members[i]->is_gone || member_has_exited(follow->members[i]))
			follow_tell_exit(follow, follow->members[i], true);
	if (end == SAMPLING_STUCK) {
		recording->is_stuck = true;
		end_run(follow, FOLLOW_REFUSED);
		follow->end = FOLLOW_REFUSED;
		error_set(&follow->refusal, ERROR_SYSTEM,
			"a read of the memory of process %d has not returned for seconds: what provides that "
			"memory (userfaultfd, "
			"a file system) does not answer; the profile ends there",
			(int)sampler_stuck_pid(recording->sampler));
	}
	if (recording->stream.kind != ERROR_NONE)
		follow->end = FOLLOW_OUTPUT;
	else if (!follow->is_over)
		follow->end = end == SAMPLING_STOPPED ? FOLLOW_SIGNAL : FOLLOW_DURATION;
	if (result == 0)
		result = events_clock(recording, err);
	if (follow->end == FOLLOW_REFUSED) {
		*err = follow->refusal;
		result = -1;
	}
	return result;
}

static void follow_release(struct follow *follow)
{
	struct recording *recording = follow->recording;

	if (recording->sampler)
		sampler_statistics(recording->sampler, &recording->statistics);
	sampler_free(recording->sampler);
	recording->sampler = NULL;
	/* a watch that was added when the sampling thread had ended was the sampler's until now */
	for (size_t i = 0; i < follow->count; i++) {
		if (!follow->members[i]->was_sampled && !follow->members[i]->is_gone)
			follow_count_other(recording, follow->members[i]);
		if (!recording->is_stuck)
			member_free(follow->members[i]);
	}
	tree_free(follow->tree);
	free(follow->members);
}

/*
 * Adds those that were named. -1: none of them can be sampled, and err says why the first one cannot. A
 * group may be empty yet.
 */
static int add_named(struct follow *follow, struct error *err)
{
	const struct options *options = follow->recording->options;
	bool any = options->cgroup_count > 0;

	for (size_t i = 0; i < options->cgroup_count; i++)
		if (tree_add_cgroup(follow->tree, options->cgroups[i], err) != 0)
			return -1;
	for (size_t i = 0; i < options->pid_count && !signals_caught(); i++) {
		struct member *member = add_member(follow, options->pids[i], 0);
		struct error own = { 0 };

		member->named = true;
		if (follow->tree)
			tree_add(follow->tree, member->pid);
		if (try_member(follow, member, ATTACH_WAIT_NS, &own) == 0) {
			any = true;
			continue;
		}
		if (err->kind == ERROR_NONE)
			*err = own;
		if (options->pid_count > 1)
			recording_say(follow->recording, "%s", own.message);
		member->said = true;
		if (own.kind != ERROR_UNSUPPORTED || !follow->tree)
			lose(follow, member);
	}
	/* what is no Python may have children that are */
	find_descendants(follow);
	for (size_t i = options->pid_count; i < follow->count; i++) {
		struct error own = { 0 };

		any |= try_member(follow, follow->members[i], ATTACH_WAIT_NS, &own) == 0 ||
			own.kind != ERROR_GONE;
		if (!follow->members[i]->watch)
			follow_count_failure(follow, follow->members[i]);
	}
	return any ? 0 : -1;
}

int follow_processes(struct recording *recording, enum follow_end *end, struct error *err)
{
	struct follow follow;
	int result;

	follow_begin(&follow, recording);
	result = add_named(&follow, err);
	if (result == 0) {
		error_clear(err);
		result = follow_run(&follow, err);
	} else if (signals_caught()) {
		follow.end = FOLLOW_SIGNAL;
		result = 0;
	}
	for (size_t i = 0; i < follow.count && result == 0; i++) {
		struct member *member = follow.members[i];

		if (member->named && !member->said && member->obstacle.message[0])
			follow_say_obstacle(recording, member);
	}
	*end = follow.end;
	follow_release(&follow);
	if (result == 0)
		follow_find_children(recording);
	return result;
}

int follow_child(struct recording *recording, pid_t child, enum follow_end *end, struct error *err)
{
	struct follow follow;
	struct member *member;
	int result;

	follow_begin(&follow, recording);
	member = add_member(&follow, child, 0);
	member->launched = true;
	if (follow.tree)
		tree_add(follow.tree, child);
	result = follow_run(&follow, err);
	*end = follow.end;
	if (result == 0 && !recording->has_python && !member->said) {
		if (!member->obstacle.message[0])
			error_set(&member->obstacle, ERROR_GONE, "it exited before a Python was found in it");
		follow_say_obstacle(recording, member);
		if (member->obstacle.kind == ERROR_SYSTEM)
			result = error_set(err, ERROR_SYSTEM, "%s", "");
	}
	follow_release(&follow);
	return result;
}
