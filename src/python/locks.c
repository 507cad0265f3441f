/* SPDX-License-Identifier: MIT */
/*
 * Which lock a thread sleeps in: the one whose semaphore it sleeps at, or (3.13+) the one that the entry of
 * the parking lot on its stack names. Which ones it holds: the __exit__ of each `with` that a frame
 * is inside of lies on the frame's stack. What of that stack is there still says the list of blocks (to
 * 3.10) or the exception table (3.11+): above that there may be what is left of a `with` that has ended.
 *
 * Everything that is read is untrusted: a frame has so many words, a thread so many frames, a table so many
 * bytes, a dict so many places.
 *
 * Facts: Modules/_threadmodule.c, Python/thread_pthread.h (USE_SEMAPHORES), Python/parking_lot.c (struct
 * wait_entry), Python/lock.c, Python/ceval.c (SETUP_WITH, BEFORE_WITH, LOAD_SPECIAL),
 * Objects/exception_handling_notes.txt, Lib/threading.py of each version.
 */
#include "config.h"

#include "python/locks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "python/instances.h"
#include "python/internal.h"

#define SLOTS_LIMIT 1024     /* of a frame */
#define FRAMES_LIMIT 500     /* of a thread, innermost first */
#define CLIMB_LIMIT 6        /* frames of threading.py between a lock and who uses it */
#define PLACES_LIMIT 4096    /* of a dict that are looked at */
#define TABLE_LIMIT 65536    /* bytes of an exception table */
#define BLOCKS_LIMIT 20      /* CO_MAXBLOCKS */
#define BLOCK_BYTES 12       /* PyTryBlock: type, handler, level */
#define RELEASED_LIMIT 8     /* Conditions that one thread waits in */
#define NAME_CHARACTERS 64   /* of a variable */
#define PARKED_AT_BYTES 8    /* struct wait_entry: addr stands before sema */
#define WITH_NAME "__exit__" /* in a PyMethodDef */

const char *const wait_kind_names[WAIT_KINDS] = {
	[WAIT_LOCK] = "lock",
	[WAIT_RLOCK] = "rlock",
	[WAIT_NOTIFICATION] = "notification",
	[WAIT_THREAD] = "thread",
};

struct found {
	struct dict_memory memory; /* first: see read_found */
	struct pages *pages;
};

static bool read_found(const struct dict_memory *memory, raddr_t address, void *data, size_t length)
{
	return pages_read(((const struct found *)memory)->pages, address, data, length);
}

/* ---- attributes ---- */

/* The value of the attribute with one of these names; 0: there is none. */
static raddr_t attribute_of(
	struct variable_reader *reader, raddr_t object, const char *name, const char *other_name)
{
	const struct found found = { { read_found }, reader->pages };
	raddr_t result = 0;
	struct dict dict;

	if (!instance_open(reader->layout, &found.memory, object, &dict))
		return 0;
	for (size_t place = 0; place < dict.count && place < PLACES_LIMIT && !result; place++) {
		struct buffer text = { 0 };
		raddr_t key, value;

		if (dict_entry(&dict, &found.memory, place, &key, &value) &&
			value_append_name(reader->layout, reader->pages, key, NAME_CHARACTERS, &text) &&
			text.data && (strcmp(text.data, name) == 0 || strcmp(text.data, other_name) == 0))
			result = value;
		buffer_release(&text);
	}
	return result;
}

/* Under which name a dict has the object. */
static bool name_in(struct variable_reader *reader, const struct dict *dict, const struct found *found,
	raddr_t object, struct buffer *name)
{
	for (size_t place = 0; place < dict->count && place < PLACES_LIMIT && !reader->pages->is_late;
		place++) {
		raddr_t key, value;

		if (dict_entry(dict, &found->memory, place, &key, &value) && value == object)
			return value_append_name(reader->layout, reader->pages, key, NAME_CHARACTERS, name) &&
				name->length;
	}
	return false;
}

