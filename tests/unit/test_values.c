/* SPDX-License-Identifier: MIT */
/*
 * Objects made up in another process's memory, in the structs of every version: what is told of them, and of
 * those that lie.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_BYTES (1u << 20)
#define OBJECTS_BYTES MEMORY_BYTES
#include "objects.h"
#include "suite.h"

#define NOWHERE UINT64_C(0x600000000000)

static struct buffer text, type;

static raddr_t new_int(uint32_t value)
{
	const bool is_plain = layout.integers == INTEGERS_PLAIN;
	const raddr_t object = new_object("int", is_plain ? TYPE_IS_INT_2 : TYPE_IS_INT);

	if (!is_plain)
		put(object + layout.integer.size, layout.integers == INTEGERS_TAGGED ? 1 << 3 : 1, 8);
	put(object + layout.integer.digits, value, is_plain ? 8 : 4);
	return object;
}

static raddr_t new_list(const raddr_t *items, size_t count)
{
	const raddr_t list = new_object("list", TYPE_IS_LIST), array = allocate(8 * (count + 1));

	put(list + layout.bytes.ob_size, count, 8);
	put(list + layout.list.items, array, 8);
	for (size_t i = 0; i < count; i++)
		put(array + 8 * i, items[i], 8);
	return list;
}

static const char *tell(raddr_t object)
{
	buffer_clear(&text);
	buffer_clear(&type);
	pages_forget(&pages);
	value_append(&layout, &pages, object, VALUE_CHARACTERS, &text, &type);
	return text.data;
}

static void begin(int row)
{
	layout = *layout_rows()[row];
	child = child_start(MEMORY_BYTES);
	next_free = 0;
	pages_init(&pages, child.target);
}

static void end(void)
{
	pages_release(&pages);
	buffer_release(&text);
	buffer_release(&type);
	child_end(&child);
}

START_TEST(test_values)
{
	raddr_t items[3], object;

	begin(_i);
	ck_assert_str_eq(tell(new_int(42)), "42");
	ck_assert_str_eq(type.data, "int");
	ck_assert_str_eq(tell(new_object("NoneType", 0)), "None");
	ck_assert_str_eq(tell(new_str("it's\n")), "'it\\'s\\n'");
	items[0] = new_int(1);
	items[1] = new_str("two");
	items[2] = new_list(items, 2);
	ck_assert_str_eq(tell(new_list(items, 3)), "[1, 'two', [1, 'two']]");
	ck_assert_str_eq(tell(new_list(items, 0)), "[]");
	object = new_object("tuple", TYPE_IS_TUPLE);
	put(object + layout.bytes.ob_size, 1, 8);
	put(object + layout.tuple.ob_item, items[0], 8);
	ck_assert_str_eq(tell(object), "(1,)");
	ck_assert_str_eq(tell(new_object("Mine", TYPE_IS_HEAP)), "<Mine>");
	/* a class of the program's that is called as one of Python's own is none of these */
	ck_assert_str_eq(tell(new_object("float", TYPE_IS_HEAP)), "<float>");
	ck_assert_str_eq(tell(new_object("\033[2J\n", TYPE_IS_HEAP)), "<[2J >");
	end();
}
END_TEST

/* A length, a pointer or a type that lies: the value says less, and ends. */
START_TEST(test_lies)
{
	raddr_t items[1], list, object;

	begin(_i);
	ck_assert_str_eq(tell(0), "?");
	ck_assert_str_eq(tell(1), "?");
	ck_assert_str_eq(tell(NOWHERE), "?");
	ck_assert_str_eq(tell(allocate(256)), "?"); /* no type */
	object = new_object("int", 0);
	put(object + layout.object.ob_type, NOWHERE, 8);
	ck_assert_str_eq(tell(object), "?");
	object = new_object("", 0);
	ck_assert_str_eq(tell(object), "?");

	items[0] = new_int(7);
	list = new_list(items, 1);
	put(list + layout.list.items, list + layout.list.items, 8); /* items that are no objects */
	ck_assert_str_eq(tell(list), "[?]");
	list = new_list(items, 1);
	put(list + layout.bytes.ob_size, UINT64_C(1) << 62, 8);
	ck_assert_str_eq(tell(list), "?");
	put(list + layout.bytes.ob_size, UINT64_C(1) << 30, 8);
	put(list + layout.list.items, CHILD_ADDRESS + MEMORY_BYTES - 16, 8); /* the end of what is mapped */
	ck_assert_uint_le(strlen(tell(list)), VALUE_CHARACTERS + 40);

	/* it holds itself */
	items[0] = list = new_list(items, 1);
	put(CHILD_ADDRESS + next_free - 16, list, 8);
	ck_assert_str_eq(tell(list), "[[[[...]]]]");

	object = new_str("abc");
	put(object + (layout.strings == STRINGS_BYTES ? layout.bytes.ob_size : layout.unicode.length),
		UINT64_C(1) << 35, 8);
	ck_assert_uint_le(strlen(tell(object)), 4 * VALUE_CHARACTERS + 40);
	ck_assert_ptr_nonnull(strstr(text.data, "34359738368"));
	object = new_object("dict", TYPE_IS_DICT);
	put(object + layout.dict.used, 5, 8);
	ck_assert_str_eq(tell(object), "{...}... (5 items)");
	object = new_object("set", 0);
	put(object + layout.set.used, 5, 8);
	put(object + layout.set.mask, UINT64_MAX, 8);
	put(object + layout.set.table, object, 8);
	ck_assert_uint_le(strlen(tell(object)), 4 * VALUE_CHARACTERS + 40);
	end();
}
END_TEST

/* After the deadline nothing is read, and it is said. */
START_TEST(test_late)
{
	begin(0);
	pages.deadline_ns = 1;
	ck_assert_str_eq(tell(new_int(42)), "?");
	ck_assert(pages.is_late);
	pages.deadline_ns = 0;
	ck_assert_str_eq(tell(new_int(42)), "42");
	ck_assert(!pages.is_late);
	end();
}
END_TEST

/* What was read is told as it was then, until it is forgotten. */
START_TEST(test_moment)
{
	raddr_t object;

	begin(0);
	object = new_int(1);
	ck_assert_str_eq(tell(object), "1");
	put(object + layout.integer.digits, 2, 4);
	buffer_clear(&text);
	value_append(&layout, &pages, object, VALUE_CHARACTERS, &text, &type);
	ck_assert_str_eq(text.data, "1");
	ck_assert_str_eq(tell(object), "2");
	end();
}
END_TEST

static void add_tests(TCase *tests)
{
	int rows = 0;

	while (layout_rows()[rows])
		rows++;
	tcase_add_loop_test(tests, test_values, 0, rows);
	tcase_add_loop_test(tests, test_lies, 0, rows);
	tcase_add_test(tests, test_late);
	tcase_add_test(tests, test_moment);
}

int main(void)
{
	return suite_run("values", add_tests);
}
