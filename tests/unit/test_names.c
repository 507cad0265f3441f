/* SPDX-License-Identifier: MIT */
/*
 * Names of threads: sys.modules, threading, _active and the Thread made up in another process's memory, in
 * the structs of every version, and then broken at every word.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../child.h"
#include "python/decode.h"
#include "suite.h"

#define MEMORY_BYTES (1u << 20)
#define IDENT UINT64_C(0x7f12345678c0)
#define INTERPRETER CHILD_ADDRESS
#define FIRST_FREE (512 * 1024) /* the interpreter comes first */

static struct child child;
static size_t next_free;
static struct layout layout;
static struct buffer name;

/* ---- objects ---- */

static raddr_t allocate(size_t size)
{
	raddr_t address = CHILD_ADDRESS + next_free;

	next_free += (size + 15) / 16 * 16;
	ck_assert_uint_le(next_free, MEMORY_BYTES);
	return address;
}

static void put(raddr_t address, uint64_t value, size_t length)
{
	memcpy(child.bytes + (address - CHILD_ADDRESS), &value, length);
}

static raddr_t new_str(const char *text)
{
	raddr_t str = allocate(128 + strlen(text));
	raddr_t data;

	if (layout.strings == STRINGS_BYTES) {
		put(str + layout.bytes.ob_size, strlen(text), 8);
		data = str + layout.bytes.ob_sval;
	} else {
		put(str + layout.unicode.length, strlen(text), 8);
		put(str + layout.unicode.state, 0x19u << layout.unicode.kind_shift, 4);
		data = str + layout.unicode.ascii_data;
	}
	memcpy(child.bytes + (data - CHILD_ADDRESS), text, strlen(text));
	return str;
}

static raddr_t new_int(uint64_t value)
{
	raddr_t integer = allocate(96);
	uint64_t digits = 0;

	if (layout.integers == INTEGERS_PLAIN) {
		put(integer + layout.integer.digits, value, 8);
		return integer;
	}
	for (; value; value >>= 30, digits++)
		put(integer + layout.integer.digits + 4 * digits, value & 0x3fffffff, 4);
	put(integer + layout.integer.size, layout.integers == INTEGERS_TAGGED ? digits << 3 : digits, 8);
	return integer;
}

struct item {
	raddr_t key, value;
};

/* Key and value are the last two words of an entry. */
static void put_entries(raddr_t at, unsigned words, const struct item *items, size_t count, bool with_values)
{
	for (size_t i = 0; i < count; i++) {
		put(at + (i + 1) * 8 * words - 16, items[i].key, 8);
		put(at + (i + 1) * 8 * words - 8, with_values ? items[i].value : 0, 8);
	}
}

/* A keys object with room for 256 entries. */
static raddr_t new_keys(const struct item *items, size_t count, bool of_str, bool with_values)
{
	raddr_t keys = allocate(64 + 512 + 256 * 24);
	unsigned words = of_str && layout.dicts == DICT_KEYS_LOG2 ? 2 : 3;
	raddr_t entries = keys + layout.dict_keys.entries;

	if (layout.dicts == DICT_KEYS_TABLE || layout.dicts == DICT_KEYS_SPARSE)
		put(keys + layout.dict_keys.size, 256, 8);
	if (layout.dicts == DICT_KEYS_SPARSE)
		entries += 256 * 2;
	if (layout.dicts == DICT_KEYS_LOG2) {
		put(keys + layout.dict_keys.log2_size, 8, 1);
		put(keys + layout.dict_keys.log2_index_bytes, 9, 1);
		put(keys + layout.dict_keys.kind, of_str ? (with_values ? 1 : 2) : 0, 1);
		entries += 512;
	}
	if (layout.dict_keys.nentries != OFFSET_NONE)
		put(keys + layout.dict_keys.nentries, count, 8);
	put_entries(entries, words, items, count, with_values);
	return keys;
}

static raddr_t new_values(const struct item *items, size_t count)
{
	raddr_t values = allocate(8 + 256 * 8);

	for (size_t i = 0; i < count; i++)
		put(values + layout.dict.values_data + 8 * i, items[i].value, 8);
	return values;
}

static raddr_t new_dict(const struct item *items, size_t count, bool of_str, bool is_split)
{
	raddr_t dict = allocate(128), table;

	if (layout.dicts == DICT_TABLE) {
		table = allocate(256 * 24);
		put(dict + layout.dict.mask, 255, 8);
		put(dict + layout.dict.table, table, 8);
		put_entries(table, 3, items, count, true);
		return dict;
	}
	put(dict + layout.dict.keys, new_keys(items, count, of_str, !is_split), 8);
	put(dict + layout.dict.values, is_split ? new_values(items, count) : 0, 8);
	return dict;
}

