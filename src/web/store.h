/* SPDX-License-Identifier: MIT */
/*
 * The folder of profiles. A profile is there when its file has its name, which it gets by a rename after all
 * of it is on the disk: whatever ends the server, there is no half of one. The names of files are made here;
 * a client's words are in the entry only.
 */
#ifndef PYROPE_WEB_STORE_H
#define PYROPE_WEB_STORE_H

#include "web/entry.h"

struct store {
	int folder;
	int lock;
	char *path; /* for messages */
};

/*
 * Makes the folder when it is missing (for its owner alone), and sweeps away what a server that was killed
 * has left. ERROR_USAGE: another server has it.
 */
int store_open(struct store *store, const char *path, struct error *err);
void store_close(struct store *store);

/* A new file that is no profile yet, and the id that it will have. A descriptor, or -1. */
int store_begin(const struct store *store, char id[WEB_ID_BYTES], struct error *err);
/* What was begun becomes the profile of this entry, whose file gets its name. Its bytes are on the disk. */
int store_commit(const struct store *store, struct web_entry *entry, struct error *err);
void store_abort(const struct store *store, const char *id);
/* A file without a name, for what is made for one answer. A descriptor, or -1. */
int store_scratch(const struct store *store, struct error *err);

/* For reading; -1: it is gone. *bytes is its size. */
int store_read(const struct store *store, const struct web_entry *entry, uint64_t *bytes);
int store_remove(const struct store *store, const struct web_entry *entry, struct error *err);

/*
 * What is known of a file of the folder: all of it when *is_known, else no more than id, file, name, size and
 * time, and the bytes have to be looked at. False: it is none that may be a profile.
 */
bool store_describe(const struct store *store, const char *file, struct web_entry *entry, bool *is_known);
/* Calls visit for each file that may be a profile. */
void store_scan(const struct store *store,
	void (*visit)(const struct web_entry *entry, bool is_known, void *context), void *context);

#endif
