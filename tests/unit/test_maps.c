/* SPDX-License-Identifier: MIT */
/*
 * The text of /proc/PID/maps: what the kernel writes, what a target can make it write, and what nobody
 * writes.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../child.h"
#include "suite.h"

static struct maps parse(const char *text)
{
	struct buffer buffer = { 0 };
	struct maps maps;

	buffer_append_string(&buffer, text);
	maps_parse(&maps, &buffer);
	ck_assert_ptr_null(buffer.data); /* taken over */
	return maps;
}

START_TEST(test_fields)
{
	struct maps maps =
		parse("00400000-00420000 r-xp 0001f000 fe:02 397118                 /usr/bin/python3.11\n"
		      "7f0000000000-7f0000001000 rw-s 00000000 00:00 0 \n"
		      "7ffd1b1d4000-7ffd1b1f5000 ---p 00000000 00:00 0             [stack]\n"
		      "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0     [vsyscall]\n");
	const struct mapping *first = &maps.mappings[0], *second = &maps.mappings[1];

	ck_assert_uint_eq(maps.count, 4);
	ck_assert_uint_eq(first->start, 0x400000);
	ck_assert_uint_eq(first->end, 0x420000);
	ck_assert_uint_eq(first->offset, 0x1f000);
	ck_assert_uint_eq(first->inode, 397118);
	ck_assert_uint_eq(first->device_major, 0xfe);
	ck_assert_uint_eq(first->device_minor, 2);
	ck_assert(first->readable && !first->writable && first->executable && !first->is_shared &&
		!first->deleted);
	ck_assert_str_eq(first->path, "/usr/bin/python3.11");
	ck_assert(second->readable && second->writable && !second->executable && second->is_shared);
	ck_assert_str_eq(second->path, "");
	ck_assert_str_eq(maps.mappings[2].path, "[stack]");
	ck_assert(!maps.mappings[2].readable && !maps.mappings[2].executable);
	ck_assert_uint_eq(maps.mappings[3].start, 0xffffffffff600000);
	maps_release(&maps);
	ck_assert_uint_eq(maps.count, 0);
}
END_TEST

static const struct {
	const char *shown, *path;
	bool deleted;
} paths[] = {
	{ "/a b/ c", "/a b/ c", false },
	{ "/a\\012b", "/a\nb", false },
	{ "/\\012\\012", "/\n\n", false },
	{ "/a\\01", "/a\\01", false },
	{ "/a\\134", "/a\\134", false }, /* the kernel escapes newlines alone */
	{ "/x (deleted)", "/x", true },
	{ "/x\\012y (deleted)", "/x\ny", true },
	{ "/x (deleted) (deleted)", "/x (deleted)", true },
	{ "/x (deleted)y", "/x (deleted)y", false },
	{ " (deleted)", "(deleted)", false },
	{ "/1000-2000 r-xp 00000000 00:00 0", "/1000-2000 r-xp 00000000 00:00 0", false },
	{ "/\xff\x01", "/\xff\x01", false },
};

START_TEST(test_paths)
{
	char *text = xasprintf("1000-2000 r-xp 00000000 fe:02 1          %s\n3000-4000 r-xp 0 0:0 0 /next\n",
		paths[_i].shown);
	struct maps maps = parse(text);

	ck_assert_uint_eq(maps.count, 2);
	ck_assert_str_eq(maps.mappings[0].path, paths[_i].path);
	ck_assert_int_eq(maps.mappings[0].deleted, paths[_i].deleted);
	ck_assert_str_eq(maps.mappings[1].path, "/next");
	maps_release(&maps);
	free(text);
}
END_TEST

