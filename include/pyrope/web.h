/* SPDX-License-Identifier: MIT */
/*
 * The page for a team: a server that takes profiles, lists them, shows, compares, converts and deletes them;
 * and the client that sends one to it. docs/security.md says against whom the server is made.
 *
 * The server is one thread. Nothing that is in a profile is looked at in its own process: `struct web_work`
 * is called in a child that may open nothing, connect to nothing and use only so much time and memory.
 */
#ifndef PYROPE_WEB_H
#define PYROPE_WEB_H

#include "pyrope/base.h"

#define WEB_PORT 5000

/* ---- what is done in the child ---- */

enum web_kind { WEB_RECORDING, WEB_PPROF, WEB_COLLAPSED, WEB_KINDS };

/* Clean UTF-8, as utf8_clean makes it, and terminated. */
#define WEB_NAME_BYTES 208
#define WEB_HOST_BYTES 128
#define WEB_COMMAND_BYTES 512
#define WEB_LABELS_BYTES 4096

/* What the list says of a profile. The child fills it in, and so it is cleaned once more. */
struct web_facts {
	int32_t kind;        /* enum web_kind */
	int64_t start_ms;    /* since 1970, UTC; 0: not known */
	int64_t duration_ms; /* 0: not known */
	uint64_t samples;
	char host[WEB_HOST_BYTES];
	char command[WEB_COMMAND_BYTES];
};

/* A profile that is open for reading. The name is for messages and titles. */
struct web_input {
	int fd;
	const char *name;
};

struct web_work {
	int (*examine)(const struct web_input *input, struct web_facts *facts, struct error *err);
	/* `format` is the name of one (output.h); "html" is the report. */
	int (*convert)(const struct web_input *input, const char *format, int out, struct error *err);
	/* As a page of HTML. */
	int (*compare)(const struct web_input inputs[2], int out, struct error *err);
};

/* ---- the server ---- */

struct web_options {
	const char *folder;       /* of profiles and their index; made when it is missing */
	const char *listen;       /* "ADDRESS", "ADDRESS:PORT", "[::1]:PORT"; NULL: loopback and WEB_PORT */
	const char *token_file;   /* NULL: everybody who can connect may do everything */
	const char *const *hosts; /* more names that browsers may call it by */
	size_t host_count;
	uint64_t upload_bytes; /* of one profile */
	int64_t upload_ns;     /* that one upload may take */
	size_t profiles;       /* at most */
	const struct web_work *work;
};

bool web_available(void);
/*
 * Prints its address to standard output and serves until SIGTERM, SIGINT or SIGHUP. ERROR_USAGE: what the
 * options say makes no sense.
 */
int web_serve(const struct web_options *options, struct error *err);

/* ---- the client ---- */

bool web_push_available(void);
/* The version of libcurl, which is loaded for that; "(not installed)". Only where it is built in. Static. */
const char *web_push_library_version(void);
/* Is it the address of a server and no path? */
bool web_is_url(const char *path);
/*
 * Asks the server whether it would take a profile, before there is one. token_file: NULL, or what its
 * --token-file has, too.
 */
int web_push_check(const char *url, const char *token_file, struct error *err);
/*
 * Sends the whole file. When pyrope is told to end it gives up after half a second. *place: where the server
 * says that it can be looked at, allocated; NULL: it says nothing that is an address.
 */
int web_push(const char *url, const char *token_file, const char *path, char **place, struct error *err);

#endif
