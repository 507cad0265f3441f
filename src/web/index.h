/* SPDX-License-Identifier: MIT */
/*
 * The index of the folder, by sqlite: what the list shows, found and sorted without a look into the files.
 * The folder is the truth, and the index is thrown away and made again whenever it is missing or in doubt.
 */
#ifndef PYROPE_WEB_INDEX_H
#define PYROPE_WEB_INDEX_H

#include "web/store.h"

struct index;

/* *is_new: there was none, or it was broken: everything has to be put into it. */
int index_open(struct index **index, const struct store *store, bool *is_new, struct error *err);
void index_close(struct index *index); /* accepts NULL */
/* Of one that is closed: there is none any more. */
void index_delete(const struct store *store);

/* -1: the index is broken, and is to be made again (index_is_broken), or the disk is full. */
int index_put(struct index *index, const struct web_entry *entry, struct error *err);
int index_remove(struct index *index, const char *id, struct error *err);
/* 1: it is there, 0: it is not. */
int index_get(struct index *index, const char *id, struct web_entry *entry, struct error *err);
/* Appends a list of JSON with the rows that match, and their number. */
int index_list(struct index *index, const struct web_search *search, struct buffer *json, uint64_t *matches,
	struct error *err);
int index_count(struct index *index, uint64_t *count, struct error *err);
/* Calls visit for each row. */
int index_each(struct index *index, void (*visit)(const struct web_entry *entry, void *context),
	void *context, struct error *err);
/* Many changes at once. */
void index_begin(struct index *index);
void index_end(struct index *index);
bool index_is_broken(const struct index *index);

#endif
