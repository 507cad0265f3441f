/* SPDX-License-Identifier: MIT */
/*
 * The block of offsets that CPython puts at the start of _PyRuntime from 3.13 on, for those who look from
 * outside (Include/internal/pycore_debug_offsets.h; in 3.13 pycore_runtime.h). It is right for every patch
 * level, debug build and free-threaded build; but it comes out of the target's memory, and its own shape
 * changes with every minor version. So it is read by name, in the shape of its version, and all values are
 * checked before any is used.
 *
 * What the block leaves out is derived from what it says, or else taken from the row of the version.
 */
#include "config.h"

#include "python/layout.h"

#include <inttypes.h>
#include <string.h>

#define COOKIE "xdebugpy"
#define COOKIE_BYTES 8
#define VERSION_AT 8
#define FREE_THREADED_AT 16

/*
 * What an offset points to: its bytes, and its alignment. SIZE: the value is no offset but a struct's size.
 */
#define SIZE 0
#define BYTE 1
#define INT 4
#define WORD 8

/* No struct of a whole runtime or interpreter is larger than this; a size above it is garbage. */
#define STATE_LIMIT (64 * 1024 * 1024)

/*
 * The fields of the block that are used, as CPython names them, and where they are in the block of 3.13, 3.14
 * and 3.15 (ABSENT: it does not say). A struct has a limit to its size, and an offset lies within its struct.
 */
