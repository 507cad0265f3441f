/* SPDX-License-Identifier: MIT */
/*
 * libcurl, loaded when something is sent: it brings some thirty libraries, which at each start would take
 * longer to load than all the rest of pyrope (2.3 ms of 5).
 */
#ifndef PYROPE_WEB_CURL_H
#define PYROPE_WEB_CURL_H

#include "pyrope/base.h"

#define CURL_DISABLE_TYPECHECK /* which makes macros of what is called by pointer here */
#include <curl/curl.h>

#define CURL_CALLS(CALL) \
	CALL(curl_easy_cleanup) \
	CALL(curl_easy_getinfo) \
	CALL(curl_easy_init) \
	CALL(curl_easy_perform) \
	CALL(curl_easy_setopt) \
	CALL(curl_easy_strerror) \
	CALL(curl_global_init) \
	CALL(curl_slist_append) \
	CALL(curl_slist_free_all) \
	CALL(curl_version_info)

struct curl_calls {
#define CURL_CALL(name) __typeof__(name) *name; /* NOLINT(bugprone-macro-parentheses): a declaration */
	CURL_CALLS(CURL_CALL)
#undef CURL_CALL
};

/* NULL: it is not there, or lacks a function. Loaded once, and initialised; never unloaded. */
const struct curl_calls *curl_load(struct error *err);

#endif
