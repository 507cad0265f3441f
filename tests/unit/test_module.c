/* SPDX-License-Identifier: MIT */
/* The list of what a process has mapped executable, and what is opened of it. */
#include "config.h"

#include <check.h>
#include <string.h>

#include "suite.h"
#include "unwind_subject.h"

static const struct module *find_by_name(const struct modules *modules, const char *part)
{
	for (size_t i = 0; i < modules->count; i++)
		if (strstr(modules->all[i]->name, part))
			return modules->all[i];
	return NULL;
}

START_TEST(test_modules)
{
	struct subject subject = { 0 };
	struct module *module;
	char magic[4];

	if (!subject_build(&subject, "-O2"))
		return;
	subject_start(&subject, "calls");
	if (!subject_is_emulated(&subject)) {
		module = modules_find(&subject.modules, subject.shared->returns[1]); /* in main */
		ck_assert_ptr_nonnull(module);
		ck_assert_int_eq(module->kind, MODULE_FILE);
		ck_assert_str_eq(module->path, subject.program);
		ck_assert_int_lt(module->fd, 0); /* nothing is opened before it is asked for */
		ck_assert(module_open(&subject.modules, module));
		ck_assert_int_ge(module->fd, 0);
		ck_assert_uint_le(module->start, subject.shared->returns[1]);
		ck_assert_uint_gt(module->end, subject.shared->returns[1]);
		ck_assert_uint_eq(
			module->bias, module->start); /* an executable that can be loaded anywhere */

		module = subject.modules.all[find_by_name(&subject.modules, "[vdso]")->id];
		ck_assert_int_eq(module->kind, MODULE_VDSO);
		ck_assert(module_open(&subject.modules, module));
		ck_assert_int_eq(pread(module->fd, magic, sizeof(magic), 0), 4);
		ck_assert_int_eq(memcmp(magic, "\177ELF", 4), 0);
		ck_assert_ptr_null(modules_find(&subject.modules, 0x1000));
	}
	subject_stop(&subject);
}
END_TEST

START_TEST(test_unmapped)
{
	struct subject subject = { 0 };
	struct module *module;
	uint64_t generation;

	if (!subject_build(&subject, "-O2"))
		return;
	subject_start(&subject, "unmap");
	module = modules_find(&subject.modules, subject.shared->made);
	ck_assert_ptr_nonnull(module);
	ck_assert_int_eq(module->kind, MODULE_CODE);
	ck_assert_str_eq(module->name, "[jit]");
	ck_assert_str_eq(module->path, "");
	ck_assert(!module_open(&subject.modules, module));

	generation = subject.modules.generation;
	modules_update(&subject.modules, monotonic_ns(), true);
	ck_assert_uint_eq(subject.modules.generation, generation); /* nothing has changed */
	subject.shared->is_ready = 0;
	__atomic_store_n(&subject.shared->go_on, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&subject.shared->is_ready, __ATOMIC_ACQUIRE))
		usleep(1000);
	modules_update(&subject.modules, subject.modules.read_ns + 1000, false); /* too soon */
	ck_assert_ptr_nonnull(modules_find(&subject.modules, subject.shared->made));
	modules_update(&subject.modules, subject.modules.read_ns + 10000000000, false);
	ck_assert_ptr_null(modules_find(&subject.modules, subject.shared->made));
	ck_assert_uint_gt(subject.modules.generation, generation);
	subject_stop(&subject);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, block_child_signal, NULL);
	tcase_add_test(tests, test_modules);
	tcase_add_test(tests, test_unmapped);
}

int main(void)
{
	return suite_run("module", add_tests);
}
