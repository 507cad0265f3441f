/* SPDX-License-Identifier: MIT */
/*
 * What a client of serve chooses: a method, an address with its query, headers, each in a line; then the file
 * that describes a profile. What comes out fits, is terminated, clean, and says nothing that is a path.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "web/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_clean(const char *text, size_t room)
{
	struct buffer clean = { 0 };

	if (strnlen(text, room) == room)
		abort();
	buffer_append(&clean, "", 0);
	utf8_clean(&clean, text, strlen(text));
	if (strcmp(clean.data, text) != 0)
		abort();
	buffer_release(&clean);
}

static void assert_name(const char *name)
{
	assert_clean(name, WEB_NAME_BYTES);
	if (!*name || *name == '.' || strpbrk(name, "/\\"))
		abort();
}

static void use_target(const char *method, const char *address)
{
	static const char *const names[] = { "localhost", "profiles.example" };
	struct web_target target;
	struct web_labels labels;
	struct web_search search;
	struct buffer header = { 0 };
	struct error err = { 0 };

	web_target_parse(&target, method, address);
	if (target.route == ROUTE_UPLOAD) {
		assert_name(target.name);
		web_append_disposition(&header, target.name, ".txt");
		if (!utf8_is_plain(header.data, header.length))
			abort();
	}
	for (size_t i = 0; i < 2; i++)
		if (target.ids[i][0] && strspn(target.ids[i], "0123456789abcdef") != WEB_ID_BYTES - 1)
			abort();
	if (web_labels_parse(&labels, target.query, &err) == 0)
		assert_clean(labels.host, sizeof(labels.host));
	if (strnlen(labels.text, sizeof(labels.text)) == sizeof(labels.text))
		abort();
	web_search_parse(&search, target.query);
	assert_clean(search.text, sizeof(search.text));
	if (search.offset < 0 || search.limit < 1 || search.limit > WEB_LIST_LIMIT)
		abort();
	web_host_is_own(address, names, ARRAY_LENGTH(names));
	web_origin_is_own(address, method);
	web_fetch_is_own(address, method, true);
	buffer_release(&header);
}

/* What was read and is written says the same when it is read again. */
static void use_entry(const char *text, size_t length)
{
	struct web_entry entry, again;
	struct buffer written = { 0 }, json = { 0 }, json_again = { 0 };

	if (!web_entry_parse(&entry, text, length))
		return;
	assert_name(entry.name);
	assert_clean(entry.facts.host, sizeof(entry.facts.host));
	assert_clean(entry.facts.command, sizeof(entry.facts.command));
	web_entry_write(&entry, &written);
	web_entry_append_json(&entry, &json);
	if (!web_entry_parse(&again, written.data, written.length))
		abort();
	web_entry_append_json(&again, &json_again);
	if (strcmp(json.data, json_again.data) != 0)
		abort();
	buffer_release(&written);
	buffer_release(&json);
	buffer_release(&json_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	const char *end = memchr(text, '\n', strlen(text));

	use_entry((const char *)data, size);
	if (end) {
		char *method = xstrndup(text, (size_t)(end - text));
		char *address = xstrndup(end + 1, strcspn(end + 1, "\n"));

		use_target(method, address);
		free(address);
		free(method);
	}
	free(text);
	return 0;
}
