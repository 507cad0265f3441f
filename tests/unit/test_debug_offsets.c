/* SPDX-License-Identifier: MIT */
/*
 * Blocks of debug offsets. Those in tests/fuzz/corpus/debug_offsets are real: 3.13.0, 3.14.10, 3.15.2 as they
 * were in memory, 3.14d a debug build; the free-threaded ones (t) were compiled from the headers of these
 * releases.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "python/layout.h"
#include "suite.h"

#define DATA "tests/fuzz/corpus/debug_offsets"
#define VERSION_AT 8
#define FREE_THREADED_AT 16

static const struct {
	const char *file;
	int version;
	bool free_threaded;
} blocks[] = {
	{ "3.13", 313, false },
	{ "3.14", 314, false },
	{ "3.14d", 314, false },
	{ "3.15", 315, false },
	{ "3.13t", 313, true },
	{ "3.14t", 314, true },
	{ "3.15t", 315, true },
};

static size_t read_block(const char *name, unsigned char block[DEBUG_OFFSETS_BYTES])
{
	const char *top = getenv("top_srcdir");
	char *path = xasprintf("%s/%s/%s", top ? top : ".", DATA, name);
	FILE *file = fopen(path, "rb");
	size_t length;

	ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
	length = fread(block, 1, DEBUG_OFFSETS_BYTES, file);
	fclose(file);
	free(path);
	return length;
}

static void put(unsigned char *block, size_t at, uint64_t value)
{
	memcpy(block + at, &value, sizeof(value));
}

static uint64_t get(const unsigned char *block, size_t at)
{
	uint64_t value;

	memcpy(&value, block + at, sizeof(value));
	return value;
}

static struct layout load(const char *name)
{
	unsigned char block[DEBUG_OFFSETS_BYTES];
	size_t length = read_block(name, block);
	struct layout layout;
	struct error err = { 0 };
	bool newer;

	ck_assert_msg(layout_from_debug_offsets(&layout, block, length, &newer, &err) == 0, "%s: %s", name,
		err.message);
	ck_assert(!newer);
	return layout;
}

/* Sizes differ between patch levels and builds, and tell nothing of where fields are. */
static void forget_sizes(struct layout *layout)
{
	layout->runtime_state.size = layout->interpreter_state.size = layout->thread_state.size = 0;
}

START_TEST(test_block)
{
	struct layout layout = load(blocks[_i].file), row = *layout_find(blocks[_i].version);
	size_t first = offsetof(struct layout, runtime_state);

	ck_assert_int_eq(layout.version, blocks[_i].version);
	ck_assert_int_eq(layout.free_threaded, blocks[_i].free_threaded);
	if (blocks[_i].free_threaded)
		return;
	/* A build with the GIL has the offsets of the row. */
	forget_sizes(&layout);
	forget_sizes(&row);
	for (size_t at = first; at + sizeof(uint32_t) <= sizeof(layout); at += sizeof(uint32_t)) {
		uint32_t value, expected;

		memcpy(&value, (const char *)&layout + at, sizeof(value));
		memcpy(&expected, (const char *)&row + at, sizeof(expected));
		ck_assert_msg(value == expected, "%s: the field behind byte %zu is %u, not %u",
			blocks[_i].file, at - first, value, expected);
	}
}
END_TEST

/* Printed by offsetof with Py_GIL_DISABLED. */
START_TEST(test_free_threaded)
{
	static const struct {
		const char *file;
		uint32_t first_traceable, code_adaptive, tlbc, tlbc_index, owner, kind_shift, cached_keys,
			modules, gil_enabled;
	} expected[] = {
		{ "3.13t", 200, 216, OFFSET_NONE, OFFSET_NONE, 70, 2, 896, 7664, 7760 },
		{ "3.14t", 208, 232, 224, 72, 78, 8, 896, 7712, 7808 },
		{ "3.15t", 208, 232, 224, 72, 78, 8, 904, 7592, 7736 },
	};
	struct layout layout = load(expected[_i].file);

	ck_assert_uint_eq(layout.code_object.first_traceable, expected[_i].first_traceable);
	ck_assert_uint_eq(layout.code_object.code_adaptive, expected[_i].code_adaptive);
	ck_assert_uint_eq(layout.code_object.tlbc, expected[_i].tlbc);
	ck_assert_uint_eq(layout.interpreter_frame.tlbc_index, expected[_i].tlbc_index);
	ck_assert_uint_eq(layout.interpreter_frame.owner, expected[_i].owner);
	ck_assert_uint_eq(layout.unicode.kind_shift, expected[_i].kind_shift);
	ck_assert_uint_eq(layout.type_object.ht_cached_keys, expected[_i].cached_keys);
	ck_assert_uint_eq(layout.interpreter_state.modules, expected[_i].modules);

	ck_assert_uint_eq(layout.object.ob_type, 24);
	ck_assert_uint_eq(layout.module.dict, 32);
	ck_assert_uint_eq(layout.bytes.ob_sval, 48);
	ck_assert_uint_eq(layout.integer.size, 32);
	ck_assert_uint_eq(layout.integer.digits, 40);
	ck_assert_uint_eq(layout.unicode.ascii_data, 56);
	ck_assert_uint_eq(layout.unicode.compact_data, 72);
	ck_assert_uint_eq(layout.type_object.tp_basicsize, 48);
	ck_assert_uint_eq(layout.type_object.tp_dictoffset, 304);
	ck_assert_uint_eq(layout.code_object.version, 108);
	ck_assert_uint_eq(layout.instance.dict, 8);
	ck_assert_uint_eq(layout.interpreter_state.gil_enabled, expected[_i].gil_enabled);
	ck_assert_uint_eq(layout.gil_runtime_state.last_holder, 16);
	ck_assert_uint_eq(layout.gil_runtime_state.locked, 24);
	ck_assert_uint_eq(layout.gil_runtime_state.switch_number, 32);
}
END_TEST

