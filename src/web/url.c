/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "pyrope/web.h"

#include <string.h>
#include <strings.h>

bool web_is_url(const char *path)
{
	return strncasecmp(path, "http://", strlen("http://")) == 0 ||
		strncasecmp(path, "https://", strlen("https://")) == 0;
}
