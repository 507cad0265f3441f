/* SPDX-License-Identifier: MIT */
/*
 * The entry of a profile. Beside the file of each profile that was uploaded there is one with what its client
 * said of it, so that the index can be made again from the folder alone. It is read as a stranger's.
 */
#include "config.h"

#include "web/entry.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE "pyrope entry 1"
#define MILLISECONDS_LIMIT INT64_C(253402300800000) /* the year 10000 */

const char *const web_kind_names[WEB_KINDS] = { "recording", "pprof", "collapsed" };
const char *const web_kind_endings[WEB_KINDS] = { ".pyrope", ".pb.gz", ".txt" };

static void clean_in_place(char *text, size_t room)
{
	char copy[WEB_COMMAND_BYTES];

	memcpy(copy, text, room);
	web_clean(text, room, copy, strnlen(copy, room));
}

static int64_t within(int64_t number, int64_t limit)
{
	return number < 0 || number >= limit ? 0 : number;
}

void web_facts_clean(struct web_facts *facts)
{
	if (facts->kind < 0 || facts->kind >= WEB_KINDS)
		facts->kind = WEB_COLLAPSED;
	facts->start_ms = within(facts->start_ms, MILLISECONDS_LIMIT);
	facts->duration_ms = within(facts->duration_ms, MILLISECONDS_LIMIT);
	facts->samples = facts->samples > INT64_MAX ? INT64_MAX : facts->samples;
	clean_in_place(facts->host, sizeof(facts->host));
	clean_in_place(facts->command, sizeof(facts->command));
}

void web_entry_write(const struct web_entry *entry, struct buffer *text)
{
	const struct web_facts *facts = &entry->facts;
	const char *label = entry->labels;

	buffer_printf(text,
		SIGNATURE "\nkind=%" PRId32 "\nstart=%" PRId64 "\nduration=%" PRId64 "\nsamples=%" PRIu64
			  "\nreceived=%" PRId64 "\n",
		facts->kind, facts->start_ms, facts->duration_ms, facts->samples, entry->received_ms);
	buffer_printf(text, "name=%s\nhost=%s\ncommand=%s\n", entry->name, facts->host, facts->command);
	while (*label) {
		const size_t length = strcspn(label, "\n");

		buffer_printf(text, "label.%.*s\n", (int)length, label);
		label += length + (label[length] == '\n');
	}
}

/* ---- reading ---- */

static int64_t number_of(const char *text, size_t length)
{
	char copy[24];
	struct error ignored = { 0 };
	int64_t number = 0;

	if (length < sizeof(copy)) {
		memcpy(copy, text, length);
		copy[length] = '\0';
		parse_integer(copy, "number", 0, INT64_MAX, &number, &ignored);
	}
	return number;
}

/* "name=value" as a label, by the rules for those of a query. */
static void add_label(struct web_entry *entry, const char *text, size_t length)
{
	struct buffer query = { 0 };
	struct web_labels labels;
	struct error ignored = { 0 };
	const size_t used = strlen(entry->labels);

	for (size_t i = 0; i < length; i++) {
		if (strchr("%&+#", text[i]) || !text[i])
			buffer_printf(&query, "%%%02X", (unsigned char)text[i]);
		else
			buffer_append_char(&query, text[i]);
	}
	if (length && web_labels_parse(&labels, query.data, &ignored) == 0 &&
		used + strlen(labels.text) < sizeof(entry->labels))
		memcpy(entry->labels + used, labels.text, strlen(labels.text) + 1);
	buffer_release(&query);
}

void web_entry_add_labels(struct web_entry *entry, const char *text)
{
	while (*text) {
		const size_t length = strcspn(text, "\n");

		add_label(entry, text, length);
		text += length + (text[length] == '\n');
	}
}

static void take_line(struct web_entry *entry, const char *line, size_t length)
{
	struct web_facts *facts = &entry->facts;
	const char *value = memchr(line, '=', length);
	const size_t name_length = value ? (size_t)(value - line) : 0;
	const size_t value_length = value ? length - name_length - 1 : 0;

#define IS(word) (name_length == strlen(word) && memcmp(line, word, strlen(word)) == 0)
	if (!value)
		return;
	value++;
	if (name_length > strlen("label.") && memcmp(line, "label.", strlen("label.")) == 0)
		add_label(entry, line + strlen("label."), length - strlen("label."));
	else if (IS("name"))
		web_name_clean(entry->name, value, value_length);
	else if (IS("host"))
		web_clean(facts->host, sizeof(facts->host), value, value_length);
	else if (IS("command"))
		web_clean(facts->command, sizeof(facts->command), value, value_length);
	else if (IS("received"))
		entry->received_ms = within(number_of(value, value_length), MILLISECONDS_LIMIT);
	else if (IS("start"))
		facts->start_ms = number_of(value, value_length);
	else if (IS("duration"))
		facts->duration_ms = number_of(value, value_length);
	else if (IS("samples"))
		facts->samples = (uint64_t)number_of(value, value_length);
	else if (IS("kind"))
		facts->kind = (int32_t)within(number_of(value, value_length), WEB_KINDS);
#undef IS
}

bool web_entry_parse(struct web_entry *entry, const char *text, size_t length)
{
	const char *end = text + length;

	*entry = (struct web_entry){ .name = "profile" };
	if (length < strlen(SIGNATURE "\n") || memcmp(text, SIGNATURE "\n", strlen(SIGNATURE "\n")) != 0)
		return false;
	while (text < end) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));

		if (!line_end) /* cut off */
			break;
		take_line(entry, text, (size_t)(line_end - text));
		text = line_end + 1;
	}
	web_facts_clean(&entry->facts);
	return true;
}

/* ---- for the page ---- */

void web_entry_append_json(const struct web_entry *entry, struct buffer *text)
{
	const struct web_facts *facts = &entry->facts;
	const char *label = entry->labels;

	buffer_printf(text, "{\"id\":\"%s\",\"name\":", entry->id);
	buffer_append_json(text, entry->name);
	buffer_append_string(text, ",\"host\":");
	buffer_append_json(text, facts->host);
	buffer_append_string(text, ",\"command\":");
	buffer_append_json(text, facts->command);
	buffer_printf(text,
		",\"kind\":\"%s\",\"start\":%" PRId64 ",\"received\":%" PRId64 ",\"duration\":%" PRId64
		",\"samples\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"labels\":[",
		web_kind_names[facts->kind], facts->start_ms, entry->received_ms, facts->duration_ms,
		facts->samples, entry->bytes);
	while (*label) {
		const size_t length = strcspn(label, "\n"), name_length = strcspn(label, "=\n");
		char *name = xstrndup(label, name_length);
		char *value = name_length < length
			? xstrndup(label + name_length + 1, length - name_length - 1)
			: xstrdup("");

		buffer_append_string(text, label == entry->labels ? "[" : ",[");
		buffer_append_json(text, name);
		buffer_append_char(text, ',');
		buffer_append_json(text, value);
		buffer_append_char(text, ']');
		free(name);
		free(value);
		label += length + (label[length] == '\n');
	}
	buffer_append_string(text, "]}");
}
