/* SPDX-License-Identifier: MIT */
/*
 * The run's table of functions: equal texts are one function, whoever brings them, and the table keeps its
 * own copies.
 */
#include "config.h"

#include "pyrope/functions.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static struct functions *functions;

static void setup(void)
{
	functions = functions_new();
}

static void teardown(void)
{
	functions_free(functions);
}

static const struct function *add(enum function_kind kind, const char *file, const char *name, int first_line)
{
	return functions_intern(functions,
		&(struct function){
			.id = 77, .kind = kind, .file = file, .name = name, .first_line = first_line });
}

START_TEST(equal_texts_are_one_function)
{
	const struct function *work = add(FUNCTION_PYTHON, "a.py", "work", 10);

	ck_assert_ptr_eq(work, add(FUNCTION_PYTHON, "a.py", "work", 10));
	ck_assert_ptr_ne(work, add(FUNCTION_PYTHON, "b.py", "work", 10));
	ck_assert_ptr_ne(work, add(FUNCTION_PYTHON, "a.py", "worker", 10));
	ck_assert_ptr_ne(work, add(FUNCTION_PYTHON, "a.py", "work", 11));
	ck_assert_ptr_ne(work, add(FUNCTION_NATIVE, "a.py", "work", 10));
	ck_assert_ptr_ne(functions_marker(functions, "work"), work);
	ck_assert_uint_eq(functions_count(functions), 6);
}
END_TEST

START_TEST(ids_are_dense_and_lead_back)
{
	for (uint32_t i = 0; i < 5000; i++) {
		char *name = xasprintf("f%u", i);
		const struct function *function = add(FUNCTION_PYTHON, "a.py", name, 1);

		ck_assert_uint_eq(function->id, i);
		ck_assert_ptr_eq(functions_get(functions, i), function);
		free(name);
	}
	ck_assert_uint_eq(functions_count(functions), 5000);
}
END_TEST

/* Whose texts were copied, and however long they are. */
START_TEST(texts_are_copied)
{
	static const size_t lengths[] = { 0, 1, 16375, 100000 };

	for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
		char *name = xcalloc(lengths[i] + 1, 1), file[] = "gone.py";
		const struct function *function;

		memset(name, 'n', lengths[i]);
		function = add(FUNCTION_PYTHON, file, name, 3);
		memset(file, 'x', sizeof(file) - 1);
		free(name);
		ck_assert_str_eq(function->file, "gone.py");
		ck_assert_uint_eq(strlen(function->name), lengths[i]);
	}
}
END_TEST

static void *add_many(void *unused)
{
	(void)unused;
	for (int i = 0; i < 20000; i++)
		add(FUNCTION_PYTHON, "a.py", "f", i % 1000);
	return NULL;
}

START_TEST(threads_share_it)
{
	pthread_t threads[4];

	for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, add_many, NULL), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(functions_count(functions), 1000);
	for (uint32_t i = 0; i < 1000; i++)
		ck_assert_uint_eq(functions_get(functions, i)->id, i);
}
END_TEST

static void *add_without_waiting(void *unused)
{
	const struct function like = { .kind = FUNCTION_PYTHON, .name = "f", .file = "b.py" };

	(void)unused;
	for (int i = 0; i < 20000; i++) {
		struct function numbered = like;
		const struct function *added;

		numbered.first_line = i % 1000;
		added = functions_try_intern(functions, &numbered);
		ck_assert(!added || added->first_line == i % 1000);
	}
	return NULL;
}

START_TEST(nobody_waits_who_may_not)
{
	const struct function like = { .kind = FUNCTION_PYTHON, .name = "f", .file = "a.py" };
	pthread_t threads[2];

	functions_reserve(functions, 100000);
	ck_assert_ptr_eq(functions_try_intern(functions, &like), functions_intern(functions, &like));
	ck_assert_int_eq(pthread_create(&threads[0], NULL, add_many, NULL), 0);
	ck_assert_int_eq(pthread_create(&threads[1], NULL, add_without_waiting, NULL), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
		pthread_join(threads[i], NULL);
	for (uint32_t i = 0; i < functions_count(functions); i++)
		ck_assert_ptr_eq(functions_intern(functions, functions_get(functions, i)),
			functions_get(functions, i));
}
END_TEST

START_TEST(nothing_can_be_freed)
{
	functions_free(NULL);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, equal_texts_are_one_function);
	tcase_add_test(tests, ids_are_dense_and_lead_back);
	tcase_add_test(tests, texts_are_copied);
	tcase_add_test(tests, threads_share_it);
	tcase_add_test(tests, nobody_waits_who_may_not);
	tcase_add_test(tests, nothing_can_be_freed);
}

int main(void)
{
	return suite_run("functions", add_tests);
}
