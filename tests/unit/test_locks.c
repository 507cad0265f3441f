/* SPDX-License-Identifier: MIT */
/*
 * Locks made up in another process's memory, in the structs of every version: which one a thread sleeps in,
 * which ones it has entered; and memory that lies about it.
 */
#include "config.h"

#include <check.h>
#include <string.h>

#include "python/locks.h"

#define MEMORY_BYTES (1u << 20)
#define OBJECTS_BYTES (MEMORY_BYTES - 8192)
#include "objects.h"
#include "suite.h"

#define FUTEX (CHILD_ADDRESS + MEMORY_BYTES - 4096) /* where the thread sleeps */
#define VARIABLES 2
#define UNIT 10 /* of the code that the frame is at */

static struct variable_reader reader;
static struct lock_wait wait_found;
static struct lock_frame frame;
static raddr_t stack; /* of the frame */

/* A lock that the thread sleeps in. */
static raddr_t new_lock(const char *type)
{
	const raddr_t lock = new_object(type, 0);

	if (layout.locks == LOCKS_INLINE)
		put(FUTEX - 8, lock + layout.lock.lock, 8);
	else
		put(lock + layout.lock.lock, FUTEX, 8);
	return lock;
}

/* A code object with these variables, and a frame that executes it. */
static struct lock_frame new_frame(const char *function, const char *first, const char *second)
{
	const raddr_t tuple = new_object("tuple", TYPE_IS_TUPLE), kinds = new_object("bytes", TYPE_IS_BYTES);
	const struct lock_frame made = {
		.address = allocate(4096), .code = allocate(512), .unit = UNIT, .function = function
	};

	put(tuple + layout.bytes.ob_size, VARIABLES, 8);
	put(tuple + layout.tuple.ob_item, new_str(first), 8);
	put(tuple + layout.tuple.ob_item + 8, new_str(second), 8);
	put(made.code + layout.code_object.names, tuple, 8);
	put(made.code + layout.code_object.local_count, VARIABLES, 4);
	if (layout.code_object.kinds != OFFSET_NONE)
		put(made.code + layout.code_object.kinds, kinds, 8);
	return made;
}

/* Where the variables of a frame are; its stack lies behind them. */
static raddr_t variables_of(const struct lock_frame *of)
{
	const bool is_heap = layout.frames == FRAMES_ON_HEAP;

	return of->address + (is_heap ? layout.frame.localsplus : layout.interpreter_frame.localsplus);
}

/* A dict of one entry. */
static raddr_t new_dict(const char *key, raddr_t value)
{
	const raddr_t dict = new_object("dict", TYPE_IS_DICT), keys = allocate(256);
	raddr_t entry = keys;

	if (layout.dicts == DICT_TABLE) {
		put(dict + layout.dict.mask, 0, 8);
		put(dict + layout.dict.table, keys, 8);
	} else {
		put(dict + layout.dict.keys, keys, 8);
		entry += layout.dict_keys.entries;
		if (layout.dict_keys.size != OFFSET_NONE)
			put(keys + layout.dict_keys.size, 1, 8);
		if (layout.dict_keys.nentries != OFFSET_NONE)
			put(keys + layout.dict_keys.nentries, 1, 8);
		if (layout.dicts == DICT_KEYS_SPARSE)
			entry += 1; /* an index */
		if (layout.dicts == DICT_KEYS_LOG2) {
			put(keys + layout.dict_keys.log2_index_bytes, 3, 1);
			entry += 8;
		}
	}
	put(entry + 8, new_str(key), 8); /* behind the hash */
	put(entry + 16, value, 8);
	return dict;
}

/* An instance with one attribute, which it keeps in a dict. */
static raddr_t new_instance(const char *class_name, const char *attribute, raddr_t value)
{
	const uint32_t dict_at = 64;
	const raddr_t object = new_object(class_name, TYPE_IS_HEAP);
	uint64_t type;

	memcpy(&type, child.bytes + (object + layout.object.ob_type - CHILD_ADDRESS), sizeof(type));
	put(type + layout.type_object.tp_dictoffset, dict_at, 8);
	put(object + dict_at, new_dict(attribute, value), 8);
	return object;
}

