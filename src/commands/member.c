/* SPDX-License-Identifier: MIT */
/*
 * From a process id to a watch. A child that was forked by a Python that is sampled starts from what is known
 * of that. What is no Python is looked at again when it runs another program, which costs one system call to
 * see, and now and then in case that it has loaded an interpreter meanwhile.
 */
#include "config.h"

#include "commands/member.h"

#include <stdlib.h>
#include <sys/wait.h>

#include "commands/events.h"
#include "commands/signals.h"

#define MILLISECOND_NS INT64_C(1000000)
#define CHECK_FIRST_NS (MILLISECOND_NS / 2)
#define CHECK_LAST_NS (10 * MILLISECOND_NS)
#define CROWD_NS (MILLISECOND_NS / 5) /* for each that waits */
#define RETRY_FIRST_NS (2 * MILLISECOND_NS)
#define RETRY_LAST_NS (500 * MILLISECOND_NS)
#define OTHER_AGE_NS (300 * MILLISECOND_NS)
#define YOUNG_NS (1000 * MILLISECOND_NS)
#define COMMAND_COLUMNS 60
#define RETRY_OTHER_NS (1000 * MILLISECOND_NS) /* of a child that is no Python */
#define RETRY_OTHER_LAST_NS (60000 * MILLISECOND_NS)

struct member *member_new(pid_t pid, pid_t parent)
{
	struct member *member = xcalloc(1, sizeof(*member));

	member->pid = pid;
	member->parent = parent;
	member->forked = true;
	member_renew(member);
	return member;
}

static void forget(struct member *member)
{
	python_free(member->python);
	native_free(member->native);
	member->python = NULL;
	member->native = NULL;
	member->watch = NULL;
}

void member_free(struct member *member)
{
	if (!member)
		return;
	forget(member);
	target_close(member->target);
	free(member->command);
	free(member);
}

void member_renew(struct member *member)
{
	member->since_ns = member->check_ns = member->try_ns = monotonic_ns();
	member->retry_ns = RETRY_FIRST_NS;
}

void member_ended(struct member *member)
{
	forget(member);
	member->forked = false;
	member_renew(member);
	error_clear(&member->obstacle);
	/* A command has been a Python; what it becomes at its end is its own affair. */
	member->said |= member->launched;
}

