/* SPDX-License-Identifier: MIT */
/*
 * Names, labels and addresses of a client. Whatever comes in, what goes out fits, is terminated and clean: a
 * page, a terminal and a header can take it. No name becomes a path.
 */
#include "config.h"

#include "web/names.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* ---- text ---- */

static int digit_of(char character)
{
	return character >= '0' && character <= '9'    ? character - '0'
		: character >= 'a' && character <= 'f' ? character - 'a' + 10
		: character >= 'A' && character <= 'F' ? character - 'A' + 10
						       : -1;
}

void web_decode(struct buffer *decoded, const char *text, size_t length, bool is_query)
{
	buffer_append(decoded, "", 0);
	for (size_t i = 0; i < length; i++) {
		const bool is_code = text[i] == '%' && i + 2 < length;
		const int high = is_code ? digit_of(text[i + 1]) : -1,
			  low = is_code ? digit_of(text[i + 2]) : -1;

		if (high >= 0 && low >= 0) {
			buffer_append_char(decoded, (char)(high * 16 + low));
			i += 2;
		} else {
			buffer_append_char(decoded, is_query && text[i] == '+' ? ' ' : text[i]);
		}
	}
}

/* As much of the clean text as fits. */
static void copy_fitting(char *copy, size_t room, const char *text, size_t length)
{
	if (length >= room) {
		length = room - 1;
		while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	}
	memcpy(copy, text, length);
	copy[length] = '\0';
}

void web_clean(char *clean, size_t room, const char *bytes, size_t length)
{
	struct buffer text = { 0 };

	buffer_append(&text, "", 0);
	utf8_clean(&text, bytes, length);
	copy_fitting(clean, room, text.data, text.length);
	buffer_release(&text);
}

void web_name_clean(char name[WEB_NAME_BYTES], const char *path, size_t length)
{
	char clean[WEB_NAME_BYTES];
	const char *first = clean;

	for (size_t i = 0; i < length; i++) {
		if (path[i] != '/' && path[i] != '\\')
			continue;
		path += i + 1;
		length -= i + 1;
		i = (size_t)-1;
	}
	web_clean(clean, sizeof(clean), path, length);
	first += strspn(clean, ". -~");
	copy_fitting(name, WEB_NAME_BYTES, *first ? first : "profile", strlen(*first ? first : "profile"));
}

/* ---- labels ---- */

static bool is_label_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	const size_t length = strlen(name);

	return length && length <= WEB_LABEL_BYTES && strspn(name, allowed) == length;
}

/* The next "name=value" of the query, decoded; false: there is none. */
static bool next_parameter(const char **query, struct buffer *name, struct buffer *value)
{
	const char *at = *query + strspn(*query, "&");
	const size_t length = strcspn(at, "&#"), name_length = strcspn(at, "=&#");

	if (!length)
		return false;
	buffer_clear(name);
	buffer_clear(value);
	web_decode(name, at, name_length, true);
	web_decode(value, at + name_length, 0, true);
	if (name_length < length)
		web_decode(value, at + name_length + 1, length - name_length - 1, true);
	*query = at + length;
	return true;
}

static int add_label(struct web_labels *labels, size_t *count, const struct buffer *name,
	const struct buffer *value, struct error *err)
{
	char clean[WEB_VALUE_BYTES + 1];
	const size_t used = strlen(labels->text);

	if (strlen(name->data) != name->length || !is_label_name(name->data))
		return error_set(err, ERROR_USAGE,
			"a label is called by at most %d letters, digits and characters of _.-",
			WEB_LABEL_BYTES);
	if (value->length > WEB_VALUE_BYTES)
		return error_set(err, ERROR_USAGE, "a label's value has at most %d bytes", WEB_VALUE_BYTES);
	web_clean(clean, sizeof(clean), value->data, value->length);
	if (strcmp(name->data, "host") == 0) {
		copy_fitting(labels->host, sizeof(labels->host), clean, strlen(clean));
		return 0;
	}
	if ((*count)++ == WEB_LABELS)
		return error_set(err, ERROR_USAGE, "a profile has at most %d labels", WEB_LABELS);
	/* The room of each suffices: see WEB_LABELS_BYTES. */
	memcpy(labels->text + used, name->data, name->length);
	labels->text[used + name->length] = '=';
	memcpy(labels->text + used + name->length + 1, clean, strlen(clean));
	strcpy(labels->text + used + name->length + 1 + strlen(clean), "\n");
	return 0;
}