static raddr_t new_condition(raddr_t lock)
{
	const bool is_2 = layout.strings == STRINGS_BYTES;

	return new_instance(is_2 ? "_Condition" : "Condition", is_2 ? "_Condition__lock" : "_lock", lock);
}

/* A frame of threading.py that calls a method of the object. */
static struct lock_frame new_method(const char *function, raddr_t self)
{
	struct lock_frame made = new_frame(function, "timeout", "self");

	made.is_threading = true;
	put(variables_of(&made) + 8, self, 8);
	return made;
}

/* The frame is inside of a block at whose beginning its stack was so deep. */
static void put_depth(uint8_t depth)
{
	const raddr_t table = new_object("bytes", TYPE_IS_BYTES);
	const uint8_t entry[] = { 0x80 | (UNIT - 1), 4, 30, (uint8_t)(depth << 1 | 1) };

	if (layout.withs == WITHS_IN_BLOCKS) {
		put(frame.address + layout.frame.block_count, depth > 0, 4);
		put(frame.address + layout.frame.blocks + 8, depth, 4);
		return;
	}
	put(table + layout.bytes.ob_size, sizeof(entry), 8);
	memcpy(child.bytes + (table + layout.bytes.ob_sval - CHILD_ADDRESS), entry, sizeof(entry));
	put(frame.code + layout.code_object.exception_table, table, 8);
}

/* What ends a with of the lock, at this place of the stack; how deep it is then. */
static uint8_t put_exit(raddr_t lock, uint8_t at, const char *name)
{
	const bool is_pair = layout.withs == WITHS_IN_PAIRS;
	const raddr_t definition = allocate(32);
	const raddr_t object = new_object(is_pair ? "method_descriptor" : "builtin_function_or_method", 0);

	put(definition, new_text(name), 8);
	put(object + (is_pair ? layout.descriptor.definition : layout.builtin.definition), definition, 8);
	put(stack + 8u * at, object, 8);
	if (is_pair)
		put(stack + 8u * at + 8, lock, 8);
	else
		put(object + layout.builtin.self, lock, 8);
	return is_pair ? at + 2 : at + 1;
}

static bool finds(void)
{
	pages_forget(&pages);
	return locks_find_wait(&reader, &frame, 1, FUTEX, &wait_found);
}

/* Of these frames, innermost first. */
static size_t entered_by(const struct lock_frame *frames, size_t frame_count, raddr_t lock)
{
	struct entered_lock list[4];
	size_t count;

	pages_forget(&pages);
	count = locks_find_entered(&reader, frames, frame_count, &lock, 1, list, ARRAY_LENGTH(list));
	ck_assert(!count || list[0].lock == lock);
	return count;
}

static size_t entered(raddr_t lock)
{
	return entered_by(&frame, 1, lock);
}

static void begin(int row)
{
	layout = *layout_rows()[row];
	child = child_start(MEMORY_BYTES);
	next_free = 4096;
	pages_init(&pages, child.target);
	reader = (struct variable_reader){ .layout = &layout, .pages = &pages };
	frame = new_frame("function", "lock", "other");
	stack = variables_of(&frame) + 8 * VARIABLES;
}

static void end(void)
{
	variable_reader_release(&reader);
	pages_release(&pages);
	child_end(&child);
}

START_TEST(test_wait)
{
	raddr_t lock, method;

	begin(_i);
	ck_assert(!finds());
	lock = new_lock("_thread.lock");
	put(stack - 8 * VARIABLES, lock, 8);
	ck_assert(finds());
	ck_assert_int_eq(wait_found.kind, WAIT_LOCK);
	ck_assert_uint_eq(wait_found.lock, lock);
	ck_assert_uint_eq(wait_found.owner, 0);
	ck_assert_str_eq(wait_found.label, "Lock lock");

	/* it is called by its method alone */
	put(stack - 8 * VARIABLES, 0, 8);
	method = new_object("builtin_function_or_method", 0);
	put(method + layout.builtin.self, lock, 8);
	put(stack, method, 8);
	ck_assert(finds());
	ck_assert_uint_eq(wait_found.lock, lock);
	ck_assert_str_eq(wait_found.label, "Lock");
	end();
}
END_TEST

