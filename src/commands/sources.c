/* SPDX-License-Identifier: MIT */
/*
 * Which files those are the target says, so that no more is read than what its own text can be: regular files
 * below a megabyte, below its root (what is relative: below its working directory), whose content has not
 * changed since it was started. A newer file is not what is running.
 */
#include "config.h"

#include "commands/sources.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_BYTES (1 << 20)
#define ALL_BYTES (64 << 20)
#define FILES 10000
#define STAT_BYTES 1024
#define STAT_STARTTIME 22 /* proc(5): the number of the field */
#define NS_PER_S INT64_C(1000000000)
#define TAB_COLUMNS 4

struct sources {
	bool is_live;
	struct source_texts texts;
	uint64_t bytes;
	uint8_t *seen; /* by id of the function */
	size_t seen_capacity;
	struct u64_map tried;   /* hash of a path */
	struct u64_map started; /* pid -> when it was started, in ns since the epoch */
	int64_t offset_ns;      /* from the clock of the events to that of the wall */
};

struct sources *sources_new(bool is_live)
{
	struct sources *sources = xcalloc(1, sizeof(*sources));

	sources->is_live = is_live;
	return sources;
}

void sources_free(struct sources *sources)
{
	if (!sources)
		return;
	for (size_t i = 0; i < sources->texts.count; i++) {
		free(sources->texts.list[i].path);
		free(sources->texts.list[i].text);
	}
	free(sources->texts.list);
	free(sources->seen);
	u64_map_release(&sources->tried);
	u64_map_release(&sources->started);
	free(sources);
}

const struct source_texts *sources_texts(const struct sources *sources)
{
	return &sources->texts;
}

/* ---- when the process was started ---- */

/* Since the epoch; 0: /proc does not say. */
static int64_t process_start_ns(pid_t pid)
{
	char path[64], text[STAT_BYTES];
	struct timespec since_boot;
	const char *at;
	size_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	length = read_file_at(fd, text, sizeof(text) - 1, 0);
	close(fd);
	text[length] = '\0';
	at = strrchr(text, ')'); /* the name before it may hold anything */
	for (int field = 2; at && field < STAT_STARTTIME; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	if (!at || clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0)
		return 0;
	return realtime_ns() - (since_boot.tv_sec * NS_PER_S + since_boot.tv_nsec) +
		(int64_t)((double)strtoull(at, NULL, 10) * (double)NS_PER_S / (double)sysconf(_SC_CLK_TCK));
}

static void note_process(struct sources *sources, const struct event *event)
{
	const int64_t start_ns =
		sources->is_live ? process_start_ns(event->pid) : event->time_ns + sources->offset_ns;

	u64_map_put(&sources->started, (uint64_t)event->pid, (uint64_t)start_ns);
}

/* ---- reading ---- */

static int open_source(const struct sources *sources, pid_t pid, const char *file, struct stat *status)
{
	char folder[64] = "/";
	int directory, fd;

	if (sources->is_live)
		snprintf(folder, sizeof(folder), "/proc/%d/%s", (int)pid, file[0] == '/' ? "root" : "cwd");
	else if (file[0] != '/')
		return -1;
	directory = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return -1;
	fd = open_chosen(directory, file, true, 0, status);
	close(directory);
	return fd;
}

static bool is_older(const struct stat *status, int64_t start_ns)
{
	return start_ns && status->st_mtim.tv_sec * NS_PER_S + status->st_mtim.tv_nsec < start_ns &&
		status->st_ctim.tv_sec * NS_PER_S + status->st_ctim.tv_nsec < start_ns;
}

/* Clean, but its lines stay lines and are indented. */
static char *clean_text(const char *bytes, size_t length)
{
	struct buffer text = { 0 };

	buffer_append_string(&text, "");
	for (size_t at = 0; at < length;) {
		const size_t run = strcspn(bytes + at, "\n\t");

		utf8_clean(&text, bytes + at, run < length - at ? run : length - at);
		at += run;
		if (at < length && bytes[at] == '\n')
			buffer_append_char(&text, '\n');
		for (int i = 0; at < length && bytes[at] == '\t' && i < TAB_COLUMNS; i++)
			buffer_append_char(&text, ' ');
		at++;
	}
	return text.data;
}

static void add_text(struct sources *sources, const char *file, const char *bytes, size_t length)
{
	struct source_texts *texts = &sources->texts;

	array_reserve(&texts->list, &texts->capacity, texts->count + 1, sizeof(*texts->list));
	texts->list[texts->count++] =
		(struct source_text){ .path = xstrdup(file), .text = clean_text(bytes, length) };
	sources->bytes += length;
}

static void read_source(struct sources *sources, pid_t pid, const char *file)
{
	const uint64_t hash = hash_bytes(file, strlen(file)),
		       *start_ns = u64_map_get(&sources->started, (uint64_t)pid);
	struct stat status;
	char *bytes;
	size_t length;
	int fd;

	if (!*file || *file == '<' || sources->bytes > ALL_BYTES || sources->tried.count > FILES ||
		u64_map_get(&sources->tried, hash))
		return;
	u64_map_put(&sources->tried, hash, 1);
	fd = open_source(sources, pid, file, &status);
	if (fd < 0)
		return;
	if (status.st_size > 0 && status.st_size < FILE_BYTES &&
		is_older(&status, start_ns ? (int64_t)*start_ns : 0)) {
		bytes = xmalloc((size_t)status.st_size + 1);
		length = read_file_at(fd, bytes, (size_t)status.st_size, 0);
		bytes[length] = '\0';
		if (!memchr(bytes, '\0', length)) /* else it is no source */
			add_text(sources, file, bytes, length);
		free(bytes);
	}
	close(fd);
}

void sources_take(struct sources *sources, const struct event *event)
{
	const struct sample *sample = event->sample;

	if (event->kind == EVENT_BEGIN) {
		sources->offset_ns = event->run->realtime_ns - event->time_ns;
		u64_map_clear(&sources->started);
	}
	if (event->kind == EVENT_PROCESS)
		note_process(sources, event);
	if (event->kind != EVENT_SAMPLE)
		return;
	for (size_t i = 0; i < sample->frame_count; i++) {
		const struct function *function = sample->frames[i].function;
		const size_t old = sources->seen_capacity;

		if (function->id >= sources->seen_capacity) {
			array_reserve(&sources->seen, &sources->seen_capacity, (size_t)function->id + 1, 1);
			memset(sources->seen + old, 0, sources->seen_capacity - old);
		}
		if (sources->seen[function->id] || function->kind != FUNCTION_PYTHON)
			continue;
		sources->seen[function->id] = 1;
		read_source(sources, sample->pid, function->file);
	}
}
