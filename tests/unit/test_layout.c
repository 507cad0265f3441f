/* SPDX-License-Identifier: MIT */
/*
 * The table of layouts: that every row names every field. Which versions have a field is said here once more,
 * by version instead of by row, so that a row that forgets one (0) or wrongly has none (OFFSET_NONE) is
 * found.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "python/layout.h"
#include "suite.h"

#define FOREVER 9999

struct field {
	const char *name;
	size_t at;                 /* in struct layout */
	int first, last;           /* the versions that have it */
	int zero_first, zero_last; /* the versions where it may be the first field of its struct */
};

#define FIELD(name, first, last) \
	{ \
#name, offsetof(struct layout, name), first, last, FOREVER, 0 \
	}
#define FIRST_FIELD(name, first, last, zero_first, zero_last) \
	{ \
#name, offsetof(struct layout, name), first, last, zero_first, zero_last \
	}
/* Only in free-threaded builds, which have no row: filled in from their debug offsets. */
#define NOT_IN_ROWS(name) FIELD(name, FOREVER, 0)

static const struct field fields[] = {
	FIELD(runtime_state.size, 307, FOREVER),
	FIELD(runtime_state.interpreters_head, 307, FOREVER),
	FIELD(runtime_state.gilstate_tstate_current, 307, 311),
	FIELD(runtime_state.gc_collecting, 307, 308),
	FIELD(runtime_state.gil_last_holder, 307, 311),
	FIELD(runtime_state.gil_switch_number, 307, 311),
	FIELD(gil_runtime_state.size, 312, FOREVER),
	FIELD(gil_runtime_state.locked, 312, FOREVER),
	FIELD(gil_runtime_state.last_holder, 312, FOREVER),
	FIELD(gil_runtime_state.switch_number, 312, FOREVER),
	FIELD(interpreter_state.size, 206, FOREVER),
	FIELD(interpreter_state.id, 307, FOREVER),
	FIRST_FIELD(interpreter_state.next, 206, FOREVER, 206, 312),
	FIELD(interpreter_state.threads_head, 206, FOREVER),
	FIELD(interpreter_state.gc_collecting, 309, FOREVER),
	FIELD(interpreter_state.ceval_gil, 312, FOREVER),
	FIELD(interpreter_state.modules, 206, FOREVER),
	NOT_IN_ROWS(interpreter_state.gil_enabled),
	FIELD(thread_state.size, 206, FOREVER),
	FIRST_FIELD(thread_state.next, 206, FOREVER, 206, 207),
	FIELD(thread_state.interp, 206, FOREVER),
	FIELD(thread_state.frame, 206, 310),
	FIELD(thread_state.cframe, 310, 312),
	FIELD(thread_state.current_frame, 313, FOREVER),
	FIELD(thread_state.thread_id, 206, FOREVER),
	FIELD(thread_state.native_thread_id, 311, FOREVER),
	FIELD(thread_state.datastack_chunk, 311, FOREVER),
	FIELD(thread_state.datastack_top, 311, FOREVER),
	FIELD(thread_state.status, 312, FOREVER),
	FIRST_FIELD(cframe.current_frame, 311, 312, 312, 312),
	FIELD(cframe.previous, 310, 312),
	FIELD(frame.size, 206, 310),
	FIELD(frame.back, 206, 310),
	FIELD(frame.code, 206, 310),
	FIELD(frame.lasti, 206, 310),
	FIELD(frame.lineno, 206, 310),
	FIELD(frame.trace, 206, 309),
	FIELD(frame.block_count, 206, 310),
	FIELD(frame.blocks, 206, 310),
	FIELD(frame.globals, 206, 310),
	FIELD(frame.locals, 206, 310),
	FIELD(frame.localsplus, 206, 310),
	FIELD(interpreter_frame.size, 311, FOREVER),
	FIELD(interpreter_frame.previous, 311, FOREVER),
	FIRST_FIELD(interpreter_frame.executable, 311, FOREVER, 312, FOREVER),
	FIELD(interpreter_frame.instruction, 311, FOREVER),
	FIELD(interpreter_frame.globals, 311, FOREVER),
	FIELD(interpreter_frame.locals, 311, FOREVER),
	FIELD(interpreter_frame.localsplus, 311, FOREVER),
	FIELD(interpreter_frame.owner, 311, FOREVER),
	FIELD(interpreter_frame.is_entry, 311, 311),
	NOT_IN_ROWS(interpreter_frame.tlbc_index),
	FIELD(code_object.size, 206, FOREVER),
	FIELD(code_object.filename, 206, FOREVER),
	FIELD(code_object.name, 206, FOREVER),
	FIELD(code_object.qualname, 311, FOREVER),
	FIELD(code_object.line_table, 206, FOREVER),
	FIELD(code_object.first_line, 206, FOREVER),
	FIELD(code_object.argcount, 206, FOREVER),
	FIELD(code_object.code, 206, 310),
	FIELD(code_object.code_adaptive, 311, FOREVER),
	FIELD(code_object.first_traceable, 311, FOREVER),
	NOT_IN_ROWS(code_object.tlbc),
	FIELD(code_object.version, 312, FOREVER),
	FIELD(code_object.flags, 206, FOREVER),
	FIELD(code_object.keyword_only_count, 304, FOREVER),
	FIELD(code_object.local_count, 206, FOREVER),
	FIELD(code_object.names, 206, FOREVER),
	FIELD(code_object.cell_names, 206, 310),
	FIELD(code_object.free_names, 206, 310),
	FIELD(code_object.kinds, 311, FOREVER),
	FIELD(code_object.exception_table, 311, FOREVER),
	FIELD(object.ob_type, 206, FOREVER),
	FIELD(type_object.tp_name, 206, FOREVER),
	FIELD(type_object.tp_basicsize, 206, FOREVER),
	FIELD(type_object.tp_flags, 206, FOREVER),
	FIELD(type_object.tp_dictoffset, 206, FOREVER),
	FIELD(type_object.ht_cached_keys, 311, FOREVER),
	FIELD(unicode.state, 304, FOREVER),
	FIELD(unicode.length, 304, FOREVER),
	FIELD(unicode.ascii_data, 304, FOREVER),
	FIELD(unicode.compact_data, 304, FOREVER),
	FIELD(unicode.kind_shift, 304, FOREVER),
	FIELD(bytes.ob_size, 206, FOREVER),
	FIELD(bytes.ob_sval, 206, FOREVER),
	FIELD(tuple.ob_item, 206, FOREVER),
	FIELD(list.items, 206, FOREVER),
	FIELD(cell.ref, 206, FOREVER),
	FIELD(real.value, 206, FOREVER),
	FIELD(set.used, 206, FOREVER),
	FIELD(set.mask, 206, FOREVER),
	FIELD(set.table, 206, FOREVER),
	FIRST_FIELD(set.entry_key, 206, FOREVER, 304, FOREVER),
	FIELD(lock.lock, 206, FOREVER),
	FIELD(lock.owner, 304, FOREVER),
	FIELD(builtin.definition, 206, FOREVER),
	FIELD(builtin.self, 206, FOREVER),
	FIELD(descriptor.definition, 206, FOREVER),
	FIELD(integer.size, 304, FOREVER),
	FIELD(integer.digits, 206, FOREVER),
	FIELD(module.dict, 206, FOREVER),
	FIELD(method.self, 206, FOREVER),
	FIELD(dict.mask, 206, 207),
	FIELD(dict.table, 206, 207),
	FIELD(dict.keys, 304, FOREVER),
	FIELD(dict.values, 304, FOREVER),
	FIRST_FIELD(dict.values_data, 304, FOREVER, 304, 312),
	FIELD(dict.used, 206, FOREVER),
	FIELD(dict_keys.size, 304, 310),
	FIELD(dict_keys.log2_size, 311, FOREVER),
	FIELD(dict_keys.log2_index_bytes, 311, FOREVER),
	FIELD(dict_keys.kind, 311, FOREVER),
	FIELD(dict_keys.nentries, 306, FOREVER),
	FIELD(dict_keys.entries, 304, FOREVER),
	FIELD(instance.dict, 311, FOREVER),
	FIELD(instance.values, 311, 311),
};

