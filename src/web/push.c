/* SPDX-License-Identifier: MIT */
/*
 * Sends a profile to `pyrope serve`, by libcurl. It is asked before anything is sampled whether the server
 * would take one, and what it says then is the message.
 */
#include "config.h"

#include "pyrope/web.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "web/curl.h"
#include "web/token.h"

#define CONNECT_SECONDS 10L
#define ASK_SECONDS 20L
#define SEND_SECONDS 600L
#define LEAVING_NS 500000000 /* for the rest, when pyrope is told to end */
#define ANSWER_BYTES 300

struct push {
	const struct curl_calls *calls;
	CURL *curl;
	struct curl_slist *headers;
	int64_t interrupted_ns; /* when that was first seen; 0: not yet */
	size_t answer_length;
	char answer[ANSWER_BYTES + 1];
	char reason[CURL_ERROR_SIZE];
};

bool web_push_available(void)
{
	return true;
}

const char *web_push_library_version(void)
{
	struct error ignored = { 0 };
	const struct curl_calls *calls = curl_load(&ignored);

	return calls ? calls->curl_version_info(CURLVERSION_NOW)->version : "(not installed)";
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *context)
{
	struct push *push = context;
	const size_t room = ANSWER_BYTES - push->answer_length;
	const size_t taken = size * count < room ? size * count : room;

	memcpy(push->answer + push->answer_length, bytes, taken);
	push->answer_length += taken;
	return size * count;
}

/* Not 0: it gives up. */
static int watch(void *context, curl_off_t down, curl_off_t downloaded, curl_off_t up, curl_off_t uploaded)
{
	struct push *push = context;

	(void)down;
	(void)downloaded;
	(void)up;
	(void)uploaded;
	if (!is_interrupted())
		return 0;
	if (!push->interrupted_ns)
		push->interrupted_ns = monotonic_ns();
	return monotonic_ns() - push->interrupted_ns > LEAVING_NS;
}

static int add_token(struct push *push, const char *token_file, struct error *err)
{
	char token[TOKEN_MOST + 1];
	char *header;

	if (!token_file)
		return 0;
	if (token_read(token_file, token, err) != 0)
		return -1;
	header = xasprintf("Authorization: Bearer %s", token);
	push->headers = push->calls->curl_slist_append(push->headers, header);
	explicit_bzero(header, strlen(header));
	explicit_bzero(token, sizeof(token));
	free(header);
	return 0;
}