static const char *const nonsense[] = {
	"",
	"\n",
	"x",
	"-",
	"1000",
	"1000-",
	"1000-2000",
	"1000-2000 ",
	"1000-2000 r",
	"1000-2000 r-x",
	"1000-2000 r-xp",
	"1000-2000 r-xp ",
	"1000-2000 r-xp 0",
	"1000-2000 r-xp 0 ",
	"1000-2000 r-xp 0 0",
	"1000-2000 r-xp 0 0:",
	"1000-2000 r-xp 0 0:0",
	"1000-2000 r-xp 0 0:0 ",
	"1000-2000 r-xp 0 0:0 x",
	"1000-2000 r-xq 0 0:0 0",
	"1000-2000 rxwp 0 0:0 0",
	"2000-2000 r-xp 0 0:0 0",
	"2000-1000 r-xp 0 0:0 0",
	"-1000-2000 r-xp 0 0:0 0",
	"0x1000-2000 r-xp 0 0:0 0",
	"10000000000000000-20000000000000000 r-xp 0 0:0 0",
	"1000-2000 r-xp 0 100000000:0 0",
	"1000-2000 r-xp 0 0:0 18446744073709551616",
	"1000-2000 r-xp 10000000000000000 0:0 0",
	"1000-2000r-xp 0 0:0 0",
	"1000-2000 r-xp 0 0:0 1a",
};

START_TEST(test_nonsense)
{
	char *text = xasprintf("%s\n5000-6000 r-xp 0 0:0 0 /good\n%s", nonsense[_i], nonsense[_i]);
	struct maps maps = parse(text);

	ck_assert_uint_eq(maps.count, 1);
	ck_assert_str_eq(maps.mappings[0].path, "/good");
	maps_release(&maps);
	free(text);
}
END_TEST

START_TEST(test_order)
{
	struct maps maps = parse("5000-7000 r-xp 0 0:0 0 /b\n1000-3000 r-xp 0 0:0 0 /a\n"
				 "6000-8000 r-xp 0 0:0 0 /overlaps\n2000-3000 r-xp 0 0:0 0 /inside\n"
				 "5000-7000 r-xp 0 0:0 0 /twice\n8000-9000 r-xp 0 0:0 0 /c");

	ck_assert_uint_eq(maps.count, 3);
	ck_assert_str_eq(maps.mappings[0].path, "/a");
	ck_assert_uint_eq(maps.mappings[1].start, 0x5000);
	ck_assert_str_eq(maps.mappings[2].path, "/c");
	ck_assert_ptr_null(maps_find(&maps, 0));
	ck_assert_ptr_null(maps_find(&maps, 0xfff));
	ck_assert_ptr_eq(maps_find(&maps, 0x1000), &maps.mappings[0]);
	ck_assert_ptr_eq(maps_find(&maps, 0x2fff), &maps.mappings[0]);
	ck_assert_ptr_null(maps_find(&maps, 0x3000));
	ck_assert_ptr_eq(maps_find(&maps, 0x6fff), &maps.mappings[1]);
	ck_assert_ptr_eq(maps_find(&maps, 0x8fff), &maps.mappings[2]);
	ck_assert_ptr_null(maps_find(&maps, 0x9000));
	ck_assert_ptr_null(maps_find(&maps, UINT64_MAX));
	maps_release(&maps);
}
END_TEST

START_TEST(test_empty)
{
	struct buffer nothing = { 0 };
	struct maps maps;

	maps_parse(&maps, &nothing);
	ck_assert_uint_eq(maps.count, 0);
	ck_assert_ptr_null(maps_find(&maps, 0x1000));
	maps_release(&maps);
}
END_TEST

START_TEST(test_process)
{
	struct child child = child_start(3 * 4096);
	const struct mapping *mapping;
	struct error err = { 0 };
	struct maps maps;

	ck_assert_int_eq(target_read_maps(child.target, &maps, &err), 0);
	mapping = maps_find(&maps, CHILD_ADDRESS + 4096);
	ck_assert_ptr_nonnull(mapping);
	ck_assert(mapping->readable && mapping->writable && mapping->is_shared);
	ck_assert_ptr_null(maps_find(&maps, CHILD_ADDRESS + 3 * 4096));
	maps_release(&maps);

	kill(child.pid, SIGKILL);
	waitpid(child.pid, NULL, 0);
	ck_assert_int_eq(target_read_maps(child.target, &maps, &err), -1);
	ck_assert_int_eq(err.kind, ERROR_GONE);
	target_close(child.target);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, test_fields);
	tcase_add_loop_test(tests, test_paths, 0, ARRAY_LENGTH(paths));
	tcase_add_loop_test(tests, test_nonsense, 0, ARRAY_LENGTH(nonsense));
	tcase_add_test(tests, test_order);
	tcase_add_test(tests, test_empty);
	tcase_add_test(tests, test_process);
}

int main(void)
{
	return suite_run("maps", add_tests);
}
