/* SPDX-License-Identifier: MIT */
/*
 * Code objects: decoded once, kept by address, and checked again, because they are freed and their addresses
 * used for others (an exec() in a loop gets the same address for each new one). An entry never changes after
 * it was made: another object at its address makes another entry with another id.
 *
 * Facts: Include/code.h, Include/cpython/code.h.
 */
#include "config.h"

#include "python/decode.h"
#include "python/internal.h"

#include <stdlib.h>
#include <string.h>

#define MANY_CODES 1024    /* a table of fewer grows in no time */
#define CODES_IN_HOLD 4096 /* more than can be decoded in one */
#define CODE_BYTES 320     /* of the struct before its bytecode; more than any version has */

/* What is read of a code object at first. */
struct code_fields {
	raddr_t type, filename, name, qualname, line_table, bytecode;
	uint32_t first_line, version, first_traceable;
	uint64_t unit_count;
	raddr_t thread_local_code;
};

static uint32_t code_bytes(const struct layout *layout)
{
	uint32_t end = layout->code_object.code_adaptive;

	if (end == OFFSET_NONE)
		end = layout->code_object.size;
	return end < CODE_BYTES ? end : CODE_BYTES;
}

static uint64_t optional_u64(const void *bytes, uint32_t offset, uint32_t length)
{
	return offset != OFFSET_NONE && offset + 8 <= length ? field_u64(bytes, offset) : 0;
}

static void parse_fields(const struct layout *layout, const void *bytes, struct code_fields *fields)
{
	const uint32_t length = code_bytes(layout);

	memset(fields, 0, sizeof(*fields));
	fields->type = field_u64(bytes, layout->object.ob_type);
	fields->filename = field_u64(bytes, layout->code_object.filename);
	fields->name = field_u64(bytes, layout->code_object.name);
	fields->qualname = optional_u64(bytes, layout->code_object.qualname, length);
	fields->line_table = field_u64(bytes, layout->code_object.line_table);
	fields->first_line = field_u32(bytes, layout->code_object.first_line);
	fields->bytecode = optional_u64(bytes, layout->code_object.code, length);
	if (layout->code_object.version != OFFSET_NONE)
		fields->version = field_u32(bytes, layout->code_object.version);
	/* ob_size of the code object: its instruction units */
	if (layout->code_object.code_adaptive != OFFSET_NONE)
		fields->unit_count = field_u64(bytes, layout->bytes.ob_size);
	if (layout->code_object.first_traceable != OFFSET_NONE)
		fields->first_traceable = field_u32(bytes, layout->code_object.first_traceable);
	fields->thread_local_code = optional_u64(bytes, layout->code_object.tlbc, length);
}

/* Only what never changes while the object lives; not co_extra, not the counters and caches. */
static uint64_t hash_fields(const struct code_fields *fields)
{
	uint64_t hash = hash_combine(hash_seed(), fields->filename);

	hash = hash_combine(hash, fields->name);
	hash = hash_combine(hash, fields->qualname);
	hash = hash_combine(hash, fields->line_table);
	hash = hash_combine(hash, fields->bytecode);
	hash = hash_combine(hash, fields->unit_count);
	return hash_combine(hash, (uint64_t)fields->first_line << 32 | fields->version);
}

static uint64_t hash_check(
	const struct layout *layout, size_t index, const struct code_check *check, const void *bytes)
{
	struct code_fields fields;

	if (index > 0)
		return hash_combine(field_u64(bytes, 0),
			hash_bytes((const char *)bytes + check->skip, check->length - check->skip));
	parse_fields(layout, bytes, &fields);
	return hash_fields(&fields);
}

bool python_code_unchanged(
	const struct python *python, const struct code *code, size_t index, const void *bytes)
{
	const struct code_check *check = &code->checks[index];

	return hash_check(&python->layout, index, check, bytes) == check->hash;
}

struct code *python_code_known(struct python *python, raddr_t address)
{
	uint64_t *slot = u64_map_get(&python->codes, address);

	return slot ? (struct code *)(uintptr_t)*slot : NULL;
}