static bool has(const struct field *field, int version)
{
	return version >= field->first && version <= field->last;
}

static void check_field(const struct layout *row, const struct field *field)
{
	bool may_be_zero = row->version >= field->zero_first && row->version <= field->zero_last;
	uint32_t value;

	memcpy(&value, (const char *)row + field->at, sizeof(value));
	if (!has(field, row->version)) {
		ck_assert_msg(value == OFFSET_NONE, "%s: %s is %u, but %s has no such field", row->name,
			field->name, value, row->name);
		return;
	}
	ck_assert_msg(value != OFFSET_NONE, "%s: %s is missing", row->name, field->name);
	ck_assert_msg(value != 0 || may_be_zero, "%s: %s was left out", row->name, field->name);
}

START_TEST(test_row_complete)
{
	const struct layout *row = layout_rows()[_i];

	for (; row; row = row->variant) {
		for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
			check_field(row, &fields[i]);
		ck_assert_ptr_nonnull(row->name);
		ck_assert_ptr_nonnull(row->thread_name_attribute);
	}
}
END_TEST

/* A field added to struct layout has to be added here. */
START_TEST(test_all_fields_listed)
{
	static bool listed[sizeof(struct layout)];
	size_t first = offsetof(struct layout, runtime_state);

	for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
		ck_assert_msg(!listed[fields[i].at], "%s is listed twice", fields[i].name);
		listed[fields[i].at] = true;
	}
	/* At most one word at the end is padding. */
	for (size_t at = first; at + 2 * sizeof(uint32_t) <= sizeof(struct layout); at += sizeof(uint32_t))
		ck_assert_msg(
			listed[at], "the field behind byte %zu of struct layout is not listed", at - first);
}
END_TEST

