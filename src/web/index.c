/* SPDX-License-Identifier: MIT */
/*
 * One table. Every value is bound, none is ever part of a statement. It is written without waiting for the
 * disk: what a power cut takes from it is in the folder.
 */
#include "config.h"

#include "web/index.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME ".index.sqlite"
#define TABLE_VERSION 1 /* of the table: another one is made again */
#define COLUMNS "id, file, name, host, command, labels, kind, start, duration, samples, received, bytes"

struct index {
	sqlite3 *database;
	bool is_broken;
};

static const char schema[] =
	"CREATE TABLE profiles (id TEXT PRIMARY KEY, file TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
	" host TEXT NOT NULL, command TEXT NOT NULL, labels TEXT NOT NULL, kind INTEGER NOT NULL,"
	" start INTEGER NOT NULL, duration INTEGER NOT NULL, samples INTEGER NOT NULL,"
	" received INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX by_time ON profiles (received);"
	"PRAGMA user_version = 1;";

/* ---- statements ---- */

static int failed(struct index *index, struct error *err)
{
	const int code = sqlite3_errcode(index->database);

	index->is_broken |= code != SQLITE_FULL && code != SQLITE_NOMEM && code != SQLITE_BUSY;
	return error_set(err, ERROR_SYSTEM, "the index fails: %.256s", sqlite3_errmsg(index->database));
}

static sqlite3_stmt *prepare(struct index *index, const char *text, struct error *err)
{
	sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v2(index->database, text, -1, &statement, NULL) == SQLITE_OK)
		return statement;
	failed(index, err);
	return NULL;
}

static void bind_text(sqlite3_stmt *statement, int number, const char *text)
{
	sqlite3_bind_text(statement, number, text, -1, SQLITE_TRANSIENT);
}

/* Runs one that gives no rows, and frees it. */
static int execute(struct index *index, sqlite3_stmt *statement, struct error *err)
{
	const int code = sqlite3_step(statement);
	const int result = code == SQLITE_DONE ? 0 : failed(index, err);

	sqlite3_finalize(statement);
	return result;
}

static int64_t number_of(struct index *index, const char *text)
{
	struct error ignored = { 0 };
	sqlite3_stmt *statement = prepare(index, text, &ignored);
	int64_t number = -1;

	if (statement && sqlite3_step(statement) == SQLITE_ROW)
		number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return number;
}

/* ---- opening ---- */

static bool is_sound(struct index *index)
{
	struct error ignored = { 0 };
	sqlite3_stmt *check;
	bool sound = false;

	if (number_of(index, "PRAGMA user_version") != TABLE_VERSION)
		return false;
	check = prepare(index, "PRAGMA quick_check(1)", &ignored);
	if (check && sqlite3_step(check) == SQLITE_ROW) {
		const unsigned char *text = sqlite3_column_text(check, 0);

		sound = text && strcmp((const char *)text, "ok") == 0;
	}
	sqlite3_finalize(check);
	return sound && number_of(index, "SELECT count(*) FROM profiles") >= 0;
}

