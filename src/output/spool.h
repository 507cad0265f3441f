/* SPDX-License-Identifier: MIT */
/*
 * Records on disk instead of in memory, for formats that need all of them more than once. Many lists share
 * one file without a name, in the folder for temporary files; a list is read from its beginning as often as
 * wanted, when nothing is added any more.
 */
#ifndef PYROPE_OUTPUT_SPOOL_H
#define PYROPE_OUTPUT_SPOOL_H

#include "pyrope/base.h"

struct spool {
	int fd;
	uint64_t length;
	int failure; /* errno of what failed first */
};

/* Zero-initialise but for record_bytes: what each of its records has. */
struct spool_list {
	size_t record_bytes;
	uint64_t *chunks; /* where in the file */
	size_t chunk_count, chunk_capacity;
	struct buffer pending; /* what is not a full chunk yet */
};

struct spool_cursor {
	struct spool *spool;
	const struct spool_list *list;
	size_t chunk, used, length;
	char *bytes;
};

/* The file is made when the first chunk is full: what is short needs none. */
void spool_init(struct spool *spool);
void spool_release(struct spool *spool);
/* 0; -1 with err: the disk is full, no place for it. */
int spool_append(struct spool *spool, struct spool_list *list, const void *record, struct error *err);
void spool_list_release(struct spool_list *list);

struct spool_cursor spool_begin(struct spool *spool, const struct spool_list *list);
/*
 * The next record, good until the next call; NULL: there is none, or it could not be read (see
 * spool_check).
 */
const void *spool_next(struct spool_cursor *cursor);
void spool_end(struct spool_cursor *cursor);
int spool_check(const struct spool *spool, struct error *err);

#endif
