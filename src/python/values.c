/* SPDX-License-Identifier: MIT */
/*
 * One object of the target as text, much as repr() has it. What an object says of itself is not believed: a
 * type has to look like one, a length is a limit to what is read and nothing else, an object that holds
 * itself ends at the depth that is allowed, and all characters are cleaned.
 *
 * Facts: Include/cpython/longintrepr.h, floatobject.h, unicodeobject.h, setobject.h, object.h (the flags of
 * types), and dicts.c for dicts.
 */
#include "config.h"

#include "python/values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "python/decode.h"
#include "python/dicts.h"

#define DEPTH_LIMIT 4
#define OBJECTS_LIMIT 400 /* that one value may lead to */
#define ELEMENTS_LIMIT 32 /* of one container that are told */
#define PLACES_LIMIT 4096 /* of a table, where most may be empty */
#define DIGITS_LIMIT 40   /* of 30 bits: an int with more is told by its length */
#define LENGTH_LIMIT (INT64_C(1) << 40)
#define CHUNK_BYTES 256
#define UNREADABLE "?"

struct printer {
	struct dict_memory memory; /* first: see read_memory */
	const struct layout *layout;
	struct pages *pages;
	struct buffer *text;
	size_t left;    /* characters */
	size_t objects; /* that may still be looked at */
	unsigned depth;
	bool is_cut;   /* there were more characters than may be */
	bool is_short; /* or more elements */
	/* of the outermost object */
	uint64_t length;
	const char *unit; /* NULL: it has no length */
};

static bool read_memory(const struct dict_memory *memory, raddr_t address, void *data, size_t length)
{
	return pages_read(((const struct printer *)memory)->pages, address, data, length);
}

/* ---- characters ---- */

static void put_code_point(struct printer *printer, uint32_t code_point)
{
	if (!printer->left) {
		printer->is_cut = true;
		return;
	}
	printer->left--;
	utf8_append(printer->text, code_point);
}

static void put(struct printer *printer, const char *ascii)
{
	for (; *ascii; ascii++)
		put_code_point(printer, (unsigned char)*ascii);
}

static void put_clean(struct printer *printer, const char *bytes)
{
	struct buffer clean = { 0 };

	utf8_clean(&clean, bytes, strlen(bytes));
	if (clean.length > printer->left) {
		printer->is_cut = true;
	} else {
		printer->left -= clean.length;
		buffer_append(printer->text, clean.data ? clean.data : "", clean.length);
	}
	buffer_release(&clean);
}

/* Inside of quotes. Bytes beyond ASCII are no characters. */
static void put_quoted(struct printer *printer, uint32_t code_point, bool is_byte)
{
	char escape[8];

	if (code_point == '\'' || code_point == '\\')
		snprintf(escape, sizeof(escape), "\\%c", (int)code_point);
	else if (code_point == '\n')
		snprintf(escape, sizeof(escape), "\\n");
	else if (code_point == '\r')
		snprintf(escape, sizeof(escape), "\\r");
	else if (code_point == '\t')
		snprintf(escape, sizeof(escape), "\\t");
	else if (code_point < 0x20 || code_point == 0x7f || (is_byte && code_point > 0x7f))
		snprintf(escape, sizeof(escape), "\\x%02x", (unsigned)code_point & 0xff);
	else {
		put_code_point(printer, code_point);
		return;
	}
	put(printer, escape);
}

static void note_length(struct printer *printer, uint64_t length, const char *unit)
{
	if (printer->depth)
		return;
	printer->length = length;
	printer->unit = unit;
}

/* ---- types ---- */

bool object_type(const struct layout *layout, struct pages *pages, raddr_t object, struct type_facts *facts)
{
	raddr_t type, name;
	size_t length;

	if (object < 4096 || object % 8 || !pages_pointer(pages, object + layout->object.ob_type, &type) ||
		type % 8 || !pages_word(pages, type + layout->type_object.tp_flags, &facts->flags) ||
		!(facts->flags & TYPE_IS_READY) ||
		!pages_pointer(pages, type + layout->type_object.tp_name, &name))
		return false;
	length = pages_read_upto(pages, name, facts->name, sizeof(facts->name) - 1);
	facts->name[length] = '\0';
	return facts->name[0] != '\0';
}

bool type_is(const struct type_facts *facts, const char *name)
{
	return !(facts->flags & TYPE_IS_HEAP) && strcmp(facts->name, name) == 0;
}

