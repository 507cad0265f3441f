/* SPDX-License-Identifier: MIT */
/* The client where libcurl is missing. */
#include "config.h"

#include "pyrope/web.h"

bool web_push_available(void)
{
	return false;
}

static int refuse(const char *url, struct error *err)
{
	return error_set(err, ERROR_UNSUPPORTED,
		"cannot send to '%.256s': this pyrope was built without libcurl: write a file, and send it "
		"with curl -T",
		url);
}

const char *web_push_library_version(void)
{
	return "(not installed)";
}

int web_push_check(const char *url, const char *token_file, struct error *err)
{
	(void)token_file;
	return refuse(url, err);
}

int web_push(const char *url, const char *token_file, const char *path, char **place, struct error *err)
{
	(void)token_file;
	(void)path;
	*place = NULL;
	return refuse(url, err);
}