/* So many entries that come first and are not the one; some keys are NULL, or nowhere. */
static size_t fill(struct item *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char text[32];

		snprintf(text, sizeof(text), "module_%zu", i);
		items[i] = (struct item){ i % 7 == 3 ? 0 : i % 7 == 5 ? 8 : new_str(text), 16 };
	}
	return count;
}

/* How the Thread has its attributes. */
enum shape { SHAPE_DICT, SHAPE_SPLIT_DICT, SHAPE_VALUES, SHAPE_DICT_OFFSET, SHAPES };

/* Keys 0 and 1 are not it. */
static raddr_t new_thread(enum shape shape, const char *text)
{
	struct item items[3] = { { new_str("_target"), 16 }, { new_str("_names"), 16 },
		{ new_str(layout.thread_name_attribute), new_str(text) } };
	raddr_t thread = allocate(128 + 256 * 8) + 64; /* pointers stand before it */
	raddr_t type = allocate(1024);
	bool is_managed = layout.instances != INSTANCE_DICT_OFFSET && shape != SHAPE_DICT_OFFSET;
	raddr_t values;

	put(thread + layout.object.ob_type, type, 8);
	if (!is_managed) {
		put(type + layout.type_object.tp_dictoffset, 48, 8);
		put(thread + 48, new_dict(items, 3, true, shape == SHAPE_SPLIT_DICT), 8);
		return thread;
	}
	put(type + layout.type_object.tp_flags, 1 << 4 | 1 << 2, 8);
	put(type + layout.type_object.tp_dictoffset, UINT64_MAX, 8);
	put(type + layout.type_object.tp_basicsize, 56, 8);
	if (shape != SHAPE_VALUES) {
		put(thread - layout.instance.dict, new_dict(items, 3, true, shape == SHAPE_SPLIT_DICT), 8);
		return thread;
	}
	put(type + layout.type_object.ht_cached_keys, new_keys(items, 3, true, false), 8);
	values = new_values(items, 3);
	if (layout.instances == INSTANCE_APART)
		put(thread - layout.instance.values, values, 8);
	else if (layout.instances == INSTANCE_TAGGED)
		put(thread - layout.instance.dict, values - 1, 8);
	else
		memcpy(child.bytes + (thread + 56 - CHILD_ADDRESS), child.bytes + (values - CHILD_ADDRESS),
			64);
	return thread;
}

static void make_world(const struct layout *row, enum shape shape)
{
	struct item items[200];
	raddr_t active, globals, module;
	size_t count;

	memset(child.bytes, 0, MEMORY_BYTES);
	next_free = FIRST_FREE;
	layout = *row;
	name = (struct buffer){ 0 };
	items[0] = (struct item){ new_int(IDENT + 1), 16 };
	items[1] = (struct item){ new_int(0x1234), 16 };
	items[2] = (struct item){ new_int(IDENT), new_thread(shape, "worker 1\n") };
	active = new_dict(items, 3, false, false);
	count = fill(items, 150);
	items[count++] = (struct item){ new_str("_active"), active };
	globals = new_dict(items, count, true, false);
	module = allocate(64);
	put(module + layout.module.dict, globals, 8);
	count = fill(items, 70);
	items[count++] = (struct item){ new_str("threading"), module };
	put(INTERPRETER + layout.interpreter_state.modules, new_dict(items, count, true, false), 8);
}

static bool read_name(uint64_t ident)
{
	struct u64_map objects = { 0 };
	struct type_cache cache = { 0 };
	const uint64_t *object;
	bool found = false;

	buffer_clear(&name);
	if (thread_objects_read(&layout, child.target, INTERPRETER, &objects)) {
		object = u64_map_get(&objects, thread_object_key(INTERPRETER, ident));
		found = object && thread_object_name(&layout, child.target, &cache, *object, &name);
	}
	u64_map_release(&objects);
	return found;
}

/* ---- tests ---- */

/* Of what all Threads have in common the second one costs no read. */
START_TEST(test_type_is_read_once)
{
	for (int shape = 0; shape < SHAPES; shape++) {
		struct u64_map objects = { 0 };
		struct type_cache cache = { 0 };
		uint64_t first, second;
		raddr_t object;

		make_world(layout_rows()[_i], (enum shape)shape);
		ck_assert(thread_objects_read(&layout, child.target, INTERPRETER, &objects));
		object = *u64_map_get(&objects, thread_object_key(INTERPRETER, IDENT));
		first = target_read_calls(child.target);
		ck_assert(thread_object_name(&layout, child.target, &cache, object, &name));
		second = target_read_calls(child.target);
		buffer_clear(&name);
		ck_assert(thread_object_name(&layout, child.target, &cache, object, &name));
		ck_assert_str_eq(name.data, "worker 1 ");
		ck_assert_uint_lt(target_read_calls(child.target) - second, second - first);
		u64_map_release(&objects);
		buffer_release(&name);
	}
}
END_TEST

