/* SPDX-License-Identifier: MIT */
/*
 * Finding new processes soon and cheaply.
 *
 * The last number in /proc/loadavg is the process id that was given away last in our pid namespace (proc(5)).
 * While it stays the same, nothing has been forked. When it has grown, only the numbers in between can be new
 * processes: each one's parent is in its stat file. So the cost grows with the processes and threads that are
 * started in the system, and not with those that are watched. What that way cannot find (the numbers have
 * gone round, too many at once, a file system that is no real /proc) a walk over /proc/PID/task/TID/children
 * of all members finds some tenths of a second later; that needs CONFIG_PROC_CHILDREN. Where no number was
 * skipped since the last walk there should be nothing for it to find, and it comes every two seconds only.
 *
 * A process whose parent has ended has another parent (init, or a subreaper), and nothing says who started
 * it. It is found when its session was founded by a member (a daemon that forks twice, and was seen between
 * the two): a session is inherited, and nobody joins one from outside. A child that was started, has started
 * another one and has ended between two looks, without a session of its own, has taken the trace of its
 * descendants with it.
 *
 * What comes into a control group from elsewhere is found by the same walk, which reads the group's lists,
 * too.
 *
 * A number is used again; start times tell. They are in clock ticks of 10 ms, in which no number comes round.
 * So before a parent or the founder of a session makes a descendant of a process, it is looked at whether its
 * number is still its own. (A founder that is gone, whose number somebody else has had for a moment in which
 * we did not look, and founded a session under it: that one we take for the member's.) Under the number of a
 * member that is gone a new one is found when the old one has been removed.
 */
#include "config.h"

#include "pyrope/session.h"
#include "pyrope/target.h"

#include "session/cgroup.h"
#include "session/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPAN_LIMIT 4096 /* more numbers at once are left to the walk */
/* numbers that are given away, but of which there is no process to be seen yet */
#define RETRIES 256
/*
 * each after twice as many looks as the one before: some 0.3 s in all, as who forks may have to wait for a
 * CPU
 */
#define RETRY_LOOKS 8
#define WALK_NS 250000000       /* at least so long from one walk to the next */
#define WALK_SURE_NS 2000000000 /* the same, when it is not expected to find anything */
#define WALK_SHARE 200          /* a walk may take this part of a CPU's time */
#define CHILDREN_BYTES 65536    /* of one file: some 10,000 numbers */
#define FORGET_COUNT 4096       /* members that are gone, before they are forgotten */
#define OF_OTHERS 0             /* the number of a member that is gone, and somebody else's since */

struct process {
	char state;
	pid_t parent, session;
	uint64_t start_time;
};

struct retry {
	pid_t pid;
	int looks;   /* that are left */
	int pending; /* looks at others until the next one at this */
};

struct tree {
	int proc_fd; /* -1: it cannot be opened, and no process is seen */
	size_t limit;
	struct u64_map starts; /* by pid: twice the start time, plus 1: it lives; or OF_OTHERS */
	pid_t *list;           /* members that live */
	size_t count, capacity;
	size_t gone; /* entries of the map that are not in the list */
	struct descendant *found;
	size_t found_count, found_capacity;
	struct retry retries[RETRIES];
	size_t retry_count;
	pid_t last;     /* the number that was given away last, when we looked; 0: not known */
	int loadavg_fd; /* -1: there is none */
	int64_t walked_ns, walk_cost_ns;
	bool is_doubtful; /* a walk may find what was not found by number */
	/* one did that should have found nothing: loadavg may be another system's (lxcfs) */
	bool is_unreliable;
	char **cgroups; /* folders */
	size_t cgroup_count, cgroup_capacity;
	struct u64_map left_pids; /* start times of those that were left out, by pid */
	uint64_t left_out;
	char *children;
};

/* ---- /proc ---- */

/* Of /proc/PID/stat, as proc(5) numbers them. */
enum { FIELD_STATE = 3, FIELD_PARENT = 4, FIELD_SESSION = 6, FIELD_START = 22 };