/* By way of /proc, so that a folder that was moved meanwhile is the same one. */
static int connect_file(struct index *index, const struct store *store)
{
	char *path = xasprintf("/proc/self/fd/%d/" FILE_NAME, store->folder);
	const int code = sqlite3_open_v2(path, &index->database,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

	free(path);
	if (code != SQLITE_OK)
		return -1;
	sqlite3_limit(index->database, SQLITE_LIMIT_LENGTH, 1 << 20);
	return sqlite3_exec(index->database,
		       "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
		       "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;",
		       NULL, NULL, NULL) == SQLITE_OK
		? 0
		: -1;
}

static void disconnect(struct index *index)
{
	sqlite3_close(index->database);
	index->database = NULL;
}

void index_delete(const struct store *store)
{
	static const char *const names[] = { FILE_NAME, FILE_NAME "-wal", FILE_NAME "-shm",
		FILE_NAME "-journal" };

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		unlinkat(store->folder, names[i], 0);
}

int index_open(struct index **opened, const struct store *store, bool *is_new, struct error *err)
{
	struct index *index = xcalloc(1, sizeof(*index));

	*is_new = false;
	if (connect_file(index, store) != 0 || !is_sound(index)) {
		*is_new = true;
		disconnect(index);
		index_delete(store);
		if (connect_file(index, store) != 0 ||
			sqlite3_exec(index->database, schema, NULL, NULL, NULL) != SQLITE_OK) {
			error_set(err, ERROR_SYSTEM, "cannot make an index in '%.256s': %.256s", store->path,
				index->database ? sqlite3_errmsg(index->database) : "no memory");
			index_close(index);
			return -1;
		}
	}
	index->is_broken = false;
	*opened = index;
	return 0;
}

void index_close(struct index *index)
{
	if (!index)
		return;
	disconnect(index);
	free(index);
}

bool index_is_broken(const struct index *index)
{
	return index->is_broken;
}

void index_begin(struct index *index)
{
	sqlite3_exec(index->database, "BEGIN", NULL, NULL, NULL);
}

void index_end(struct index *index)
{
	sqlite3_exec(index->database, "COMMIT", NULL, NULL, NULL);
}

/* ---- rows ---- */

int index_put(struct index *index, const struct web_entry *entry, struct error *err)
{
	const struct web_facts *facts = &entry->facts;
	sqlite3_stmt *statement = prepare(
		index, "INSERT OR REPLACE INTO profiles (" COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", err);

	if (!statement)
		return -1;
	bind_text(statement, 1, entry->id);
	sqlite3_bind_blob(statement, 2, entry->file, (int)strlen(entry->file), SQLITE_TRANSIENT);
	bind_text(statement, 3, entry->name);
	bind_text(statement, 4, facts->host);
	bind_text(statement, 5, facts->command);
	bind_text(statement, 6, entry->labels);
	sqlite3_bind_int(statement, 7, facts->kind);
	sqlite3_bind_int64(statement, 8, facts->start_ms);
	sqlite3_bind_int64(statement, 9, facts->duration_ms);
	sqlite3_bind_int64(statement, 10, (sqlite3_int64)facts->samples);
	sqlite3_bind_int64(statement, 11, entry->received_ms);
	sqlite3_bind_int64(statement, 12, (sqlite3_int64)entry->bytes);
	return execute(index, statement, err);
}

int index_remove(struct index *index, const char *id, struct error *err)
{
	sqlite3_stmt *statement = prepare(index, "DELETE FROM profiles WHERE id = ?", err);

	if (!statement)
		return -1;
	bind_text(statement, 1, id);
	return execute(index, statement, err);
}

static void column_text(sqlite3_stmt *statement, int number, char *text, size_t room)
{
	const char *value = (const char *)sqlite3_column_text(statement, number);

	snprintf(text, room, "%s", value ? value : "");
}

/* A row is believed no more than a stranger's file: whoever can write to the folder can write to it. */
static void take_row(sqlite3_stmt *statement, struct web_entry *entry)
{
	const void *file = sqlite3_column_blob(statement, 1);
	const int file_length = sqlite3_column_bytes(statement, 1);
	char text[WEB_LABELS_BYTES];

	*entry = (struct web_entry){ .id = "" };
	column_text(statement, 0, entry->id, sizeof(entry->id));
	if (strspn(entry->id, "0123456789abcdef") != WEB_ID_BYTES - 1)
		entry->id[0] = '\0';
	if (file && file_length > 0 && (size_t)file_length < sizeof(entry->file))
		memcpy(entry->file, file, (size_t)file_length);
	if (strchr(entry->file, '/'))
		entry->file[0] = '\0';
	column_text(statement, 2, text, sizeof(text));
	web_name_clean(entry->name, text, strlen(text));
	column_text(statement, 3, entry->facts.host, sizeof(entry->facts.host));
	column_text(statement, 4, entry->facts.command, sizeof(entry->facts.command));
	column_text(statement, 5, text, sizeof(text));
	web_entry_add_labels(entry, text);
	entry->facts.kind = sqlite3_column_int(statement, 6);
	entry->facts.start_ms = sqlite3_column_int64(statement, 7);
	entry->facts.duration_ms = sqlite3_column_int64(statement, 8);
	entry->facts.samples = (uint64_t)sqlite3_column_int64(statement, 9);
	entry->received_ms = sqlite3_column_int64(statement, 10);
	entry->bytes = (uint64_t)sqlite3_column_int64(statement, 11);
	web_facts_clean(&entry->facts);
}

int index_get(struct index *index, const char *id, struct web_entry *entry, struct error *err)
{
	sqlite3_stmt *statement = prepare(index, "SELECT " COLUMNS " FROM profiles WHERE id = ?", err);
	int code, result;

	if (!statement)
		return -1;
	bind_text(statement, 1, id);
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		take_row(statement, entry);
	result = code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : failed(index, err);
	sqlite3_finalize(statement);
	return result;
}

int index_each(struct index *index, void (*visit)(const struct web_entry *entry, void *context),
	void *context, struct error *err)
{
	sqlite3_stmt *statement = prepare(index, "SELECT " COLUMNS " FROM profiles", err);
	struct web_entry entry;
	int code, result;

	if (!statement)
		return -1;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		take_row(statement, &entry);
		visit(&entry, context);
	}
	result = code == SQLITE_DONE ? 0 : failed(index, err);
	sqlite3_finalize(statement);
	return result;
}

/* ---- the list ---- */

#define MATCHES \
	" WHERE instr(lower(name || char(10) || host || char(10) || labels || char(10) || command), " \
	"lower(?1))"

/* Names of columns are chosen from here, and never a client's. */
static const char *order_of(const struct web_search *search)
{
	static const struct {
		const char *name, *down, *up;
	} rows[] = {
		{ "received", "received DESC, id", "received, id" },
		{ "name", "name DESC, id", "name, id" },
		{ "host", "host DESC, received DESC, id", "host, received DESC, id" },
		{ "start", "start DESC, id", "start, id" },
		{ "duration", "duration DESC, id", "duration, id" },
		{ "samples", "samples DESC, id", "samples, id" },
		{ "bytes", "bytes DESC, id", "bytes, id" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (strcmp(rows[i].name, search->sort) == 0)
			return search->descending ? rows[i].down : rows[i].up;
	return rows[0].down;
}

static int count_matches(struct index *index, const char *text, uint64_t *count, struct error *err)
{
	sqlite3_stmt *statement = prepare(index, "SELECT count(*) FROM profiles" MATCHES, err);
	int result = 0;

	if (!statement)
		return -1;
	bind_text(statement, 1, text);
	if (sqlite3_step(statement) == SQLITE_ROW)
		*count = (uint64_t)sqlite3_column_int64(statement, 0);
	else
		result = failed(index, err);
	sqlite3_finalize(statement);
	return result;
}

int index_count(struct index *index, uint64_t *count, struct error *err)
{
	const int64_t number = number_of(index, "SELECT count(*) FROM profiles");

	if (number < 0)
		return failed(index, err);
	*count = (uint64_t)number;
	return 0;
}

int index_list(struct index *index, const struct web_search *search, struct buffer *json, uint64_t *matches,
	struct error *err)
{
	char *text = xasprintf("SELECT " COLUMNS " FROM profiles" MATCHES " ORDER BY %s LIMIT ?2 OFFSET ?3",
		order_of(search));
	sqlite3_stmt *statement = prepare(index, text, err);
	struct web_entry entry;
	int code, rows = 0, result;

	free(text);
	if (!statement)
		return -1;
	bind_text(statement, 1, search->text);
	sqlite3_bind_int64(statement, 2, search->limit);
	sqlite3_bind_int64(statement, 3, search->offset);
	buffer_append_char(json, '[');
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		take_row(statement, &entry);
		buffer_append_string(json, rows++ ? ",\n" : "\n");
		web_entry_append_json(&entry, json);
	}
	buffer_append_char(json, ']');
	result = code == SQLITE_DONE ? count_matches(index, search->text, matches, err) : failed(index, err);
	sqlite3_finalize(statement);
	return result;
}
