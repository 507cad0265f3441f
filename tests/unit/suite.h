/* SPDX-License-Identifier: MIT */
/*
 * What every unit test's main does: run one suite and print TAP. Whether a test failed is said there, not by
 * the code.
 */
#ifndef PYROPE_TESTS_SUITE_H
#define PYROPE_TESTS_SUITE_H

#include <check.h>

/* Runs the suite, and frees it. */
static inline int suite_print(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	srunner_free(runner);
	return 0;
}

static inline int suite_run(const char *name, void (*add_tests)(TCase *tests))
{
	Suite *suite = suite_create(name);
	TCase *tests = tcase_create(name);

	add_tests(tests);
	suite_add_tcase(suite, tests);
	return suite_print(suite);
}

#endif
