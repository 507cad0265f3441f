/* SPDX-License-Identifier: MIT */
/*
 * A profile that comes in: written to the disk as it comes, so that memory does not grow with it, then looked
 * at in a child, then put in its place. Until then it is nothing.
 */
#include "config.h"

#include "web/server.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define MEGABYTE UINT64_C(1000000)
#define FORM_BYTES UINT64_C(16384) /* around the file */

static void refuse_size(struct request *request)
{
	answer_say(request, STATUS_TOO_LARGE,
		"a profile has at most %" PRIu64
		" MB here: ask for more with --upload-size, or leave a part out",
		request->server->options->upload_bytes / MEGABYTE);
}

/* Is there room for one more, those that are coming in included? */
static bool has_room(struct request *request)
{
	struct server *server = request->server;
	struct error err = { 0 };
	uint64_t count = 0;

	if (index_count(server->index, &count, &err) != 0) {
		catalogue_repair(server);
		answer_error(request, MHD_HTTP_SERVICE_UNAVAILABLE, &err);
		return false;
	}
	if (count + server->uploads < server->options->profiles)
		return true;
	answer_say(request, MHD_HTTP_INSUFFICIENT_STORAGE,
		"%zu profiles are the most that are kept here: delete some, or ask for more with "
		"--max-profiles",
		server->options->profiles);
	return false;
}

bool upload_begin(struct request *request)
{
	struct server *server = request->server;
	const char *length = request_header(request, "Content-Length");
	const char *type = request_header(request, "Content-Type");
	struct error err = { 0 };
	int64_t announced = 0;

	if (type && strncasecmp(type, "multipart/", strlen("multipart/")) == 0 && !form_is_one(type)) {
		answer_say(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
			"send the file as it is, or in a form: curl -T FILE, curl -F file=@FILE");
		return false;
	}
	if (length &&
		(parse_integer(length, "length", 0, INT64_MAX, &announced, &err) != 0 ||
			(uint64_t)announced >
				server->options->upload_bytes + (form_is_one(type) ? FORM_BYTES : 0))) {
		refuse_size(request);
		return false;
	}
	if (web_labels_parse(&request->labels, request->target.query, &err) != 0) {
		answer_error(request, MHD_HTTP_BAD_REQUEST, &err);
		return false;
	}
	if (!has_room(request))
		return false;
	request->fd = store_begin(&server->store, request->id, &err);
	if (request->fd < 0) {
		request->id[0] = '\0';
		answer_error(request, MHD_HTTP_INSUFFICIENT_STORAGE, &err);
		return false;
	}
	server->uploads++;
	if (form_is_one(type) && !form_begin(request)) {
		upload_abort(request);
		answer_say(request, MHD_HTTP_BAD_REQUEST,
			"the form has no boundary: curl -F file=@FILE, or curl -T FILE");
		return false;
	}
	request->state = REQUEST_UPLOADS;
	request->peer->deadline_ns = monotonic_ns() + server->options->upload_ns;
	return true;
}

void upload_abort(struct request *request)
{
	if (request->fd >= 0)
		close(request->fd);
	request->fd = -1;
	if (!request->id[0])
		return;
	store_abort(&request->server->store, request->id);
	request->server->uploads--;
	request->id[0] = '\0';
}

void upload_take(struct request *request, const char *bytes, size_t length)
{
	request->bytes += length;
	if (request->bytes > request->server->options->upload_bytes) {
		upload_abort(request);
		refuse_size(request);
		request->state = REQUEST_READS;
		return;
	}
	while (length) {
		const ssize_t written = write(request->fd, bytes, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			const int reason = errno;

			upload_abort(request);
			answer_say(request, MHD_HTTP_INSUFFICIENT_STORAGE, "cannot keep the profile: %s",
				strerror(reason));
			request->state = REQUEST_READS;
			return;
		}
		bytes += written;
		length -= (size_t)written;
	}
}

/* ---- when it is there ---- */

static void fill_in(const struct request *request, const struct web_facts *facts, struct web_entry *entry)
{
	*entry = (struct web_entry){
		.received_ms = realtime_ns() / 1000000, .bytes = request->bytes, .facts = *facts
	};
	memcpy(entry->id, request->id, sizeof(entry->id));
	memcpy(entry->name, request->target.name, sizeof(entry->name));
	memcpy(entry->labels, request->labels.text, sizeof(entry->labels));
	web_facts_clean(&entry->facts);
	if (!entry->facts.host[0])
		memcpy(entry->facts.host, request->labels.host, sizeof(entry->facts.host));
}

/* It is in its place on the disk before anybody is told so. */
static void keep(struct request *request, const struct web_facts *facts)
{
	struct server *server = request->server;
	const char *host = request_header(request, "Host");
	struct web_entry entry;
	struct error err = { 0 };

	fill_in(request, facts, &entry);
	if (store_commit(&server->store, &entry, &err) != 0) {
		upload_abort(request);
		answer_error(request, MHD_HTTP_INSUFFICIENT_STORAGE, &err);
		return;
	}
	request->id[0] = '\0';
	server->uploads--;
	upload_abort(request);
	if (index_put(server->index, &entry, &err) != 0)
		catalogue_repair(server);
	answer_say(request, MHD_HTTP_CREATED, "http://%s/p/%s", host ? host : "", entry.id);
	buffer_printf(&request->location, "/p/%s", entry.id);
}

static void take_facts(struct job *job, const struct job_result *result)
{
	struct request *request = job->context;

	if (result->status == 0) {
		keep(request, &result->facts);
	} else {
		upload_abort(request);
		answer_say(request, STATUS_UNREADABLE, "%s", result->message);
	}
	request_resume(request);
}

void upload_end(struct request *request)
{
	struct job *job;

	if (request->form.parts && !form_end(request)) {
		request->state = REQUEST_ANSWERS;
		return;
	}
	if (!request->bytes) {
		upload_abort(request);
		answer_say(request, MHD_HTTP_BAD_REQUEST,
			"there is nothing in it: send a recording, collapsed stacks or pprof: curl -T FILE");
		return;
	}
	job = job_new(JOB_EXAMINE, take_facts, request);
	job->inputs[0] = request->fd;
	request->fd = -1;
	memcpy(job->names[0], request->target.name, sizeof(job->names[0]));
	request_wait(request, job);
}
