/* SPDX-License-Identifier: MIT */
/* The server where libmicrohttpd or sqlite is missing. */
#include "config.h"

#include "pyrope/web.h"

bool web_available(void)
{
	return false;
}

int web_serve(const struct web_options *options, struct error *err)
{
	(void)options;
	return error_set(err, ERROR_UNSUPPORTED,
		"this pyrope was built without serve: build it where libmicrohttpd and sqlite are installed");
}
