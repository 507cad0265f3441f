/* SPDX-License-Identifier: MIT */
/* Why a process may not be read: what is known about it and about us, and what follows from that. */
#ifndef PYROPE_TARGET_PERMISSION_H
#define PYROPE_TARGET_PERMISSION_H

#include "pyrope/target.h"

#define PERMISSION_UNKNOWN (-1)

struct permission_facts {
	pid_t pid;
	int errno_value;    /* what the refused call said */
	int64_t our_uid;    /* effective */
	int64_t target_uid; /* real; PERMISSION_UNKNOWN: not to be seen */
	bool same_ids;      /* all its user and group ids are ours */
	/* who owns /proc/PID/status: root when the process is not dumpable (proc(5)) */
	int64_t proc_owner;
	bool has_capability; /* CAP_SYS_PTRACE, in our own user namespace */
	/* CAP_DAC_READ_SEARCH or CAP_DAC_OVERRIDE: files of others may be opened */
	bool may_search;
	uint64_t more_capabilities; /* those that the process has and we have not, a bit for each */
	bool is_descendant;         /* of us */
	/*
	 * 1: the process is in another user namespace, which is none below ours, 0: in ours, or
	 * PERMISSION_UNKNOWN
	 */
	int other_namespace;
	int yama_scope; /* kernel.yama.ptrace_scope, PERMISSION_UNKNOWN: no Yama */
	pid_t tracer;   /* 0: nobody */
	char tracer_name[64];
	/* the security modules of the kernel, "lockdown,capability,yama"; "": cannot be seen */
	char modules[128];
	/* by which one of them knows the process, "docker-default (enforce)"; "": by none */
	char label[128];
	int our_seccomp; /* 0: none, 1: strict, 2: a filter (a container has one), or PERMISSION_UNKNOWN */
};

void permission_gather(pid_t pid, int errno_value, struct permission_facts *facts);
/* Sets err to the cause that these facts point to. Returns -1. */
int permission_describe(const struct permission_facts *facts, struct error *err);

#endif