/* ---- frames ---- */

struct words {
	raddr_t slots[SLOTS_LIMIT];
	size_t count, variables;
};

static void read_words(struct variable_reader *reader, const struct lock_frame *frame, struct words *words)
{
	words->count = frame_slots(
		reader, frame->address, frame->code, words->slots, SLOTS_LIMIT, &words->variables);
}

/* The object that the frame calls self; 0: there is none. */
static raddr_t self_of(
	struct variable_reader *reader, const struct lock_frame *frame, const struct words *words)
{
	for (size_t i = 0; i < words->variables; i++) {
		const char *name = frame_slot_name(reader, frame->code, i);

		if (name && strcmp(name, "self") == 0)
			return words->slots[i];
	}
	return 0;
}

/* What the frame calls the object: a variable of its own, an attribute of self, one of the module. */
static void name_object(struct variable_reader *reader, const struct lock_frame *frame,
	const struct words *words, raddr_t object, struct buffer *name)
{
	const struct layout *layout = reader->layout;
	const struct found found = { { read_found }, reader->pages };
	const uint32_t globals_at =
		layout->frames == FRAMES_ON_HEAP ? layout->frame.globals : layout->interpreter_frame.globals;
	const raddr_t self = self_of(reader, frame, words);
	raddr_t globals;
	struct dict dict;

	for (size_t i = 0; i < words->variables; i++) {
		const char *text = frame_slot_name(reader, frame->code, i);

		if (text && words->slots[i] == object) {
			buffer_append_string(name, text);
			return;
		}
	}
	if (self && instance_open(layout, &found.memory, self, &dict)) {
		buffer_append_string(name, "self.");
		if (name_in(reader, &dict, &found, object, name) && name->length > strlen("self."))
			return;
		buffer_clear(name);
	}
	if (pages_pointer(reader->pages, frame->address + globals_at, &globals) &&
		dict_open(layout, &found.memory, globals & ~layout->pointer_tag_mask, &dict))
		name_in(reader, &dict, &found, object, name);
}

/* ---- which lock ---- */

static bool is_rlock_name(const char *name)
{
	return strcmp(name, "_thread.RLock") == 0;
}

/* Is it one of the interpreter's locks? */
static bool is_lock(struct variable_reader *reader, raddr_t object, bool *is_rlock)
{
	struct type_facts facts;

	if (!object_type(reader->layout, reader->pages, object, &facts))
		return false;
	*is_rlock = is_rlock_name(facts.name);
	return *is_rlock || strcmp(facts.name, "_thread.lock") == 0 || strcmp(facts.name, "thread.lock") == 0;
}

/* Does it sleep at the semaphore of this object? */
static bool is_slept_in(struct variable_reader *reader, raddr_t object, raddr_t futex, bool *is_rlock)
{
	raddr_t semaphore;

	return object >= 4096 && object % 8 == 0 &&
		pages_word(reader->pages, object + reader->layout->lock.lock, &semaphore) &&
		semaphore == futex && is_lock(reader, object, is_rlock);
}

/* An object of a frame: itself, or what it is a method of. */
static raddr_t find_slept_in(
	struct variable_reader *reader, const struct words *words, raddr_t futex, bool *is_rlock)
{
	const uint32_t self_at = reader->layout->builtin.self;

	for (size_t i = 0; i < words->count; i++) {
		const raddr_t object = words->slots[i];
		raddr_t self;

		if (object < 4096 || object % 8)
			continue;
		if (is_slept_in(reader, object, futex, is_rlock))
			return object;
		if (pages_pointer(reader->pages, object + self_at, &self) &&
			is_slept_in(reader, self, futex, is_rlock))
			return self;
	}
	return 0;
}

static raddr_t find_lock(
	struct variable_reader *reader, const struct words *words, raddr_t futex, bool *is_rlock)
{
	raddr_t byte, found = 0;

