/* SPDX-License-Identifier: MIT */
/*
 * What of a request is a client's text: names, labels, where it goes, and whether it may.
 */
#ifndef PYROPE_WEB_NAMES_H
#define PYROPE_WEB_NAMES_H

#include "pyrope/web.h"

#define WEB_ID_BYTES 17 /* 16 hexadecimal digits */
#define WEB_FORMAT_BYTES 32
#define WEB_LABELS 16
#define WEB_LABEL_BYTES 64  /* of its name */
#define WEB_VALUE_BYTES 160 /* of its value */
#define WEB_SEARCH_BYTES 200

/* Percent-decodes; what is no %XX stays as it is. In a query a plus is a space. */
void web_decode(struct buffer *decoded, const char *text, size_t length, bool is_query);
/* Clean UTF-8, cut where it does not fit between two characters; always terminated. */
void web_clean(char *clean, size_t room, const char *bytes, size_t length);
/*
 * What a profile is called after the path of a request or of a file: its last part, without what a file
 * system or a shell would take for something else. Never empty.
 */
void web_name_clean(char name[WEB_NAME_BYTES], const char *path, size_t length);

struct web_labels {
	char host[WEB_HOST_BYTES];   /* of the label "host", which is not among the others */
	char text[WEB_LABELS_BYTES]; /* "name=value\n" for each */
};

/* Every parameter of the query is a label. ERROR_USAGE: too many, too long, or no name for one. */
int web_labels_parse(struct web_labels *labels, const char *query, struct error *err);

/* ---- where a request goes ---- */

enum web_route {
	ROUTE_NONE,
	ROUTE_PAGE, /* and its parts: `format` is the name of the file */
	ROUTE_UPLOAD,
	ROUTE_LIST,
	ROUTE_HELLO,
	ROUTE_LOGIN,
	ROUTE_PROFILE, /* GET in `format`, which is "html", another one, or "original" */
	ROUTE_DELETE,
	ROUTE_DIFF,
};

struct web_target {
	enum web_route route;
	char ids[2][WEB_ID_BYTES];
	char format[WEB_FORMAT_BYTES];
	char name[WEB_NAME_BYTES]; /* of what is uploaded */
	const char *query;         /* behind the question mark; points into the address, or to "" */
};

/* Never fails: what is nothing is ROUTE_NONE. */
void web_target_parse(struct web_target *target, const char *method, const char *address);

/* Of the list: which part of it. */
struct web_search {
	char text[WEB_SEARCH_BYTES]; /* "": all */
	char sort[16];               /* a column, "": the newest first */
	bool descending;
	int64_t offset, limit;
};

#define WEB_LIST_LIMIT 500

void web_search_parse(struct web_search *search, const char *query);

/* ---- may it? ---- */

/*
 * The Host that a browser sends is how its user called the server. A name that is not ours is another
 * page's, which has made its own name point here (DNS rebinding); a number cannot be made to.
 */
bool web_host_is_own(const char *host, const char *const *names, size_t count);
/* NULL: no browser, or a page of ours in one that says none. */
bool web_origin_is_own(const char *origin, const char *host);
/* Sec-Fetch-Site and Sec-Fetch-Mode; NULL: not said. Elsewhere there may be links to here, and no more. */
bool web_fetch_is_own(const char *site, const char *mode, bool is_get);
/* Takes as long wherever the two differ. */
bool web_is_equal_secret(const char *one, const char *other);

/* For Content-Disposition: a name for the file, as ASCII and as what it is. */
void web_append_disposition(struct buffer *text, const char *name, const char *ending);

#endif