/* Is this the type of code objects? Its name says so, once. */
static bool is_code_type(struct python *python, raddr_t type)
{
	char name[8] = { 0 };
	raddr_t text;

	if (python->code_type)
		return type == python->code_type;
	if (!python_read_pointer(python, type + python->layout.type_object.tp_name, &text) ||
		!target_read(python->target, text, name, 5) || memcmp(name, "code", 5) != 0)
		return false;
	python->code_type = type;
	return true;
}

/*
 * A check of the value of a str or bytes object: its length word, then its characters, without the words
 * between them. Only versions without co_version come here: there the length of both kinds is at the same
 * place.
 */
static bool add_value_check(struct python *python, struct code *code, raddr_t object, bool is_unicode)
{
	const struct layout *layout = &python->layout;
	struct code_check *check = &code->checks[code->check_count];
	unsigned char bytes[CODE_CHECK_BYTES];
	uint32_t from = layout->bytes.ob_size, data = layout->bytes.ob_sval, width = 1;
	uint64_t length;

	if (!object || !target_read(python->target, object + from, &length, sizeof(length)))
		return false;
	if (is_unicode) {
		uint32_t state;

		if (!target_read(python->target, object + layout->unicode.state, &state, sizeof(state)))
			return false;
		/*
		 * struct { interned:2, kind:3, compact:1, ascii:1 } (Include/cpython/unicodeobject.h, 3.3
		 * to 3.11)
		 */
		data = state >> 6 & 1 ? layout->unicode.ascii_data : layout->unicode.compact_data;
		width = state >> 2 & 7;
	}
	if (length > 256 || width > 4)
		length = 256 / 4;
	*check = (struct code_check){ .address = object + from,
		.skip = data - from,
		.length = data - from + (uint32_t)length * (width ? width : 1) };
	if (check->length > sizeof(bytes) ||
		!target_read(python->target, check->address, bytes, check->length))
		return false;
	check->hash = hash_check(layout, code->check_count, check, bytes);
	code->check_count++;
	return true;
}

static bool add_checks(struct python *python, struct code *code, const struct code_fields *fields)
{
	const bool is_unicode = python->layout.strings == STRINGS_UNICODE;

	code->checks[0] = (struct code_check){
		.address = code->address, .length = code_bytes(&python->layout), .hash = hash_fields(fields)
	};
	code->check_count = 1;
	if (fields->version)
		return true;
	return add_value_check(python, code, fields->filename, is_unicode) &&
		add_value_check(python, code, fields->name, is_unicode) &&
		add_value_check(python, code, fields->line_table, false);
}

void python_make_room(struct python *python)
{
	if (python->codes.count < MANY_CODES)
		return;
	u64_map_reserve(&python->codes, CODES_IN_HOLD);
	functions_reserve(python->functions, CODES_IN_HOLD);
}

void python_be_brief(struct python *python, bool is_brief)
{
	python->is_brief = is_brief;
}

/* Is this str or bytes object one that is read and cleaned in no time? */
static bool is_short(struct python *python, raddr_t address)
{
	const struct layout *layout = &python->layout;
	const uint32_t offset =
		layout->strings == STRINGS_BYTES ? layout->bytes.ob_size : layout->unicode.length;
	uint64_t length;

	return target_read(python->target, address + offset, &length, sizeof(length)) &&
		length <= BRIEF_LIMIT_BYTES;
}

static char *read_text(struct python *python, raddr_t address)
{
	struct buffer text = { 0 };

	if (!address || (python->is_brief && !is_short(python, address)) ||
		!string_read(&python->layout, python->target, address, &text)) {
		buffer_release(&text);
		return NULL;
	}
	if (!text.data)
		buffer_append_string(&text, "");
	return xrealloc(text.data, text.length + 1);
}

static bool read_unit_count(struct python *python, const struct code_fields *fields, struct code *code)
{
	const struct layout *layout = &python->layout;
	uint64_t count = fields->unit_count;

	if (layout->code_object.code_adaptive == OFFSET_NONE) {
		if (!python_read_pointer(python, fields->bytecode + layout->bytes.ob_size, &count))
			return false;
		count /= line_unit_bytes(layout);
	}
	if (count > (python->is_brief ? BRIEF_LIMIT_UNITS : CODE_LIMIT_UNITS) ||
		count > CODES_LIMIT_UNITS - python->unit_count)
		return false;
	code->unit_count = (uint32_t)count;
	python->unit_count += code->unit_count;
	return true;
}