/* ob_size of what has one; a length that cannot be is false. */
static bool read_size(const struct printer *printer, raddr_t object, int64_t *size)
{
	uint64_t word;

	if (!pages_word(printer->pages, object + printer->layout->bytes.ob_size, &word))
		return false;
	*size = (int64_t)word;
	return *size >= 0 && *size < LENGTH_LIMIT;
}

/* ---- numbers ---- */

#define DECIMAL_PART 1000000000u

/* count digits of 30 bits, lowest first. */
static void put_digits(struct printer *printer, const uint32_t *digits, size_t count)
{
	uint32_t parts[DIGITS_LIMIT * 30 / 29 + 1] = { 0 }; /* of nine decimal digits: 29.9 bits */
	size_t part_count = 1;
	char text[16];

	for (size_t i = count; i > 0; i--) {
		uint64_t carry = digits[i - 1] & 0x3fffffff;

		for (size_t part = 0; part < part_count; part++) {
			carry += (uint64_t)parts[part] << 30;
			parts[part] = (uint32_t)(carry % DECIMAL_PART);
			carry /= DECIMAL_PART;
		}
		while (carry && part_count < ARRAY_LENGTH(parts)) {
			parts[part_count++] = (uint32_t)(carry % DECIMAL_PART);
			carry /= DECIMAL_PART;
		}
	}
	snprintf(text, sizeof(text), "%u", parts[part_count - 1]);
	put(printer, text);
	for (size_t part = part_count - 1; part > 0; part--) {
		snprintf(text, sizeof(text), "%09u", parts[part - 1]);
		put(printer, text);
	}
}

static void put_long_digits(
	struct printer *printer, raddr_t digits_at, uint64_t count, bool is_negative, const char *suffix)
{
	uint32_t digits[DIGITS_LIMIT];
	char text[64];

	if (count > DIGITS_LIMIT) {
		/* log10(2^30) is 9.03 */
		snprintf(text, sizeof(text), "<int of about %llu digits>",
			(unsigned long long)(count < (uint64_t)LENGTH_LIMIT ? count * 903 / 100 : 0));
		put(printer, count < (uint64_t)LENGTH_LIMIT ? text : UNREADABLE);
		return;
	}
	if (!pages_read(printer->pages, digits_at, digits, (size_t)count * sizeof(*digits))) {
		put(printer, UNREADABLE);
		return;
	}
	if (is_negative)
		put(printer, "-");
	put_digits(printer, digits, (size_t)count);
	put(printer, suffix);
}

static void put_int(struct printer *printer, raddr_t object, bool is_plain)
{
	const struct layout *layout = printer->layout;
	const bool is_2 = layout->integers == INTEGERS_PLAIN;
	const raddr_t digits = object + (is_2 ? layout->bytes.ob_size + 8 : layout->integer.digits);
	uint64_t word;
	char text[32];

	if (!pages_word(printer->pages,
		    object +
			    (is_plain              ? layout->integer.digits
					    : is_2 ? layout->bytes.ob_size
						   : layout->integer.size),
		    &word)) {
		put(printer, UNREADABLE);
		return;
	}
	if (is_plain) {
		snprintf(text, sizeof(text), "%lld", (long long)word);
		put(printer, text);
	} else if (layout->integers == INTEGERS_TAGGED) {
		put_long_digits(printer, digits, (word & 3) == 1 ? 0 : word >> 3, (word & 3) == 2, "");
	} else {
		const bool is_negative = (int64_t)word < 0;

		put_long_digits(printer, digits, is_negative ? 0 - word : word, is_negative, is_2 ? "L" : "");
	}
}

static void put_bool(struct printer *printer, raddr_t object)
{
	const struct layout *layout = printer->layout;
	uint32_t digit;

	if (pages_read(printer->pages, object + layout->integer.digits, &digit, sizeof(digit)))
		put(printer, digit ? "True" : "False");
	else
		put(printer, UNREADABLE);
}

