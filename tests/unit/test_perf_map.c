/* SPDX-License-Identifier: MIT */
/* Names of code that was compiled at run time, in a root directory made here. */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "native/names/perf_map.h"
#include "suite.h"

#define SECOND INT64_C(1000000000)

static char root_path[64];
static int root;

static void set_up(void)
{
	char *tmp;

	ck_assert_ptr_nonnull(mkdtemp(strcpy(root_path, "/tmp/test_perf_map_XXXXXX")));
	tmp = xasprintf("%s/tmp", root_path);
	ck_assert_int_eq(mkdir(tmp, 0700), 0);
	free(tmp);
	root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static char *map_path(void)
{
	return xasprintf("%s/tmp/perf-42.map", root_path);
}

static void tear_down(void)
{
	char *path = map_path();

	unlink(path);
	strrchr(path, '/')[0] = '\0';
	rmdir(path);
	rmdir(root_path);
	free(path);
	close(root);
}

static void append(const char *text)
{
	char *path = map_path();
	FILE *file = fopen(path, "a");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
	free(path);
}

static void check(struct perf_map *map, raddr_t address, int64_t now_ns, const char *expected)
{
	char *name = perf_map_find(map, address, now_ns);

	if (expected) {
		ck_assert_ptr_nonnull(name);
		ck_assert_str_eq(name, expected);
	} else {
		ck_assert_ptr_null(name);
	}
	free(name);
}

START_TEST(a_line_names_the_addresses_that_it_covers)
{
	struct perf_map *map = perf_map_new(root, 42, getuid());

	append("7f0000001000 20 py::f:/srv/app.py\n7F0000000000 10 first one\n0x7f0000002000 0x8 js::g\n");
	check(map, 0x7f0000001000, 0, "py::f:/srv/app.py");
	check(map, 0x7f000000101f, 0, "py::f:/srv/app.py");
	check(map, 0x7f0000001020, 0, NULL);
	check(map, 0x7f0000000fff, 0, NULL);
	check(map, 0x7f000000000f, 0, "first one");
	check(map, 0x7f0000002007, 0, "js::g");
	perf_map_free(map);
}
END_TEST

START_TEST(a_later_line_is_right)
{
	struct perf_map *map = perf_map_new(root, 42, getuid());

	append("1000 100 old\n1040 10 new\n2000 10 first\n2000 10 second\n");
	check(map, 0x1044, 0, "new");
	check(map, 0x1050, 0, "old");
	check(map, 0x2000, 0, "second");
	append("1000 100 newest\n");
	check(map, 0x5000, SECOND, NULL); /* what is missing makes it look again */
	check(map, 0x1044, SECOND, "newest");
	perf_map_free(map);
}
END_TEST

START_TEST(what_is_missing_is_looked_for_again_after_a_while)
{
	struct perf_map *map = perf_map_new(root, 42, getuid());

	check(map, 0x1000, 0, NULL); /* there is no file yet */
	append("1000 10 f\n2000 10 half a li");
	check(map, 0x1000, 1, NULL); /* too soon */
	check(map, 0x1000, SECOND, "f");
	check(map, 0x2000, 2 * SECOND, NULL); /* a line that has no end yet */
	append("ne\n");
	check(map, 0x2000, 3 * SECOND, "half a line");
	perf_map_free(map);
}
END_TEST

START_TEST(another_file_replaces_what_was_read)
{
	struct perf_map *map = perf_map_new(root, 42, getuid());
	char *path = map_path();

	append("1000 10 before\n");
	check(map, 0x1000, 0, "before");
	unlink(path);
	append("2000 10 after\n");
	check(map, 0x2000, SECOND, "after");
	check(map, 0x1000, 2 * SECOND, NULL);
	free(path);
	perf_map_free(map);
}
END_TEST

START_TEST(lines_that_make_no_sense_are_passed_over)
{
	struct perf_map *map = perf_map_new(root, 42, getuid());

	append("\n \n1000\n1000 10\n1000 10 \n1000 0 empty\nzz 10 f\n1000 zz f\n-1000 10 f\n"
	       "ffffffffffffffff 10 wraps\n10000000000000000 10 too long\n1000 100000000 too large\n3000 10 "
	       "good\n");
	check(map, 0x1000, 0, NULL);
	check(map, 0xffffffffffffffff, 0, NULL);
	check(map, 0, 0, NULL);
	check(map, 0x3008, 0, "good");
	perf_map_free(map);
}
END_TEST

START_TEST(a_pipe_is_not_waited_for)
{
	struct perf_map *map = perf_map_new(root, 42, getuid());
	char *path = map_path();

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	check(map, 0x1000, 0, NULL);
	free(path);
	perf_map_free(map);
}
END_TEST

/* Of 4 GB, of which all but the first line is a hole; what is read of it is limited. */
START_TEST(a_huge_file_is_read_in_part)
{
	struct perf_map *map = perf_map_new(root, 42, getuid());
	char *path = map_path();

	append("1000 10 f\n");
	ck_assert_int_eq(truncate(path, (off_t)4 << 30), 0);
	append("\n2000 10 beyond\n");
	check(map, 0x1000, 0, "f");
	for (int i = 1; i < 100; i++)
		check(map, 0x2000, i * SECOND, NULL);
	free(path);
	perf_map_free(map);
}
END_TEST

START_TEST(the_file_of_another_user_is_not_believed)
{
	struct perf_map *map = perf_map_new(root, 42, getuid() + 1);
	char *path = map_path();

	append("1000 10 f\n");
	/* what root owns is believed; so it must not be root's */
	if (getuid() == 0)
		ck_assert_int_eq(chown(path, 4711, 4711), 0);
	check(map, 0x1000, 0, NULL);
	perf_map_free(map);
	map = perf_map_new(root, 42, 0);
	check(map, 0x1000, 0, NULL); /* root's process, another's file */
	free(path);
	perf_map_free(map);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, a_line_names_the_addresses_that_it_covers);
	tcase_add_test(tests, a_later_line_is_right);
	tcase_add_test(tests, what_is_missing_is_looked_for_again_after_a_while);
	tcase_add_test(tests, another_file_replaces_what_was_read);
	tcase_add_test(tests, lines_that_make_no_sense_are_passed_over);
	tcase_add_test(tests, a_pipe_is_not_waited_for);
	tcase_add_test(tests, a_huge_file_is_read_in_part);
	tcase_add_test(tests, the_file_of_another_user_is_not_believed);
}

int main(void)
{
	return suite_run("perf_map", add_tests);
}
