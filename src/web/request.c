/* SPDX-License-Identifier: MIT */
/*
 * One request: whether it may, what it asks for, and what is to be done for that. A browser's user visits
 * other pages, too, which would like to use this server in their user's name: so a request has to call the
 * server by a name of its own, and what a browser says of where it comes from has to be here.
 */
#include "config.h"

#include "web/server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pyrope/output.h"

#define DRAINED (UINT64_C(1) << 20) /* of the body of a request that is refused; a longer one is cut off */
#define COOKIE_SECONDS (7 * 24 * 3600)

const char *request_header(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

struct request *request_new(struct server *server, struct MHD_Connection *connection, const char *address)
{
	struct request *request = xcalloc(1, sizeof(*request));

	request->server = server;
	request->connection = connection;
	request->peer =
		*(struct peer **)MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	request->address = xstrdup(address);
	request->fd = -1;
	return request;
}

void request_free(struct request *request)
{
	if (!request)
		return;
	if (request->job)
		jobs_cancel(&request->server->jobs, request->job);
	upload_abort(request);
	form_release(request);
	buffer_release(&request->text);
	buffer_release(&request->disposition);
	buffer_release(&request->location);
	buffer_release(&request->cookie);
	free(request->address);
	free(request);
}

void request_wait(struct request *request, struct job *job)
{
	request->job = job;
	if (!jobs_add(&request->server->jobs, job)) {
		request->job = NULL;
		upload_abort(request);
		answer_say(request, MHD_HTTP_SERVICE_UNAVAILABLE, "too many requests at once: ask again");
		return;
	}
	request->state = REQUEST_WORKS;
	request->peer->deadline_ns = 0;
	request->peer->is_answered = true;
	MHD_suspend_connection(request->connection);
}

void request_resume(struct request *request)
{
	request->job = NULL;
	request->peer->deadline_ns = monotonic_ns() + request->server->options->upload_ns;
	MHD_resume_connection(request->connection);
}

/* ---- may it? ---- */

enum token_shown { TOKEN_NONE, TOKEN_WRONG, TOKEN_RIGHT, TOKEN_TOO_OFTEN };

/* Who has tried too many is not told whether this one is right. */
static enum token_shown find_token(struct request *request)
{
	static const char bearer[] = "Bearer ";
	const char *value = request_header(request, "Authorization");
	const struct sockaddr *address =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
	struct tries *tries = &request->server->tries;
	const int64_t now_ns = monotonic_ns();
	struct buffer digest = { 0 };
	int64_t wait_ns;
	bool is_right;

	if (!value || strncmp(value, bearer, strlen(bearer)) != 0)
		return TOKEN_NONE;
	wait_ns = tries_wait_ns(tries, address, now_ns);
	if (wait_ns > 0) {
		request->retry_seconds = (unsigned)(wait_ns / 1000000000 + 1);
		return TOKEN_TOO_OFTEN;
	}
	value += strlen(bearer);
	buffer_append_sha256(&digest, value, strlen(value));
	is_right = web_is_equal_secret(digest.data, request->server->token.digest.data);
	buffer_release(&digest);
	if (!is_right)
		tries_note(tries, address, now_ns);
	return is_right ? TOKEN_RIGHT : TOKEN_WRONG;
}

static void say_too_often(struct request *request)
{
	answer_say(request, MHD_HTTP_TOO_MANY_REQUESTS,
		"too many wrong tokens came from this address: ask again in %u s", request->retry_seconds);
}

static bool has_cookie(const struct request *request)
{
	const struct server *server = request->server;
	const char *cookie =
		MHD_lookup_connection_value(request->connection, MHD_COOKIE_KIND, server->token.cookie_name);

	return cookie && web_is_equal_secret(cookie, server->token.cookie.data);
}

/* False, with the answer: whoever sends this may not. */
static bool check_sender(struct request *request, bool is_get)
{
	const struct server *server = request->server;
	const char *host = request_header(request, "Host");

	if (!web_host_is_own(host, server->hosts, server->host_count)) {
		answer_say(request, MHD_HTTP_MISDIRECTED_REQUEST,
			"this server is not called '%.100s': use its address, or name it with --allow-host",
			host ? host : "");
		return false;
	}
	if (!web_origin_is_own(request_header(request, "Origin"), host) ||
		!web_fetch_is_own(request_header(request, "Sec-Fetch-Site"),
			request_header(request, "Sec-Fetch-Mode"), is_get)) {
		answer_say(request, MHD_HTTP_FORBIDDEN, "a page elsewhere may not use this server");
		return false;
	}
	return true;
}

/* The page itself says nothing, and asks for the token. */
static bool check_token(struct request *request)
{
	const enum web_route route = request->target.route;
	const char *accept = request_header(request, "Accept");
	enum token_shown shown;

	if (route == ROUTE_PAGE || route == ROUTE_LOGIN || !request->server->token.digest.length ||
		has_cookie(request))
		return true;
	shown = find_token(request);
	if (shown == TOKEN_RIGHT)
		return true;
	if (shown == TOKEN_TOO_OFTEN)
		say_too_often(request);
	else if (shown == TOKEN_WRONG)
		answer_say(request, MHD_HTTP_UNAUTHORIZED,
			"that is not the token of this server: use the one that its --token-file has");
	else if ((route == ROUTE_PROFILE || route == ROUTE_DIFF) && accept && strstr(accept, "text/html"))
		answer_page(request, MHD_HTTP_UNAUTHORIZED, "page.html");
	else
		answer_say(request, MHD_HTTP_UNAUTHORIZED,
			"this server asks for its token: curl -H 'Authorization: Bearer TOKEN', "
			"pyrope --token-file FILE");
	return false;
}

/* ---- profiles ---- */

/* A profile that is to be read, with the answer where it is not there. */
static bool find(struct request *request, const char *id, struct web_entry *entry, int *fd)
{
	struct error err = { 0 };
	const int found = catalogue_find(request->server, id, entry, fd, &err);

	if (found < 0)
		answer_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, &err);
	else if (found == 0)
		answer_say(request, MHD_HTTP_NOT_FOUND, "there is no such profile (any more)");
	return found > 0;
}

