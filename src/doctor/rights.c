/* SPDX-License-Identifier: MIT */
/*
 * Who pyrope runs as, and which of the rules of ptrace(2), "Ptrace access mode checking", are in its way on
 * this machine, whatever process it is about.
 */
#include "config.h"

#include "doctor/internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* linux/capability.h */
#define CAPABILITY_DAC_OVERRIDE 1
#define CAPABILITY_DAC_READ_SEARCH 2
#define CAPABILITY_SYS_PTRACE 19

/* What /proc/self/status says. */
struct own_rights {
	bool is_known;
	uint64_t capabilities;
	int64_t seccomp; /* -1: the kernel has none, or does not say */
};

static int64_t number_of(const char *status, const char *name, int base)
{
	const char *field = status_field(status, name);

	return field ? (int64_t)strtoull(field, NULL, base) : -1;
}

static struct own_rights read_rights(void)
{
	char status[4096];

	if (proc_read(AT_FDCWD, "/proc/self/status", status, sizeof(status)) < 0)
		return (struct own_rights){ .seccomp = -1 };
	return (struct own_rights){
		.is_known = true,
		.capabilities = (uint64_t)number_of(status, "CapEff", 16),
		.seccomp = number_of(status, "Seccomp", 10),
	};
}

static bool has_capability(const struct own_rights *rights, int number)
{
	return rights->capabilities >> number & 1;
}

static void diagnose_user(struct diagnosis *diagnosis, const struct own_rights *rights)
{
	const bool may_trace = has_capability(rights, CAPABILITY_SYS_PTRACE);
	const bool may_open = geteuid() == 0 || has_capability(rights, CAPABILITY_DAC_OVERRIDE) ||
		has_capability(rights, CAPABILITY_DAC_READ_SEARCH);
	const unsigned user = (unsigned)geteuid();

	if (!rights->is_known)
		return; /* of /proc it has been said */
	if (may_trace && may_open)
		remark_add(diagnosis, SECTION_MACHINE, "user", GRADE_OK,
			xasprintf("%u, with CAP_SYS_PTRACE: processes of every user", user), NULL);
	else if (may_trace)
		remark_add(diagnosis, SECTION_MACHINE, "user", GRADE_WARN,
			xasprintf("%u, with CAP_SYS_PTRACE, but files of other users' processes cannot be "
				  "opened",
				user),
			xstrdup("setcap cap_sys_ptrace,cap_dac_read_search=ep pyrope"));
	else if (user == 0)
		remark_say(diagnosis, SECTION_MACHINE, "user", GRADE_WARN,
			"root without CAP_SYS_PTRACE, as in a container: its own processes alone",
			"start the container with --cap-add=SYS_PTRACE");
	else
		remark_add(diagnosis, SECTION_MACHINE, "user", GRADE_OK,
			xasprintf("%u, without CAP_SYS_PTRACE: processes of this user alone", user),
			xstrdup("for those of others: run pyrope as root"));
}

static void diagnose_yama(struct diagnosis *diagnosis, const struct own_rights *rights)
{
	const bool may_trace = has_capability(rights, CAPABILITY_SYS_PTRACE);
	char text[16];
	long scope;

	if (proc_read(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", text, sizeof(text)) <= 0) {
		remark_say(diagnosis, SECTION_MACHINE, "Yama", GRADE_OK, "is not in this kernel", NULL);
		return;
	}
	scope = strtol(text, NULL, 10);
	if (scope >= 3)
		remark_say(diagnosis, SECTION_MACHINE, "Yama", GRADE_FAIL,
			"kernel.yama.ptrace_scope is 3, which forbids it to everybody",
			"set it to 1 or 0 in /etc/sysctl.d and boot again");
	else if (may_trace || scope <= 0)
		remark_add(diagnosis, SECTION_MACHINE, "Yama", GRADE_OK,
			xasprintf("kernel.yama.ptrace_scope is %ld%s", scope,
				scope > 0 ? ", which lets CAP_SYS_PTRACE through" : ""),
			NULL);
	else if (scope == 1)
		remark_say(diagnosis, SECTION_MACHINE, "Yama", GRADE_WARN,
			"kernel.yama.ptrace_scope is 1: only what pyrope has started itself can be read",
			"start the program with pyrope -t, run pyrope as root, or sysctl "
			"kernel.yama.ptrace_scope=0");
	else
		remark_say(diagnosis, SECTION_MACHINE, "Yama", GRADE_FAIL,
			"kernel.yama.ptrace_scope is 2, which allows it to CAP_SYS_PTRACE only",
			"run pyrope as root, or sysctl kernel.yama.ptrace_scope=0");
}

static void diagnose_filters(struct diagnosis *diagnosis, const struct own_rights *rights)
{
	char modules[256], current[256];
	struct buffer text = { 0 };
	ssize_t length;

	buffer_append_string(&text,
		rights->seccomp < 0 ? "seccomp: not known"
			: rights->seccomp == 0
			? "no seccomp filter"
			: "a seccomp filter is on pyrope (what it refuses stands above)");
	length = proc_read(AT_FDCWD, "/sys/kernel/security/lsm", modules, sizeof(modules));
	if (length > 0) {
		buffer_append_string(&text, "; security modules: ");
		utf8_clean(&text, modules, strcspn(modules, "\n"));
	}
	length = proc_read(AT_FDCWD, "/proc/self/attr/current", current, sizeof(current));
	if (length > 0 && current[0] && current[0] != '\n') {
		buffer_append_string(&text, "; pyrope is '");
		utf8_clean(&text, current, strcspn(current, "\n"));
		buffer_append_char(&text, '\'');
	}
	remark_add(diagnosis, SECTION_MACHINE, "filters", GRADE_OK, text.data, NULL);
}

void diagnose_rights(struct diagnosis *diagnosis)
{
	const struct own_rights rights = read_rights();

	diagnose_user(diagnosis, &rights);
	diagnose_yama(diagnosis, &rights);
	diagnose_filters(diagnosis, &rights);
}
