/* SPDX-License-Identifier: MIT */
/*
 * Why a process cannot be read. The kernel says EPERM for everything, so the cause is found by asking again
 * what it asked (ptrace(2), "Ptrace access mode checking"; __ptrace_may_access in kernel/ptrace.c), in its
 * own order: ids, whether the process may be dumped, then the security modules, Yama first. What hinders a
 * ptrace call only comes last.
 */
#include "config.h"

#include "target/permission.h"

#include "target/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* linux/capability.h */
#define CAPABILITY_DAC_OVERRIDE 1
#define CAPABILITY_DAC_READ_SEARCH 2
#define CAPABILITY_SYS_PTRACE 19
#define ANCESTOR_LIMIT 1000

/* ---- what is known ---- */

static int64_t field_number(const char *text, const char *name, int base)
{
	const char *field = status_field(text, name);

	return field ? (int64_t)strtoull(field, NULL, base) : PERMISSION_UNKNOWN;
}

/* Are all four ids of this line (real, effective, saved, file system) the same one? */
static bool all_ids_are(const char *text, const char *name, int64_t id)
{
	const char *field = status_field(text, name);

	for (int i = 0; i < 3; i++) { /* the fourth is not asked for */
		char *end;

		if (!field || *field < '0' || *field > '9' || (int64_t)strtoul(field, &end, 10) != id)
			return false;
		field = end + strspn(end, " \t");
	}
	return true;
}

static bool read_status(pid_t pid, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	return proc_read(AT_FDCWD, path, text, size) >= 0;
}

static bool descends_from_us(pid_t pid)
{
	char text[4096];

	for (int i = 0; i < ANCESTOR_LIMIT && pid > 1; i++) {
		if (!read_status(pid, text, sizeof(text)))
			return false;
		pid = (pid_t)field_number(text, "PPid", 10);
		if (pid == getpid())
			return true;
	}
	return false;
}

/*
 * The links in /proc/PID/ns are as forbidden as the memory is, the map of ids is not. It shows outer ids as
 * we know them, -1 where we do not: then the namespace lies beside or above ours (user_namespaces(7)).
 */
static int in_other_namespace(pid_t pid)
{
	char path[64], theirs[64], ours[64], map[64];
	ssize_t their_length, our_length = readlink("/proc/self/ns/user", ours, sizeof(ours));
	char *outer;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	their_length = readlink(path, theirs, sizeof(theirs));
	if (their_length >= 0 && our_length >= 0 && their_length == our_length &&
		memcmp(theirs, ours, (size_t)our_length) == 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
	if (proc_read(AT_FDCWD, path, map, sizeof(map)) <= 0)
		return PERMISSION_UNKNOWN;
	strtoull(map, &outer, 10); /* the inner one comes first */
	return strtoull(outer, NULL, 10) == UINT32_MAX ? 1 : PERMISSION_UNKNOWN;
}

/* One line of a file of the kernel, cleaned; "" when it cannot be read. */
static void read_line(const char *path, char *line, size_t size)
{
	char text[256];
	struct buffer clean = { 0 };

	line[0] = '\0';
	if (proc_read(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return;
	utf8_clean(&clean, text, strcspn(text, "\n"));
	if (clean.length)
		snprintf(line, size, "%s", clean.data);
	buffer_release(&clean);
}

static void read_security_modules(struct permission_facts *facts)
{
	char path[64];

	read_line("/sys/kernel/security/lsm", facts->modules, sizeof(facts->modules));
	snprintf(path, sizeof(path), "/proc/%d/attr/current", (int)facts->pid);
	read_line(path, facts->label, sizeof(facts->label));
}

static int read_yama_scope(void)
{
	char text[16];

	if (proc_read(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text)) <= 0)
		return PERMISSION_UNKNOWN;
	return (int)strtol(text, NULL, 10);
}

static void read_tracer_name(struct permission_facts *facts)
{
	char path[64], name[64];
	struct buffer clean = { 0 };

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)facts->tracer);
	if (proc_read(AT_FDCWD, path, name, sizeof(name)) < 0)
		return;
	utf8_clean(&clean, name, strcspn(name, "\n"));
	if (clean.length)
		snprintf(facts->tracer_name, sizeof(facts->tracer_name), "%s", clean.data);
	buffer_release(&clean);
}