/* The fewest digits that are this number and no other. */
static void put_float(struct printer *printer, raddr_t object)
{
	char text[40];
	double value;

	if (!pages_read(printer->pages, object + printer->layout->real.value, &value, sizeof(value))) {
		put(printer, UNREADABLE);
		return;
	}
	if (isnan(value) || isinf(value)) {
		put(printer, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	if (!strpbrk(text, ".e"))
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ".0");
	put(printer, text);
}

/* ---- texts ---- */

/* Characters of `kind` bytes each, as far as there is room for them. */
static void put_characters(
	struct printer *printer, raddr_t address, uint64_t count, unsigned kind, bool is_quoted, bool is_byte)
{
	uint8_t chunk[CHUNK_BYTES];

	for (uint64_t done = 0; done < count && !printer->is_cut;) {
		const uint64_t room = sizeof(chunk) / kind;
		const size_t now = (size_t)(count - done < room ? count - done : room);

		if (!pages_read(printer->pages, address + done * kind, chunk, now * kind)) {
			put(printer, UNREADABLE);
			return;
		}
		for (size_t i = 0; i < now && !printer->is_cut; i++) {
			uint32_t code_point = 0;

			memcpy(&code_point, chunk + i * kind, kind); /* little-endian */
			if (is_quoted)
				put_quoted(printer, code_point, is_byte);
			else
				put_code_point(printer, code_point);
		}
		done += now;
	}
}

/*
 * 2.x: is a character 4 bytes? The interpreter was built so or with 2, and no object says which: two letters
 * in 2 bytes each are no character of 4.
 */
static bool is_wide(const struct printer *printer, raddr_t address, uint64_t length)
{
	for (uint64_t i = 0; i < length && i < CHUNK_BYTES; i++) {
		uint32_t code_point;

		if (!pages_read(printer->pages, address + i * 4, &code_point, 4) || code_point > 0x10ffff)
			return false;
	}
	return true;
}

/* A unicode object of 2.x: a length, and a pointer to the characters. */
static void put_unicode_2(struct printer *printer, raddr_t object)
{
	raddr_t characters;
	int64_t length;

	if (!read_size(printer, object, &length) ||
		!pages_pointer(printer->pages, object + printer->layout->bytes.ob_size + 8, &characters)) {
		put(printer, UNREADABLE);
		return;
	}
	note_length(printer, (uint64_t)length, "characters");
	put(printer, "u'");
	put_characters(printer, characters, (uint64_t)length,
		is_wide(printer, characters, (uint64_t)length) ? 4 : 2, true, false);
	put(printer, "'");
}

static bool str_header(
	const struct layout *layout, struct pages *pages, raddr_t object, struct unicode_header *header)
{
	uint8_t bytes[OBJECT_HEAD_LIMIT + sizeof(raddr_t)];
	const size_t available = pages_read_upto(pages, object, bytes, sizeof(bytes));

	return unicode_header_parse(layout, object, bytes, available, header);
}

static void put_str(struct printer *printer, raddr_t object)
{
	struct unicode_header header;

	if (!str_header(printer->layout, printer->pages, object, &header)) {
		put(printer, UNREADABLE);
		return;
	}
	note_length(printer, header.length, "characters");
	put(printer, "'");
	put_characters(printer, header.address, header.length, header.kind, true, false);
	put(printer, "'");
}

static void put_bytes(struct printer *printer, raddr_t object)
{
	int64_t length;

	if (!read_size(printer, object, &length)) {
		put(printer, UNREADABLE);
		return;
	}
	note_length(printer, (uint64_t)length, "bytes");
	put(printer, printer->layout->strings == STRINGS_BYTES ? "'" : "b'");
	put_characters(printer, object + printer->layout->bytes.ob_sval, (uint64_t)length, 1, true, true);
	put(printer, "'");
}

/* ---- containers ---- */

static void put_object(struct printer *printer, raddr_t object);

static void put_separator(struct printer *printer, size_t index)
{
	if (index)
		put(printer, ", ");
}

static void put_element(struct printer *printer, raddr_t object)
{
	printer->depth++;
	put_object(printer, object);
	printer->depth--;
}

/* False: that was enough. */
static bool goes_on(struct printer *printer, size_t told)
{
	if (told < ELEMENTS_LIMIT && !printer->is_cut && printer->objects)
		return true;
	put(printer, ", ...");
	printer->is_short |= !printer->depth;
	return false;
}

/* Elements that were not found: the table is just being changed, or lies. */
static void put_rest(struct printer *printer, size_t told, uint64_t used)
{
	if (told == used || printer->is_cut || told == ELEMENTS_LIMIT || !printer->objects)
		return;
	put(printer, told ? ", ..." : "...");
	printer->is_short |= !printer->depth;
}

static void put_items(struct printer *printer, raddr_t items, uint64_t count)
{
	for (size_t i = 0; i < count && goes_on(printer, i); i++) {
		raddr_t item;

		put_separator(printer, i);
		if (!pages_word(printer->pages, items + i * sizeof(item), &item)) {
			put(printer, UNREADABLE);
			return;
		}
		put_element(printer, item);
	}
}

static void put_list(struct printer *printer, raddr_t object, bool is_tuple)
{
	const struct layout *layout = printer->layout;
	raddr_t items = object + layout->tuple.ob_item;
	int64_t count;

	if (!read_size(printer, object, &count) ||
		(!is_tuple && count && !pages_pointer(printer->pages, object + layout->list.items, &items))) {
		put(printer, UNREADABLE);
		return;
	}
	note_length(printer, (uint64_t)count, "items");
	put(printer, is_tuple ? "(" : "[");
	put_items(printer, items, (uint64_t)count);
	put(printer, !is_tuple ? "]" : count == 1 ? ",)" : ")");
}

static void put_dict(struct printer *printer, raddr_t object)
{
	uint64_t used;
	struct dict dict;
	size_t told = 0;

	if (!pages_word(printer->pages, object + printer->layout->dict.used, &used) ||
		used > (uint64_t)LENGTH_LIMIT) {
		put(printer, UNREADABLE);
		return;
	}
	note_length(printer, used, "items");
	put(printer, "{");
	if (used && !dict_open(printer->layout, &printer->memory, object, &dict)) {
		put(printer, "...}");
		printer->is_cut = true;
		return;
	}
	for (size_t place = 0; told < used && place < dict.count && place < PLACES_LIMIT; place++) {
		raddr_t key, value;

		if (!dict_entry(&dict, &printer->memory, place, &key, &value))
			continue;
		if (!goes_on(printer, told))
			break;
		put_separator(printer, told++);
		put_element(printer, key);
		put(printer, ": ");
		put_element(printer, value);
	}
	put_rest(printer, told, used);
	put(printer, "}");
}

/* What stands for an element that was taken out: 3.x marks it by its hash, 2.x by a str of its own. */
static bool is_dummy(const struct printer *printer, const uint64_t entry[2], raddr_t key)
{
	static const char dummy[] = "<dummy key>";
	const struct layout *layout = printer->layout;
	char text[sizeof(dummy)];

	if (layout->strings == STRINGS_UNICODE)
		return entry[1] == UINT64_MAX;
	return pages_read(printer->pages, key + layout->bytes.ob_sval, text, sizeof(text)) &&
		memcmp(text, dummy, sizeof(dummy)) == 0;
}

static void put_set(struct printer *printer, raddr_t object, const char *name)
{
	const struct layout *layout = printer->layout;
	const bool is_set = strcmp(name, "set") == 0 && layout->strings == STRINGS_UNICODE;
	uint64_t used, mask;
	raddr_t table;
	size_t told = 0;

	if (!pages_word(printer->pages, object + layout->set.used, &used) || used > (uint64_t)LENGTH_LIMIT ||
		!pages_word(printer->pages, object + layout->set.mask, &mask) ||
		!pages_pointer(printer->pages, object + layout->set.table, &table)) {
		put(printer, UNREADABLE);
		return;
	}
	note_length(printer, used, "items");
	if (!is_set || !used) {
		put(printer, name);
		put(printer, used ? "({" : "(");
	} else {
		put(printer, "{");
	}
	for (uint64_t place = 0; told < used && place <= mask && place < PLACES_LIMIT; place++) {
		uint64_t entry[2];
		raddr_t key;

		if (!pages_read(printer->pages, table + place * sizeof(entry), entry, sizeof(entry)))
			break;
		key = entry[layout->set.entry_key / 8];
		if (!key || is_dummy(printer, entry, key))
			continue;
		if (!goes_on(printer, told))
			break;
		put_separator(printer, told++);
		put_element(printer, key);
	}
	put_rest(printer, told, used);
	put(printer, used ? "}" : "");
	put(printer, !is_set || !used ? ")" : "");
}

/* ---- any object ---- */

/* Types whose instances say how long they are where a list does. */
static bool has_size(const struct type_facts *facts)
{
	static const char *const names[] = { "bytearray", "collections.deque", "array.array" };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		if (strcmp(facts->name, names[i]) == 0)
			return true;
	}
	return false;
}

