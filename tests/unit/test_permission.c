/* SPDX-License-Identifier: MIT */
/* From what is known about two processes to the cause that applies, and its remedy. */
#include "config.h"

#include "target/permission.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"

/* An ordinary user, a process of another terminal of theirs, no Yama. */
#define PLAIN \
	.pid = 4711, .errno_value = EPERM, .our_uid = 1000, .target_uid = 1000, .same_ids = true, \
	.proc_owner = 1000, .other_namespace = 0, .yama_scope = PERMISSION_UNKNOWN

/* Each case is the plain one and what is different in it. */
#pragma GCC diagnostic ignored "-Woverride-init"
static const struct {
	const char *what;
	struct permission_facts facts;
	const char *cause, *remedy;
} cases[] = {
	{ "another user", { PLAIN, .target_uid = 33, .same_ids = false, .proc_owner = 33 },
		"belongs to user 33, you are 1000", "run pyrope as that user or as root" },
	{ "another user comes before Yama", { PLAIN, .target_uid = 33, .same_ids = false, .yama_scope = 1 },
		"belongs to user 33", "root" },
	{ "root without the capability", { PLAIN, .our_uid = 0, .target_uid = 33, .same_ids = false },
		"CAP_SYS_PTRACE", "--cap-add=SYS_PTRACE" },
	{ "set-user-id", { PLAIN, .same_ids = false }, "has changed its user", "root" },
	{ "not dumpable", { PLAIN, .proc_owner = 0 }, "not dumpable", "root" },
	{ "Yama 1", { PLAIN, .yama_scope = 1 }, "kernel.yama.ptrace_scope is 1", "pyrope -t" },
	{ "Yama 1 for root in a container",
		{ PLAIN, .our_uid = 0, .target_uid = 0, .proc_owner = 0, .yama_scope = 1 },
		"kernel.yama.ptrace_scope is 1", "--cap-add=SYS_PTRACE" },
	{ "Yama 2", { PLAIN, .yama_scope = 2 }, "kernel.yama.ptrace_scope is 2", "sudo" },
	{ "Yama 2, own child", { PLAIN, .yama_scope = 2, .is_descendant = true },
		"kernel.yama.ptrace_scope is 2", "sudo" },
	{ "Yama 3 forbids root too", { PLAIN, .our_uid = 0, .has_capability = true, .yama_scope = 3 },
		"kernel.yama.ptrace_scope is 3", "boot again" },
	{ "more capabilities than ours", { PLAIN, .more_capabilities = 1 },
		"capabilities that pyrope has not", "CAP_SYS_PTRACE" },
	{ "another user namespace", { PLAIN, .our_uid = 0, .has_capability = true, .other_namespace = 1 },
		"another user namespace", "outside of all containers" },
	{ "traced", { PLAIN, .tracer = 99, .tracer_name = "gdb" }, "process 99 (gdb) traces it already",
		"--pause=never" },
	{ "traced by a nameless one", { PLAIN, .tracer = 99 }, "process 99 traces it already",
		"end that first" },
	{ "Yama 1 does not hinder a parent", { PLAIN, .yama_scope = 1, .is_descendant = true, .tracer = 99 },
		"traces it already", "--pause=never" },
	{ "Yama 1 does not hinder root",
		{ PLAIN, .our_uid = 0, .has_capability = true, .yama_scope = 1, .tracer = 99 },
		"traces it already", "--pause=never" },
	{ "seccomp", { PLAIN, .our_seccomp = 2 }, "seccomp filter", "--security-opt seccomp=unconfined" },
	{ "an emulator without ptrace", { PLAIN, .errno_value = ENOSYS }, "there is no ptrace here",
		"qemu-user" },
	{ "a filter without ptrace", { PLAIN, .errno_value = ENOSYS, .our_seccomp = 2 },
		"a seccomp filter is on pyrope that has no ptrace", "--cap-add=SYS_PTRACE" },
	{ "hidepid", { PLAIN, .target_uid = PERMISSION_UNKNOWN, .same_ids = false }, "hidepid", "root" },
	{ "none of these", { PLAIN }, "Operation not permitted, and it is not known why",
		"which security modules the kernel has cannot be seen" },
	{ "none of these, and no module to blame", { PLAIN, .modules = "lockdown,capability,yama" },
		"the same user and groups", "no security module is active that could refuse it" },
	{ "root, and modules",
		{ PLAIN, .our_uid = 0, .has_capability = true, .modules = "capability,apparmor,bpf",
			.label = "docker-default (enforce)" },
		"pyrope has CAP_SYS_PTRACE; active security modules: apparmor, bpf, the process is labelled "
		"'docker-default (enforce)'",
		"dmesg" },
	{ "a module whose name only begins like one", { PLAIN, .modules = "bpfx,xbpf" }, "not known why",
		"no security module is active" },
	{ "root, and a namespace that cannot be seen",
		{ PLAIN, .our_uid = 0, .has_capability = true, .errno_value = EACCES,
			.other_namespace = PERMISSION_UNKNOWN, .more_capabilities = 0x1000000 },
		"Permission denied, and it is not known why: found: pyrope has CAP_SYS_PTRACE; its user "
		"namespace "
		"is another one, or cannot be seen",
		"capabilities that pyrope has not (0x1000000" },
	{ "file capabilities without the one for files",
		{ PLAIN, .errno_value = EACCES, .target_uid = 33, .same_ids = false, .proc_owner = 0,
			.has_capability = true },
		"/proc/4711/mem belongs to user 0", "setcap cap_sys_ptrace,cap_dac_read_search=ep" },
	{ "a seccomp filter does not say EACCES",
		{ PLAIN, .our_uid = 0, .has_capability = true, .errno_value = EACCES, .our_seccomp = 2 },
		"not known why", "security modules" },
};