	if (reader->layout->locks != LOCKS_INLINE)
		found = find_slept_in(reader, words, futex, is_rlock);
	if (found || reader->layout->locks == LOCKS_APART)
		return found;
	if (!pages_pointer(reader->pages, futex - PARKED_AT_BYTES, &byte) ||
		!is_lock(reader, byte - reader->layout->lock.lock, is_rlock))
		return 0;
	return byte - reader->layout->lock.lock;
}

/* An int as a thread's ident is; 0: it is none. */
static uint64_t ident_of(struct variable_reader *reader, raddr_t object)
{
	struct buffer text = { 0 }, type = { 0 };
	uint64_t ident = 0;

	if (object)
		value_append(reader->layout, reader->pages, object, 24, &text, &type);
	if (text.data && *text.data >= '0' && *text.data <= '9')
		ident = strtoull(text.data, NULL, 10);
	buffer_release(&text);
	buffer_release(&type);
	return ident;
}

/* ---- what it waits for ---- */

static void append_type(struct variable_reader *reader, raddr_t object, struct buffer *text)
{
	struct type_facts facts;
	const char *name;

	if (!object_type(reader->layout, reader->pages, object, &facts))
		return;
	name = strrchr(facts.name, '.');
	name = name ? name + 1 : facts.name;
	utf8_clean(text, name, strlen(name));
}

/* "Lock", or the type of what the lock is a part of; and what that is called. */
static void put_label(
	struct variable_reader *reader, struct lock_wait *wait, raddr_t object, const struct buffer *name)
{
	static const char *const types[WAIT_KINDS] = {
		[WAIT_LOCK] = "Lock", [WAIT_RLOCK] = "RLock", [WAIT_NOTIFICATION] = "", [WAIT_THREAD] = ""
	};
	struct buffer type = { 0 };
	const char *text;

	if (object != wait->lock)
		append_type(reader, object, &type);
	text = type.length ? type.data : "";
	text += *text == '_'; /* 2.x: _Condition */
	if (strcmp(text, "RLock") == 0)
		text = "";
	snprintf(wait->label, sizeof(wait->label), "%s%s%s%s%s", types[wait->kind],
		*types[wait->kind] && *text ? " of " : "", text,
		name->length && (*types[wait->kind] || *text) ? " " : "", name->length ? name->data : "");
	buffer_release(&type);
}

/* A frame of threading.py: what it says of the object that it is a method of. */
static void read_method(struct variable_reader *reader, const struct lock_frame *frame,
	const struct words *words, raddr_t self, struct lock_wait *wait)
{
	if (strcmp(frame->function, "join") == 0) {
		wait->owner = ident_of(reader, attribute_of(reader, self, "_ident", "_Thread__ident"));
		if (wait->owner)
			wait->kind = WAIT_THREAD;
	} else if (strcmp(frame->function, "acquire") == 0 && wait->kind == WAIT_LOCK &&
		attribute_of(reader, self, "_block", "_RLock__block") == wait->lock) {
		wait->kind = WAIT_RLOCK;
		wait->owner = ident_of(reader, attribute_of(reader, self, "_owner", "_RLock__owner"));
	} else if (strcmp(frame->function, "wait") == 0 && wait->kind == WAIT_LOCK) {
		for (size_t i = 0; i < words->variables; i++) {
			const char *name = frame_slot_name(reader, frame->code, i);

			if (name && strcmp(name, "waiter") == 0 && words->slots[i] == wait->lock)
				wait->kind = WAIT_NOTIFICATION;
		}
	}
}