/* A pid may be used again, but for that of a child which has not been waited for. */
bool member_has_exited(const struct member *member)
{
	siginfo_t info = { 0 };

	/* a stop for the sampling thread, its tracer, is told here, too, whatever is asked for */
	if (member->launched)
		return waitid(P_PID, (id_t)member->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
			info.si_pid == member->pid && info.si_code != CLD_TRAPPED &&
			info.si_code != CLD_STOPPED;
	return member->target && !target_alive(member->target);
}

static int open_target(struct member *member, struct error *err)
{
	struct target *target = NULL;

	if (target_open(&target, member->pid, err) != 0)
		return -1;
	/* While the one that was opened first lives, nobody else has its pid. */
	if (!member->launched && member_has_exited(member)) {
		target_close(target);
		return error_set(err, ERROR_GONE, "process %d has exited", (int)member->pid);
	}
	target_close(member->target);
	member->target = target;
	return 0;
}

/*
 * Is it sampled though it is no Python? What has just started may be one in a moment, when its libraries
 * are loaded.
 */
static bool is_other(const struct member *member, const struct recording *recording)
{
	return recording->options->all_programs &&
		(member->named || monotonic_ns() - member->since_ns >= OTHER_AGE_NS);
}

static bool is_same(const struct program *left, const struct program *right)
{
	return left->inode && left->inode == right->inode && left->device == right->device;
}

static int attach(struct member *member, const struct recording *recording, const struct member *parent,
	int64_t wait_ns, struct error *err)
{
	const struct python_options options = {
		.functions = recording->functions,
		.abi = recording->options->abi,
		.wait_ns = wait_ns,
		.cancelled = member->launched ? NULL : signals_flag(),
	};

	if (member->forked && parent && parent->python && is_same(&member->program, &parent->program)) {
		struct error ignored = { 0 };

		/*
		 * what it runs until its execve is its parent's, which waits for it: the parent's samples
		 * say it
		 */
		if (shares_memory(parent->pid, member->pid))
			return error_set(err, ERROR_RACED, "process %d has not left its parent's memory yet",
				(int)member->pid);
		if (python_attach_forked(&member->python, member->target, parent->python, &ignored) == 0)
			return 0;
	}
	if (python_attach(&member->python, member->target, &options, err) == 0)
		return 0;
	if (err->kind != ERROR_UNSUPPORTED || !is_other(member, recording))
		return -1;
	python_attach_none(&member->python, member->target, recording->functions);
	return 0;
}

static int begin(struct member *member, struct recording *recording, struct error *err)
{
	const struct native_options native = { .show_all = recording->options->native == NATIVE_ALL };
	struct python *python = member->python;

	if (recording->options->native && native_new(&member->native, python, &native, err) != 0)
		return -1;
	if (python_warning(python) && !recording->warned)
		recording_say(recording, "%s", python_warning(python));
	recording->warned |= python_warning(python) != NULL;
	recording->has_python = true;
	roots_learn(&recording->roots, member->target);
	recording_begin_time(recording);
	if (events_begin(recording, err) != 0 || events_process(recording, python, err) != 0) {
		recording->stream = *err;
		return -1;
	}
	recording->processes.sampled += !member->was_sampled;
	member->was_sampled = true;
	member->sampled = member->program;
	member->told = (struct told){ .pid = member->pid };
	member->watch = sampler_add(recording->sampler, python, member->native, member);
	return 0;
}

static int64_t within(int64_t least, int64_t value, int64_t most)
{
	return value < least ? least : value > most ? most : value;
}

/*
 * Has this program been a Python in this process, before it executed it once more, or in its parent? Then
 * it is about to be one again.
 */
static bool was_python(const struct member *member, const struct member *parent)
{
	return is_same(&member->program, &member->sampled) ||
		(parent && is_same(&member->program, &parent->sampled));
}

/*
 * When it is tried again, by what it is. What starts is found when a quarter more of its time has passed at
 * most: on a busy machine an interpreter takes a tenth of a second to start, and may have ended after two.
 * What is no Python may be one that has not loaded its library yet: the younger it is the sooner it is looked
 * at.
 */
static void plan(struct member *member, const struct member *parent, const struct recording *recording,
	enum error_kind kind)
{
	const int64_t now_ns = monotonic_ns(), age_ns = now_ns - member->since_ns;
	const bool may_be_other = recording->options->all_programs && age_ns < 2 * OTHER_AGE_NS;

	if (kind != ERROR_UNSUPPORTED || member->launched || member->named || may_be_other ||
		was_python(member, parent)) {
		member->try_ns = now_ns + within(RETRY_FIRST_NS, age_ns / 4, RETRY_LAST_NS);
	} else if (age_ns < YOUNG_NS) {
		member->try_ns = now_ns + within(RETRY_FIRST_NS, age_ns, RETRY_LAST_NS);
	} else {
		member->retry_ns = within(RETRY_OTHER_NS, member->retry_ns * 2, RETRY_OTHER_LAST_NS);
		member->try_ns = now_ns + member->retry_ns;
	}
}

static void learn_command(struct member *member)
{
	struct buffer command = { 0 };

	free(member->command);
	member->command = NULL;
	if (!member->target)
		return;
	target_command_line(member->target, &command, COMMAND_COLUMNS);
	member->command = command.data;
}

int member_try(struct member *member, struct recording *recording, const struct member *parent,
	int64_t wait_ns, struct error *err)
{
	const int64_t left_ns = recording->until_ns ? recording->until_ns - monotonic_ns() : INT64_MAX;

	if (wait_ns > left_ns)
		wait_ns = left_ns > 0 ? left_ns : 0;
	error_clear(err);
	member->was_tried = true;
	member->program = program_of(member->pid);
	if (open_target(member, err) == 0 && attach(member, recording, parent, wait_ns, err) == 0 &&
		begin(member, recording, err) == 0)
		return 0;
	forget(member);
	if (err->kind == ERROR_UNSUPPORTED)
		learn_command(member);
	/*
	 * there may be hundreds, and each takes some descriptors; one that has just ended has its exit
	 * status still to tell
	 */
	if (!member->named && !member->launched && !(member->was_sampled && err->kind == ERROR_GONE)) {
		target_close(member->target);
		member->target = NULL;
	}
	plan(member, parent, recording, err->kind);
	/* An exec or the exit in the middle of a try says nothing about the program. */
	if (err->kind != ERROR_GONE && err->kind != ERROR_RACED)
		member->obstacle = *err;
	return -1;
}

bool member_is_due(struct member *member, int64_t now_ns, size_t crowd)
{
	const int64_t last_ns = CHECK_LAST_NS + (int64_t)crowd * CROWD_NS;
	int64_t distance_ns = (now_ns - member->since_ns) / 8;
	struct program program;

	if (now_ns >= member->try_ns)
		return true;
	if (now_ns < member->check_ns)
		return false;
	distance_ns = distance_ns > last_ns ? last_ns : distance_ns;
	member->check_ns = now_ns + (distance_ns > CHECK_FIRST_NS ? distance_ns : CHECK_FIRST_NS);
	program = program_of(member->pid);
	if (program.inode == member->program.inode && program.device == member->program.device)
		return false;
	if (!program.inode)
		return false; /* it is gone, or may not be looked at any more */
	member->forked = false;
	member_renew(member);
	return true;
}