int web_labels_parse(struct web_labels *labels, const char *query, struct error *err)
{
	struct buffer name = { 0 }, value = { 0 };
	size_t count = 0;
	int result = 0;

	*labels = (struct web_labels){ .host = "" };
	while (result == 0 && next_parameter(&query, &name, &value))
		result = add_label(labels, &count, &name, &value, err);
	buffer_release(&name);
	buffer_release(&value);
	return result;
}

/* ---- where a request goes ---- */

/* An id at the beginning of text, and nothing but one of the characters in `ends` behind it. */
static bool take_id(char id[WEB_ID_BYTES], const char **text, char end)
{
	if (strspn(*text, "0123456789abcdef") != WEB_ID_BYTES - 1 || (*text)[WEB_ID_BYTES - 1] != end)
		return false;
	memcpy(id, *text, WEB_ID_BYTES - 1);
	id[WEB_ID_BYTES - 1] = '\0';
	*text += WEB_ID_BYTES - 1 + (end != '\0');
	return true;
}

static void parse_profile(struct web_target *target, const char *rest)
{
	const char *at = rest;

	if (take_id(target->ids[0], &at, '\0')) {
		target->route = ROUTE_PROFILE;
		strcpy(target->format, "html");
		return;
	}
	at = rest;
	if (!take_id(target->ids[0], &at, '/') || strlen(at) >= WEB_FORMAT_BYTES ||
		strspn(at, "abcdefghijklmnopqrstuvwxyz") != strlen(at) || !*at)
		return;
	target->route = ROUTE_PROFILE;
	strcpy(target->format, at);
}

static void parse_get(struct web_target *target, const char *path)
{
	static const struct {
		const char *path;
		enum web_route route;
		const char *file;
	} rows[] = {
		{ "/", ROUTE_PAGE, "page.html" },
		{ "/page.css", ROUTE_PAGE, "page.css" },
		{ "/page.js", ROUTE_PAGE, "page.js" },
		{ "/api/profiles", ROUTE_LIST, "" },
		{ "/api/hello", ROUTE_HELLO, "" },
	};
	const char *rest = path + strlen("/diff/");

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		if (strcmp(rows[i].path, path) != 0)
			continue;
		target->route = rows[i].route;
		strcpy(target->format, rows[i].file);
		return;
	}
	if (strncmp(path, "/p/", strlen("/p/")) == 0)
		parse_profile(target, path + strlen("/p/"));
	else if (strncmp(path, "/diff/", strlen("/diff/")) == 0 && take_id(target->ids[0], &rest, '/') &&
		take_id(target->ids[1], &rest, '\0'))
		target->route = ROUTE_DIFF;
}

void web_target_parse(struct web_target *target, const char *method, const char *address)
{
	const size_t length = strcspn(address, "?#");
	struct buffer path = { 0 };

	*target = (struct web_target){ .query = address[length] == '?' ? address + length + 1 : "" };
	web_decode(&path, address, length, false);
	if (strlen(path.data) != path.length) {
		/* a NUL in it: it leads nowhere */
	} else if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
		parse_get(target, path.data);
	} else if (strcmp(method, "DELETE") == 0) {
		parse_get(target, path.data);
		target->route = target->route == ROUTE_PROFILE && strcmp(target->format, "html") == 0
			? ROUTE_DELETE
			: ROUTE_NONE;
	} else if (strcmp(method, "POST") == 0 && strcmp(path.data, "/api/login") == 0) {
		target->route = ROUTE_LOGIN;
	} else if (strcmp(method, "PUT") == 0 || strcmp(method, "POST") == 0) {
		target->route = ROUTE_UPLOAD;
		web_name_clean(target->name, path.data, path.length);
	}
	buffer_release(&path);
}