START_TEST(test_name)
{
	for (int shape = 0; shape < SHAPES; shape++) {
		make_world(layout_rows()[_i], (enum shape)shape);
		ck_assert_msg(read_name(IDENT), "%s: no name in shape %d", layout.name, shape);
		ck_assert_str_eq(name.data, "worker 1 ");
		ck_assert(!read_name(IDENT + 2));
		ck_assert(!read_name(0));
		buffer_release(&name);
	}
}
END_TEST

START_TEST(test_no_threading)
{
	make_world(layout_rows()[_i], SHAPE_DICT);
	put(INTERPRETER + layout.interpreter_state.modules, new_dict(NULL, 0, true, false), 8);
	ck_assert(!read_name(IDENT));
	put(INTERPRETER + layout.interpreter_state.modules, 0, 8);
	ck_assert(!read_name(IDENT));
	buffer_release(&name);
}
END_TEST

/* The main thread, which gevent gives another ident: as a global, or as what another one is a method of. */
START_TEST(test_main_thread)
{
	const char *const global[] = { "_main_thread", "_shutdown" };

	for (size_t i = 0; i < ARRAY_LENGTH(global); i++) {
		struct item items[2];
		raddr_t module, thread, method;

		make_world(layout_rows()[_i], SHAPE_DICT);
		thread = new_thread(SHAPE_DICT, "MainThread");
		method = allocate(64);
		put(method + layout.method.self, thread, 8);
		items[0] = (struct item){ new_str("_active"), new_dict(NULL, 0, false, false) };
		items[1] = (struct item){ new_str(global[i]), i == 0 ? thread : method };
		module = allocate(64);
		put(module + layout.module.dict, new_dict(items, 2, true, false), 8);
		items[0] = (struct item){ new_str("threading"), module };
		put(INTERPRETER + layout.interpreter_state.modules, new_dict(items, 1, true, false), 8);
		ck_assert_msg(read_name(THREAD_MAIN), "%s: no name by %s", layout.name, global[i]);
		ck_assert_str_eq(name.data, "MainThread");
		ck_assert(!read_name(IDENT));
		buffer_release(&name);
	}
}
END_TEST

/* Each word in turn becomes nonsense: a name, another one, or none, but always an end. */
START_TEST(test_broken)
{
	static const uint64_t nonsense[] = { 0, 1, UINT64_MAX, 0x7fffffff, CHILD_ADDRESS,
		CHILD_ADDRESS + FIRST_FREE + 1 };

	make_world(layout_rows()[_i], SHAPE_VALUES);
	for (raddr_t at = CHILD_ADDRESS + FIRST_FREE; at < CHILD_ADDRESS + next_free; at += 8) {
		uint64_t word;

		memcpy(&word, child.bytes + (at - CHILD_ADDRESS), 8);
		if (word == 0)
			continue;
		put(at, nonsense[at / 8 % ARRAY_LENGTH(nonsense)], 8);
		read_name(IDENT);
		put(at, word, 8);
	}
	ck_assert(read_name(IDENT));
	buffer_release(&name);
}
END_TEST

/* A dict that says it has more entries than any: it is not gone through. */
START_TEST(test_too_many)
{
	raddr_t dict, keys;
	uint64_t calls;

	make_world(layout_rows()[_i], SHAPE_DICT);
	dict = new_dict(NULL, 0, true, false);
	if (layout.dicts == DICT_TABLE) {
		put(dict + layout.dict.mask, UINT32_MAX, 8);
	} else {
		memcpy(&keys, child.bytes + (dict + layout.dict.keys - CHILD_ADDRESS), 8);
		keys += layout.dicts == DICT_KEYS_TABLE ? layout.dict_keys.size : layout.dict_keys.nentries;
		put(keys, 1 << 30, 8);
	}
	put(INTERPRETER + layout.interpreter_state.modules, dict, 8);
	calls = target_read_calls(child.target);
	ck_assert(!read_name(IDENT));
	ck_assert_uint_lt(target_read_calls(child.target) - calls, 8);
	buffer_release(&name);
}
END_TEST

static void add_tests(TCase *tests)
{
	int rows = 0;

	while (layout_rows()[rows])
		rows++;
	tcase_add_loop_test(tests, test_type_is_read_once, 0, rows);
	tcase_add_loop_test(tests, test_name, 0, rows);
	tcase_add_loop_test(tests, test_no_threading, 0, rows);
	tcase_add_loop_test(tests, test_main_thread, 0, rows);
	tcase_add_loop_test(tests, test_broken, 0, rows);
	tcase_add_loop_test(tests, test_too_many, 0, rows);
	tcase_set_timeout(tests, 60);
}

int main(void)
{
	int result;

	child = child_start(MEMORY_BYTES);
	result = suite_run("names", add_tests);
	child_end(&child);
	return result;
}