static void put_other(struct printer *printer, raddr_t object, const struct type_facts *facts)
{
	struct type_facts own = *facts;
	raddr_t name;
	int64_t size;

	put(printer, facts->flags & TYPE_IS_TYPE ? "<class " : "<");
	if (facts->flags & TYPE_IS_TYPE &&
		pages_pointer(printer->pages, object + printer->layout->type_object.tp_name, &name)) {
		const size_t length = pages_read_upto(printer->pages, name, own.name, sizeof(own.name) - 1);

		own.name[length] = '\0';
	}
	put_clean(printer, own.name);
	if (has_size(facts) && read_size(printer, object, &size)) {
		char text[48];

		snprintf(text, sizeof(text), ", %lld items", (long long)size);
		put(printer, text);
	}
	put(printer, ">");
}

/* What all instances of the type, and of those that are made of it, have. False: it is none of these. */
static bool put_by_flags(struct printer *printer, raddr_t object, uint64_t flags)
{
	if (flags & TYPE_IS_STR && printer->layout->strings == STRINGS_UNICODE)
		put_str(printer, object);
	else if (flags & TYPE_IS_STR)
		put_unicode_2(printer, object);
	else if (flags & TYPE_IS_INT)
		put_int(printer, object, false);
	else if (flags & TYPE_IS_INT_2 && printer->layout->integers == INTEGERS_PLAIN)
		put_int(printer, object, true);
	else if (flags & TYPE_IS_DICT)
		put_dict(printer, object);
	else if (flags & (TYPE_IS_LIST | TYPE_IS_TUPLE))
		put_list(printer, object, flags & TYPE_IS_TUPLE);
	else if (flags & TYPE_IS_BYTES)
		put_bytes(printer, object);
	else
		return false;
	return true;
}