bool locks_find_wait(struct variable_reader *reader, const struct lock_frame *frames, size_t count,
	raddr_t futex, struct lock_wait *wait)
{
	struct words *words = xcalloc(1, sizeof(*words));
	struct buffer name = { 0 };
	bool is_rlock = false, is_known;
	raddr_t object;
	size_t at = 0;

	*wait = (struct lock_wait){ .kind = WAIT_LOCK };
	if (count) {
		read_words(reader, &frames[0], words);
		wait->lock = find_lock(reader, words, futex, &is_rlock);
	}
	if (wait->lock && is_rlock) {
		wait->kind = WAIT_RLOCK;
		pages_word(reader->pages, wait->lock + reader->layout->lock.owner, &wait->owner);
	}
	object = wait->lock;
	/* a lock of an Event, a Queue's Condition, ...: what whoever uses it knows it by */
	for (; at + 1 < count && at < CLIMB_LIMIT && frames[at].is_threading; at++) {
		const raddr_t self = self_of(reader, &frames[at], words);

		if (self) {
			read_method(reader, &frames[at], words, self, wait);
			object = self;
		}
		read_words(reader, &frames[at + 1], words);
	}
	is_known = wait->lock || wait->kind == WAIT_THREAD;
	if (is_known) {
		name_object(reader, &frames[at], words, object, &name);
		put_label(reader, wait, object, &name);
	}
	buffer_release(&name);
	free(words);
	return is_known;
}

/* ---- which ones a frame has entered ---- */

/* In pieces of six bits, highest first; 0x40: more follow. False: the table ends, or it is too long. */
static bool table_number(const uint8_t *table, size_t length, size_t *at, uint64_t *number)
{
	*number = 0;
	for (int pieces = 0; *at < length && pieces < 6; pieces++) {
		const uint8_t byte = table[(*at)++];

		*number = *number << 6 | (byte & 0x3f);
		if (!(byte & 0x40))
			return true;
	}
	return false;
}

uint32_t exception_table_depth(const uint8_t *table, size_t length, uint64_t unit)
{
	size_t at = 0;

	while (at < length) {
		uint64_t start, size, target, depth;

		if (!table_number(table, length, &at, &start) || !table_number(table, length, &at, &size) ||
			!table_number(table, length, &at, &target) ||
			!table_number(table, length, &at, &depth) || start > unit)
			break;
		if (unit - start < size)
			return (uint32_t)(depth >> 1 < SLOTS_LIMIT ? depth >> 1 : 0);
	}
	return 0;
}

static uint32_t depth_by_table(struct variable_reader *reader, const struct lock_frame *frame)
{
	const struct layout *layout = reader->layout;
	uint32_t depth = 0;
	uint64_t length;
	raddr_t object;
	uint8_t *table;

	if (frame->unit < 0 ||
		!pages_pointer(reader->pages, frame->code + layout->code_object.exception_table, &object) ||
		!pages_word(reader->pages, object + layout->bytes.ob_size, &length) || length > TABLE_LIMIT)
		return 0;
	table = xmalloc((size_t)length + 1);
	if (pages_read(reader->pages, object + layout->bytes.ob_sval, table, (size_t)length))
		depth = exception_table_depth(table, (size_t)length, (uint64_t)frame->unit);
	free(table);
	return depth;
}

/* Does the PyMethodDef that a field of this object points to define __exit__? */
static bool defines_exit(struct variable_reader *reader, raddr_t object, uint32_t definition_at)
{
	char text[sizeof(WITH_NAME)];
	raddr_t definition, name;

	return pages_pointer(reader->pages, object + definition_at, &definition) &&
		pages_pointer(reader->pages, definition, &name) &&
		pages_read(reader->pages, name, text, sizeof(text)) &&
		memcmp(text, WITH_NAME, sizeof(text)) == 0;
}

static bool has_type(struct variable_reader *reader, raddr_t object, const char *name)
{
	struct type_facts facts;

	return object_type(reader->layout, reader->pages, object, &facts) && type_is(&facts, name);
}