static int begin(struct push *push, const char *token_file, struct error *err)
{
	push->calls = curl_load(err);
	if (!push->calls)
		return -1;
	push->curl = push->calls->curl_easy_init();
	if (!push->curl)
		return error_set(err, ERROR_SYSTEM, "cannot start libcurl");
	if (add_token(push, token_file, err) != 0)
		return -1;
#if LIBCURL_VERSION_NUM >= 0x075500
	push->calls->curl_easy_setopt(push->curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	push->calls->curl_easy_setopt(push->curl, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
	push->calls->curl_easy_setopt(push->curl, CURLOPT_NOSIGNAL, 1L);
	push->calls->curl_easy_setopt(push->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	push->calls->curl_easy_setopt(push->curl, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
	push->calls->curl_easy_setopt(push->curl, CURLOPT_ERRORBUFFER, push->reason);
	push->calls->curl_easy_setopt(push->curl, CURLOPT_WRITEFUNCTION, take_answer);
	push->calls->curl_easy_setopt(push->curl, CURLOPT_WRITEDATA, push);
	push->calls->curl_easy_setopt(push->curl, CURLOPT_XFERINFOFUNCTION, watch);
	push->calls->curl_easy_setopt(push->curl, CURLOPT_XFERINFODATA, push);
	push->calls->curl_easy_setopt(push->curl, CURLOPT_NOPROGRESS, 0L);
	push->calls->curl_easy_setopt(push->curl, CURLOPT_HTTPHEADER, push->headers);
	return 0;
}

static void end(struct push *push)
{
	if (push->curl)
		push->calls->curl_easy_cleanup(push->curl);
	if (push->headers)
		push->calls->curl_slist_free_all(push->headers);
}

/* What the server has said, as a part of the message: it is not ours. */
static int refused(struct push *push, const char *url, long status, struct error *err)
{
	struct buffer clean = { 0 };

	buffer_append(&clean, "", 0);
	utf8_clean(&clean, push->answer, push->answer_length);
	while (clean.length && clean.data[clean.length - 1] == ' ')
		clean.data[--clean.length] = '\0';
	if (clean.data[0] == '<') {
		buffer_clear(&clean);
		buffer_append_string(&clean,
			"with a page, as 'pyrope serve' does not: is that another server, or a proxy before "
			"it?");
	}
	error_set(err, ERROR_SYSTEM, "cannot send to '%.256s': the server says %ld%s%.*s", url, status,
		clean.length ? ": " : "", (int)clean.length, clean.data);
	buffer_release(&clean);
	return -1;
}

/* It may be another one, and http instead of https: it is for the user to say so. */
static int moved(struct push *push, const char *url, long status, struct error *err)
{
	struct buffer clean = { 0 };
	const char *place = NULL;

	push->calls->curl_easy_getinfo(push->curl, CURLINFO_REDIRECT_URL, &place);
	buffer_append(&clean, "", 0);
	if (place)
		utf8_clean(&clean, place, strnlen(place, ANSWER_BYTES));
	error_set(err, ERROR_SYSTEM,
		"cannot send to '%.256s': the server says %ld, and leads to '%s': name that server", url,
		status, clean.data);
	buffer_release(&clean);
	return -1;
}

/* What to do about what libcurl says. */
static const char *remedy(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
		return ": does 'pyrope serve' run there, and may it be reached? (serve --listen "
		       "ADDRESS:PORT)";
	case CURLE_COULDNT_RESOLVE_HOST:
		return ": check the name, or use the address";
	case CURLE_SSL_CONNECT_ERROR:
		return ": 'pyrope serve' speaks http, and https where a proxy is before it: use http://";
	case CURLE_PEER_FAILED_VERIFICATION:
		return ": let this system trust the certificate of the server";
	case CURLE_GOT_NOTHING:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return ": that is no 'pyrope serve', or one behind https";
	default:
		return "";
	}
}

static int perform(struct push *push, const char *url, struct error *err)
{
	const CURLcode code = push->calls->curl_easy_perform(push->curl);
	long status = 0;

	if (code == CURLE_ABORTED_BY_CALLBACK)
		return error_set(err, ERROR_SYSTEM,
			"cannot send to '%.256s': pyrope was told to end before all was sent", url);
	if (code != CURLE_OK)
		return error_set(err, ERROR_SYSTEM, "cannot send to '%.256s': %.200s%s", url,
			push->reason[0] ? push->reason : push->calls->curl_easy_strerror(code), remedy(code));
	push->calls->curl_easy_getinfo(push->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 300 && status < 400)
		return moved(push, url, status, err);
	return status >= 200 && status < 300 ? 0 : refused(push, url, status, err);
}

/* The server of a URL, and another path. NULL: it is none that can be used. */
static char *with_path(const char *url, const char *path)
{
	const char *host = strstr(url, "://") + strlen("://");
	const size_t length = strcspn(host, "/?#");

	return length ? xasprintf("%.*s%s", (int)(host + length - url), url, path) : NULL;
}

int web_push_check(const char *url, const char *token_file, struct error *err)
{
	struct push push = { .reason = "" };
	char *hello = with_path(url, "/api/hello");
	int result = -1;

	if (!hello || strchr(url, '#')) {
		error_set(err, ERROR_USAGE, "'%.256s' names no server: use http://HOST:PORT/NAME", url);
	} else if (begin(&push, token_file, err) == 0) {
		push.calls->curl_easy_setopt(push.curl, CURLOPT_URL, hello);
		push.calls->curl_easy_setopt(push.curl, CURLOPT_TIMEOUT, ASK_SECONDS);
		result = perform(&push, url, err);
	}
	end(&push);
	free(hello);
	return result;
}

static int send_file(struct push *push, const char *url, FILE *file, struct error *err)
{
	struct stat status;

	if (fstat(fileno(file), &status) != 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "cannot read what is to be sent");
	push->calls->curl_easy_setopt(push->curl, CURLOPT_URL, url);
	push->calls->curl_easy_setopt(push->curl, CURLOPT_TIMEOUT, SEND_SECONDS);
	push->calls->curl_easy_setopt(push->curl, CURLOPT_UPLOAD, 1L);
	push->calls->curl_easy_setopt(push->curl, CURLOPT_READDATA, file);
	push->calls->curl_easy_setopt(push->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)status.st_size);
	return perform(push, url, err);
}

/* The answer, when it is one address; it is not ours, and goes to a terminal. */
static char *place_of(const struct push *push)
{
	const size_t length = strcspn(push->answer, "\n");

	return web_is_url(push->answer) && utf8_is_plain(push->answer, length) &&
			strcspn(push->answer, " ") >= length
		? xstrndup(push->answer, length)
		: NULL;
}

int web_push(const char *url, const char *token_file, const char *path, char **place, struct error *err)
{
	struct push push = { .reason = "" };
	FILE *file = fopen(path, "rbe");
	int result = -1;

	if (!file)
		error_set_errno(err, ERROR_SYSTEM, errno, "cannot read '%.256s'", path);
	else if (begin(&push, token_file, err) == 0)
		result = send_file(&push, url, file, err);
	*place = result == 0 ? place_of(&push) : NULL;
	end(&push);
	if (file)
		fclose(file);
	return result;
}