static bool read_process(const struct tree *tree, pid_t pid, struct process *process)
{
	char path[32], line[1024];
	const char *fields;
	unsigned long long numbers[FIELD_START + 1] = { 0 };

	snprintf(path, sizeof(path), "%d/stat", (int)pid);
	if (proc_read(tree->proc_fd, path, line, sizeof(line)) < 0)
		return false;
	fields = stat_fields(line);
	if (!fields || !*fields)
		return false;
	process->state = *fields++;
	for (size_t i = FIELD_STATE + 1; i <= FIELD_START; i++) {
		char *end;

		numbers[i] = strtoull(fields, &end, 10);
		if (end == fields)
			return false;
		fields = end;
	}
	process->parent = (pid_t)numbers[FIELD_PARENT];
	process->session = (pid_t)numbers[FIELD_SESSION];
	/* 0: the first one of a system */
	process->start_time = numbers[FIELD_START] ? numbers[FIELD_START] : 1;
	return true;
}

/* A thread has a number and a stat file, too. */
static bool is_process(const struct tree *tree, pid_t pid)
{
	char path[32], text[512];
	const char *group;

	snprintf(path, sizeof(path), "%d/status", (int)pid);
	if (proc_read(tree->proc_fd, path, text, sizeof(text)) < 0)
		return false;
	group = status_field(text, "Tgid");
	return group && strtol(group, NULL, 10) == pid;
}

static pid_t last_number(const struct tree *tree)
{
	char text[128];
	const char *at;
	ssize_t length = pread(tree->loadavg_fd, text, sizeof(text) - 1, 0);

	text[length > 0 ? length : 0] = '\0';
	at = strrchr(text, ' ');
	return at ? (pid_t)strtol(at, NULL, 10) : 0;
}

/* ---- members ---- */

static uint64_t entry_of(const struct tree *tree, pid_t pid)
{
	const uint64_t *entry = u64_map_get(&tree->starts, (uint64_t)pid);

	return entry ? *entry : OF_OTHERS;
}

/* Of a member that lives, as far as we know; 0: it is none. */
static uint64_t start_of(const struct tree *tree, pid_t pid)
{
	const uint64_t entry = entry_of(tree, pid);

	return entry & 1 ? entry / 2 : 0;
}

/* Was this number a member's, and is it nobody else's now? */
static bool is_members_own(const struct tree *tree, pid_t pid)
{
	const uint64_t entry = entry_of(tree, pid);
	struct process process;

	return entry != OF_OTHERS && (!read_process(tree, pid, &process) || process.start_time == entry / 2);
}

struct tree *tree_new_at(const char *proc, size_t limit)
{
	struct tree *tree = xcalloc(1, sizeof(*tree));

	tree->limit = limit;
	tree->proc_fd = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tree->loadavg_fd = openat(tree->proc_fd, "loadavg", O_RDONLY | O_CLOEXEC);
	tree->children = xmalloc(CHILDREN_BYTES);
	return tree;
}

struct tree *tree_new(size_t limit)
{
	return tree_new_at("/proc", limit);
}

void tree_free(struct tree *tree)
{
	if (!tree)
		return;
	if (tree->loadavg_fd >= 0)
		close(tree->loadavg_fd);
	if (tree->proc_fd >= 0)
		close(tree->proc_fd);
	for (size_t i = 0; i < tree->cgroup_count; i++)
		free(tree->cgroups[i]);
	u64_map_release(&tree->starts);
	u64_map_release(&tree->left_pids);
	free(tree->cgroups);
	free(tree->list);
	free(tree->found);
	free(tree->children);
	free(tree);
}

static void insert(struct tree *tree, pid_t pid, uint64_t start_time)
{
	if (u64_map_get(&tree->starts, (uint64_t)pid))
		tree->gone--;
	u64_map_put(&tree->starts, (uint64_t)pid, start_time * 2 + 1);
	array_reserve(&tree->list, &tree->capacity, tree->count + 1, sizeof(*tree->list));
	tree->list[tree->count++] = pid;
	tree->is_doubtful = true; /* its children may have been looked at before it */
}

bool tree_add(struct tree *tree, pid_t pid)
{
	struct process process;

	if (start_of(tree, pid))
		return true;
	if (tree->count >= tree->limit || !read_process(tree, pid, &process))
		return false;
	insert(tree, pid, process.start_time);
	return true;
}

int tree_add_cgroup(struct tree *tree, const char *path, struct error *err)
{
	char *folder = cgroup_find(path, err);

	if (!folder)
		return -1;
	array_reserve(&tree->cgroups, &tree->cgroup_capacity, tree->cgroup_count + 1, sizeof(char *));
	tree->cgroups[tree->cgroup_count++] = folder;
	return 0;
}