START_TEST(test_version)
{
	unsigned char block[DEBUG_OFFSETS_BYTES];
	size_t length = read_block("3.14", block);

	ck_assert_uint_eq(debug_offsets_version(block, length), 0x030e0af0);
	ck_assert_uint_eq(debug_offsets_version(block, 15), 0);
	block[0] = 'X';
	ck_assert_uint_eq(debug_offsets_version(block, length), 0);
}
END_TEST

/* A version that nobody has seen yet is read in the newest shape. */
START_TEST(test_newer)
{
	unsigned char block[DEBUG_OFFSETS_BYTES];
	size_t length = read_block("3.15", block);
	struct layout layout, known = load("3.15");
	struct error err = { 0 };
	bool newer = false;

	put(block, VERSION_AT, 0x031000f0);
	ck_assert_int_eq(layout_from_debug_offsets(&layout, block, length, &newer, &err), 0);
	ck_assert(newer);
	ck_assert_uint_eq(layout.thread_state.current_frame, known.thread_state.current_frame);
	/* In a shape that is not its own the numbers of a block make no sense, and that is noticed. */
	length = read_block("3.13", block);
	memset(block + length, 0, sizeof(block) - length);
	put(block, VERSION_AT, 0x031000f0);
	ck_assert_int_eq(layout_from_debug_offsets(&layout, block, sizeof(block), &newer, &err), -1);
	ck_assert_int_eq(err.kind, ERROR_UNSUPPORTED);
}
END_TEST

static void check_refused(const unsigned char *block, size_t length, const char *why)
{
	struct layout layout;
	struct error err = { 0 };
	bool newer;

	ck_assert_msg(
		layout_from_debug_offsets(&layout, block, length, &newer, &err) == -1, "accepted: %s", why);
	ck_assert_int_eq(err.kind, ERROR_UNSUPPORTED);
	ck_assert_msg(strstr(err.message, why) != NULL, "\"%s\" does not say \"%s\"", err.message, why);
}

START_TEST(test_refused)
{
	unsigned char block[DEBUG_OFFSETS_BYTES];
	size_t length = read_block(blocks[_i].file, block);
	uint64_t version = get(block, VERSION_AT);

	check_refused(block, 0, "no debug offsets");
	check_refused(block, 23, "no debug offsets");
	for (size_t cut = 24; cut < 400; cut += 8)
		check_refused(block, cut, "cut off");
	put(block, VERSION_AT, 0x030c01f0);
	check_refused(block, length, "unknown version 0x30c01f0");
	put(block, VERSION_AT, UINT64_C(1) << 40 | version);
	check_refused(block, length, "unknown version");
	put(block, VERSION_AT, version);
	put(block, FREE_THREADED_AT, 2);
	check_refused(block, length, "free_threaded is 2");
}
END_TEST

/* Each field in turn: no value that is used may be out of bounds, misaligned or, but for a few, 0. */
START_TEST(test_each_field)
{
	static const uint64_t wrong[] = { UINT64_MAX, UINT64_C(1) << 63, UINT64_C(1) << 32, 1 << 27 };
	unsigned char block[DEBUG_OFFSETS_BYTES];
	size_t length = read_block(blocks[_i].file, block);
	unsigned refused = 0;

	for (size_t at = 24; at < length; at += 8) {
		uint64_t value = get(block, at);
		unsigned times = 0;

		for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
			struct layout layout;
			struct error err = { 0 };
			bool newer;

			put(block, at, wrong[i]);
			times += layout_from_debug_offsets(&layout, block, length, &newer, &err) < 0;
		}
		put(block, at, value);
		ck_assert_msg(times == 0 || times == ARRAY_LENGTH(wrong),
			"the field at %zu is not always refused", at);
		refused += times != 0;
	}
	ck_assert_uint_ge(refused, 57);
}
END_TEST

START_TEST(test_field_named)
{
	unsigned char block[DEBUG_OFFSETS_BYTES];
	size_t length = read_block("3.13", block);

	put(block, 168, 12345);
	check_refused(block, length, "CPython 3.13 make no sense: thread_state.next is 12345");
	put(block, 168, 0);
	check_refused(block, length, "thread_state.next is 0");
	put(block, 168, 8);
	put(block, 152, 0);
	check_refused(block, length, "thread_state.size is 0");
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, test_block, 0, ARRAY_LENGTH(blocks));
	tcase_add_loop_test(tests, test_free_threaded, 0, 3);
	tcase_add_test(tests, test_version);
	tcase_add_test(tests, test_newer);
	tcase_add_loop_test(tests, test_refused, 0, ARRAY_LENGTH(blocks));
	tcase_add_loop_test(tests, test_each_field, 0, ARRAY_LENGTH(blocks));
	tcase_add_test(tests, test_field_named);
}

int main(void)
{
	return suite_run("debug_offsets", add_tests);
}
