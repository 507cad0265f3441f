/* SPDX-License-Identifier: MIT */
/*
 * The folders are the user's, the names of files come from recordings: what is opened is a regular file below
 * the folder whose name ends in .py, and no symbolic link leads out. A function is looked for in it at its
 * first line, so that another version of the file is not taken for the one that ran.
 */
#include "config.h"

#include "commands/diff_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pyrope/compare.h"
#include "pyrope/output.h"

#define FILE_BYTES ((off_t)4 << 20)
#define TEXT_BYTES 200   /* of a line, in its name */
#define FILES_LIMIT 4096 /* of a side; no more are opened */

struct known_file {
	char *name;
	struct source *source; /* NULL: it is not there */
};

/* A function of one side. */
struct known_function {
	char *name;                  /* as rows of functions are called */
	const struct source *source; /* NULL: is not there */
	struct source_part part;
	/* of side 1: the function that it was, or NONE; and which line of that each of its lines is */
	size_t before;
	size_t *matches;
};

#define NONE SIZE_MAX

struct diff_lines {
	const char *const *roots;
	const char *names[2]; /* of the folders */
	int folders[2];
	struct known_file *files[2];
	size_t file_count[2], file_capacity[2];
	struct u64_map by_file[2];
	struct known_function *functions[2];
	size_t function_count[2], function_capacity[2];
	struct u64_map by_id[2], by_name; /* by_name: of side 0 */
	size_t missing[2];                /* functions of the program's own files without a source */
	char *missing_name[2];            /* the first of them */
};

/* ---- files ---- */

static struct source *read_source(int fd, const struct stat *status)
{
	const size_t length = (size_t)status->st_size;
	char *text;

	if (status->st_size > FILE_BYTES)
		return NULL;
	text = xmalloc(length + 1);
	return source_new(text, read_file_at(fd, text, length, 0));
}

/*
 * The file in the folder that has the longest end of this name. Of a name alone only where it is the
 * program's own.
 */
static struct source *find_source(int folder, const char *name)
{
	const size_t length = strlen(name);
	const char *at = name;

	if (length < 4 || strcmp(name + length - 3, ".py") != 0 || strstr(name, ".."))
		return NULL;
	while (at) {
		struct stat status;
		int fd;

		at += strspn(at, "/");
		if (!strchr(at, '/') && path_kind(name) != PATH_OWN)
			return NULL;
		fd = open_chosen(folder, at, true, 0, &status);
		if (fd >= 0) {
			struct source *source = read_source(fd, &status);

			close(fd);
			return source;
		}
		at = strchr(at, '/');
	}
	return NULL;
}

static const struct source *source_of(struct diff_lines *lines, size_t side, const char *name)
{
	uint64_t hash = hash_bytes(name, strlen(name));
	const uint64_t *known;
	struct known_file *file;

	for (; (known = u64_map_get(&lines->by_file[side], hash)); hash++)
		if (strcmp(lines->files[side][*known].name, name) == 0)
			return lines->files[side][*known].source;
	if (lines->file_count[side] == FILES_LIMIT)
		return NULL;
	u64_map_put(&lines->by_file[side], hash, lines->file_count[side]);
	array_reserve(&lines->files[side], &lines->file_capacity[side], lines->file_count[side] + 1,
		sizeof(struct known_file));
	file = &lines->files[side][lines->file_count[side]++];
	*file = (struct known_file){ xstrdup(name), find_source(lines->folders[side], name) };
	return file->source;
}

/* ---- functions ---- */

/* The function of side 0 that is called so, or NONE. enter: make this one it, where there is none. */
static size_t find_before(struct diff_lines *lines, const char *name, size_t enter)
{
	uint64_t hash = hash_bytes(name, strlen(name));
	const uint64_t *known;

	for (; (known = u64_map_get(&lines->by_name, hash)); hash++)
		if (strcmp(lines->functions[0][*known].name, name) == 0)
			return (size_t)*known;
	if (enter != NONE)
		u64_map_put(&lines->by_name, hash, enter);
	return NONE;
}

static void align(struct diff_lines *lines, struct known_function *function)
{
	const struct known_function *before = &lines->functions[0][function->before];

	if (!before->source || !function->source)
		return;
	function->matches =
		xcalloc(function->part.last - function->part.first + 1, sizeof(*function->matches));
	source_align(function->source, function->part, before->source, before->part, function->matches);
}

static void note_missing(struct diff_lines *lines, size_t side, const struct function *function,
	const struct known_function *known)
{
	if (known->source || path_kind(function->file) != PATH_OWN || function->file[0] == '<')
		return;
	if (!lines->missing[side]++)
		lines->missing_name[side] = xstrdup(known->name);
}

static struct known_function *find_function(
	struct diff_lines *lines, size_t side, const struct function *function, int line)
{
	const uint64_t *place = u64_map_get(&lines->by_id[side], function->id);
	const size_t count = lines->function_count[side];
	struct known_function *known;

