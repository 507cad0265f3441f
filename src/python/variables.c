/* SPDX-License-Identifier: MIT */
/*
 * The variables of a frame: what they are called, by its code object, and what they hold, by its words. A
 * frame of a function has a word for each; that of a module or a class body has a dict.
 *
 * Facts: Include/cpython/code.h and frameobject.h of each version, Include/internal/pycore_code.h (3.11+: the
 * kinds), Objects/frameobject.c, Python/ceval.c (to 3.10: first the variables, then cells, then those of the
 * functions around).
 */
#include "config.h"

#include "python/values.h"

#include <stdlib.h>
#include <string.h>

#include "python/dicts.h"
#include "python/internal.h"

#define CODE_HAS_WORDS 0x1 /* CO_OPTIMIZED */
#define CODE_HAS_ARGS 0x4
#define CODE_HAS_KEYWORDS 0x8
#define KIND_IS_CELL 0x40 /* CO_FAST_CELL */
#define KIND_IS_FREE 0x80
#define WORDS_LIMIT 1024   /* of a frame, whatever its code object says */
#define VARIABLES_LIMIT 64 /* of one frame that are told */
#define PLACES_LIMIT 4096  /* of a dict of variables that are looked at */
#define NAME_CHARACTERS 100

struct variable_name {
	char *text; /* NULL: it could not be read */
	enum variable_kind kind;
};

struct variable_names {
	struct variable_name *list;
	size_t count;
	uint32_t flags;
};

const char *const variable_kind_names[] = {
	[VARIABLE_ARGUMENT] = "argument",
	[VARIABLE_LOCAL] = "local",
	[VARIABLE_CELL] = "cell",
	[VARIABLE_FREE] = "free",
};

/* ---- what is told ---- */

static void variable_release(struct variable *variable)
{
	free(variable->name);
	free(variable->type);
	free(variable->text);
}

void variables_release(struct variables *variables)
{
	for (size_t i = 0; i < variables->count; i++)
		variable_release(&variables->list[i]);
	free(variables->list);
	*variables = (struct variables){ 0 };
}

bool variables_equal(const struct variables *left, const struct variables *right)
{
	if (left->count != right->count || left->left_out != right->left_out)
		return false;
	for (size_t i = 0; i < left->count; i++) {
		if (strcmp(left->list[i].name, right->list[i].name) != 0 ||
			strcmp(left->list[i].text, right->list[i].text) != 0)
			return false;
	}
	return true;
}

void variables_mark_changes(struct variables *now, const struct variables *before)
{
	for (size_t i = 0; i < now->count; i++) {
		struct variable *variable = &now->list[i];
		bool is_same = false;

		for (size_t j = 0; j < before->count && !is_same; j++)
			is_same = strcmp(before->list[j].name, variable->name) == 0 &&
				strcmp(before->list[j].text, variable->text) == 0;
		variable->is_changing = !is_same;
	}
}

static void add(struct variable_reader *reader, struct variables *variables, const char *name,
	enum variable_kind kind, raddr_t object)
{
	struct buffer text = { 0 }, type = { 0 };

	if (variables->count >= VARIABLES_LIMIT) {
		variables->left_out++;
		return;
	}
	value_append(reader->layout, reader->pages, object, reader->characters, &text, &type);
	array_reserve(&variables->list, &variables->capacity, variables->count + 1, sizeof(*variables->list));
	variables->list[variables->count++] = (struct variable){
		.kind = kind,
		.name = xstrdup(name),
		.type = xstrdup(type.data ? type.data : ""),
		.text = xstrdup(text.data ? text.data : ""),
	};
	buffer_release(&text);
	buffer_release(&type);
}

/* ---- names ---- */

static uint32_t read_number(struct variable_reader *reader, raddr_t code, uint32_t offset)
{
	uint32_t number = 0;

	if (offset != OFFSET_NONE)
		pages_read(reader->pages, code + offset, &number, sizeof(number));
	return number;
}

/* Appends what a tuple of names has, at most so many. */
static void add_names(struct variable_reader *reader, struct variable_names *names, raddr_t tuple,
	size_t most, enum variable_kind kind)
{
	const struct layout *layout = reader->layout;
	uint64_t count;

	if (!pages_pointer(reader->pages, tuple, &tuple) ||
		!pages_word(reader->pages, tuple + layout->bytes.ob_size, &count))
		return;
	if (count > most)
		count = most;
	for (size_t i = 0; i < count && names->count < WORDS_LIMIT; i++) {
		struct buffer text = { 0 };
		raddr_t name;

		if (pages_pointer(reader->pages, tuple + layout->tuple.ob_item + i * sizeof(name), &name))
			value_append_name(layout, reader->pages, name, NAME_CHARACTERS, &text);
		names->list[names->count++] = (struct variable_name){ text.data, kind };
	}
}

