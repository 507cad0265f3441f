/* SPDX-License-Identifier: MIT */
/* The server's own parts: one request, and all that they share. */
#ifndef PYROPE_WEB_SERVER_H
#define PYROPE_WEB_SERVER_H

#include <microhttpd.h>

#include "web/index.h"
#include "web/job.h"
#include "web/tries.h"

#define CONNECTIONS 256

/* Whose names in libmicrohttpd have changed. */
#define STATUS_TOO_LARGE 413
#define STATUS_UNREADABLE 422

/* A connection of a client, for as long as it lasts: none may be held by saying nothing. */
struct peer {
	struct peer *next, **before;
	int fd;
	int64_t deadline_ns; /* 0: the server itself is at work */
	bool is_answered;    /* all of its request is here */
};

struct server {
	const struct web_options *options;
	struct store store;
	struct index *index;
	struct jobs jobs;
	struct MHD_Daemon *daemon;
	struct peer *peers;
	int listener, signals;
	struct {
		struct buffer digest; /* of the token; empty: there is none */
		struct buffer cookie; /* what a browser shows instead; another one at each start */
		char cookie_name[32];
	} token;
	const char **hosts; /* that it is called by; the strings are lent, but for own_host */
	size_t host_count;
	char own_host[256];
	struct tries tries;
	size_t uploads; /* that are coming in */
	struct {
		char **files; /* in the folder, that have still to be looked at, from next on */
		size_t count, capacity, next;
		struct job *job;
	} unknown;
	struct error failure; /* the server cannot go on */
};

enum request_state {
	REQUEST_NEW,
	REQUEST_READS,   /* a body that is thrown away; then the answer */
	REQUEST_UPLOADS, /* a body that is kept */
	REQUEST_WORKS,   /* suspended: a child is at it */
	REQUEST_ANSWERS,
};

struct request {
	struct server *server;
	struct MHD_Connection *connection;
	struct peer *peer;
	char *address;
	struct web_target target;
	enum request_state state;
	struct job *job; /* NULL: none */

	/* of an upload */
	char id[WEB_ID_BYTES]; /* "": nothing was begun */
	int fd;                /* -1: none; of what is made for an answer, too */
	uint64_t bytes;
	struct web_labels labels;
	struct {
		struct MHD_PostProcessor *parts; /* NULL: it is no form */
		bool has_file;
		uint64_t bytes; /* of all of it */
	} form;

	/* the answer */
	unsigned status;
	const char *type, *policy; /* Content-Type, Content-Security-Policy */
	struct buffer text;        /* or the file in fd, when has_file */
	bool has_file;
	struct buffer disposition, location, cookie; /* headers, where they are not empty */
	unsigned retry_seconds;                      /* 0: it does not matter when it asks again */
};

/* ---- answer.c ---- */

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_HTML "text/html; charset=utf-8"
#define TYPE_JSON "application/json"

/* A line of text, for people and for programs. */
void answer_say(struct request *request, unsigned status, const char *format, ...) PRINTF_LIKE(3, 4);
/* What has gone wrong, in its own words. */
void answer_error(struct request *request, unsigned status, const struct error *err);
/* A part of the page. */
void answer_page(struct request *request, unsigned status, const char *file);
/* The file in request->fd: as a page that shows a profile, or to be kept under the name with this ending. */
void answer_report(struct request *request, const char *type);
void answer_download(struct request *request, const char *name, const char *ending);
enum MHD_Result answer_send(struct request *request);

/* ---- upload.c ---- */

/* False: it is refused, and the answer says why. */
bool upload_begin(struct request *request);
void upload_take(struct request *request, const char *bytes, size_t length);
/* All is there: it is looked at, and the request waits for that. */
void upload_end(struct request *request);
/* What is not a profile by now is removed. */
void upload_abort(struct request *request);

/* ---- form.c ---- */

/* Does this Content-Type say so? NULL: there is none. */
bool form_is_one(const char *type);
/* Of an upload that has begun. False: it is no form that can be read. */
bool form_begin(struct request *request);
/* A part of the body; request->state says whether it was taken. */
void form_take(struct request *request, const char *bytes, size_t length);
/* All of it is there; false: not so, and the answer says why. */
bool form_end(struct request *request);
void form_release(struct request *request);

/* ---- request.c ---- */

struct request *request_new(struct server *server, struct MHD_Connection *connection, const char *address);
void request_free(struct request *request); /* accepts NULL */
enum MHD_Result request_handle(
	struct request *request, const char *method, const char *bytes, size_t *length);
/* A header of it; NULL: it has none. */
const char *request_header(const struct request *request, const char *name);
/* The request waits for the job, which is taken over. */
void request_wait(struct request *request, struct job *job);
/* It goes on with the answer. */
void request_resume(struct request *request);

/* ---- catalogue.c ---- */

/*
 * The index, brought up to what is in the folder; files that nobody has described are looked at one by one.
 */
int catalogue_open(struct server *server, struct error *err);
void catalogue_close(struct server *server);
/* The index is made again when it was that which failed. */
void catalogue_repair(struct server *server);
/* As index_get; a profile whose file is gone is none. *fd is open for reading. */
int catalogue_find(
	struct server *server, const char *id, struct web_entry *entry, int *fd, struct error *err);

#endif