void web_search_parse(struct web_search *search, const char *query)
{
	struct buffer name = { 0 }, value = { 0 };
	struct error ignored = { 0 };

	*search = (struct web_search){ .descending = true, .limit = WEB_LIST_LIMIT };
	while (next_parameter(&query, &name, &value)) {
		if (strcmp(name.data, "q") == 0)
			web_clean(search->text, sizeof(search->text), value.data, value.length);
		else if (strcmp(name.data, "sort") == 0)
			web_clean(search->sort, sizeof(search->sort), value.data, value.length);
		else if (strcmp(name.data, "order") == 0)
			search->descending = strcmp(value.data, "up") != 0;
		else if (strcmp(name.data, "offset") == 0)
			parse_integer(value.data, "offset", 0, INT32_MAX, &search->offset, &ignored);
		else if (strcmp(name.data, "limit") == 0)
			parse_integer(value.data, "limit", 1, WEB_LIST_LIMIT, &search->limit, &ignored);
	}
	buffer_release(&name);
	buffer_release(&value);
}

/* ---- may it? ---- */

/* Is host[0..length) a number of an address, with brackets around one of IPv6? */
static bool is_number(const char *host, size_t length)
{
	unsigned char address[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];
	const bool is_v6 = length > 2 && host[0] == '[' && host[length - 1] == ']';

	host += is_v6;
	length -= is_v6 ? 2 : 0;
	if (length >= sizeof(text))
		return false;
	memcpy(text, host, length);
	text[length] = '\0';
	return inet_pton(is_v6 ? AF_INET6 : AF_INET, text, address) == 1;
}

bool web_host_is_own(const char *host, const char *const *names, size_t count)
{
	const char *behind;
	size_t length;

	if (!host)
		return false;
	behind = host[0] == '[' ? strchr(host, ']') : host + strcspn(host, ":");
	if (!behind)
		return false;
	behind += *behind == ']';
	length = (size_t)(behind - host);
	if (*behind && (*behind != ':' || strspn(behind + 1, "0123456789") != strlen(behind + 1)))
		return false;
	if (is_number(host, length))
		return true;
	for (size_t i = 0; i < count; i++)
		if (strlen(names[i]) == length && strncasecmp(names[i], host, length) == 0)
			return true;
	return false;
}

bool web_origin_is_own(const char *origin, const char *host)
{
	static const char *const schemes[] = { "http://", "https://" };

	if (!origin)
		return true;
	for (size_t i = 0; host && i < ARRAY_LENGTH(schemes); i++) {
		const size_t length = strlen(schemes[i]);

		if (strncmp(origin, schemes[i], length) == 0 && strcasecmp(origin + length, host) == 0)
			return true;
	}
	return false;
}

bool web_fetch_is_own(const char *site, const char *mode, bool is_get)
{
	if (!site || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0)
		return true;
	return is_get && mode && strcmp(mode, "navigate") == 0;
}

bool web_is_equal_secret(const char *one, const char *other)
{
	const size_t length = strlen(one);
	unsigned different = length != strlen(other);

	for (size_t i = 0; i < length && !(i && !other[i - 1]); i++)
		different |= (unsigned)(unsigned char)one[i] ^ (unsigned char)other[i];
	return !different;
}

void web_append_disposition(struct buffer *text, const char *name, const char *ending)
{
	static const char kept[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	buffer_append_string(text, "attachment; filename=\"");
	for (const char *at = name; *at; at++)
		if (((unsigned char)*at & 0xc0) != 0x80) /* each character once */
			buffer_append_char(text, strchr(kept, *at) ? *at : '_');
	buffer_printf(text, "%s\"; filename*=UTF-8''", ending);
	for (const char *at = name; *at; at++) {
		if (strchr(kept, *at))
			buffer_append_char(text, *at);
		else
			buffer_printf(text, "%%%02X", (unsigned char)*at);
	}
	buffer_append_string(text, ending);
}