static void set_kinds(struct variable_reader *reader, struct variable_names *names, raddr_t code)
{
	const struct layout *layout = reader->layout;
	uint8_t kinds[WORDS_LIMIT];
	raddr_t object;

	if (layout->code_object.kinds == OFFSET_NONE ||
		!pages_pointer(reader->pages, code + layout->code_object.kinds, &object) ||
		!pages_read(reader->pages, object + layout->bytes.ob_sval, kinds, names->count))
		return;
	for (size_t i = 0; i < names->count; i++) {
		if (kinds[i] & KIND_IS_FREE)
			names->list[i].kind = VARIABLE_FREE;
		else if (kinds[i] & KIND_IS_CELL)
			names->list[i].kind = VARIABLE_CELL;
	}
}

/* To 3.10 an argument that inner functions use has a cell besides its word, which is empty then. */
static void set_arguments(struct variable_names *names, size_t locals)
{
	for (size_t i = locals; i < names->count; i++) {
		for (size_t j = 0; j < locals && names->list[i].kind == VARIABLE_CELL; j++) {
			if (names->list[i].text && names->list[j].text &&
				strcmp(names->list[i].text, names->list[j].text) == 0)
				names->list[i].kind = VARIABLE_ARGUMENT;
		}
	}
}

static struct variable_names *read_names(struct variable_reader *reader, raddr_t code)
{
	const struct layout *layout = reader->layout;
	struct variable_names *names = xcalloc(1, sizeof(*names));
	uint32_t locals = read_number(reader, code, layout->code_object.local_count);
	size_t arguments;

	names->flags = read_number(reader, code, layout->code_object.flags);
	names->list = xcalloc(WORDS_LIMIT, sizeof(*names->list));
	add_names(reader, names, code + layout->code_object.names, locals, VARIABLE_LOCAL);
	if (layout->code_object.cell_names != OFFSET_NONE) {
		add_names(reader, names, code + layout->code_object.cell_names, WORDS_LIMIT, VARIABLE_CELL);
		add_names(reader, names, code + layout->code_object.free_names, WORDS_LIMIT, VARIABLE_FREE);
	}
	set_kinds(reader, names, code);
	arguments = (size_t)read_number(reader, code, layout->code_object.argcount) +
		read_number(reader, code, layout->code_object.keyword_only_count) +
		!!(names->flags & CODE_HAS_ARGS) + !!(names->flags & CODE_HAS_KEYWORDS);
	for (size_t i = 0; i < arguments && i < names->count && i < locals; i++)
		names->list[i].kind = VARIABLE_ARGUMENT;
	set_arguments(names, locals);
	return names;
}

static void names_free(struct variable_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i].text);
	free(names->list);
	free(names);
}

/* Of a late reading nothing is kept: it may lack names. */
static struct variable_names *names_of(struct variable_reader *reader, raddr_t code)
{
	const uint64_t *known = u64_map_get(&reader->known, code);
	struct variable_names *names;

	if (known)
		return reader->list[*known];
	names = read_names(reader, code);
	array_reserve(&reader->list, &reader->capacity, reader->count + 1, sizeof(void *));
	reader->list[reader->count] = names;
	if (!reader->pages->is_late)
		u64_map_put(&reader->known, code, reader->count);
	reader->count++;
	return names;
}

void variable_reader_release(struct variable_reader *reader)
{
	for (size_t i = 0; i < reader->count; i++)
		names_free(reader->list[i]);
	free(reader->list);
	u64_map_release(&reader->known);
}

/* ---- values ---- */

static raddr_t words_at(const struct layout *layout, raddr_t frame)
{
	return frame +
		(layout->frames == FRAMES_ON_HEAP ? layout->frame.localsplus
						  : layout->interpreter_frame.localsplus);
}

/* What is in a cell, where it is one: before a function has run it is the value itself. 0: nothing. */
static raddr_t behind_cell(struct variable_reader *reader, raddr_t object)
{
	struct type_facts facts;
	raddr_t value;

	if (!object_type(reader->layout, reader->pages, object, &facts) || !type_is(&facts, "cell"))
		return object;
	return pages_word(reader->pages, object + reader->layout->cell.ref, &value) ? value : 0;
}

static bool is_told(const struct variables *variables, const char *name)
{
	for (size_t i = 0; i < variables->count; i++) {
		if (strcmp(variables->list[i].name, name) == 0)
			return true;
	}
	return false;
}

static void read_words(struct variable_reader *reader, const struct variable_names *names, raddr_t frame,
	struct variables *variables)
{
	const struct layout *layout = reader->layout;
	const raddr_t words = words_at(layout, frame);

	for (size_t i = 0; i < names->count; i++) {
		const struct variable_name *name = &names->list[i];
		raddr_t object;

		if (!pages_word(reader->pages, words + i * sizeof(object), &object)) {
			variables->is_partial = true;
			return;
		}
		object = behind_cell(reader, object & ~layout->pointer_tag_mask);
		if (object && name->text && !is_told(variables, name->text))
			add(reader, variables, name->text, name->kind, object);
	}
}