/* What the code that reads a row takes for granted. */
START_TEST(test_row_behaviour)
{
	const struct layout *row = layout_rows()[_i];

	ck_assert_int_eq(row->frames == FRAMES_ON_HEAP, row->frame.back != OFFSET_NONE);
	ck_assert_int_eq(row->frames == FRAMES_ON_HEAP, row->interpreter_frame.previous == OFFSET_NONE);
	ck_assert_int_eq(row->frames == FRAMES_BY_CFRAME, row->cframe.current_frame != OFFSET_NONE);
	ck_assert_int_eq(row->frames == FRAMES_BY_CURRENT, row->thread_state.current_frame != OFFSET_NONE);
	ck_assert_int_eq(row->root == ROOT_ENTRY, row->interpreter_frame.is_entry != OFFSET_NONE);
	ck_assert_int_eq(row->root == ROOT_SHIM, row->shim_owner != 255);
	ck_assert_int_eq(row->frames == FRAMES_ON_HEAP, row->generator_owner == 255);
	ck_assert_int_eq(
		row->gil == GIL_IN_RUNTIME, row->runtime_state.gilstate_tstate_current != OFFSET_NONE);
	ck_assert_int_eq(row->gil == GIL_PER_INTERPRETER, row->interpreter_state.ceval_gil != OFFSET_NONE);
	ck_assert_int_eq(row->gil == GIL_CURRENT_SYMBOL, row->runtime_state.size == OFFSET_NONE);
	ck_assert_int_eq(row->strings == STRINGS_BYTES, row->unicode.state == OFFSET_NONE);
	ck_assert_int_eq(row->integers == INTEGERS_PLAIN, row->integer.size == OFFSET_NONE);
	ck_assert_int_eq(row->dicts == DICT_TABLE, row->dict.keys == OFFSET_NONE);
	if (row->dicts != DICT_TABLE) { /* PEP 509: 3.6 put a version tag before them */
		ck_assert_uint_eq(row->dict.keys, row->version < 306 ? 24 : 32);
		ck_assert_uint_eq(row->dict.values, row->dict.keys + 8);
	}
	ck_assert_int_eq(row->dicts == DICT_KEYS_LOG2, row->dict_keys.kind != OFFSET_NONE);
	ck_assert_int_eq(row->instances == INSTANCE_DICT_OFFSET, row->instance.dict == OFFSET_NONE);
	ck_assert_int_eq(row->instances == INSTANCE_APART, row->instance.values != OFFSET_NONE);
	ck_assert_int_eq(row->has_debug_offsets, row->version >= 313);
	ck_assert_int_eq(row->pointer_tag_mask != 0, row->version >= 314);
	ck_assert(!row->free_threaded);
	ck_assert_uint_le(row->code_object.size, CODE_OBJECT_LIMIT);
	if (row->gil_runtime_state.size != OFFSET_NONE)
		ck_assert_uint_le(row->gil_runtime_state.switch_number + 8, GIL_LIMIT);
	if (row->unicode.state != OFFSET_NONE)
		ck_assert_uint_le(row->unicode.compact_data + 8, OBJECT_HEAD_LIMIT);
}
END_TEST