static bool read_lines(struct python *python, const struct code_fields *fields, struct code *code)
{
	struct buffer table = { 0 };
	bool read = bytes_read(
		&python->layout, python->target, fields->line_table, LINE_TABLE_LIMIT_BYTES, &table);

	if (read) {
		code->lines = xcalloc(code->unit_count, sizeof(*code->lines));
		lines_decode(&python->layout, (const uint8_t *)table.data, table.length,
			(int)fields->first_line, code->lines, code->unit_count);
	}
	buffer_release(&table);
	return read;
}

/*
 * Frames that the interpreter makes for itself and Python does not show (Python/specialize.c:
 * _Py_InitCleanup, 3.13+).
 */
static bool is_trampoline(const struct function *function)
{
	return strcmp(function->file, function->name) == 0 && strcmp(function->file, "__init__") == 0;
}

static void free_entry(struct python *python, struct code *code)
{
	python->unit_count -= code->unit_count;
	free(code->lines);
	free(code);
}

static bool read_function(struct python *python, const struct code_fields *fields, struct code *code)
{
	char *file = read_text(python, fields->filename);
	char *name = read_text(python, fields->qualname ? fields->qualname : fields->name);
	bool read = file && name;

	if (read) {
		const struct function function = { .kind = FUNCTION_PYTHON,
			.file = file,
			.name = name,
			.first_line = (int)fields->first_line };

		code->hidden = is_trampoline(&function);
		code->function = python->is_brief ? functions_try_intern(python->functions, &function)
						  : functions_intern(python->functions, &function);
	}
	free(file);
	free(name);
	return read && code->function;
}

static bool decode(struct python *python, const struct code_fields *fields, struct code *code)
{
	if (!read_function(python, fields, code) || !read_unit_count(python, fields, code) ||
		!read_lines(python, fields, code))
		return false;
	if (python->layout.code_object.code_adaptive != OFFSET_NONE)
		code->instructions = code->address + python->layout.code_object.code_adaptive;
	code->first_traceable = fields->first_traceable;
	code->thread_local_code = fields->thread_local_code;
	return add_checks(python, code, fields);
}

static bool read_fields(struct python *python, raddr_t address, struct code_fields *fields)
{
	unsigned char bytes[CODE_BYTES];

	if (!target_read(python->target, address, bytes, code_bytes(&python->layout)))
		return false;
	parse_fields(&python->layout, bytes, fields);
	return is_code_type(python, fields->type);
}

/* Reads all checks of an entry at once. */
static bool still_true(struct python *python, const struct code *code)
{
	static unsigned char bytes[CODE_CHECKS][CODE_CHECK_BYTES];
	struct read_request requests[CODE_CHECKS];

	for (size_t i = 0; i < code->check_count; i++)
		requests[i] = (struct read_request){
			.address = code->checks[i].address, .data = bytes[i], .length = code->checks[i].length
		};
	if (target_read_batch(python->target, requests, code->check_count) != code->check_count)
		return false;
	for (size_t i = 0; i < code->check_count; i++) {
		if (!python_code_unchanged(python, code, i, bytes[i]))
			return false;
	}
	return true;
}

struct code *python_code_load(struct python *python, raddr_t address, struct error *err)
{
	struct code *known = python_code_known(python, address);
	struct code_fields fields;
	struct code *code;

	if (known && still_true(python, known))
		return known;
	if (!read_fields(python, address, &fields)) {
		error_set(err, ERROR_RACED, "no code object at %#llx", (unsigned long long)address);
		return NULL;
	}
	code = xcalloc(1, sizeof(*code));
	code->address = address;
	code->loaded_ns = monotonic_ns();
	code->is_volatile = known != NULL;
	/* the second look: what was decoded belongs to one and the same object */
	if (!decode(python, &fields, code) || !still_true(python, code)) {
		free_entry(python, code);
		error_set(err, ERROR_RACED, "the code object at %#llx changed", (unsigned long long)address);
		return NULL;
	}
	if (known) {
		code->index = known->index;
		array_reserve(&python->stale_codes, &python->stale_capacity, python->stale_count + 1,
			sizeof(struct code *));
		python->stale_codes[python->stale_count++] = known;
	} else {
		code->index = python->code_count++;
		array_reserve(&python->all_codes, &python->code_capacity, python->code_count,
			sizeof(struct code *));
	}
	python->all_codes[code->index] = code;
	u64_map_put(&python->codes, address, (uint64_t)(uintptr_t)code);
	return code;
}