bool tree_awaits(const struct tree *tree)
{
	for (size_t i = 0; i < tree->cgroup_count; i++)
		if (cgroup_exists(tree->cgroups[i]))
			return true;
	return false;
}

/* Memory stays flat however many processes come and go. */
static void forget(struct tree *tree)
{
	struct u64_map kept = { 0 };

	for (size_t i = 0; i < tree->count; i++)
		u64_map_put(&kept, (uint64_t)tree->list[i], entry_of(tree, tree->list[i]));
	u64_map_release(&tree->starts);
	tree->starts = kept;
	tree->gone = 0;
}

void tree_remove(struct tree *tree, pid_t pid)
{
	const uint64_t start = start_of(tree, pid);

	if (!start)
		return;
	for (size_t i = 0; i < tree->count; i++) {
		if (tree->list[i] != pid)
			continue;
		tree->list[i] = tree->list[--tree->count];
		break;
	}
	u64_map_put(&tree->starts, (uint64_t)pid, start * 2);
	tree->is_doubtful = true; /* there is room, and its number may be used again */
	if (++tree->gone > FORGET_COUNT)
		forget(tree);
}

bool tree_lives(const struct tree *tree, pid_t pid)
{
	const uint64_t start = start_of(tree, pid);
	struct process process;

	return start && read_process(tree, pid, &process) && process.state != 'Z' && process.state != 'X' &&
		process.start_time == start;
}

uint64_t tree_left_out(const struct tree *tree)
{
	return tree->left_out;
}

/* A walk finds it again and again. */
static void leave_out(struct tree *tree, pid_t pid, uint64_t start_time)
{
	const uint64_t *start = u64_map_get(&tree->left_pids, (uint64_t)pid);

	if (start && *start == start_time)
		return;
	if (tree->left_pids.count > FORGET_COUNT)
		u64_map_clear(&tree->left_pids);
	u64_map_put(&tree->left_pids, (uint64_t)pid, start_time);
	tree->left_out++;
}

static void find(struct tree *tree, pid_t pid, const struct process *process)
{
	if (tree->count >= tree->limit) {
		leave_out(tree, pid, process->start_time);
		return;
	}
	insert(tree, pid, process->start_time);
	array_reserve(&tree->found, &tree->found_capacity, tree->found_count + 1, sizeof(*tree->found));
	tree->found[tree->found_count++] = (struct descendant){ pid, process->parent, process->start_time };
}

/* ---- numbers that have been given away ---- */

static void retry_later(struct tree *tree, pid_t pid, int looks)
{
	tree->is_doubtful |= looks > 0 && tree->retry_count == RETRIES;
	if (looks > 0 && tree->retry_count < RETRIES)
		tree->retries[tree->retry_count++] =
			(struct retry){ pid, looks, (1 << (RETRY_LOOKS - looks)) - 1 };
}

/* A session is named by the number of the process that founded it, which nobody else gets meanwhile. */
static bool is_descendant(const struct tree *tree, pid_t pid, const struct process *process)
{
	if (start_of(tree, process->parent) && is_members_own(tree, process->parent))
		return true;
	return process->session > 0 && process->session != pid && is_members_own(tree, process->session);
}

/*
 * The number is taken before there is anything to be seen of the process. looks: how often it may be looked
 * at again.
 */
static void examine(struct tree *tree, pid_t pid, int looks)
{
	const uint64_t start = start_of(tree, pid);
	struct process process;

	if (!read_process(tree, pid, &process) || (start && start != process.start_time))
		retry_later(tree, pid, looks);
	else if (!start && process.parent != getpid() && is_descendant(tree, pid, &process) &&
		is_process(tree, pid))
		find(tree, pid, &process);
	else if (!start && entry_of(tree, pid) != OF_OTHERS && entry_of(tree, pid) / 2 != process.start_time)
		u64_map_put(&tree->starts, (uint64_t)pid, OF_OTHERS);
}

static void examine_again(struct tree *tree)
{
	struct retry retries[RETRIES];
	const size_t count = tree->retry_count;

	memcpy(retries, tree->retries, count * sizeof(*retries));
	tree->retry_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (retries[i].pending-- > 0)
			tree->retries[tree->retry_count++] = retries[i];
		else
			examine(tree, retries[i].pid, retries[i].looks - 1);
	}
}