void permission_gather(pid_t pid, int errno_value, struct permission_facts *facts)
{
	char text[4096], path[64];
	uint64_t capabilities = 0, their_capabilities = 0;
	struct stat status;

	*facts = (struct permission_facts){
		.pid = pid,
		.errno_value = errno_value,
		.our_uid = geteuid(),
		.target_uid = PERMISSION_UNKNOWN,
		.proc_owner = PERMISSION_UNKNOWN,
		.our_seccomp = PERMISSION_UNKNOWN,
		.other_namespace = in_other_namespace(pid),
		.yama_scope = read_yama_scope(),
		.is_descendant = descends_from_us(pid),
	};
	if (read_status(pid, text, sizeof(text))) {
		facts->target_uid = field_number(text, "Uid", 10);
		facts->same_ids = all_ids_are(text, "Uid", geteuid()) && all_ids_are(text, "Gid", getegid());
		their_capabilities = (uint64_t)field_number(text, "CapPrm", 16);
		facts->tracer = (pid_t)field_number(text, "TracerPid", 10);
		if (facts->tracer > 0)
			read_tracer_name(facts);
		else
			facts->tracer = 0;
	}
	read_security_modules(facts);
	/*
	 * the folder itself keeps the owner of the process, whatever it is (task_dump_owner in
	 * fs/proc/base.c)
	 */
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (stat(path, &status) == 0)
		facts->proc_owner = status.st_uid;
	if (read_status(getpid(), text, sizeof(text))) {
		capabilities = (uint64_t)field_number(text, "CapEff", 16);
		facts->has_capability = capabilities >> CAPABILITY_SYS_PTRACE & 1;
		facts->may_search = (capabilities >> CAPABILITY_DAC_READ_SEARCH & 1) ||
			(capabilities >> CAPABILITY_DAC_OVERRIDE & 1);
		facts->more_capabilities = their_capabilities & ~capabilities;
		facts->our_seccomp = (int)field_number(text, "Seccomp", 10);
	}
}

/* ---- what follows ---- */

#define CONTAINER_REMEDY "start the container with --cap-add=SYS_PTRACE"

static int describe_ids(const struct permission_facts *facts, struct error *err)
{
	if (facts->our_uid == 0)
		return error_set(err, ERROR_PERMISSION,
			"cannot read process %d: not permitted: it belongs to user %" PRId64
			" and root has not got the capability CAP_SYS_PTRACE here: in a "
			"container, " CONTAINER_REMEDY,
			(int)facts->pid, facts->target_uid);
	if (facts->target_uid == facts->our_uid)
		return error_set(err, ERROR_PERMISSION,
			"cannot read process %d: not permitted: it has changed its user or "
			"group (set-user-id): run pyrope as root",
			(int)facts->pid);
	return error_set(err, ERROR_PERMISSION,
		"cannot read process %d: not permitted: it belongs to user %" PRId64 ", you are %" PRId64
		": run pyrope as that user or as root",
		(int)facts->pid, facts->target_uid, facts->our_uid);
}

static int describe_yama(const struct permission_facts *facts, struct error *err)
{
	const char *who =
		facts->our_uid == 0 ? "in a container, " CONTAINER_REMEDY : "run pyrope as root (sudo)";

	if (facts->yama_scope >= 3)
		return error_set(err, ERROR_PERMISSION,
			"cannot read process %d: not permitted: kernel.yama.ptrace_scope is %d,"
			" which forbids it to everybody: set it to 1 or 0 in /etc/sysctl.d and boot again",
			(int)facts->pid, facts->yama_scope);
	if (facts->yama_scope == 2)
		return error_set(err, ERROR_PERMISSION,
			"cannot read process %d: not permitted: kernel.yama.ptrace_scope is 2, "
			"which allows it to root only: %s, or set it to 0 (sysctl "
			"kernel.yama.ptrace_scope=0)",
			(int)facts->pid, who);
	return error_set(err, ERROR_PERMISSION,
		"cannot read process %d: not permitted: kernel.yama.ptrace_scope is 1, which "
		"allows it for own children only: %s, start the program with pyrope -t, or set it to 0 "
		"(sysctl kernel.yama.ptrace_scope=0)",
		(int)facts->pid, who);
}

static bool has_module(const struct permission_facts *facts, const char *name)
{
	size_t length = strlen(name);

	for (const char *at = facts->modules; (at = strstr(at, name)); at += length)
		if ((at == facts->modules || at[-1] == ',') && (at[length] == ',' || !at[length]))
			return true;
	return false;
}

/* Those that can refuse what ids and capabilities allow; Yama's own rules have been asked before. */
static void append_security_modules(struct buffer *text, const struct permission_facts *facts)
{
	static const char *const judges[] = { "selinux", "apparmor", "smack", "tomoyo", "landlock", "bpf" };
	size_t found = 0;

	if (!facts->modules[0]) {
		buffer_append_string(text,
			"; which security modules the kernel has cannot be seen (mount securityfs at "
			"/sys/kernel/security)");
	} else {
		for (size_t i = 0; i < ARRAY_LENGTH(judges); i++)
			if (has_module(facts, judges[i]))
				buffer_printf(text, "%s%s",
					found++ ? ", " : "; active security modules: ", judges[i]);
		if (!found)
			buffer_append_string(text, "; no security module is active that could refuse it");
	}
	if (facts->label[0])
		buffer_printf(text, ", the process is labelled '%s'", facts->label);
	if (found)
		buffer_append_string(text, ": the kernel's log (dmesg) may say which rule it was");
}

