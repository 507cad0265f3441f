/* SPDX-License-Identifier: MIT */
/* What the kernel has of that which pyrope uses: system calls, and files of /proc. */
#include "config.h"

#include "doctor/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#define FEW_DESCRIPTORS 256

static void diagnose_kernel(struct diagnosis *diagnosis)
{
	struct distribution distribution = { 0 };
	struct utsname system = { 0 };
	struct buffer text = { 0 };
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	uname(&system);
	buffer_printf(&text, "%s %s %s", system.sysname, system.release, system.machine);
	if (root >= 0) {
		distribution_read(&distribution, root);
		close(root);
	}
	if (distribution.name)
		buffer_printf(&text, ", %s", distribution.name);
	buffer_printf(&text, ", %ld CPUs", sysconf(_SC_NPROCESSORS_ONLN));
	distribution_release(&distribution);
	remark_add(diagnosis, SECTION_MACHINE, "kernel", GRADE_OK, text.data, NULL);
}

/* ---- /proc ---- */

/* What is read of each process, and what is lost where it is not there. */
static const struct {
	const char *file, *loss;
	bool is_needed;
} proc_files[] = {
	{ "self/stat", "no process can be followed", true },
	{ "self/status", "no process can be looked at", true },
	{ "self/maps", "no interpreter can be found", true },
	{ "self/mem", "memory cannot be read where process_vm_readv is refused", false },
	{ "self/task", "threads cannot be listed", true },
	{ "thread-self/syscall", "sleeping threads are told by their state alone, and have no system call",
		false },
	{ "thread-self/schedstat", "CPU time of threads is not known: more pauses, and states in its place",
		false },
	{ "thread-self/children", "children are found by going through all processes", false },
};

/* False: there is no /proc to look at. */
static bool has_proc(struct diagnosis *diagnosis)
{
	static const char remedy[] = "mount -t proc proc /proc";
	char self[32] = "";
	struct statfs status;

	if (statfs("/proc", &status) || (uint64_t)status.f_type != PROC_SUPER_MAGIC) {
		if (access("/proc/self/stat", R_OK) == 0) /* a copy, as some sandboxes have it */
			return true;
		remark_say(diagnosis, SECTION_MACHINE, "/proc", GRADE_FAIL,
			"is not mounted, and pyrope sees processes by it alone", remedy);
		return false;
	}
	if (readlink("/proc/self", self, sizeof(self) - 1) > 0 && strtol(self, NULL, 10) == getpid())
		return true;
	remark_say(
		diagnosis, SECTION_MACHINE, "/proc", GRADE_FAIL, "is that of another pid namespace", remedy);
	return false;
}

static void diagnose_proc(struct diagnosis *diagnosis)
{
	struct buffer missing = { 0 };
	enum grade grade = GRADE_OK;

	if (!has_proc(diagnosis))
		return;
	for (size_t i = 0; i < ARRAY_LENGTH(proc_files); i++) {
		char path[64] = "/proc/";

		strcat(path, proc_files[i].file);
		if (access(path, R_OK) == 0)
			continue;
		buffer_printf(&missing, "%s%s is missing: %s", missing.length ? "; " : "", path,
			proc_files[i].loss);
		if (proc_files[i].is_needed || grade == GRADE_OK)
			grade = proc_files[i].is_needed ? GRADE_FAIL : GRADE_WARN;
	}
	if (grade == GRADE_OK)
		remark_say(diagnosis, SECTION_MACHINE, "/proc", GRADE_OK,
			"is that of this pid namespace, and has all that is read", NULL);
	else
		remark_add(diagnosis, SECTION_MACHINE, "/proc", grade, missing.data,
			xstrdup("nothing to do within this sandbox: run pyrope on the machine itself"));
}

/* ---- system calls ---- */

#define REMEDY_FILTER \
	"in a container: --cap-add=SYS_PTRACE, or --security-opt seccomp=unconfined where that is not " \
	"enough"

#define REMEDY_OUTSIDE "run pyrope outside of the emulator (qemu-user) or sandbox"

/* Without a filter it is the kernel that has no such call, or what plays its part. */
static char *remedy_of(const struct trial *trial)
{
	char status[4096];
	const char *field = proc_read(AT_FDCWD, "/proc/self/status", status, sizeof(status)) > 0
		? status_field(status, "Seccomp")
		: NULL;

	return xstrdup(trial->result == TRIAL_FAILS && trial->reason == ENOSYS && (!field || *field == '0')
			? REMEDY_OUTSIDE
			: REMEDY_FILTER);
}

static void diagnose_reads(struct diagnosis *diagnosis)
{
	const struct trial trial = trial_run(try_read_memory);
	const bool has_file = access("/proc/self/mem", R_OK) == 0;
	char *reason;

	if (trial.result == TRIAL_WORKS) {
		remark_say(diagnosis, SECTION_MACHINE, "memory", GRADE_OK, "process_vm_readv works", NULL);
		return;
	}
	reason = trial_describe(&trial);
	remark_add(diagnosis, SECTION_MACHINE, "memory", has_file ? GRADE_WARN : GRADE_FAIL,
		xasprintf("process_vm_readv: %s%s", reason,
			has_file ? ": read through /proc/PID/mem, which is slower and needs more pauses"
				 : ", and there is no /proc/PID/mem either"),
		remedy_of(&trial));
	free(reason);
}

static void diagnose_pauses(struct diagnosis *diagnosis)
{
	const struct trial trial = trial_run(try_pause);
	char *reason;

	if (trial.result == TRIAL_WORKS) {
		remark_say(diagnosis, SECTION_MACHINE, "pauses", GRADE_OK,
			"ptrace can seize, interrupt and let go", NULL);
		return;
	}
	reason = trial_describe(&trial);
	remark_add(diagnosis, SECTION_MACHINE, "pauses", GRADE_WARN,
		xasprintf("ptrace: %s: no thread can be paused, so that what runs fast is shown in part, and "
			  "no "
			  "native frames of it",
			reason),
		remedy_of(&trial));
	free(reason);
}

static void diagnose_pidfds(struct diagnosis *diagnosis)
{
	const struct trial trial = trial_run(try_pidfd);
	char *reason;

	if (trial.result == TRIAL_WORKS) {
		remark_say(diagnosis, SECTION_MACHINE, "pidfds", GRADE_OK, "pidfd_open works", NULL);
		return;
	}
	reason = trial_describe(&trial);
	remark_add(diagnosis, SECTION_MACHINE, "pidfds", GRADE_WARN,
		xasprintf("pidfd_open: %s: with which status a process has ended may not be known", reason),
		xstrdup("Linux 5.3 has it; it is missed for nothing else"));
	free(reason);
}

static void diagnose_descriptors(struct diagnosis *diagnosis)
{
	const size_t limit = descriptor_limit();

	if (limit >= FEW_DESCRIPTORS)
		return;
	remark_add(diagnosis, SECTION_MACHINE, "descriptors", GRADE_WARN,
		xasprintf("%zu files may be open: native frames of many libraries lose their names", limit),
		xstrdup("raise the hard limit (ulimit -Hn)"));
}

void diagnose_machine(struct diagnosis *diagnosis, const char *build)
{
	remark_say(diagnosis, SECTION_MACHINE, "pyrope", GRADE_OK, build, NULL);
	diagnose_kernel(diagnosis);
	diagnose_proc(diagnosis);
	diagnose_reads(diagnosis);
	diagnose_pauses(diagnosis);
	diagnose_pidfds(diagnosis);
	diagnose_descriptors(diagnosis);
}