/* clang-format off */
#define BLOCK(STRUCT, FIELD) \
	STRUCT(runtime_state, STATE_LIMIT, 24, 24, 24) \
	FIELD(runtime_state, interpreters_head, WORD, NEEDED, 40, 40, 40) \
	STRUCT(interpreter_state, STATE_LIMIT, 48, 48, 48) \
	FIELD(interpreter_state, id, WORD, NEEDED, 56, 56, 56) \
	FIELD(interpreter_state, next, WORD, NEEDED, 64, 64, 64) \
	FIELD(interpreter_state, threads_head, WORD, NEEDED, 72, 72, 72) \
	FIELD(interpreter_state, gc, WORD, NEEDED, 80, 88, 88) \
	FIELD(interpreter_state, imports_modules, WORD, NEEDED, 88, 96, 96) \
	FIELD(interpreter_state, ceval_gil, WORD, NEEDED, 112, 120, 120) \
	FIELD(interpreter_state, gil_runtime_state, WORD, NEEDED, 120, 128, 128) \
	FIELD(interpreter_state, gil_runtime_state_enabled, INT, MAY_BE_FIRST, 128, 136, 136) \
	FIELD(interpreter_state, gil_runtime_state_locked, INT, NEEDED, 136, 144, 144) \
	FIELD(interpreter_state, gil_runtime_state_holder, WORD, NEEDED, 144, 152, 152) \
	STRUCT(thread_state, 16 * 1024, 152, 176, 176) \
	FIELD(thread_state, next, WORD, NEEDED, 168, 192, 192) \
	FIELD(thread_state, interp, WORD, NEEDED, 176, 200, 200) \
	FIELD(thread_state, current_frame, WORD, NEEDED, 184, 208, 208) \
	FIELD(thread_state, thread_id, WORD, NEEDED, 192, 216, 240) \
	FIELD(thread_state, native_thread_id, WORD, NEEDED, 200, 224, 248) \
	FIELD(thread_state, datastack_chunk, WORD, NEEDED, 208, 232, 256) \
	FIELD(thread_state, status, INT, NEEDED, 216, 240, 264) \
	STRUCT(interpreter_frame, 512, 224, 248, 312) \
	FIELD(interpreter_frame, previous, WORD, NEEDED, 232, 256, 320) \
	FIELD(interpreter_frame, executable, WORD, MAY_BE_FIRST, 240, 264, 328) \
	FIELD(interpreter_frame, instr_ptr, WORD, NEEDED, 248, 272, 336) \
	FIELD(interpreter_frame, localsplus, WORD, NEEDED, 256, 280, 344) \
	FIELD(interpreter_frame, owner, BYTE, NEEDED, 264, 288, 352) \
	FIELD(interpreter_frame, tlbc_index, INT, MAY_BE_MISSING, ABSENT, 304, 368) \
	STRUCT(code_object, CODE_OBJECT_LIMIT, 272, 312, 376) \
	FIELD(code_object, filename, WORD, NEEDED, 280, 320, 384) \
	FIELD(code_object, name, WORD, NEEDED, 288, 328, 392) \
	FIELD(code_object, qualname, WORD, NEEDED, 296, 336, 400) \
	FIELD(code_object, linetable, WORD, NEEDED, 304, 344, 408) \
	FIELD(code_object, firstlineno, INT, NEEDED, 312, 352, 416) \
	FIELD(code_object, argcount, INT, NEEDED, 320, 360, 424) \
	FIELD(code_object, co_code_adaptive, WORD, NEEDED, 344, 384, 448) \
	FIELD(code_object, co_tlbc, WORD, MAY_BE_MISSING, ABSENT, 392, 456) \
	STRUCT(pyobject, 64, 352, 400, 464) \
	FIELD(pyobject, ob_type, WORD, NEEDED, 360, 408, 472) \
	STRUCT(type_object, 4 * 1024, 368, 416, 480) \
	FIELD(type_object, tp_name, WORD, NEEDED, 376, 424, 488) \
	FIELD(type_object, tp_basicsize, WORD, NEEDED, ABSENT, ABSENT, 512) \
	FIELD(type_object, tp_flags, WORD, NEEDED, 392, 440, 504) \
	FIELD(type_object, tp_dictoffset, WORD, NEEDED, ABSENT, ABSENT, 520) \
	STRUCT(heap_type_object, 8 * 1024, ABSENT, ABSENT, 528) \
	FIELD(heap_type_object, ht_cached_keys, WORD, NEEDED, ABSENT, ABSENT, 536) \
	STRUCT(tuple_object, OBJECT_HEAD_LIMIT, 400, 448, 544) \
	FIELD(tuple_object, ob_item, WORD, NEEDED, 408, 456, 552) \
	STRUCT(dict_object, 256, 448, 528, 624) \
	FIELD(dict_object, ma_keys, WORD, NEEDED, 456, 536, 632) \
	FIELD(dict_object, ma_values, WORD, NEEDED, 464, 544, 640) \
	STRUCT(long_object, OBJECT_HEAD_LIMIT, 488, 568, 664) \
	FIELD(long_object, lv_tag, WORD, NEEDED, 496, 576, 672) \
	FIELD(long_object, ob_digit, INT, NEEDED, 504, 584, 680) \
	STRUCT(bytes_object, OBJECT_HEAD_LIMIT, 512, 592, 688) \
	FIELD(bytes_object, ob_size, WORD, NEEDED, 520, 600, 696) \
	FIELD(bytes_object, ob_sval, BYTE, NEEDED, 528, 608, 704) \
	STRUCT(unicode_object, OBJECT_HEAD_LIMIT, 536, 616, 712) \
	FIELD(unicode_object, state, INT, NEEDED, 544, 624, 720) \
	FIELD(unicode_object, length, WORD, NEEDED, 552, 632, 728) \
	FIELD(unicode_object, asciiobject_size, WORD, NEEDED, 560, 640, 736) \
	FIELD(unicode_object, compactunicodeobject_size, WORD, NEEDED, ABSENT, ABSENT, 744) \
	STRUCT(gc, 64 * 1024, 568, 648, 752) \
	FIELD(gc, collecting, INT, NEEDED, 576, 656, 760)

/* clang-format on */

/* The shapes that are known, oldest first; the columns of BLOCK. */
enum shape { SHAPE_313, SHAPE_314, SHAPE_315, SHAPES };