static void take_page(struct job *job, const struct job_result *result)
{
	struct request *request = job->context;
	const struct output_format *format =
		job->kind == JOB_CONVERT ? output_format_find(job->format) : NULL;

	if (result->status != 0)
		answer_say(request, STATUS_UNREADABLE, "%s", result->message);
	else if (job->kind == JOB_COMPARE || (strcmp(job->format, "html") == 0 && format))
		answer_report(request, TYPE_HTML);
	else if (strcmp(job->format, "svg") == 0 || strcmp(job->format, "html") == 0)
		answer_report(request, "image/svg+xml");
	else
		answer_download(request, job->names[0],
			format && format->extensions ? format->extensions[0] : ".txt");
	request_resume(request);
}

/* Makes what the answer will be, in a child. */
static void make_page(struct request *request, struct job *job)
{
	struct error err = { 0 };

	request->fd = store_scratch(&request->server->store, &err);
	job->out = request->fd;
	if (request->fd >= 0) {
		request_wait(request, job);
		return;
	}
	answer_error(request, MHD_HTTP_INSUFFICIENT_STORAGE, &err);
	job_discard(job);
}

static bool is_format(const char *name)
{
	return strcmp(name, "html") == 0 || output_format_find(name);
}

static void show_profile(struct request *request)
{
	const struct web_target *target = &request->target;
	struct web_entry entry;
	struct job *job;
	int fd;

	if (strcmp(target->format, "original") != 0 && !is_format(target->format)) {
		answer_say(request, MHD_HTTP_NOT_FOUND, "there is no format '%s'", target->format);
		return;
	}
	if (!find(request, target->ids[0], &entry, &fd))
		return;
	if (strcmp(target->format, "original") == 0) {
		request->fd = fd;
		answer_download(request, entry.name, "");
		return;
	}
	job = job_new(JOB_CONVERT, take_page, request);
	job->inputs[0] = fd;
	memcpy(job->names[0], entry.name, sizeof(job->names[0]));
	strcpy(job->format, target->format);
	make_page(request, job);
}

static void show_difference(struct request *request)
{
	struct job *job = job_new(JOB_COMPARE, take_page, request);
	struct web_entry entry;

	for (size_t i = 0; i < 2; i++) {
		if (!find(request, request->target.ids[i], &entry, &job->inputs[i])) {
			job_discard(job);
			return;
		}
		memcpy(job->names[i], entry.name, sizeof(job->names[i]));
	}
	make_page(request, job);
}

static void delete_profile(struct request *request)
{
	struct server *server = request->server;
	struct web_entry entry;
	struct error err = { 0 };
	int fd;

	if (!find(request, request->target.ids[0], &entry, &fd))
		return;
	close(fd);
	if (store_remove(&server->store, &entry, &err) != 0) {
		answer_error(request, MHD_HTTP_INTERNAL_SERVER_ERROR, &err);
		return;
	}
	if (index_remove(server->index, entry.id, &err) != 0)
		catalogue_repair(server);
	answer_say(request, MHD_HTTP_OK, "deleted");
}

/* ---- the list ---- */

static void append_formats(struct buffer *json)
{
	buffer_append_char(json, '[');
	for (size_t i = 0; output_formats[i]; i++) {
		buffer_append_string(json, i ? ",{\"name\":" : "{\"name\":");
		buffer_append_json(json, output_formats[i]->name);
		buffer_append_string(json, ",\"description\":");
		buffer_append_json(json, output_formats[i]->description);
		buffer_append_char(json, '}');
	}
	buffer_append_char(json, ']');
}

