/* SPDX-License-Identifier: MIT */
/*
 * The index and the folder kept together: at the start, when the index has failed, and when a file turns out
 * to be gone. Profiles that somebody has copied into the folder are looked at one after the other, while the
 * server already answers.
 */
#include "config.h"

#include "web/server.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- files that nobody has described ---- */

static void examine_next(struct server *server);

static void take_facts(struct job *job, const struct job_result *result)
{
	struct server *server = job->context;
	const char *file = server->unknown.files[server->unknown.next++];
	struct web_entry entry;
	struct error ignored = { 0 };
	bool is_known;

	server->unknown.job = NULL;
	if (result->status == 0 && store_describe(&server->store, file, &entry, &is_known)) {
		if (!is_known)
			entry.facts = result->facts;
		web_facts_clean(&entry.facts);
		if (index_put(server->index, &entry, &ignored) != 0)
			catalogue_repair(server);
	}
	if (!server->unknown.job)
		examine_next(server);
}

static void examine_next(struct server *server)
{
	while (server->unknown.next < server->unknown.count) {
		const char *file = server->unknown.files[server->unknown.next];
		struct web_entry entry;
		uint64_t bytes;
		bool is_known;
		struct job *job = job_new(JOB_EXAMINE, take_facts, server);

		if (store_describe(&server->store, file, &entry, &is_known))
			job->inputs[0] = store_read(&server->store, &entry, &bytes);
		if (job->inputs[0] < 0) {
			job_discard(job);
			server->unknown.next++;
			continue;
		}
		memcpy(job->names[0], entry.name, sizeof(job->names[0]));
		if (jobs_add(&server->jobs, job))
			server->unknown.job = job;
		return;
	}
}

static void forget_unknown(struct server *server)
{
	if (server->unknown.job)
		jobs_cancel(&server->jobs, server->unknown.job);
	server->unknown.job = NULL;
	for (size_t i = 0; i < server->unknown.count; i++)
		free(server->unknown.files[i]);
	free(server->unknown.files);
	server->unknown.files = NULL;
	server->unknown.count = server->unknown.capacity = server->unknown.next = 0;
}

/* ---- from the folder into the index ---- */

static void visit_file(const struct web_entry *entry, bool is_known, void *context)
{
	struct server *server = context;
	struct web_entry row;
	struct error ignored = { 0 };

	if (index_get(server->index, entry->id, &row, &ignored) == 1 && strcmp(row.file, entry->file) == 0 &&
		row.bytes == entry->bytes)
		return;
	if (is_known) {
		index_put(server->index, entry, &ignored);
		return;
	}
	array_reserve(&server->unknown.files, &server->unknown.capacity, server->unknown.count + 1,
		sizeof(*server->unknown.files));
	server->unknown.files[server->unknown.count++] = xstrdup(entry->file);
}

struct gone {
	const struct server *server;
	char (*ids)[WEB_ID_BYTES];
	size_t count, capacity;
};

static void visit_row(const struct web_entry *entry, void *context)
{
	struct gone *gone = context;
	struct web_entry file;
	bool is_known;

	if (store_describe(&gone->server->store, entry->file, &file, &is_known) &&
		strcmp(file.id, entry->id) == 0)
		return;
	array_reserve(&gone->ids, &gone->capacity, gone->count + 1, sizeof(*gone->ids));
	memcpy(gone->ids[gone->count++], entry->id, WEB_ID_BYTES);
}

static void reconcile(struct server *server)
{
	struct gone gone = { .server = server };
	struct error ignored = { 0 };

	index_begin(server->index);
	index_each(server->index, visit_row, &gone, &ignored);
	for (size_t i = 0; i < gone.count; i++)
		index_remove(server->index, gone.ids[i], &ignored);
	free(gone.ids);
	store_scan(&server->store, visit_file, server);
	index_end(server->index);
	examine_next(server);
}

int catalogue_open(struct server *server, struct error *err)
{
	bool is_new;

	if (index_open(&server->index, &server->store, &is_new, err) != 0)
		return -1;
	reconcile(server);
	return 0;
}

void catalogue_close(struct server *server)
{
	forget_unknown(server);
	index_close(server->index);
	server->index = NULL;
}

void catalogue_repair(struct server *server)
{
	struct error err = { 0 };
	struct index *index;
	bool is_new;

	if (!index_is_broken(server->index))
		return;
	forget_unknown(server);
	index_close(server->index);
	server->index = NULL;
	index_delete(&server->store);
	if (index_open(&index, &server->store, &is_new, &err) != 0) {
		server->failure = err;
		return;
	}
	server->index = index;
	reconcile(server);
}

int catalogue_find(struct server *server, const char *id, struct web_entry *entry, int *fd, struct error *err)
{
	struct error ignored = { 0 };
	uint64_t bytes;
	int found;

	if (!server->index)
		return error_set(err, ERROR_SYSTEM, "%s", server->failure.message);
	found = index_get(server->index, id, entry, err);
	if (found < 0)
		catalogue_repair(server);
	if (found <= 0)
		return found;
	*fd = store_read(&server->store, entry, &bytes);
	if (*fd >= 0)
		return 1;
	index_remove(server->index, id, &ignored);
	return 0;
}
