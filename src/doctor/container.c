/* SPDX-License-Identifier: MIT */
/*
 * In which namespaces and control group a process is, and what has put it there. Of pyrope itself where
 * none was named.
 *
 * Facts: namespaces(7); the first namespaces of a machine have fixed numbers (PROC_PID_INIT_INO and its
 * kin in include/linux/proc_ns.h). What container engines leave in the root: /.dockerenv,
 * /run/.containerenv (podman); they and Kubernetes name control groups after themselves.
 */
#include "config.h"

#include "doctor/internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CGROUP_BYTES 4096
#define PATH_COLUMNS 100

enum space { SPACE_PID, SPACE_MOUNT, SPACE_USER, SPACE_COUNT };

static const struct {
	const char *file, *name;
	uint64_t first; /* the number of the machine's own; 0: it has none that is fixed */
} spaces[SPACE_COUNT] = {
	[SPACE_PID] = { "pid", "pid", 0xEFFFFFFC },
	[SPACE_MOUNT] = { "mnt", "mount", 0 },
	[SPACE_USER] = { "user", "user", 0xEFFFFFFD },
};

/* 0: not to be seen. */
static uint64_t space_number(const char *folder, enum space space)
{
	char path[96], link[64] = "";
	const char *number;

	snprintf(path, sizeof(path), "%s/ns/%s", folder, spaces[space].file);
	if (readlink(path, link, sizeof(link) - 1) <= 0)
		return 0;
	number = strchr(link, '[');
	return number ? strtoull(number + 1, NULL, 10) : 0;
}

/* ---- namespaces ---- */

static void diagnose_own_spaces(struct diagnosis *diagnosis)
{
	const uint64_t pid = space_number("/proc/self", SPACE_PID),
		       user = space_number("/proc/self", SPACE_USER);
	struct buffer text = { 0 };

	if (!pid)
		return;
	buffer_append_string(&text,
		pid == spaces[SPACE_PID].first
			? "the machine's own pid namespace"
			: "a pid namespace of its own: what is outside of it cannot be seen");
	if (user)
		buffer_append_string(&text,
			user == spaces[SPACE_USER].first ? ", the machine's own user namespace"
							 : ", another user namespace: root counts for "
							   "nothing outside of it");
	remark_add(diagnosis, SECTION_CONTAINER, "namespaces", GRADE_OK, text.data, NULL);
}

static void append_inner_pid(struct buffer *text, const char *folder)
{
	char path[96], status[4096];
	const char *field;
	pid_t last = 0;
	int count = 0;

	snprintf(path, sizeof(path), "%s/status", folder);
	if (proc_read(AT_FDCWD, path, status, sizeof(status)) < 0)
		return;
	for (field = status_field(status, "NSpid"); field && *field >= '0' && *field <= '9'; count++) {
		char *end;

		last = (pid_t)strtol(field, &end, 10);
		field = end + strspn(end, " \t");
	}
	if (count > 1)
		buffer_printf(text, " (it is %d in its own)", (int)last);
}

static void diagnose_spaces(struct diagnosis *diagnosis, const char *folder)
{
	struct buffer same = { 0 }, other = { 0 }, text = { 0 };
	size_t unknown = 0;

	for (int i = 0; i < SPACE_COUNT; i++) {
		const uint64_t theirs = space_number(folder, (enum space)i);
		const uint64_t ours = space_number("/proc/self", (enum space)i);
		struct buffer *list = theirs == ours ? &same : &other;

		if (!theirs || !ours) {
			unknown++;
			continue;
		}
		buffer_printf(list, "%s%s", list->length ? ", " : "", spaces[i].name);
	}
	if (unknown == SPACE_COUNT)
		buffer_append_string(&text, "its namespaces cannot be seen by this user");
	else if (!other.length)
		buffer_append_string(&text, "the same as pyrope's");
	else
		buffer_printf(&text, "others than pyrope's: %s; the same: %s", other.data,
			same.length ? same.data : "none");
	append_inner_pid(&text, folder);
	buffer_release(&same);
	buffer_release(&other);
	remark_add(diagnosis, SECTION_CONTAINER, "namespaces", GRADE_OK, text.data, NULL);
}

