/* SPDX-License-Identifier: MIT */
/*
 * What pyrope top keeps for `s`: a recording of all events, in a file that has no name and so is gone with
 * pyrope. It begins anew when the rate changes, for a recording has one rate, and when it becomes very long.
 */
#include "config.h"

#include "commands/top.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pyrope/recording.h"

#define SPOOL_BYTES (UINT64_C(1) << 30)

static int write_all(void *context, const void *bytes, size_t length, struct error *err)
{
	struct top_spool *spool = context;
	const char *at = bytes;

	while (length) {
		const ssize_t count = write(spool->fd, at, length);

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
	if (spool->fd >= 0)
		close(spool->fd);
	spool->fd = -1;
	spool->bytes = 0;
}

static int begin(struct top_spool *spool, struct error *err)
{
	const struct recorder_file file = { .write = write_all, .context = spool };
	const char *folder = getenv("TMPDIR");
	char *path = xasprintf("%s/pyrope-XXXXXX", folder && *folder ? folder : "/tmp");

	end(spool);
	spool->fd = mkostemp(path, O_CLOEXEC);
	if (spool->fd >= 0)
		unlink(path);
	else
		error_set_errno(err, ERROR_SYSTEM, errno, "cannot keep what is sampled in '%.256s'", path);
	free(path);
	if (spool->fd < 0)
		return -1;
	spool->recorder = recorder_new(&file);
	return 0;
}

/* A spool that fails is given up: the view goes on without. */
static int take(struct sink *sink, const struct event *event, struct error *err)
{
	struct top_spool *spool = (struct top_spool *)sink;
	int result = 0;

	(void)err;
	if (event->kind == EVENT_BEGIN && spool->failure.kind == ERROR_NONE)
		result = begin(spool, &spool->failure);
	if (result == 0 && spool->recorder)
		result = sink_take(spool->recorder, event, &spool->failure);
	if (result == 0 && spool->bytes > SPOOL_BYTES)
		result = error_set(&spool->failure, ERROR_SYSTEM, "what was sampled is more than 1 GB");
	if (result != 0)
		end(spool);
	return 0;
}

void top_spool_init(struct top_spool *spool)
{
	*spool = (struct top_spool){ .sink = { .take = take }, .fd = -1 };
}

void top_spool_release(struct top_spool *spool)
{
	end(spool);
}

int top_spool_open(struct top_spool *spool)
{
	char path[64];

	if (!spool->recorder || sink_flush(spool->recorder, &spool->failure) != 0)
		return -1;
	/* not a copy of the descriptor, which would have the same offset */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", spool->fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}