#define ID_OF_STRUCT(name, ...) name##_size,
#define ID_OF_FIELD(within, name, ...) within##_##name,
enum field { BLOCK(ID_OF_STRUCT, ID_OF_FIELD) FIELDS };

enum demand {
	NEEDED,         /* and never 0 */
	MAY_BE_FIRST,   /* 0 is its offset */
	MAY_BE_MISSING, /* 0: this build does not have it */
};

#define ABSENT UINT16_MAX

#define ROW_OF_STRUCT(name, most, ...) \
	[name##_size] = { #name ".size", { __VA_ARGS__ }, name##_size, SIZE, NEEDED, most },
#define ROW_OF_FIELD(within, name, bytes, demand, ...) \
	[within##_##name] = { #within "." #name, { __VA_ARGS__ }, within##_size, bytes, demand, 0 },
static const struct {
	const char *name;
	uint16_t at[SHAPES];
	enum field size; /* the size that bounds it */
	uint8_t bytes;
	enum demand demand;
	uint32_t most; /* of a size */
} fields[FIELDS] = { BLOCK(ROW_OF_STRUCT, ROW_OF_FIELD) };

/* What the blocks of a shape do not say and its row does not either. */
static const struct {
	int version; /* as in struct layout */
	/*
	 * Where the kind of a str begins in its state. From 3.14 on, free-threaded builds give `interned`,
	 * which stands before it, a byte of its own (Include/cpython/unicodeobject.h).
	 */
	uint32_t free_threaded_kind_shift;
} shapes[SHAPES] = {
	[SHAPE_313] = { .version = 313, .free_threaded_kind_shift = 2 },
	[SHAPE_314] = { .version = 314, .free_threaded_kind_shift = 8 },
	[SHAPE_315] = { .version = 315, .free_threaded_kind_shift = 8 },
};

/* In free-threaded builds the managed dict is the last word before an object (pycore_object.h). */
#define FREE_THREADED_DICT_BEFORE 8

/* Values that were checked; OFFSET_NONE where the block has none. */
struct block {
	enum shape shape;
	uint64_t version;
	bool free_threaded;
	uint32_t values[FIELDS];
};

static uint64_t word_at(const void *block, size_t offset)
{
	uint64_t word;

	memcpy(&word, (const char *)block + offset, sizeof(word));
	return word;
}

uint64_t debug_offsets_version(const void *block, size_t length)
{
	if (length < VERSION_AT + sizeof(uint64_t) || memcmp(block, COOKIE, COOKIE_BYTES) != 0)
		return 0;
	return word_at(block, VERSION_AT);
}

/* major * 100 + minor of a hexversion. */
static int version_number(uint64_t version)
{
	return (int)(version >> 24 & 0xff) * 100 + (int)(version >> 16 & 0xff);
}

static int find_shape(struct block *block, bool *newer, struct error *err)
{
	int version = version_number(block->version);

	*newer = false;
	if (block->version <= UINT32_MAX) {
		for (int shape = 0; shape < SHAPES; shape++) {
			if (shapes[shape].version == version) {
				block->shape = (enum shape)shape;
				return 0;
			}
		}
		if (version > shapes[SHAPES - 1].version) {
			block->shape = SHAPES - 1;
			*newer = true;
			return 0;
		}
	}
	return error_set(err, ERROR_UNSUPPORTED,
		"unknown version 0x%" PRIx64 " in the debug offsets of the interpreter", block->version);
}

static int refuse(const struct block *block, enum field field, uint64_t value, struct error *err)
{
	return error_set(err, ERROR_UNSUPPORTED,
		"the debug offsets of this CPython %" PRIu64 ".%" PRIu64 " make no sense: %s is %" PRIu64,
		block->version >> 24 & 0xff, block->version >> 16 & 0xff, fields[field].name, value);
}

/*
 * In BLOCK a size stands before the fields that it bounds: in this order each is checked before it is used.
 */
static int read_field(
	struct block *block, const void *bytes, size_t length, enum field field, struct error *err)
{
	size_t at = fields[field].at[block->shape];
	uint64_t value, size;

	block->values[field] = OFFSET_NONE;
	if (at == ABSENT)
		return 0;
	if (at + sizeof(value) > length)
		return error_set(err, ERROR_UNSUPPORTED, "the debug offsets of the interpreter are cut off");
	value = word_at(bytes, at);
	if (fields[field].bytes == SIZE) {
		if (value == 0 || value > fields[field].most || value % INT != 0)
			return refuse(block, field, value, err);
	} else {
		if (value == 0 && fields[field].demand == MAY_BE_MISSING)
			return 0;
		size = block->values[fields[field].size];
		if ((value == 0 && fields[field].demand != MAY_BE_FIRST) ||
			value % fields[field].bytes != 0 || value >= size ||
			size - value < fields[field].bytes)
			return refuse(block, field, value, err);
	}
	block->values[field] = (uint32_t)value;
	return 0;
}

/* What has to stand before what: readers and the derivations below count on it. */
static const struct {
	enum field before, after;
	uint32_t most; /* between them */
} orders[] = {
	{ interpreter_state_gil_runtime_state, interpreter_state_gil_runtime_state_locked, GIL_LIMIT },
	{ interpreter_state_gil_runtime_state, interpreter_state_gil_runtime_state_holder, GIL_LIMIT },
	{ code_object_filename, code_object_co_code_adaptive, CODE_OBJECT_LIMIT },
	{ code_object_filename, code_object_co_tlbc, CODE_OBJECT_LIMIT },
	{ unicode_object_state, unicode_object_asciiobject_size, OBJECT_HEAD_LIMIT },
	{ unicode_object_length, unicode_object_asciiobject_size, OBJECT_HEAD_LIMIT },
	{ unicode_object_asciiobject_size, unicode_object_compactunicodeobject_size, OBJECT_HEAD_LIMIT },
	{ bytes_object_ob_size, bytes_object_ob_sval, OBJECT_HEAD_LIMIT },
	{ long_object_lv_tag, long_object_ob_digit, OBJECT_HEAD_LIMIT },
	{ gc_size, interpreter_state_size, STATE_LIMIT },
	{ interpreter_state_gc, interpreter_state_size, STATE_LIMIT },
};

static int check_orders(const struct block *block, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(orders); i++) {
		uint32_t before = block->values[orders[i].before], after = block->values[orders[i].after];

		if (after != OFFSET_NONE && (after < before + INT || after - before > orders[i].most))
			return refuse(block, orders[i].after, after, err);
	}
	return 0;
}

static int read_block(struct block *block, const void *bytes, size_t length, bool *newer, struct error *err)
{
	uint64_t free_threaded;

	block->version = debug_offsets_version(bytes, length);
	if (block->version == 0 || length < FREE_THREADED_AT + sizeof(free_threaded))
		return error_set(err, ERROR_UNSUPPORTED, "the interpreter has no debug offsets");
	if (find_shape(block, newer, err) < 0)
		return -1;
	free_threaded = word_at(bytes, FREE_THREADED_AT);
	if (free_threaded > 1)
		return error_set(err, ERROR_UNSUPPORTED,
			"the debug offsets of the interpreter make no sense: free_threaded is %" PRIu64,
			free_threaded);
	block->free_threaded = free_threaded == 1;
	for (int field = 0; field < FIELDS; field++) {
		if (read_field(block, bytes, length, (enum field)field, err) < 0)
			return -1;
	}
	return check_orders(block, err);
}

static void fill_states(struct layout *layout, const struct layout *row, const struct block *block)
{
	const uint32_t *value = block->values;
	uint32_t gil = value[interpreter_state_gil_runtime_state];

	layout->runtime_state.size = value[runtime_state_size];
	layout->runtime_state.interpreters_head = value[runtime_state_interpreters_head];

	layout->interpreter_state.size = value[interpreter_state_size];
	layout->interpreter_state.id = value[interpreter_state_id];
	layout->interpreter_state.next = value[interpreter_state_next];
	layout->interpreter_state.threads_head = value[interpreter_state_threads_head];
	layout->interpreter_state.gc_collecting = value[interpreter_state_gc] + value[gc_collecting];
	layout->interpreter_state.ceval_gil = value[interpreter_state_ceval_gil];
	layout->interpreter_state.modules = value[interpreter_state_imports_modules];

	layout->gil_runtime_state.locked = value[interpreter_state_gil_runtime_state_locked] - gil;
	layout->gil_runtime_state.last_holder = value[interpreter_state_gil_runtime_state_holder] - gil;
	layout->gil_runtime_state.switch_number = layout->gil_runtime_state.locked +
		(row->gil_runtime_state.switch_number - row->gil_runtime_state.locked);
	layout->gil_runtime_state.size = layout->gil_runtime_state.locked +
		(row->gil_runtime_state.size - row->gil_runtime_state.locked);
	if (block->free_threaded) {
		/* Alone among its neighbours, this one is told from the start of the GIL's struct. */
		layout->interpreter_state.gil_enabled =
			gil + value[interpreter_state_gil_runtime_state_enabled];
	}

	layout->thread_state.size = value[thread_state_size];
	layout->thread_state.next = value[thread_state_next];
	layout->thread_state.interp = value[thread_state_interp];
	layout->thread_state.current_frame = value[thread_state_current_frame];
	layout->thread_state.thread_id = value[thread_state_thread_id];
	layout->thread_state.native_thread_id = value[thread_state_native_thread_id];
	layout->thread_state.datastack_chunk = value[thread_state_datastack_chunk];
	layout->thread_state.datastack_top = value[thread_state_datastack_chunk] + WORD;
	layout->thread_state.status = value[thread_state_status];
}

static void fill_frames(
	struct layout *layout, const struct layout *row, const struct block *block, uint32_t shift)
{
	const uint32_t *value = block->values;
	uint32_t behind_extra = value[code_object_co_code_adaptive];

	layout->interpreter_frame.size = value[interpreter_frame_size];
	layout->interpreter_frame.previous = value[interpreter_frame_previous];
	layout->interpreter_frame.executable = value[interpreter_frame_executable];
	layout->interpreter_frame.instruction = value[interpreter_frame_instr_ptr];
	layout->interpreter_frame.localsplus = value[interpreter_frame_localsplus];
	layout->interpreter_frame.owner = value[interpreter_frame_owner];
	layout->interpreter_frame.tlbc_index = value[interpreter_frame_tlbc_index];

	layout->code_object.size = value[code_object_size];
	layout->code_object.filename = value[code_object_filename];
	layout->code_object.name = value[code_object_name];
	layout->code_object.qualname = value[code_object_qualname];
	layout->code_object.line_table = value[code_object_linetable];
	layout->code_object.first_line = value[code_object_firstlineno];
	layout->code_object.argcount = value[code_object_argcount];
	layout->code_object.code_adaptive = value[code_object_co_code_adaptive];
	layout->code_object.tlbc = value[code_object_co_tlbc];
	layout->code_object.version = row->code_object.version + shift;
	layout->code_object.flags = row->code_object.flags + shift;
	layout->code_object.keyword_only_count = row->code_object.keyword_only_count + shift;
	layout->code_object.local_count = row->code_object.local_count + shift;
	layout->code_object.names = row->code_object.names + shift;
	layout->code_object.kinds = row->code_object.kinds + shift;
	layout->code_object.exception_table = row->code_object.exception_table + shift;
	/*
	 * int _co_firsttraceable; void *co_extra; then co_tlbc, in builds that have it, and co_code_adaptive.
	 */
	if (value[code_object_co_tlbc] != OFFSET_NONE)
		behind_extra = value[code_object_co_tlbc];
	layout->code_object.first_traceable = behind_extra - 2 * WORD;
}

/* What the block says, or else what the row says, moved by as much as the object header has grown. */
static uint32_t value_or_shifted(const struct block *block, enum field field, uint32_t of_row, uint32_t shift)
{
	return block->values[field] != OFFSET_NONE ? block->values[field] : of_row + shift;
}

static void fill_objects(
	struct layout *layout, const struct layout *row, const struct block *block, uint32_t shift)
{
	const uint32_t *value = block->values;

	layout->object.ob_type = value[pyobject_ob_type];
	layout->list.items = row->list.items + shift;
	layout->cell.ref = row->cell.ref + shift;
	layout->real.value = row->real.value + shift;
	layout->set.used = row->set.used + shift;
	layout->set.mask = row->set.mask + shift;
	layout->set.table = row->set.table + shift;
	layout->lock.lock = row->lock.lock + shift;
	layout->lock.owner = row->lock.owner + shift;
	layout->builtin.definition = row->builtin.definition + shift;
	layout->builtin.self = row->builtin.self + shift;
	layout->descriptor.definition = row->descriptor.definition + shift;
	layout->dict.used = row->dict.used + shift;
	layout->method.self = row->method.self + shift;
	layout->tuple.ob_item = value[tuple_object_ob_item];
	layout->module.dict = row->module.dict + shift;
	layout->bytes.ob_size = value[bytes_object_ob_size];
	layout->bytes.ob_sval = value[bytes_object_ob_sval];
	layout->integer.size = value[long_object_lv_tag];
	layout->integer.digits = value[long_object_ob_digit];
	layout->dict.keys = value[dict_object_ma_keys];
	layout->dict.values = value[dict_object_ma_values];

	layout->type_object.tp_name = value[type_object_tp_name];
	layout->type_object.tp_flags = value[type_object_tp_flags];
	layout->type_object.tp_basicsize =
		value_or_shifted(block, type_object_tp_basicsize, row->type_object.tp_basicsize, shift);
	layout->type_object.tp_dictoffset =
		value_or_shifted(block, type_object_tp_dictoffset, row->type_object.tp_dictoffset, shift);
	layout->type_object.ht_cached_keys = value_or_shifted(
		block, heap_type_object_ht_cached_keys, row->type_object.ht_cached_keys, shift);

	layout->unicode.state = value[unicode_object_state];
	layout->unicode.length = value[unicode_object_length];
	layout->unicode.ascii_data = value[unicode_object_asciiobject_size];
	/* PyCompactUnicodeObject adds a length and a pointer to PyASCIIObject. */
	layout->unicode.compact_data = value_or_shifted(
		block, unicode_object_compactunicodeobject_size, layout->unicode.ascii_data, 2 * WORD);

	if (block->free_threaded) {
		layout->unicode.kind_shift = shapes[block->shape].free_threaded_kind_shift;
		layout->instance.dict = FREE_THREADED_DICT_BEFORE;
	}
}

int layout_from_debug_offsets(
	struct layout *layout, const void *bytes, size_t length, bool *newer, struct error *err)
{
	const struct layout *row;
	struct block block = { .shape = SHAPE_313 };
	uint32_t shift;

	if (read_block(&block, bytes, length, newer, err) < 0)
		return -1;
	row = layout_find(shapes[block.shape].version);
	/*
	 * A free-threaded build's object header is larger, and so is that of a build that traces references.
	 */
	shift = block.values[pyobject_ob_type] - row->object.ob_type;
	*layout = *row;
	layout->free_threaded = block.free_threaded;
	fill_states(layout, row, &block);
	fill_frames(layout, row, &block, shift);
	fill_objects(layout, row, &block, shift);
	return 0;
}