START_TEST(test_find)
{
	const struct layout *const *rows = layout_rows();

	for (size_t i = 0; rows[i]; i++) {
		ck_assert_ptr_eq(layout_find(rows[i]->version), rows[i]);
		ck_assert(i == 0 || rows[i - 1]->version < rows[i]->version);
		if (!rows[i + 1])
			ck_assert_ptr_eq(layout_newest(), rows[i]);
	}
	ck_assert_ptr_null(layout_find(0));
	ck_assert_ptr_null(layout_find(205));
	ck_assert_ptr_null(layout_find(303));
	ck_assert_ptr_null(layout_find(316));
}
END_TEST

START_TEST(test_variant)
{
	const struct layout *row = layout_find(307), *variant = row->variant;

	ck_assert_ptr_nonnull(variant);
	ck_assert_ptr_null(variant->variant);
	ck_assert_int_eq(variant->version, row->version);
	ck_assert_uint_eq(row->runtime_state.gilstate_tstate_current,
		variant->runtime_state.gilstate_tstate_current + 88);
	ck_assert_uint_eq(row->runtime_state.interpreters_head, variant->runtime_state.interpreters_head);
}
END_TEST

/* One number of each architecture, as the release itself has it. */
START_TEST(test_architecture)
{
#if defined(__aarch64__)
	ck_assert_uint_eq(layout_find(307)->runtime_state.gilstate_tstate_current, 1496);
	ck_assert_uint_eq(layout_find(307)->variant->runtime_state.gilstate_tstate_current, 1408);
	ck_assert_uint_eq(layout_find(311)->runtime_state.gilstate_tstate_current, 592);
#else
	ck_assert_uint_eq(layout_find(307)->runtime_state.gilstate_tstate_current, 1480);
	ck_assert_uint_eq(layout_find(307)->variant->runtime_state.gilstate_tstate_current, 1392);
	ck_assert_uint_eq(layout_find(311)->runtime_state.gilstate_tstate_current, 576);
#endif
}
END_TEST

static void add_tests(TCase *tests)
{
	int rows = 0;

	while (layout_rows()[rows])
		rows++;
	tcase_add_loop_test(tests, test_row_complete, 0, rows);
	tcase_add_loop_test(tests, test_row_behaviour, 0, rows);
	tcase_add_test(tests, test_all_fields_listed);
	tcase_add_test(tests, test_find);
	tcase_add_test(tests, test_variant);
	tcase_add_test(tests, test_architecture);
}

int main(void)
{
	return suite_run("layout", add_tests);
}