START_TEST(test_describe)
{
	struct error err = { 0 };

	ck_assert_int_eq(permission_describe(&cases[_i].facts, &err), -1);
	ck_assert_int_eq(err.kind, ERROR_PERMISSION);
	ck_assert_msg(strstr(err.message, "process 4711") != NULL, "%s: %s", cases[_i].what, err.message);
	ck_assert_msg(strstr(err.message, cases[_i].cause) != NULL, "%s: %s", cases[_i].what, err.message);
	ck_assert_msg(strstr(err.message, cases[_i].remedy) != NULL, "%s: %s", cases[_i].what, err.message);
}
END_TEST

/* Of ourselves the facts are known. */
START_TEST(test_gather)
{
	struct permission_facts facts;

	permission_gather(getpid(), EPERM, &facts);
	ck_assert_int_eq(facts.pid, getpid());
	ck_assert_int_eq(facts.target_uid, getuid());
	ck_assert(facts.same_ids || geteuid() != getuid() || getegid() != getgid());
	ck_assert_int_eq(facts.other_namespace, 0);
	ck_assert_uint_eq(facts.more_capabilities, 0);
	ck_assert_int_ge(facts.our_seccomp, 0);
}
END_TEST

START_TEST(test_gather_child)
{
	int ends[2];
	struct permission_facts facts;
	pid_t child;

	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		char byte;

		close(ends[1]);
		_exit((int)read(ends[0], &byte, 1));
	}
	permission_gather(child, EPERM, &facts);
	ck_assert(facts.is_descendant);
	permission_gather(getppid(), EPERM, &facts);
	ck_assert(!facts.is_descendant);
	close(ends[1]);
}
END_TEST

START_TEST(test_gather_nobody)
{
	struct permission_facts facts;

	permission_gather(INT32_MAX, EPERM, &facts);
	ck_assert_int_eq(facts.target_uid, PERMISSION_UNKNOWN);
	ck_assert(!facts.same_ids);
	ck_assert_int_eq(facts.tracer, 0);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, test_describe, 0, ARRAY_LENGTH(cases));
	tcase_add_test(tests, test_gather);
	tcase_add_test(tests, test_gather_child);
	tcase_add_test(tests, test_gather_nobody);
}

int main(void)
{
	return suite_run("permission", add_tests);
}