/* What ends a `with`: the object that it is of; 0: these words are nothing like that. */
static raddr_t with_object(struct variable_reader *reader, raddr_t word, raddr_t next)
{
	const struct layout *layout = reader->layout;
	raddr_t self;

	if (layout->withs == WITHS_IN_PAIRS)
		return has_type(reader, word, "function") ||
				(has_type(reader, word, "method_descriptor") &&
					defines_exit(reader, word, layout->descriptor.definition))
			? next
			: 0;
	if (has_type(reader, word, "builtin_function_or_method"))
		return defines_exit(reader, word, layout->builtin.definition) &&
				pages_word(reader->pages, word + layout->builtin.self, &self)
			? self
			: 0;
	if (has_type(reader, word, "method") || has_type(reader, word, "instancemethod"))
		return pages_word(reader->pages, word + layout->method.self, &self) ? self : 0;
	return 0;
}

struct entering {
	struct variable_reader *reader;
	const raddr_t *locks;
	size_t lock_count;
	raddr_t released[RELEASED_LIMIT];
	size_t released_count;
	struct entered_lock *list;
	size_t count, limit;
};

static bool is_among(const raddr_t *list, size_t count, raddr_t object)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i] == object)
			return true;
	}
	return false;
}

/* The lock itself, or that of a Condition. */
static raddr_t lock_behind(struct variable_reader *reader, raddr_t object)
{
	struct type_facts facts;
	raddr_t lock;

	if (!object_type(reader->layout, reader->pages, object, &facts) ||
		(strcmp(facts.name, "Condition") != 0 && strcmp(facts.name, "_Condition") != 0))
		return object;
	lock = attribute_of(reader, object, "_lock", "_Condition__lock");
	return lock ? lock : object;
}

static void add_entered(struct entering *entering, const struct lock_frame *frame, raddr_t word, raddr_t next)
{
	raddr_t lock = with_object(entering->reader, word, next);

	if (!lock)
		return;
	lock = lock_behind(entering->reader, lock);
	if (!is_among(entering->locks, entering->lock_count, lock) ||
		is_among(entering->released, entering->released_count, lock) ||
		entering->count >= entering->limit)
		return;
	entering->list[entering->count++] = (struct entered_lock){ lock, frame->address, frame->instruction };
}

static void look_at_blocks(
	struct entering *entering, const struct lock_frame *frame, const struct words *words)
{
	const struct layout *layout = entering->reader->layout;
	uint8_t blocks[BLOCKS_LIMIT * BLOCK_BYTES];
	uint32_t count;

	if (!pages_read(entering->reader->pages, frame->address + layout->frame.block_count, &count,
		    sizeof(count)) ||
		count > BLOCKS_LIMIT ||
		!pages_read(entering->reader->pages, frame->address + layout->frame.blocks, blocks,
			count * BLOCK_BYTES))
		return;
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t level = field_u32(blocks + (size_t)i * BLOCK_BYTES, 8);

		if (level > 0 && level <= words->count - words->variables)
			add_entered(entering, frame, words->slots[words->variables + level - 1], 0);
	}
}

static void look_at_stack(
	struct entering *entering, const struct lock_frame *frame, const struct words *words)
{
	const uint32_t depth = depth_by_table(entering->reader, frame);
	const raddr_t *stack = words->slots + words->variables;
	const size_t count = words->count - words->variables;

	for (size_t i = 0; i < depth && i < count; i++)
		add_entered(entering, frame, stack[i], i + 1 < depth && i + 1 < count ? stack[i + 1] : 0);
}

/* Condition.wait has let go of the lock. False: of which one cannot be told. */
static bool note_released(
	struct entering *entering, const struct lock_frame *frame, const struct words *words)
{
	raddr_t self, lock;

	if (!frame->is_threading || strcmp(frame->function, "wait") != 0)
		return true;
	self = self_of(entering->reader, frame, words);
	lock = self ? attribute_of(entering->reader, self, "_lock", "_Condition__lock") : 0;
	if (!lock) /* of an Event: its Condition is the next frame inside */
		return self && attribute_of(entering->reader, self, "_cond", "_Event__cond") != 0;
	if (entering->released_count >= RELEASED_LIMIT)
		return false;
	entering->released[entering->released_count++] = lock;
	return true;
}