/* ---- the walk ---- */

static void examine_children(struct tree *tree, pid_t pid, const char *thread)
{
	char path[64], *at = tree->children, *end;
	ssize_t length, room = CHILDREN_BYTES - 1;
	int fd;

	snprintf(path, sizeof(path), "%d/task/%.16s/children", (int)pid, thread);
	fd = openat(tree->proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	for (ssize_t got = 1; got > 0 && room > 0; room -= got) {
		got = read(fd, tree->children + (CHILDREN_BYTES - 1 - room), (size_t)room);
		if (got < 0)
			break;
	}
	close(fd);
	length = CHILDREN_BYTES - 1 - room;
	tree->children[length] = '\0';
	for (long child = strtol(at, &end, 10); end != at; at = end, child = strtol(at, &end, 10))
		if (child > 0 && !start_of(tree, (pid_t)child))
			examine(tree, (pid_t)child, 0);
}

static void examine_in_cgroup(void *context, pid_t pid)
{
	struct tree *tree = context;
	struct process process;

	if (start_of(tree, pid) || pid == getpid() || !read_process(tree, pid, &process) ||
		process.state == 'Z' || process.parent == getpid())
		return;
	find(tree, pid, &process);
}

static DIR *open_tasks(const struct tree *tree, pid_t pid)
{
	char path[32];
	DIR *tasks;
	int fd;

	snprintf(path, sizeof(path), "%d/task", (int)pid);
	fd = openat(tree->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tasks = fd < 0 ? NULL : fdopendir(fd);
	if (fd >= 0 && !tasks)
		close(fd);
	return tasks;
}

/* Those that are found on the way are walked over, too: they are at the end of the list. */
static void walk(struct tree *tree)
{
	for (size_t i = 0; i < tree->cgroup_count; i++)
		cgroup_walk(tree->cgroups[i], examine_in_cgroup, tree);
	for (size_t i = 0; i < tree->count; i++) {
		const pid_t pid = tree->list[i];
		const struct dirent *entry;
		DIR *tasks = open_tasks(tree, pid);

		if (!tasks)
			continue;
		while ((entry = readdir(tasks)))
			if (entry->d_name[0] != '.')
				examine_children(tree, pid, entry->d_name);
		closedir(tasks);
	}
}

/* Those that come into a group from elsewhere, and those that there was no room for, have no new numbers. */
static int64_t walk_distance_ns(const struct tree *tree)
{
	return tree->is_doubtful || tree->is_unreliable || tree->cgroup_count || tree->left_pids.count
		? WALK_NS
		: WALK_SURE_NS;
}

static void walk_if_due(struct tree *tree, bool at_once)
{
	const int64_t now_ns = monotonic_ns(), cost_ns = tree->walk_cost_ns * WALK_SHARE;
	const size_t found_count = tree->found_count;
	int64_t began_ns;
	bool is_sure;

	tree->is_doubtful |= at_once;
	if (tree->walked_ns &&
		now_ns - tree->walked_ns <
			(at_once ? 0 : walk_distance_ns(tree)) + (cost_ns > 0 ? cost_ns : 0))
		return;
	is_sure = walk_distance_ns(tree) == WALK_SURE_NS && tree->walked_ns;
	tree->is_doubtful = false;
	/*
	 * not what it waits for a CPU meanwhile: the busier the machine was, the longer a child would not
	 * be found
	 */
	began_ns = thread_cpu_ns();
	walk(tree);
	tree->is_unreliable |= is_sure && tree->found_count > found_count;
	tree->walked_ns = monotonic_ns();
	tree->walk_cost_ns = thread_cpu_ns() - began_ns;
}

size_t tree_look(struct tree *tree, const struct descendant **found)
{
	const pid_t last = last_number(tree);
	bool is_lost = false;

	tree->found_count = 0;
	examine_again(tree);
	if (last > 0 && tree->last > 0 && last > tree->last && last - tree->last <= SPAN_LIMIT) {
		for (pid_t pid = tree->last + 1; pid <= last; pid++)
			examine(tree, pid, RETRY_LOOKS);
	} else {
		is_lost = last != tree->last || last <= 0;
	}
	tree->last = last;
	walk_if_due(tree, is_lost);
	*found = tree->found;
	return tree->found_count;
}