#define PRINTED \
	(TYPE_IS_STR | TYPE_IS_INT | TYPE_IS_INT_2 | TYPE_IS_DICT | TYPE_IS_LIST | TYPE_IS_TUPLE | \
		TYPE_IS_BYTES)
#define CONTAINERS (TYPE_IS_DICT | TYPE_IS_LIST | TYPE_IS_TUPLE)

static void put_typed(struct printer *printer, raddr_t object, const struct type_facts *facts)
{
	const bool is_own = facts->flags & TYPE_IS_HEAP && facts->flags & PRINTED;

	if (type_is(facts, "NoneType")) {
		put(printer, "None");
	} else if (type_is(facts, "bool")) {
		put_bool(printer, object);
	} else if (type_is(facts, "float")) {
		put_float(printer, object);
	} else if (printer->depth >= DEPTH_LIMIT && facts->flags & CONTAINERS) {
		put(printer, "...");
	} else if (type_is(facts, "set") || type_is(facts, "frozenset")) {
		put_set(printer, object, facts->name);
	} else if (is_own) { /* a class of the program's that is made of one of these */
		put_clean(printer, facts->name);
		put(printer, "(");
		put_by_flags(printer, object, facts->flags);
		put(printer, ")");
	} else if (!put_by_flags(printer, object, facts->flags)) {
		put_other(printer, object, facts);
	}
}

static void put_object(struct printer *printer, raddr_t object)
{
	struct type_facts facts;

	if (!printer->objects || !object_type(printer->layout, printer->pages, object, &facts)) {
		put(printer, UNREADABLE);
		return;
	}
	printer->objects--;
	put_typed(printer, object, &facts);
}

void value_append(const struct layout *layout, struct pages *pages, raddr_t object, size_t characters,
	struct buffer *text, struct buffer *type)
{
	struct printer printer = {
		.memory = { read_memory },
		.layout = layout,
		.pages = pages,
		.text = text,
		.left = characters,
		.objects = OBJECTS_LIMIT,
	};
	struct type_facts facts;

	put_object(&printer, object);
	if (printer.is_cut)
		buffer_append_string(text, "...");
	if ((printer.is_cut || printer.is_short) && printer.unit)
		buffer_printf(text, " (%llu %s)", (unsigned long long)printer.length, printer.unit);
	if (object_type(layout, pages, object, &facts))
		utf8_clean(type, facts.name, strlen(facts.name));
	else
		buffer_append_string(type, UNREADABLE);
}

bool value_append_name(const struct layout *layout, struct pages *pages, raddr_t object, size_t characters,
	struct buffer *text)
{
	struct printer printer = { .layout = layout, .pages = pages, .text = text, .left = characters };
	struct unicode_header header;
	struct type_facts facts;
	int64_t length;

	if (!object_type(layout, pages, object, &facts))
		return false;
	if (layout->strings == STRINGS_BYTES && facts.flags & TYPE_IS_BYTES &&
		read_size(&printer, object, &length)) {
		put_characters(&printer, object + layout->bytes.ob_sval, (uint64_t)length, 1, false, true);
		return true;
	}
	if (layout->strings == STRINGS_BYTES || !(facts.flags & TYPE_IS_STR) ||
		!str_header(layout, pages, object, &header))
		return false;
	put_characters(&printer, header.address, header.length, header.kind, false, false);
	return true;
}