START_TEST(test_owner)
{
	raddr_t lock;

	begin(_i);
	if (layout.lock.owner != OFFSET_NONE) {
		lock = new_lock("_thread.RLock");
		put(lock + layout.lock.owner, 4711, 8);
		put(stack - 8, lock, 8);
		ck_assert(finds());
		ck_assert_int_eq(wait_found.kind, WAIT_RLOCK);
		ck_assert_uint_eq(wait_found.owner, 4711);
		ck_assert_str_eq(wait_found.label, "RLock other");
	}
	end();
}
END_TEST

/* An object of another type, a semaphore of another lock, an object that is none. */
START_TEST(test_other)
{
	raddr_t lock;

	begin(_i);
	put(stack - 8, new_lock("lock_of_mine"), 8);
	ck_assert(!finds());
	lock = new_lock("_thread.lock");
	put(stack - 8, lock, 8);
	ck_assert(finds());
	put(layout.locks == LOCKS_INLINE ? FUTEX - 8 : lock + layout.lock.lock, FUTEX + 64, 8);
	ck_assert(!finds());
	put(layout.locks == LOCKS_INLINE ? FUTEX - 8 : lock + layout.lock.lock, UINT64_MAX, 8);
	ck_assert(!finds());
	end();
}
END_TEST

START_TEST(test_entered)
{
	raddr_t lock, condition;
	uint8_t depth;

	begin(_i);
	lock = new_lock("_thread.lock");
	ck_assert_uint_eq(entered(lock), 0);
	depth = put_exit(lock, 0, "__exit__");
	ck_assert_uint_eq(entered(lock), 0); /* what is left of one that has ended */
	put_depth(depth);
	ck_assert_uint_eq(entered(lock), 1);
	ck_assert_uint_eq(entered(lock + 8), 0); /* another one */
	put_depth(0);
	ck_assert_uint_eq(entered(lock), 0);
	put_depth(put_exit(lock, 0, "release"));
	ck_assert_uint_eq(entered(lock), 0);
	if (layout.withs != WITHS_IN_BLOCKS) {
		put_depth(put_exit(lock, 0, "__exit__"));
		frame.unit = UNIT + 4; /* behind the block */
		ck_assert_uint_eq(entered(lock), 0);
		frame.unit = -1;
		ck_assert_uint_eq(entered(lock), 0);
	}
	condition = new_object("Condition", TYPE_IS_HEAP); /* it has no attributes */
	put_depth(put_exit(condition, 0, "__exit__"));
	ck_assert_uint_eq(entered(lock), 0);
	end();
}
END_TEST

/* Inside of a with of a Condition, or of its lock; who waits in it has let go of the lock. */
START_TEST(test_released)
{
	raddr_t lock, condition, other, event;
	struct lock_frame frames[2];

	begin(_i);
	lock = new_lock("_thread.lock");
	condition = new_condition(lock);
	other = new_condition(new_object("_thread.lock", 0));
	event = new_instance("Event", layout.strings == STRINGS_BYTES ? "_Event__cond" : "_cond", other);
	for (int round = 0; round < 2; round++) {
		put_depth(put_exit(round ? lock : condition, 0, "__exit__"));
		ck_assert_uint_eq(entered(lock), 1);
		frames[1] = frame;
		frames[0] = new_method("wait", condition);
		ck_assert_uint_eq(entered_by(frames, 2, lock), 0);
		frames[0].is_threading = false;
		ck_assert_uint_eq(entered_by(frames, 2, lock), 1);
		frames[0] = new_method("notify", condition);
		ck_assert_uint_eq(entered_by(frames, 2, lock), 1);
		frames[0] = new_method("wait", other);
		ck_assert_uint_eq(entered_by(frames, 2, lock), 1);
		frames[0] = new_method("wait", event);
		ck_assert_uint_eq(entered_by(frames, 2, lock), 1);
		frames[0] = new_method("wait", 0); /* of which Condition is not known: so nothing is */
		ck_assert_uint_eq(entered_by(frames, 2, lock), 0);
	}
	end();
}
END_TEST

