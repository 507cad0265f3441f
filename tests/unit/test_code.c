/* SPDX-License-Identifier: MIT */
/* Code objects that lie about their length take no more memory than is set aside for all of them. */
#include "config.h"

#include <check.h>
#include <string.h>

#include "../child.h"
#include "python/decode.h"
#include "python/internal.h"
#include "suite.h"

#define CODES (CODES_LIMIT_UNITS / CODE_LIMIT_UNITS)

static struct python python;
static struct child child;

/* Objects of 2.7: there a code object's strings are bytes, and its length is that of one of them. */
static struct objects {
	unsigned char codes[CODES + 1][512];
	unsigned char file[64], name[64], line_table[64], bytecode[64];
	uint64_t type;
} * objects;

static raddr_t place(const void *object)
{
	return (raddr_t)(uintptr_t)object;
}

static void put_word(unsigned char *object, uint32_t offset, uint64_t word)
{
	memcpy(object + offset, &word, sizeof(word));
}

static void set_length(unsigned char *string, uint64_t length)
{
	put_word(string, python.layout.bytes.ob_size, length);
}

static void put_text(unsigned char *string, const char *text)
{
	set_length(string, strlen(text));
	memcpy(string + python.layout.bytes.ob_sval, text, strlen(text) + 1);
}

static void setup(void)
{
	child = child_start(sizeof(*objects));
	objects = (struct objects *)child.bytes;
	python = (struct python){
		.target = child.target, .layout = *layout_find(207), .code_type = place(&objects->type)
	};
	python.functions = functions_new();
	put_text(objects->file, "code.py");
	put_text(objects->name, "lie");
	put_text(objects->line_table, "");
	put_text(objects->bytecode, "short");
	for (size_t i = 0; i < ARRAY_LENGTH(objects->codes); i++) {
		unsigned char *code = objects->codes[i];

		put_word(code, python.layout.object.ob_type, python.code_type);
		put_word(code, python.layout.code_object.filename, place(objects->file));
		put_word(code, python.layout.code_object.name, place(objects->name));
		put_word(code, python.layout.code_object.line_table, place(objects->line_table));
		put_word(code, python.layout.code_object.code, place(objects->bytecode));
	}
}

static void teardown(void)
{
	python_free_codes(&python);
	ck_assert_uint_eq(python.unit_count, 0);
	functions_free(python.functions);
	child_end(&child);
}

static struct code *load(size_t index)
{
	struct error err = { 0 };

	return python_code_load(&python, place(objects->codes[index]), &err);
}

START_TEST(test_one_is_bounded)
{
	ck_assert_ptr_nonnull(load(0));
	set_length(objects->bytecode, CODE_LIMIT_UNITS + 1);
	ck_assert_ptr_null(load(1));
	ck_assert_uint_eq(python.unit_count, strlen("short"));
}
END_TEST

START_TEST(test_all_are_bounded)
{
	set_length(objects->bytecode, CODE_LIMIT_UNITS);
	for (size_t i = 0; i < CODES; i++)
		ck_assert_ptr_nonnull(load(i));
	ck_assert_ptr_null(load(CODES));
	ck_assert_uint_eq(python.unit_count, CODES_LIMIT_UNITS);
}
END_TEST

/* Those that were replaced count until they are released. */
START_TEST(test_stale_ones_count)
{
	size_t loaded = 0;

	set_length(objects->bytecode, CODE_LIMIT_UNITS);
	for (uint32_t line = 1; line < 100; line++) {
		memcpy(objects->codes[0] + python.layout.code_object.first_line, &line, sizeof(line));
		loaded += load(0) != NULL;
	}
	ck_assert_uint_eq(loaded, CODES);
	python_release_stale(&python);
	ck_assert_ptr_nonnull(load(0));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_one_is_bounded);
	tcase_add_test(tests, test_all_are_bounded);
	tcase_add_test(tests, test_stale_ones_count);
}

int main(void)
{
	return suite_run("code", add_tests);
}