static void list_profiles(struct request *request)
{
	struct server *server = request->server;
	struct web_search search;
	struct buffer json = { 0 };
	struct error err = { 0 };
	uint64_t matches = 0;

	web_search_parse(&search, request->target.query);
	buffer_append_string(&json, "{\"profiles\":");
	if (index_list(server->index, &search, &json, &matches, &err) != 0) {
		catalogue_repair(server);
		answer_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, &err);
		buffer_release(&json);
		return;
	}
	buffer_printf(&json, ",\"matches\":%llu,\"unknown\":%zu,\"upload_bytes\":%llu,\"formats\":",
		(unsigned long long)matches, server->unknown.count - server->unknown.next,
		(unsigned long long)server->options->upload_bytes);
	append_formats(&json);
	buffer_append_string(&json, "}\n");
	answer_say(request, MHD_HTTP_OK, "%s", "");
	request->type = TYPE_JSON;
	buffer_release(&request->text);
	request->text = json;
}

/* The cookie is for this server alone, and no script can read it. */
static void login(struct request *request)
{
	const struct server *server = request->server;
	const enum token_shown shown = server->token.digest.length ? find_token(request) : TOKEN_NONE;

	if (shown == TOKEN_TOO_OFTEN) {
		say_too_often(request);
		return;
	}
	if (shown != TOKEN_RIGHT) {
		answer_say(request, MHD_HTTP_UNAUTHORIZED, "that is not the token");
		return;
	}
	answer_say(request, MHD_HTTP_OK, "welcome");
	buffer_printf(&request->cookie, "%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax",
		server->token.cookie_name, server->token.cookie.data, COOKIE_SECONDS);
}

/* ---- from the first line to the answer ---- */

/* What can be said before the body has come, and all of what has no body. */
static void begin(struct request *request, const char *method)
{
	const bool is_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	request->state = REQUEST_READS;
	web_target_parse(&request->target, method, request->address);
	if (!check_sender(request, is_get) || !check_token(request))
		return;
	if (request->target.route == ROUTE_UPLOAD)
		upload_begin(request);
	else if (request->target.route == ROUTE_NONE)
		answer_say(request, is_get ? MHD_HTTP_NOT_FOUND : MHD_HTTP_METHOD_NOT_ALLOWED,
			"there is nothing to %s here", is_get ? "get" : "do");
	else
		request->status = 0;
}

static void act(struct request *request)
{
	switch (request->target.route) {
	case ROUTE_PAGE:
		answer_page(request, MHD_HTTP_OK, request->target.format);
		break;
	case ROUTE_LIST:
		list_profiles(request);
		break;
	case ROUTE_HELLO:
		answer_say(request, MHD_HTTP_OK, "pyrope");
		break;
	case ROUTE_LOGIN:
		login(request);
		break;
	case ROUTE_PROFILE:
		show_profile(request);
		break;
	case ROUTE_DELETE:
		delete_profile(request);
		break;
	case ROUTE_DIFF:
		show_difference(request);
		break;
	case ROUTE_UPLOAD:
	case ROUTE_NONE:
		break;
	}
}

/* A long body is not waited for when it is of no use. */
static bool has_long_body(const struct request *request)
{
	const char *length = request_header(request, "Content-Length");
	struct error ignored = { 0 };
	int64_t bytes = 0;

	return length &&
		(parse_integer(length, "length", 0, INT64_MAX, &bytes, &ignored) != 0 ||
			(uint64_t)bytes > DRAINED);
}

static void take_body(struct request *request, const char *bytes, size_t length)
{
	request->form.bytes += request->form.parts ? length : 0;
	if (request->state == REQUEST_UPLOADS && request->form.parts)
		form_take(request, bytes, length);
	else if (request->state == REQUEST_UPLOADS)
		upload_take(request, bytes, length);
	else
		request->bytes += length;
}

/* Whoever sends on and on is cut off. */
static bool is_endless(const struct request *request)
{
	const uint64_t most = request->server->options->upload_bytes + DRAINED;

	return request->bytes > most || request->form.bytes > most;
}

enum MHD_Result request_handle(struct request *request, const char *method, const char *bytes, size_t *length)
{
	if (request->state == REQUEST_NEW) {
		begin(request, method);
		if (request->state == REQUEST_ANSWERS && has_long_body(request))
			return answer_send(request);
		if (request->state == REQUEST_ANSWERS)
			request->state = REQUEST_READS;
		return MHD_YES;
	}
	if (*length) {
		take_body(request, bytes, *length);
		*length = 0;
		return is_endless(request) ? MHD_NO : MHD_YES;
	}
	if (request->state == REQUEST_UPLOADS)
		upload_end(request);
	else if (request->state == REQUEST_READS && !request->status)
		act(request);
	else if (request->state == REQUEST_READS)
		request->state = REQUEST_ANSWERS;
	return request->state == REQUEST_ANSWERS ? answer_send(request) : MHD_YES;
}
