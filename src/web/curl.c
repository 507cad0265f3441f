/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "web/curl.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* Debian has a second one beside it. */
static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4" };

static const struct {
	const char *name;
	size_t at;
} calls[] = {
#define CURL_CALL(name) { #name, offsetof(struct curl_calls, name) },
	CURL_CALLS(CURL_CALL)
#undef CURL_CALL
};

const struct curl_calls *curl_load(struct error *err)
{
	static struct curl_calls loaded;
	static bool is_loaded;
	void *library = NULL;

	if (is_loaded)
		return &loaded;
	for (size_t i = 0; i < ARRAY_LENGTH(names) && !library; i++)
		library = dlopen(names[i], RTLD_NOW);
	if (!library) {
		error_set(
			err, ERROR_SYSTEM, "cannot load libcurl, which sends: %.200s: install it", dlerror());
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(calls); i++) {
		void *call = dlsym(library, calls[i].name);

		if (!call) {
			error_set(err, ERROR_SYSTEM, "this libcurl has no %s: install a newer one",
				calls[i].name);
			return NULL;
		}
		memcpy((char *)&loaded + calls[i].at, &call, sizeof(call));
	}
	if (loaded.curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
		error_set(err, ERROR_SYSTEM, "cannot start libcurl");
		return NULL;
	}
	is_loaded = true;
	return &loaded;
}