	if (place)
		return &lines->functions[side][*place];
	array_reserve(&lines->functions[side], &lines->function_capacity[side], count + 1, sizeof(*known));
	u64_map_put(&lines->by_id[side], function->id, count);
	lines->function_count[side]++;
	known = &lines->functions[side][count];
	*known = (struct known_function){ .name = row_name(function, 0, BY_FUNCTION, lines->roots),
		.before = NONE };
	known->source = source_of(lines, side, function->file);
	if (known->source &&
		!source_find(known->source, function->name, function->first_line, line, &known->part))
		known->source = NULL;
	note_missing(lines, side, function, known);
	known->before = find_before(lines, known->name, side ? NONE : count);
	if (side && known->before != NONE)
		align(lines, known);
	return known;
}

/* A line that runs has something in it: else it is another version of the file. */
static bool has_line(const struct known_function *function, size_t line)
{
	size_t length;

	return function->source && line >= function->part.first && line <= function->part.last &&
		*source_text(function->source, line, &length) != '#' && length;
}

/* ---- names ---- */

/* How many lines of the part up to this one say the same. */
static size_t count_same(
	const struct known_function *function, size_t upto, const struct source *source, size_t line)
{
	size_t count = 0;

	for (size_t i = function->part.first; i <= function->part.last && i <= upto; i++)
		count += source_is_same(function->source, i, source, line);
	return count;
}

/* The time-th line of its function that says this. */
static char *name_of_text(const struct known_function *function, size_t line, size_t time)
{
	struct buffer name = { 0 };
	size_t length;
	const char *text = source_text(function->source, line, &length);

	buffer_printf(&name, "%s: ", function->name);
	utf8_clean(&name, text, length < TEXT_BYTES ? length : TEXT_BYTES);
	if (time > 1)
		buffer_printf(&name, " (%zu)", time);
	return name.data;
}

static char *name_before(const struct known_function *before, size_t line)
{
	return name_of_text(before, line, count_same(before, line, before->source, line));
}

/* What was not there before, though the same text may have been there in other lines. */
static char *name_of_new(
	const struct known_function *function, const struct known_function *before, size_t line)
{
	size_t time = before ? count_same(before, SIZE_MAX, function->source, line) : 0;

	for (size_t i = function->part.first; i <= line; i++)
		time += !(before && function->matches[i - function->part.first]) &&
			source_is_same(function->source, i, function->source, line);
	return name_of_text(function, line, time);
}

/* NULL: by its number. */
static char *name_after(
	const struct diff_lines *lines, const struct known_function *function, int first_line, int line)
{
	const struct known_function *before =
		function->before == NONE ? NULL : &lines->functions[0][function->before];
	const size_t at = (size_t)line;
	size_t same;

	if (!before)
		return has_line(function, at) ? name_of_new(function, NULL, at) : NULL;
	if (!before->source)
		return NULL;
	if (has_line(function, at)) {
		same = function->matches[at - function->part.first];
		return same ? name_before(before, same) : name_of_new(function, before, at);
	}
	/* without a source now: as far from the first line as it was */
	same = before->part.first + (size_t)(line - first_line);
	return first_line > 0 && line >= first_line && has_line(before, same) ? name_before(before, same)
									      : NULL;
}

char *diff_lines_name(struct diff_lines *lines, size_t side, const struct function *function, int line)
{
	struct known_function *known;
	char *name = NULL;

	if (function->kind == FUNCTION_PYTHON && line > 0) {
		known = find_function(lines, side, function, line);
		if (side)
			name = name_after(lines, known, function->first_line, line);
		else if (has_line(known, (size_t)line))
			name = name_before(known, (size_t)line);
	}
	return name ? name : row_name(function, line, BY_LINE, lines->roots);
}

/* ---- interface ---- */

struct diff_lines *diff_lines_new(const char *const folders[2], const char *const *roots, struct error *err)
{
	struct diff_lines *lines = xcalloc(1, sizeof(*lines));

	lines->roots = roots;
	lines->folders[0] = lines->folders[1] = -1;
	for (size_t side = 0; side < 2; side++) {
		lines->names[side] = folders[side];
		lines->folders[side] = open(folders[side], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (lines->folders[side] < 0) {
			error_set_errno(
				err, ERROR_SYSTEM, errno, "cannot read sources in '%.256s'", folders[side]);
			diff_lines_free(lines);
			return NULL;
		}
	}
	return lines;
}

void diff_lines_free(struct diff_lines *lines)
{
	if (!lines)
		return;
	for (size_t side = 0; side < 2; side++) {
		for (size_t i = 0; i < lines->file_count[side]; i++) {
			free(lines->files[side][i].name);
			source_free(lines->files[side][i].source);
		}
		for (size_t i = 0; i < lines->function_count[side]; i++) {
			free(lines->functions[side][i].name);
			free(lines->functions[side][i].matches);
		}
		free(lines->files[side]);
		free(lines->functions[side]);
		free(lines->missing_name[side]);
		u64_map_release(&lines->by_file[side]);
		u64_map_release(&lines->by_id[side]);
		if (lines->folders[side] >= 0)
			close(lines->folders[side]);
	}
	u64_map_release(&lines->by_name);
	free(lines);
}

void diff_lines_tell(const struct diff_lines *lines)
{
	for (size_t side = 0; side < 2; side++)
		if (lines->missing[side])
			fprintf(stderr,
				"pyrope: '%s' has no source of %zu functions as they ran %s (such as %s): "
				"their lines are told by their numbers\n",
				lines->names[side], lines->missing[side], side ? "after" : "before",
				lines->missing_name[side]);
}