/* What a module has imported and defined is no variable of it that anybody asks for. */
static bool is_definition(struct variable_reader *reader, const char *name, raddr_t object)
{
	struct type_facts facts;

	if (strncmp(name, "__", 2) == 0)
		return true;
	return object_type(reader->layout, reader->pages, object, &facts) &&
		(facts.flags & TYPE_IS_TYPE || type_is(&facts, "module") || type_is(&facts, "function") ||
			type_is(&facts, "builtin_function_or_method") || type_is(&facts, "classobj"));
}

struct found {
	struct dict_memory memory;
	struct pages *pages;
};

static bool read_found(const struct dict_memory *memory, raddr_t address, void *data, size_t length)
{
	return pages_read(((const struct found *)memory)->pages, address, data, length);
}

static void read_dict(struct variable_reader *reader, raddr_t frame, struct variables *variables)
{
	const struct layout *layout = reader->layout;
	const struct found found = { { read_found }, reader->pages };
	const uint32_t at =
		layout->frames == FRAMES_ON_HEAP ? layout->frame.locals : layout->interpreter_frame.locals;
	struct type_facts facts;
	struct dict dict;
	raddr_t object;

	if (!pages_pointer(reader->pages, frame + at, &object) ||
		!object_type(layout, reader->pages, object, &facts) || !(facts.flags & TYPE_IS_DICT) ||
		!dict_open(layout, &found.memory, object, &dict)) {
		variables->is_partial = true;
		return;
	}
	for (size_t place = 0; place < dict.count && place < PLACES_LIMIT && !reader->pages->is_late;
		place++) {
		struct buffer name = { 0 };
		raddr_t key, value;

		if (dict_entry(&dict, &found.memory, place, &key, &value) &&
			value_append_name(layout, reader->pages, key, NAME_CHARACTERS, &name) && name.data &&
			!is_definition(reader, name.data, value))
			add(reader, variables, name.data, VARIABLE_LOCAL, value);
		buffer_release(&name);
	}
}

void variables_read(struct variable_reader *reader, raddr_t frame, raddr_t code, struct variables *variables)
{
	const struct variable_names *names = names_of(reader, code);

	if (names->flags & CODE_HAS_WORDS)
		read_words(reader, names, frame, variables);
	else
		read_dict(reader, frame, variables);
	variables->is_partial |= reader->pages->is_late;
}

/* ---- the words themselves ---- */

size_t frame_slots(struct variable_reader *reader, raddr_t frame, raddr_t code, raddr_t *slots, size_t limit,
	size_t *variable_count)
{
	const struct layout *layout = reader->layout;
	const struct variable_names *names = names_of(reader, code);
	const size_t wanted =
		names->count + FRAME_STACK_LIMIT < limit ? names->count + FRAME_STACK_LIMIT : limit;
	const size_t count =
		pages_read_upto(reader->pages, words_at(layout, frame), slots, wanted * sizeof(*slots)) /
		sizeof(*slots);

	*variable_count = names->count < count ? names->count : count;
	for (size_t i = 0; i < count; i++) {
		slots[i] &= ~layout->pointer_tag_mask;
		if (i < *variable_count && slots[i])
			slots[i] = behind_cell(reader, slots[i]);
	}
	return count;
}

const char *frame_slot_name(struct variable_reader *reader, raddr_t code, size_t index)
{
	const struct variable_names *names = names_of(reader, code);

	return index < names->count ? names->list[index].text : NULL;
}

/* ---- for other stages ---- */

struct value_reader {
	struct pages pages;
	struct variable_reader variables;
};

struct value_reader *value_reader_new(struct python *python, size_t characters)
{
	struct value_reader *reader = xcalloc(1, sizeof(*reader));

	pages_init(&reader->pages, python->target);
	reader->variables = (struct variable_reader){
		.layout = &python->layout, .pages = &reader->pages, .characters = characters
	};
	return reader;
}

void value_reader_free(struct value_reader *reader)
{
	if (!reader)
		return;
	variable_reader_release(&reader->variables);
	pages_release(&reader->pages);
	free(reader);
}

void value_reader_begin(struct value_reader *reader, int64_t deadline_ns)
{
	pages_forget(&reader->pages);
	reader->pages.deadline_ns = deadline_ns;
}

bool value_reader_is_late(const struct value_reader *reader)
{
	return reader->pages.is_late;
}

struct memory_view *value_reader_view(struct value_reader *reader)
{
	return &reader->pages.view;
}

void value_reader_variables(
	struct value_reader *reader, const struct raw_frame *frame, struct variables *variables)
{
	variables_read(&reader->variables, frame->address, frame->code, variables);
}
