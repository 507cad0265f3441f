/* SPDX-License-Identifier: MIT */
/*
 * Which processes belong to a run: those that were named or are in a control group, and all that descend from
 * them, now and later. By /proc and cgroup.procs alone: nothing is traced, and no process is touched.
 */
#ifndef PYROPE_SESSION_H
#define PYROPE_SESSION_H

#include <sys/types.h>

#include "pyrope/base.h"

struct tree;

/* A process that has been found to be one of them. */
struct descendant {
	pid_t pid, parent;
	uint64_t start_time; /* clock ticks since boot: with the pid it names the process */
};

/* limit: no more processes than that at a time. */
struct tree *tree_new(size_t limit);
void tree_free(struct tree *tree); /* accepts NULL */
/* This process is one of them, whoever its parent is. False: it is gone, or there are too many. */
bool tree_add(struct tree *tree, pid_t pid);
/*
 * What is in this control group and in those below it, now and later, belongs to the run, whoever has started
 * it. path: a folder in which there is cgroup.procs, or below /sys/fs/cgroup as systemd and /proc/PID/cgroup
 * say it ("/system.slice/x.service"). -1: it is none (ERROR_SYSTEM).
 */
int tree_add_cgroup(struct tree *tree, const char *path, struct error *err);
/* May processes come into a control group that is still there? */
bool tree_awaits(const struct tree *tree);
/* It is gone, or so has to be thought. What it has left behind in a session of its own is still found. */
void tree_remove(struct tree *tree, pid_t pid);
/* Is this member still the process that was found under its number? */
bool tree_lives(const struct tree *tree, pid_t pid);
/*
 * Looks for processes that are new since the last call, and adds them. *found are those, a parent before its
 * children, lent until the next call. The count. Cheap enough to be called every few ms: while no process of
 * the system has been started since the last call, it is one read of /proc/loadavg.
 */
size_t tree_look(struct tree *tree, const struct descendant **found);
/* How many were found when there were `limit` already, and left out; each is counted once. */
uint64_t tree_left_out(const struct tree *tree);

/* Which file a process runs; all 0 when that cannot be seen. */
struct program {
	dev_t device;
	uint64_t inode;
};
struct program program_of(pid_t pid);
/*
 * Do the two have one address space? So have a parent and its child between vfork and execve. False: no, or
 * it is not known.
 */
bool shares_memory(pid_t left, pid_t right);

#endif
