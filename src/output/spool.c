/* SPDX-License-Identifier: MIT */
/*
 * Lists of records in one file: each list gathers a chunk in memory and keeps no more than where its chunks
 * stand.
 */
#include "config.h"

#include "output/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK_BYTES 4096

void spool_init(struct spool *spool)
{
	*spool = (struct spool){ .fd = -1 };
}

void spool_release(struct spool *spool)
{
	if (spool->fd >= 0)
		close(spool->fd);
	spool->fd = -1;
}

static const char *folder(void)
{
	const char *chosen = getenv("TMPDIR");

	return chosen && *chosen ? chosen : "/tmp";
}

int spool_check(const struct spool *spool, struct error *err)
{
	if (!spool->failure)
		return 0;
	return error_set_errno(err, ERROR_SYSTEM, spool->failure,
		"cannot keep samples in a temporary file in '%.256s': name another folder with TMPDIR",
		folder());
}

static bool open_file(struct spool *spool)
{
	char *path;

	if (spool->fd >= 0)
		return true;
	/* without a name from the start, where the file system can: what serves profiles may make no other */
	spool->fd = open(folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (spool->fd >= 0)
		return true;
	path = xasprintf("%s/pyrope-XXXXXX", folder());
	spool->fd = mkostemp(path, O_CLOEXEC);
	if (spool->fd >= 0)
		unlink(path);
	else if (errno == EPERM)
		spool->fd = memfd_create("pyrope", MFD_CLOEXEC);
	if (spool->fd < 0)
		spool->failure = errno;
	free(path);
	return spool->fd >= 0;
}

static void write_chunk(struct spool *spool, struct spool_list *list)
{
	const char *bytes = list->pending.data;
	size_t left = list->pending.length;

	if (!open_file(spool))
		return;
	array_reserve(&list->chunks, &list->chunk_capacity, list->chunk_count + 1, sizeof(*list->chunks));
	list->chunks[list->chunk_count++] = spool->length;
	while (left) {
		const ssize_t written = pwrite(spool->fd, bytes, left, (off_t)spool->length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			spool->failure = written < 0 ? errno : EIO;
			return;
		}
		bytes += written;
		left -= (size_t)written;
		spool->length += (uint64_t)written;
	}
	buffer_clear(&list->pending);
}

static size_t chunk_bytes(const struct spool_list *list)
{
	return CHUNK_BYTES / list->record_bytes * list->record_bytes;
}

int spool_append(struct spool *spool, struct spool_list *list, const void *record, struct error *err)
{
	buffer_append(&list->pending, record, list->record_bytes);
	if (list->pending.length >= chunk_bytes(list) && !spool->failure)
		write_chunk(spool, list);
	return spool_check(spool, err);
}

void spool_list_release(struct spool_list *list)
{
	free(list->chunks);
	buffer_release(&list->pending);
}

/* ---- reading ---- */

struct spool_cursor spool_begin(struct spool *spool, const struct spool_list *list)
{
	return (struct spool_cursor){ .spool = spool, .list = list, .bytes = xmalloc(CHUNK_BYTES) };
}

static bool read_chunk(struct spool_cursor *cursor)
{
	const struct spool_list *list = cursor->list;

	cursor->used = cursor->length = 0;
	if (cursor->chunk < list->chunk_count) {
		const size_t wanted = chunk_bytes(list);

		cursor->length =
			read_file_at(cursor->spool->fd, cursor->bytes, wanted, list->chunks[cursor->chunk]);
		if (cursor->length != wanted) {
			cursor->spool->failure = EIO;
			cursor->length = 0;
		}
	} else if (cursor->chunk == list->chunk_count && list->pending.length) {
		cursor->length = list->pending.length;
		memcpy(cursor->bytes, list->pending.data, cursor->length);
	}
	cursor->chunk++;
	return cursor->length != 0;
}

const void *spool_next(struct spool_cursor *cursor)
{
	const void *record;

	if (cursor->used == cursor->length && !read_chunk(cursor))
		return NULL;
	record = cursor->bytes + cursor->used;
	cursor->used += cursor->list->record_bytes;
	return record;
}

void spool_end(struct spool_cursor *cursor)
{
	free(cursor->bytes);
	cursor->bytes = NULL;
}