size_t python_code_count(const struct python *python)
{
	return python->code_count;
}

bool python_has_stale(const struct python *python)
{
	return python->stale_count > 0;
}

void python_release_stale(struct python *python)
{
	for (size_t i = 0; i < python->stale_count; i++)
		free_entry(python, python->stale_codes[i]);
	python->stale_count = 0;
}

bool python_same_decoding(const struct code *left, const struct code *right)
{
	return left->function == right->function && left->unit_count == right->unit_count &&
		memcmp(left->lines, right->lines, left->unit_count * sizeof(*left->lines)) == 0;
}

void python_free_codes(struct python *python)
{
	python_release_stale(python);
	free(python->stale_codes);
	for (size_t i = 0; i < python->code_count; i++)
		free_entry(python, python->all_codes[i]);
	free(python->all_codes);
	u64_map_release(&python->codes);
}

/* 3.14+ without a GIL: the copy of the bytecode that a thread runs (struct _PyCodeArray: size, entries). */
static bool thread_local_unit(
	struct python *python, const struct code *code, const struct raw_frame *frame, uint64_t *unit)
{
	raddr_t base;

	if (!code->thread_local_code || !frame->thread_local_index || frame->thread_local_index > 1u << 20)
		return false;
	if (!python_read_pointer(
		    python, code->thread_local_code + 8 + 8ull * frame->thread_local_index, &base))
		return false;
	*unit = (frame->instruction - base) / 2;
	return frame->instruction >= base;
}

/*
 * The unit that the frame is at; unit_count and more: not one of this code object's. Before the first one:
 * -1.
 */
static int64_t frame_unit(struct python *python, const struct code *code, const struct raw_frame *frame)
{
	uint64_t unit;

	switch (python->layout.instruction) {
	case INSTRUCTION_BYTE_INDEX:
		if ((int64_t)frame->instruction < 0)
			return -1;
		return (int64_t)(frame->instruction / line_unit_bytes(&python->layout));
	case INSTRUCTION_UNIT_INDEX:
		return (int64_t)frame->instruction < 0 ? -1 : (int64_t)frame->instruction;
	case INSTRUCTION_POINTER_LAST:
	case INSTRUCTION_POINTER:
		break;
	}
	if (frame->instruction + 2 == code->instructions)
		return -1;
	unit = (frame->instruction - code->instructions) / 2;
	if (frame->instruction < code->instructions || unit >= code->unit_count) {
		if (!thread_local_unit(python, code, frame, &unit))
			return INT64_MAX;
	}
	return (int64_t)unit;
}

int64_t python_frame_unit(struct python *python, const struct code *code, const struct raw_frame *frame)
{
	const int64_t unit = frame_unit(python, code, frame);

	return unit < (int64_t)code->unit_count ? unit : -1;
}

int python_frame_line(struct python *python, const struct code *code, const struct raw_frame *frame)
{
	int64_t unit = frame_unit(python, code, frame);

	if (unit >= (int64_t)code->unit_count)
		return -1;
	if (frame->traced_line > 0)
		return frame->traced_line;
	return unit < 0 ? code->function->first_line : code->lines[unit];
}

bool python_frame_is_fresh(struct python *python, const struct code *code, const struct raw_frame *frame)
{
	/*
	 * prev_instr, to 3.12, stands before the first instruction until that is executed; instr_ptr stands
	 * at it
	 */
	return frame_unit(python, code, frame) <=
		(python->layout.instruction == INSTRUCTION_POINTER ? 0 : -1);
}

bool python_frame_visible(const struct python *python, const struct code *code, const struct raw_frame *frame)
{
	if (code->hidden)
		return false;
	if (!code->instructions || frame->owner == python->layout.generator_owner)
		return true;
	/* _PyFrame_IsIncomplete; a thread-local copy of the bytecode is made when the frame runs already */
	return frame->instruction < code->instructions ||
		frame->instruction >= code->instructions + 2ull * code->unit_count ||
		frame->instruction >= code->instructions + 2ull * code->first_traceable;
}