/* ---- control groups ---- */

static const char *engine_of(const char *cgroups, const char *folder)
{
	static const struct {
		const char *word, *engine;
	} words[] = {
		{ "kubepods", "Kubernetes" },
		{ "docker", "Docker" },
		{ "libpod", "podman" },
		{ "lxc", "LXC" },
		{ "machine.slice", "systemd-nspawn or a virtual machine" },
		{ "containerd", "containerd" },
		{ "crio", "CRI-O" },
	};
	char path[96];

	for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
		if (strstr(cgroups, words[i].word))
			return words[i].engine;
	if (space_number(folder, SPACE_PID) ==
		spaces[SPACE_PID].first) /* a machine that was made of an image */
		return NULL;
	snprintf(path, sizeof(path), "%s/root/.dockerenv", folder);
	if (access(path, F_OK) == 0)
		return "Docker";
	snprintf(path, sizeof(path), "%s/root/run/.containerenv", folder);
	return access(path, F_OK) == 0 ? "podman" : NULL;
}

/* Of version 2 the one group; of version 1 the longest of them. "N:controllers:PATH" (cgroups(7)). */
static void append_group(struct buffer *text, const char *cgroups)
{
	struct buffer clean = { 0 };
	const char *best = "/";
	size_t best_length = 1;

	for (const char *line = cgroups; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		const char *path = strchr(line, ':');
		size_t length;

		path = path ? strchr(path + 1, ':') : NULL;
		length = path ? strcspn(path + 1, "\n") : 0;
		if (length > best_length) {
			best = path + 1;
			best_length = length;
		}
	}
	utf8_clean(&clean, best, best_length);
	buffer_append_fit(text, clean.length ? clean.data : "/", PATH_COLUMNS, FIT_KEEP_END);
	buffer_release(&clean);
}

/* A group of version 2 that is frozen; its path is the kernel's, and has been bounded. */
static bool is_frozen(const char *cgroups)
{
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	const char *line = strncmp(cgroups, "0::", 3) == 0 ? cgroups : strstr(cgroups, "\n0::");
	char events[256] = "";
	const char *field;

	if (!line)
		return false;
	line += strspn(line, "\n") + 3;
	for (size_t i = 0; i < ARRAY_LENGTH(mounts); i++) {
		char *path = xasprintf("%s%.*s/cgroup.events", mounts[i], (int)strcspn(line, "\n"), line);
		ssize_t length = proc_read(AT_FDCWD, path, events, sizeof(events));

		free(path);
		if (length > 0 && (field = strstr(events, "frozen ")))
			return field[strlen("frozen ")] == '1';
	}
	return false;
}

static void diagnose_group(struct diagnosis *diagnosis, const char *folder)
{
	char path[96], cgroups[CGROUP_BYTES] = "";
	struct buffer text = { 0 };
	const char *engine;

	snprintf(path, sizeof(path), "%s/cgroup", folder);
	if (proc_read(AT_FDCWD, path, cgroups, sizeof(cgroups)) <= 0)
		return;
	engine = engine_of(cgroups, folder);
	append_group(&text, cgroups);
	if (engine)
		buffer_printf(&text, ", by its looks of %s", engine);
	if (is_frozen(cgroups)) {
		buffer_append_string(&text, "; it is frozen");
		remark_add(diagnosis, SECTION_CONTAINER, "cgroup", GRADE_WARN, text.data,
			xstrdup("its processes stand still: thaw it (cgroup.freeze)"));
		return;
	}
	remark_add(diagnosis, SECTION_CONTAINER, "cgroup", GRADE_OK, text.data, NULL);
}

void diagnose_container(struct diagnosis *diagnosis, pid_t pid)
{
	char folder[32] = "/proc/self";

	if (pid)
		snprintf(folder, sizeof(folder), "/proc/%d", (int)pid);
	if (access(folder, F_OK) != 0)
		return;
	if (pid)
		diagnose_spaces(diagnosis, folder);
	else
		diagnose_own_spaces(diagnosis);
	diagnose_group(diagnosis, folder);
}