/* Nothing explains it. What can be seen is said, and what cannot. */
static int describe_found(const struct permission_facts *facts, struct error *err)
{
	struct buffer text = { 0 };

	buffer_append_string(&text,
		facts->has_capability ? "pyrope has CAP_SYS_PTRACE"
				      : "the process has the same user and groups as pyrope");
	if (facts->other_namespace == PERMISSION_UNKNOWN)
		buffer_append_string(&text, "; its user namespace is another one, or cannot be seen");
	if (facts->more_capabilities)
		buffer_printf(&text,
			"; the process has capabilities that pyrope has not (0x%" PRIx64
			", capsh --decode names them)",
			facts->more_capabilities);
	append_security_modules(&text, facts);
	error_set(err, ERROR_PERMISSION, "cannot read process %d: %s, and it is not known why: found: %s",
		(int)facts->pid, strerror(facts->errno_value), text.data);
	buffer_release(&text);
	return -1;
}

static int describe_rest(const struct permission_facts *facts, struct error *err)
{
	if (facts->tracer)
		return error_set(err, ERROR_PERMISSION,
			"cannot trace process %d: process %d%s%s%s traces it already: end that "
			"first, or use --pause=never",
			(int)facts->pid, (int)facts->tracer, *facts->tracer_name ? " (" : "",
			facts->tracer_name, *facts->tracer_name ? ")" : "");
	if (facts->our_seccomp > 0 && facts->errno_value == EPERM)
		return error_set(err, ERROR_PERMISSION,
			"cannot read process %d: not permitted: a seccomp filter is on pyrope, as "
			"in a container: " CONTAINER_REMEDY ", or with --security-opt seccomp=unconfined",
			(int)facts->pid);
	return describe_found(facts, err);
}

/* The system call itself is not there. */
static int describe_missing(const struct permission_facts *facts, struct error *err)
{
	if (facts->our_seccomp > 0)
		return error_set(err, ERROR_PERMISSION,
			"cannot trace process %d: a seccomp filter is on pyrope that has no ptrace: "
			"in a container, " CONTAINER_REMEDY ", or use --pause=never",
			(int)facts->pid);
	return error_set(err, ERROR_PERMISSION,
		"cannot trace process %d: there is no ptrace here, as in an emulator (qemu-user) or a "
		"sandbox: "
		"run pyrope outside of it, or use --pause=never",
		(int)facts->pid);
}

int permission_describe(const struct permission_facts *facts, struct error *err)
{
	bool may_all = facts->has_capability && facts->other_namespace != 1;

	if (facts->errno_value == ENOSYS)
		return describe_missing(facts, err);
	if (facts->target_uid == PERMISSION_UNKNOWN)
		return error_set(err, ERROR_PERMISSION,
			"cannot read process %d: not permitted: /proc hides it from you "
			"(hidepid): run pyrope as root",
			(int)facts->pid);
	if (facts->has_capability && facts->other_namespace == 1)
		return error_set(err, ERROR_PERMISSION,
			"cannot read process %d: not permitted: it is in another user namespace, "
			"where being root here counts for nothing: run pyrope as root outside of all "
			"containers",
			(int)facts->pid);
	if (!may_all && !facts->same_ids)
		return describe_ids(facts, err);
	if (!may_all && facts->our_uid != 0 && facts->proc_owner == 0)
		return error_set(err, ERROR_PERMISSION,
			"cannot read process %d: not permitted: it has made itself unreadable "
			"(not dumpable: set-user-id, file capabilities or prctl): run pyrope as root",
			(int)facts->pid);
	if (may_all && facts->errno_value == EACCES && !facts->may_search && facts->our_uid != 0 &&
		facts->proc_owner != facts->our_uid)
		return error_set(err, ERROR_PERMISSION,
			"cannot read process %d: not permitted: /proc/%d/mem belongs to user %" PRId64
			", and with CAP_SYS_PTRACE alone pyrope may not open files of others: "
			"setcap cap_sys_ptrace,cap_dac_read_search=ep pyrope",
			(int)facts->pid, (int)facts->pid, facts->proc_owner);
	if (facts->yama_scope >= 3 ||
		(!may_all && (facts->yama_scope == 2 || (facts->yama_scope == 1 && !facts->is_descendant))))
		return describe_yama(facts, err);
	if (!may_all && facts->more_capabilities)
		return error_set(err, ERROR_PERMISSION,
			"cannot read process %d: not permitted: it has capabilities that pyrope "
			"has not: run pyrope as root, or with CAP_SYS_PTRACE",
			(int)facts->pid);
	return describe_rest(facts, err);
}

int permission_explain(pid_t pid, int errno_value, struct error *err)
{
	struct permission_facts facts;

	permission_gather(pid, errno_value, &facts);
	return permission_describe(&facts, err);
}