/* It waits in more Conditions at once than are kept in mind: what it has entered is not known. */
START_TEST(test_many_released)
{
	struct lock_frame frames[10];
	raddr_t lock;

	begin(_i);
	lock = new_lock("_thread.lock");
	put_depth(put_exit(lock, 0, "__exit__"));
	frames[ARRAY_LENGTH(frames) - 1] = frame;
	for (size_t i = 0; i + 1 < ARRAY_LENGTH(frames); i++)
		frames[i] = new_method("wait", new_condition(new_object("_thread.lock", 0)));
	ck_assert_uint_eq(entered_by(frames + 1, ARRAY_LENGTH(frames) - 1, lock), 1);
	ck_assert_uint_eq(entered_by(frames, ARRAY_LENGTH(frames), lock), 0);
	end();
}
END_TEST

/* The table of a code object: what is cut, too long, or begins behind the unit. */
START_TEST(test_table)
{
	static const uint8_t two[] = { 0x80, 5, 20, 2 << 1, 0x85, 5, 20, 3 << 1 };
	static const uint8_t endless[] = { 0xc0, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40 };
	static const uint8_t deep[] = { 0x80, 5, 20, 0x7f, 0x7f, 0x7f, 0x3f };

	ck_assert_uint_eq(exception_table_depth(two, sizeof(two), 0), 2);
	ck_assert_uint_eq(exception_table_depth(two, sizeof(two), 4), 2);
	ck_assert_uint_eq(exception_table_depth(two, sizeof(two), 5), 3);
	ck_assert_uint_eq(exception_table_depth(two, sizeof(two), 10), 0);
	for (size_t length = 0; length < 4; length++)
		ck_assert_uint_eq(exception_table_depth(two, length, 0), 0);
	ck_assert_uint_eq(exception_table_depth(endless, sizeof(endless), 0), 0);
	ck_assert_uint_eq(exception_table_depth(deep, sizeof(deep), 0), 0);
}
END_TEST

/* Counts and pointers that lie: it ends, and says nothing. */
START_TEST(test_lies)
{
	raddr_t lock, table;

	begin(_i);
	lock = new_lock("_thread.lock");
	put_depth(put_exit(lock, 0, "__exit__"));
	if (layout.withs == WITHS_IN_BLOCKS) {
		put(frame.address + layout.frame.blocks + 8, UINT32_MAX, 4);
		ck_assert_uint_eq(entered(lock), 0);
		put(frame.address + layout.frame.block_count, UINT32_MAX, 4);
	} else {
		table = new_object("bytes", TYPE_IS_BYTES);
		put(table + layout.bytes.ob_size, UINT64_MAX, 8);
		put(frame.code + layout.code_object.exception_table, table, 8);
	}
	ck_assert_uint_eq(entered(lock), 0);
	frame.address = CHILD_ADDRESS + MEMORY_BYTES; /* not mapped */
	ck_assert_uint_eq(entered(lock), 0);
	frame.code = UINT64_MAX - 7;
	ck_assert_uint_eq(entered(lock), 0);
	end();
}
END_TEST

static void add_tests(TCase *tests)
{
	int rows = 0;

	while (layout_rows()[rows])
		rows++;
	tcase_add_loop_test(tests, test_wait, 0, rows);
	tcase_add_loop_test(tests, test_owner, 0, rows);
	tcase_add_loop_test(tests, test_other, 0, rows);
	tcase_add_loop_test(tests, test_entered, 0, rows);
	tcase_add_loop_test(tests, test_released, 0, rows);
	tcase_add_loop_test(tests, test_many_released, 0, rows);
	tcase_add_loop_test(tests, test_lies, 0, rows);
	tcase_add_test(tests, test_table);
}

int main(void)
{
	return suite_run("locks", add_tests);
}
