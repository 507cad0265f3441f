/* SPDX-License-Identifier: MIT */
/*
 * A profile that comes in a form, as of curl -F or of a page: libmicrohttpd takes it apart, and the file in
 * it goes the way of any other upload, within the same limits. There is one file in it, and nothing else.
 */
#include "config.h"

#include "web/server.h"

#include <string.h>
#include <strings.h>

#define PART_BYTES 16384 /* of the form in memory: heads of parts are shorter */

static const char form_type[] = "multipart/form-data";

bool form_is_one(const char *type)
{
	return type && strncasecmp(type, form_type, strlen(form_type)) == 0;
}

static void refuse(struct request *request, const char *why)
{
	upload_abort(request);
	answer_say(request, MHD_HTTP_BAD_REQUEST, "%s: curl -F file=@FILE, or curl -T FILE", why);
	request->state = REQUEST_READS;
}

/* An address that ends in a slash names no profile: then the file does. */
static void take_name(struct request *request, const char *file)
{
	const size_t length = strcspn(request->address, "?#");

	if (length && request->address[length - 1] == '/')
		web_name_clean(request->target.name, file, strlen(file));
}

static enum MHD_Result take_part(void *context, enum MHD_ValueKind kind, const char *key, const char *file,
	const char *type, const char *encoding, const char *bytes, uint64_t offset, size_t length)
{
	struct request *request = context;

	(void)kind;
	(void)key;
	(void)type;
	(void)encoding;
	if (request->state != REQUEST_UPLOADS)
		return MHD_NO;
	if (!file)
		refuse(request,
			"a form has the file and nothing else, and labels stand behind the ? of the address");
	else if (offset == 0 && request->form.has_file)
		refuse(request, "a form has one file");
	else if (offset == 0)
		take_name(request, file);
	request->form.has_file = true;
	if (request->state == REQUEST_UPLOADS)
		upload_take(request, bytes, length);
	return request->state == REQUEST_UPLOADS ? MHD_YES : MHD_NO;
}

bool form_begin(struct request *request)
{
	request->form.parts = MHD_create_post_processor(request->connection, PART_BYTES, take_part, request);
	return request->form.parts != NULL;
}

void form_take(struct request *request, const char *bytes, size_t length)
{
	if (MHD_post_process(request->form.parts, bytes, length) != MHD_YES &&
		request->state == REQUEST_UPLOADS)
		refuse(request, "the form cannot be read");
}

bool form_end(struct request *request)
{
	const bool is_whole = MHD_destroy_post_processor(request->form.parts) == MHD_YES;

	request->form.parts = NULL;
	if (!is_whole)
		refuse(request, "the form is cut off");
	return is_whole;
}

void form_release(struct request *request)
{
	if (request->form.parts)
		MHD_destroy_post_processor(request->form.parts);
	request->form.parts = NULL;
}
