/* SPDX-License-Identifier: MIT */
/*
 * Answers, each with the headers that keep a browser from doing more with it than showing it. A report has
 * scripts of its own, which are ours, beside names that are not: it is shown as a page of nowhere (sandbox),
 * that can neither ask this server for anything nor be taken for it.
 */
#include "config.h"

#include "web/server.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "web/page.h"

#define POLICY_NOTHING "default-src 'none'; frame-ancestors 'none'; sandbox"
#define POLICY_PAGE \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; " \
	"form-action 'none'; frame-ancestors 'none'"
#define POLICY_REPORT \
	"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; " \
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-scripts allow-downloads"

static void begin(struct request *request, unsigned status, const char *type, const char *policy)
{
	buffer_clear(&request->text);
	buffer_append(&request->text, "", 0);
	request->state = REQUEST_ANSWERS;
	request->status = status;
	request->type = type;
	request->policy = policy;
	request->has_file = false;
}

void answer_say(struct request *request, unsigned status, const char *format, ...)
{
	char line[ERROR_MESSAGE_BYTES + 256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	begin(request, status, TYPE_TEXT, POLICY_NOTHING);
	utf8_clean(&request->text, line, strlen(line));
	buffer_append_char(&request->text, '\n');
}

void answer_error(struct request *request, unsigned status, const struct error *err)
{
	answer_say(request, status, "%s", err->message);
}

void answer_page(struct request *request, unsigned status, const char *file)
{
	const struct {
		const char *name, *type;
		const unsigned char *bytes;
		size_t length;
	} rows[] = {
		{ "page.html", TYPE_HTML, web_page_html, web_page_html_length },
		{ "page.css", "text/css; charset=utf-8", web_page_css, web_page_css_length },
		{ "page.js", "text/javascript; charset=utf-8", web_page_js, web_page_js_length },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		if (strcmp(rows[i].name, file) != 0)
			continue;
		begin(request, status, rows[i].type, POLICY_PAGE);
		buffer_append(&request->text, rows[i].bytes, rows[i].length);
	}
}

void answer_report(struct request *request, const char *type)
{
	begin(request, MHD_HTTP_OK, type, POLICY_REPORT);
	request->has_file = true;
}

void answer_download(struct request *request, const char *name, const char *ending)
{
	begin(request, MHD_HTTP_OK, "application/octet-stream", POLICY_NOTHING);
	web_append_disposition(&request->disposition, name, ending);
	request->has_file = true;
}

/* ---- sending ---- */

static struct MHD_Response *make_response(struct request *request)
{
	struct stat status;
	struct MHD_Response *response;

	if (!request->has_file)
		return MHD_create_response_from_buffer(
			request->text.length, request->text.data, MHD_RESPMEM_MUST_COPY);
	if (fstat(request->fd, &status) != 0)
		return NULL;
	response = MHD_create_response_from_fd64((uint64_t)status.st_size, request->fd);
	if (response)
		request->fd = -1; /* is its own now */
	return response;
}

static void add_headers(const struct request *request, struct MHD_Response *response)
{
	static const char *const always[][2] = {
		{ "X-Content-Type-Options", "nosniff" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
		{ "X-Frame-Options", "DENY" },
		{ "Cache-Control", "no-store" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(always); i++)
		MHD_add_response_header(response, always[i][0], always[i][1]);
	MHD_add_response_header(response, "Content-Type", request->type);
	MHD_add_response_header(response, "Content-Security-Policy", request->policy);
	if (request->disposition.length)
		MHD_add_response_header(response, "Content-Disposition", request->disposition.data);
	if (request->location.length)
		MHD_add_response_header(response, "Location", request->location.data);
	if (request->cookie.length)
		MHD_add_response_header(response, "Set-Cookie", request->cookie.data);
	if (request->status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"pyrope\"");
	if (request->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, "Allow", "GET, HEAD, PUT, POST, DELETE");
	if (request->status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(response, "Retry-After", "2");
	if (request->retry_seconds) {
		char seconds[16];

		snprintf(seconds, sizeof(seconds), "%u", request->retry_seconds);
		MHD_add_response_header(response, "Retry-After", seconds);
	}
}

enum MHD_Result answer_send(struct request *request)
{
	struct MHD_Response *response = make_response(request);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	request->peer->deadline_ns = monotonic_ns() + request->server->options->upload_ns;
	request->peer->is_answered = true;
	add_headers(request, response);
	result = MHD_queue_response(request->connection, request->status, response);
	MHD_destroy_response(response);
	return result;
}