size_t locks_find_entered(struct variable_reader *reader, const struct lock_frame *frames, size_t count,
	const raddr_t *locks, size_t lock_count, struct entered_lock *list, size_t limit)
{
	struct entering entering = {
		.reader = reader, .locks = locks, .lock_count = lock_count, .list = list, .limit = limit
	};
	struct words *words = xcalloc(1, sizeof(*words));

	for (size_t i = 0; i < count && i < FRAMES_LIMIT && !reader->pages->is_late; i++) {
		read_words(reader, &frames[i], words);
		if (!note_released(&entering, &frames[i], words))
			break;
		if (reader->layout->withs == WITHS_IN_BLOCKS)
			look_at_blocks(&entering, &frames[i], words);
		else
			look_at_stack(&entering, &frames[i], words);
	}
	free(words);
	return entering.count;
}

/* ---- for other stages ---- */

struct lock_reader {
	struct python *python;
	struct pages pages;
	struct variable_reader variables;
	struct lock_frame *frames;
	size_t count, capacity;
};

struct lock_reader *lock_reader_new(struct python *python)
{
	struct lock_reader *reader = xcalloc(1, sizeof(*reader));

	reader->python = python;
	pages_init(&reader->pages, python->target);
	reader->variables = (struct variable_reader){ .layout = &python->layout, .pages = &reader->pages };
	return reader;
}

void lock_reader_free(struct lock_reader *reader)
{
	if (!reader)
		return;
	variable_reader_release(&reader->variables);
	pages_release(&reader->pages);
	free(reader->frames);
	free(reader);
}

void lock_reader_begin(struct lock_reader *reader, int64_t deadline_ns)
{
	pages_forget(&reader->pages);
	reader->pages.deadline_ns = deadline_ns;
}

bool lock_reader_is_late(const struct lock_reader *reader)
{
	return reader->pages.is_late;
}

struct memory_view *lock_reader_view(struct lock_reader *reader)
{
	return &reader->pages.view;
}

static bool is_threading_file(const char *file)
{
	static const char name[] = "threading.py";
	const char *slash = strrchr(file, '/');

	return strncmp(slash ? slash + 1 : file, name, strlen(name)) == 0; /* or .pyc */
}

/* False: there is no code object where one has to be. */
static bool read_frames(struct lock_reader *reader, const struct walk *walk, size_t most)
{
	struct error ignored = { 0 };

	reader->count = 0;
	for (size_t i = 0; i < walk->count && reader->count < most; i++) {
		const struct raw_frame *raw = &walk->frames[i];
		const struct code *code = python_code_load(reader->python, raw->code, &ignored);
		const char *dot;

		if (!code)
			return false;
		if (!python_frame_visible(reader->python, code, raw))
			continue;
		array_reserve(&reader->frames, &reader->capacity, reader->count + 1, sizeof(*reader->frames));
		dot = strrchr(code->function->name, '.');
		reader->frames[reader->count++] = (struct lock_frame){
			.address = raw->address,
			.code = raw->code,
			.instruction = raw->instruction,
			.unit = python_frame_unit(reader->python, code, raw),
			.function = dot ? dot + 1 : code->function->name,
			.is_threading = is_threading_file(code->function->file),
		};
	}
	return true;
}

bool lock_reader_wait(
	struct lock_reader *reader, const struct walk *walk, raddr_t futex, struct lock_wait *wait)
{
	return read_frames(reader, walk, CLIMB_LIMIT + 2) &&
		locks_find_wait(&reader->variables, reader->frames, reader->count, futex, wait);
}

size_t lock_reader_entered(struct lock_reader *reader, const struct walk *walk, const raddr_t *locks,
	size_t lock_count, struct entered_lock *list, size_t limit)
{
	if (!read_frames(reader, walk, FRAMES_LIMIT))
		return 0;
	return locks_find_entered(
		&reader->variables, reader->frames, reader->count, locks, lock_count, list, limit);
}
