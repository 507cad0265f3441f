/* SPDX-License-Identifier: MIT */
/*
 * A text in Python, as far as it takes to say which lines are a function's, and which lines of two versions
 * of it are the same. Strings, brackets and continued lines are followed, as the language's reference has
 * them (chapter 2, lexical analysis), for a function ends before the first line that begins a statement no
 * further in than its own. Any text gives some answer.
 */
#include "config.h"

#include "pyrope/compare.h"

#include <stdlib.h>
#include <string.h>

#define TAB_COLUMNS 8
#define CELLS_LIMIT ((size_t)1 << 22) /* of the table by which changed lines are matched */

struct source_line {
	uint32_t begin, length; /* without the white space around it */
	uint32_t columns;       /* how far in it is */
	uint64_t hash;          /* 0: there is nothing in it, or only a comment */
	bool begins;            /* a statement, and no string, bracket or line before goes on in it */
};

struct source {
	char *text;
	struct source_line *lines; /* the first one is lines[1] */
	size_t count, capacity;
};

/* ---- lines ---- */

/* What goes on from one line into the next. */
struct reading {
	char quote; /* of a string; 0: in none */
	bool is_triple, is_continued;
	size_t depth; /* of brackets */
};

static bool is_name(char character)
{
	return character == '_' || (character >= '0' && character <= '9') ||
		(character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
		(unsigned char)character >= 0x80;
}

/* Inside of a string; returns where to go on. */
static size_t read_string(struct reading *reading, const char *line, size_t length, size_t at)
{
	if (line[at] == '\\')
		return at + 2;
	if (line[at] != reading->quote)
		return at + 1;
	if (!reading->is_triple) {
		reading->quote = '\0';
		return at + 1;
	}
	if (at + 2 >= length || line[at + 1] != reading->quote || line[at + 2] != reading->quote)
		return at + 1;
	reading->quote = '\0';
	return at + 3;
}

static size_t begin_string(struct reading *reading, const char *line, size_t length, size_t at)
{
	reading->quote = line[at];
	reading->is_triple = at + 2 < length && line[at + 1] == line[at] && line[at + 2] == line[at];
	return at + (reading->is_triple ? 3 : 1);
}

static void read_line(struct reading *reading, const char *line, size_t length)
{
	size_t at = 0;

	reading->is_continued = false;
	while (at < length) {
		if (reading->quote) {
			at = read_string(reading, line, length, at);
			continue;
		}
		if (line[at] == '#')
			break;
		if (line[at] == '"' || line[at] == '\'') {
			at = begin_string(reading, line, length, at);
			continue;
		}
		if (strchr("([{", line[at]) && line[at])
			reading->depth++;
		else if (strchr(")]}", line[at]) && line[at] && reading->depth)
			reading->depth--;
		reading->is_continued = line[at] == '\\' && at + 1 == length;
		at++;
	}
	/* one that is not closed ends with its line, unless that ends with a backslash */
	if (reading->quote && !reading->is_triple && at <= length)
		reading->quote = '\0';
}

static void add_line(struct source *source, struct reading *reading, size_t begin, size_t end)
{
	struct source_line *line;
	const char *text = source->text;
	size_t first = begin, columns = 0;

	while (end > begin &&
		(text[end - 1] == ' ' || text[end - 1] == '\t' || text[end - 1] == '\r' ||
			text[end - 1] == '\f'))
		end--;
	for (; first < end && (text[first] == ' ' || text[first] == '\t' || text[first] == '\f'); first++)
		columns = text[first] == '\t' ? (columns / TAB_COLUMNS + 1) * TAB_COLUMNS : columns + 1;
	array_reserve(&source->lines, &source->capacity, source->count + 2, sizeof(*source->lines));
	line = &source->lines[++source->count];
	*line = (struct source_line){
		.begin = (uint32_t)first, .length = (uint32_t)(end - first), .columns = (uint32_t)columns
	};
	if (first < end && (text[first] != '#' || reading->quote))
		line->hash = hash_bytes(text + first, end - first) | 1;
	line->begins = line->hash && !reading->quote && !reading->depth && !reading->is_continued;
	read_line(reading, text + begin, end - begin);
}

struct source *source_new(char *text, size_t length)
{
	struct source *source = xcalloc(1, sizeof(*source));
	struct reading reading = { .quote = '\0' };

	source->text = text;
	array_reserve(&source->lines, &source->capacity, 1, sizeof(*source->lines));
	for (size_t begin = 0; begin < length && source->count < SOURCE_LINES_LIMIT;) {
		const char *newline = memchr(text + begin, '\n', length - begin);
		const size_t end = newline ? (size_t)(newline - text) : length;

		add_line(source, &reading, begin, end);
		begin = end + 1;
	}
	return source;
}

void source_free(struct source *source)
{
	if (!source)
		return;
	free(source->text);
	free(source->lines);
	free(source);
}

const char *source_text(const struct source *source, size_t line, size_t *length)
{
	*length = line && line <= source->count ? source->lines[line].length : 0;
	return *length ? source->text + source->lines[line].begin : "";
}

bool source_is_same(const struct source *one, size_t line, const struct source *other, size_t other_line)
{
	const struct source_line *a = &one->lines[line], *b = &other->lines[other_line];

	return a->hash == b->hash && a->length == b->length &&
		memcmp(one->text + a->begin, other->text + b->begin, a->length) == 0;
}

/* ---- functions ---- */

/* Behind the word and the space that follows it, or NULL. */
static const char *behind(const char *text, const char *end, const char *word)
{
	const size_t length = strlen(word);

	if ((size_t)(end - text) <= length || memcmp(text, word, length) != 0 ||
		(text[length] != ' ' && text[length] != '\t'))
		return NULL;
	text += length;
	while (text < end && (*text == ' ' || *text == '\t'))
		text++;
	return text;
}

/* Does the line define a function or class of that name? */
static bool defines(const struct source *source, size_t line, const char *name)
{
	const struct source_line *at = &source->lines[line];
	const char *text = source->text + at->begin, *end = text + at->length, *rest;
	const size_t length = strlen(name);

	if (!at->begins)
		return false;
	rest = behind(text, end, "async");
	rest = behind(rest ? rest : text, end, "def");
	if (!rest)
		rest = behind(text, end, "class");
	return rest && (size_t)(end - rest) > length && memcmp(rest, name, length) == 0 &&
		!is_name(rest[length]);
}

/* The last line of what the definition at this line has. */
static size_t end_of(const struct source *source, size_t definition)
{
	const uint32_t columns = source->lines[definition].columns;
	size_t line = definition + 1;

	while (line <= source->count &&
		(!source->lines[line].begins || source->lines[line].columns > columns))
		line++;
	return line - 1;
}

/* The whole statement that the line is in. */
static struct source_part statement_at(const struct source *source, size_t line)
{
	struct source_part part = { line, line };

	while (part.first > 1 && !source->lines[part.first].begins)
		part.first--;
	while (part.last < source->count && !source->lines[part.last + 1].begins)
		part.last++;
	return part;
}

static bool find_defined(
	const struct source *source, const char *name, size_t first, size_t line, struct source_part *part)
{
	size_t definition = first ? first : line;

	/* decorators come first */
	while (first && definition < source->count &&
		(!source->lines[definition].begins || source->text[source->lines[definition].begin] == '@'))
		definition++;
	if (first) {
		part->first = first;
		part->last = end_of(source, definition);
		return defines(source, definition, name);
	}
	for (; definition; definition--) {
		if (!defines(source, definition, name))
			continue;
		part->first = definition;
		part->last = end_of(source, definition);
		if (part->last >= line)
			return true;
	}
	return false;
}

bool source_find(
	const struct source *source, const char *name, int first_line, int line, struct source_part *part)
{
	const size_t first = first_line > 0 ? (size_t)first_line : 0, at = line > 0 ? (size_t)line : 0;
	const char *dot = strrchr(name, '.');

	if ((!first && !at) || first > source->count || at > source->count)
		return false;
	if (strcmp(name, "<module>") == 0) {
		*part = (struct source_part){ 1, source->count };
		return true;
	}
	name = dot ? dot + 1 : name;
	if (*name == '<') { /* a lambda, a comprehension: what has it is one statement */
		*part = statement_at(source, first ? first : at);
		return true;
	}
	return *name && find_defined(source, name, first, at, part);
}

/* ---- which lines are the same ---- */

/* The lines of a part that have something in them. */
static size_t *list_lines(const struct source *source, struct source_part part, size_t *count)
{
	size_t *list = xcalloc(part.last - part.first + 2, sizeof(*list));

	*count = 0;
	for (size_t line = part.first; line <= part.last; line++)
		if (source->lines[line].hash)
			list[(*count)++] = line;
	return list;
}

struct alignment {
	const struct source *one, *other;
	const size_t *lines, *other_lines; /* what is not matched yet: from begin up to end */
	size_t begin, end, other_begin, other_end;
	size_t *matches; /* by line of one, from its part's first on */
	size_t first;
};

static bool is_same(const struct alignment *alignment, size_t i, size_t j)
{
	return source_is_same(
		alignment->one, alignment->lines[i], alignment->other, alignment->other_lines[j]);
}

static void match(struct alignment *alignment, size_t i, size_t j)
{
	alignment->matches[alignment->lines[i] - alignment->first] = alignment->other_lines[j];
}

/* The longest common subsequence, by the table of what is left behind each pair (Wagner and Fischer 1974). */
static void match_longest(struct alignment *alignment)
{
	const size_t count = alignment->end - alignment->begin,
		     other_count = alignment->other_end - alignment->other_begin, width = other_count + 1;
	uint32_t *left = xcalloc((count + 1) * width, sizeof(*left));
	size_t i = count, j = 0;

	while (i-- > 0)
		for (j = other_count; j-- > 0;) {
			const uint32_t *down = &left[(i + 1) * width + j];

			if (is_same(alignment, alignment->begin + i, alignment->other_begin + j))
				left[i * width + j] = down[1] + 1;
			else
				left[i * width + j] =
					down[0] > left[i * width + j + 1] ? down[0] : left[i * width + j + 1];
		}
	for (i = j = 0; i < count && j < other_count;) {
		if (is_same(alignment, alignment->begin + i, alignment->other_begin + j))
			match(alignment, alignment->begin + i++, alignment->other_begin + j++);
		else if (left[(i + 1) * width + j] >= left[i * width + j + 1])
			i++;
		else
			j++;
	}
	free(left);
}

/* Where there are too many for that: those that are there once on both sides, in order. */
static void match_single(struct alignment *alignment)
{
	struct u64_map places = { 0 }, counts = { 0 };
	size_t next = alignment->other_begin;

	for (size_t j = alignment->other_begin; j < alignment->other_end; j++) {
		const uint64_t hash = alignment->other->lines[alignment->other_lines[j]].hash;
		const uint64_t *known = u64_map_get(&places, hash);

		u64_map_put(&places, hash, known ? UINT64_MAX : j);
	}
	for (size_t i = alignment->begin; i < alignment->end; i++) {
		const uint64_t hash = alignment->one->lines[alignment->lines[i]].hash;
		const uint64_t *known = u64_map_get(&counts, hash);

		u64_map_put(&counts, hash, known ? *known + 1 : 1);
	}
	for (size_t i = alignment->begin; i < alignment->end; i++) {
		const uint64_t hash = alignment->one->lines[alignment->lines[i]].hash;
		const uint64_t *place = u64_map_get(&places, hash);

		if (!place || *place == UINT64_MAX || *place < next || *u64_map_get(&counts, hash) != 1 ||
			!is_same(alignment, i, *place))
			continue;
		match(alignment, i, *place);
		next = *place + 1;
	}
	u64_map_release(&places);
	u64_map_release(&counts);
}

void source_align(const struct source *one, struct source_part part, const struct source *other,
	struct source_part other_part, size_t *matches)
{
	struct alignment alignment = { .one = one, .other = other, .matches = matches, .first = part.first };
	size_t *lines = list_lines(one, part, &alignment.end),
	       *other_lines = list_lines(other, other_part, &alignment.other_end);

	alignment.lines = lines;
	alignment.other_lines = other_lines;
	memset(matches, 0, (part.last - part.first + 1) * sizeof(*matches));
	while (alignment.begin < alignment.end && alignment.other_begin < alignment.other_end &&
		is_same(&alignment, alignment.begin, alignment.other_begin))
		match(&alignment, alignment.begin++, alignment.other_begin++);
	while (alignment.begin < alignment.end && alignment.other_begin < alignment.other_end &&
		is_same(&alignment, alignment.end - 1, alignment.other_end - 1))
		match(&alignment, --alignment.end, --alignment.other_end);
	if ((alignment.end - alignment.begin + 1) * (alignment.other_end - alignment.other_begin + 1) <=
		CELLS_LIMIT)
		match_longest(&alignment);
	else
		match_single(&alignment);
	free(lines);
	free(other_lines);
}
