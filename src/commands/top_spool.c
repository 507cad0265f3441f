/* SPDX-License-Identifier: MIT */
/*
 * What pyrope top keeps for `s`: a recording of all events, in a file that has no name and so is gone with
 * pyrope. A recording has one rate: when that changes, another file begins, and `pyrope report` adds them up.
 */
#include "config.h"

#include "commands/top.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pyrope/recording.h"

#ifndef SPOOL_BYTES
#define SPOOL_BYTES (UINT64_C(1) << 30)
#endif

static int write_all(void *context, const void *bytes, size_t length, struct error *err)
{
	struct top_spool *spool = context;
	const char *at = bytes;

	while (length) {
		const ssize_t count = write(spool->files[spool->count - 1], at, length);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return error_set_errno(err, ERROR_SYSTEM, errno, "cannot keep what is sampled");
		at += count;
		length -= (size_t)count;
		spool->bytes += (uint64_t)count;
	}
	return 0;
}

static void end(struct top_spool *spool)
{
	sink_free(spool->recorder);
	spool->recorder = NULL;
	while (spool->count)
		close(spool->files[--spool->count]);
	spool->bytes = 0;
}

/* The oldest one makes room. */
static void forget_first(struct top_spool *spool)
{
	struct stat status;

	if (fstat(spool->files[0], &status) == 0)
		spool->bytes -= (uint64_t)status.st_size;
	close(spool->files[0]);
	memmove(spool->files, spool->files + 1, --spool->count * sizeof(spool->files[0]));
	spool->has_forgotten = true;
}

static int begin(struct top_spool *spool, struct error *err)
{
	const struct recorder_file file = { .write = write_all, .context = spool };
	const char *folder = getenv("TMPDIR");
	char *path = xasprintf("%s/pyrope-XXXXXX", folder && *folder ? folder : "/tmp");

	int fd = -1;

	if (!spool->recorder || sink_flush(spool->recorder, err) == 0) {
		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			unlink(path);
		else
			error_set_errno(
				err, ERROR_SYSTEM, errno, "cannot keep what is sampled in '%.256s'", path);
	}
	free(path);
	if (fd < 0)
		return -1;
	sink_free(spool->recorder);
	if (spool->count == SPOOL_FILES)
		forget_first(spool);
	spool->files[spool->count++] = fd;
	spool->recorder = recorder_new(&file);
	return 0;
}

/* A spool that fails is given up: the view goes on without. */
static int take(struct sink *sink, const struct event *event, struct error *err)
{
	struct top_spool *spool = (struct top_spool *)sink;
	int result = 0;

	(void)err;
	if (event->kind == EVENT_BEGIN && spool->failure.kind == ERROR_NONE && !spool->is_full)
		result = begin(spool, &spool->failure);
	if (result == 0 && spool->recorder)
		result = sink_take(spool->recorder, event, &spool->failure);
	if (result == 0 && spool->recorder && spool->bytes > SPOOL_BYTES) {
		result = sink_flush(spool->recorder, &spool->failure);
		sink_free(spool->recorder);
		spool->recorder = NULL;
		spool->is_full = true;
	}
	if (result != 0)
		end(spool);
	return 0;
}

void top_spool_init(struct top_spool *spool)
{
	*spool = (struct top_spool){ .sink = { .take = take } };
}

void top_spool_release(struct top_spool *spool)
{
	end(spool);
}

size_t top_spool_open(struct top_spool *spool, int fds[SPOOL_FILES])
{
	size_t count = 0;

	if (spool->recorder && sink_flush(spool->recorder, &spool->failure) != 0)
		return 0;
	for (size_t i = 0; i < spool->count; i++) {
		char path[64];

		/* not a copy of the descriptor, which would have the same offset */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", spool->files[i]);
		fds[count] = open(path, O_RDONLY | O_CLOEXEC);
		count += fds[count] >= 0;
	}
	return count;
}
