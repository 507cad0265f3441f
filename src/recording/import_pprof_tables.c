/* SPDX-License-Identifier: MIT */
/*
 * What the samples of a profile of pprof use: texts, types of values, mappings, functions, locations. They
 * are kept with the numbers that they have in the file, which are looked up when a sample needs them
 * (import_pprof.c). All of it is untrusted: of each there may be so many and no more.
 */
#include "config.h"

#include "pyrope/pprof.h"
#include "recording/import_pprof.h"

#include <string.h>

#define THINGS_LIMIT 8000000 /* texts; functions; locations; lines of them */
/* Functions at one location: so frames cannot be many times the bytes of the file. */
#define INLINED_LIMIT 128
#define TEXT_LIMIT_BYTES (1u << 20)

int pprof_fail(const struct pprof *pprof, const char *why)
{
	return error_set(pprof->err, ERROR_UNSUPPORTED,
		"'%.256s' is no profile of pprof that can be read: %s", pprof->name, why);
}

int pprof_malformed(const struct pprof *pprof)
{
	return pprof_fail(pprof, "its fields are cut off or wrong");
}

/* ---- texts ---- */

void pprof_append_text(const struct pprof *pprof, uint64_t number, struct buffer *buffer)
{
	buffer_append_string(buffer, "");
	if (number < pprof->text_count) {
		const struct message *text = &pprof->texts[number];

		utf8_clean(buffer, (const char *)text->bytes,
			text->length < TEXT_LIMIT_BYTES ? text->length : TEXT_LIMIT_BYTES);
	}
}

bool pprof_is_text(const struct pprof *pprof, uint64_t number, const char *wanted)
{
	return number < pprof->text_count && pprof->texts[number].length == strlen(wanted) &&
		memcmp(pprof->texts[number].bytes, wanted, strlen(wanted)) == 0;
}

/* ---- what samples use ---- */

int pprof_read_numbers(const struct pprof *pprof, struct message message, uint64_t *values, size_t count)
{
	struct message_field field;
	enum message_step step;

	while ((step = message_next(&message, &field)) == MESSAGE_FIELD)
		if (!field.has_bytes && field.number < count)
			values[field.number] = field.value;
	return step == MESSAGE_END ? 0 : pprof_malformed(pprof);
}

static int add_text(struct pprof *pprof, struct message text)
{
	if (pprof->text_count >= THINGS_LIMIT)
		return pprof_fail(pprof, "it has too many texts");
	array_reserve(&pprof->texts, &pprof->text_capacity, pprof->text_count + 1, sizeof(*pprof->texts));
	pprof->texts[pprof->text_count++] = text;
	return 0;
}

static int add_column(struct pprof *pprof, struct message message)
{
	uint64_t values[PPROF_TYPE_UNIT + 1] = { 0 };

	if (pprof->column_count >= PPROF_COLUMNS_LIMIT)
		return pprof_fail(pprof, "it has too many types of values");
	if (pprof_read_numbers(pprof, message, values, ARRAY_LENGTH(values)) != 0)
		return -1;
	pprof->columns[pprof->column_count++] =
		(struct pprof_value_type){ values[PPROF_TYPE_TYPE], values[PPROF_TYPE_UNIT] };
	return 0;
}

static int add_mapping(struct pprof *pprof, struct message message)
{
	uint64_t values[PPROF_MAPPING_FILE + 1] = { 0 };

	if (pprof->mapping_files.count >= THINGS_LIMIT)
		return pprof_fail(pprof, "it has too many mappings");
	if (pprof_read_numbers(pprof, message, values, ARRAY_LENGTH(values)) != 0)
		return -1;
	u64_map_put(&pprof->mapping_files, values[PPROF_MAPPING_ID], values[PPROF_MAPPING_FILE]);
	return 0;
}

static int add_function(struct pprof *pprof, struct message message)
{
	uint64_t values[PPROF_FUNCTION_START + 1] = { 0 };

	if (pprof->function_count >= THINGS_LIMIT)
		return pprof_fail(pprof, "it has too many functions");
	if (pprof_read_numbers(pprof, message, values, ARRAY_LENGTH(values)) != 0)
		return -1;
	array_reserve(&pprof->function_list, &pprof->function_capacity, pprof->function_count + 1,
		sizeof(*pprof->function_list));
	u64_map_put(&pprof->function_ids, values[PPROF_FUNCTION_ID], pprof->function_count);
	pprof->function_list[pprof->function_count++] =
		(struct pprof_function){ values[PPROF_FUNCTION_NAME] ? values[PPROF_FUNCTION_NAME]
								     : values[PPROF_FUNCTION_SYSTEM_NAME],
			values[PPROF_FUNCTION_FILE], values[PPROF_FUNCTION_START] };
	return 0;
}

static int add_line(struct pprof *pprof, struct pprof_location *location, struct message message)
{
	uint64_t values[PPROF_LINE_LINE + 1] = { 0 };

	if (pprof->line_count >= THINGS_LIMIT || location->line_count >= INLINED_LIMIT)
		return pprof_fail(pprof, "it has too many functions at its locations");
	if (pprof_read_numbers(pprof, message, values, ARRAY_LENGTH(values)) != 0)
		return -1;
	array_reserve(&pprof->lines, &pprof->line_capacity, pprof->line_count + 1, sizeof(*pprof->lines));
	pprof->lines[pprof->line_count++] =
		(struct pprof_line){ values[PPROF_LINE_FUNCTION], values[PPROF_LINE_LINE] };
	location->line_count++;
	return 0;
}

static int add_location(struct pprof *pprof, struct message message)
{
	struct pprof_location location = { .first_line = pprof->line_count };
	struct message_field field;
	enum message_step step;
	uint64_t values[PPROF_LOCATION_ADDRESS + 1] = { 0 };

	if (pprof->location_count >= THINGS_LIMIT)
		return pprof_fail(pprof, "it has too many locations");
	while ((step = message_next(&message, &field)) == MESSAGE_FIELD) {
		if (field.number == PPROF_LOCATION_LINE && field.has_bytes) {
			if (add_line(pprof, &location, field.within) != 0)
				return -1;
		} else if (!field.has_bytes && field.number < ARRAY_LENGTH(values)) {
			values[field.number] = field.value;
		}
	}
	if (step != MESSAGE_END)
		return pprof_malformed(pprof);
	array_reserve(&pprof->locations, &pprof->location_capacity, pprof->location_count + 1,
		sizeof(*pprof->locations));
	location.mapping = values[PPROF_LOCATION_MAPPING];
	location.address = values[PPROF_LOCATION_ADDRESS];
	u64_map_put(&pprof->location_ids, values[PPROF_LOCATION_ID], pprof->location_count);
	pprof->locations[pprof->location_count++] = location;
	return 0;
}

static int read_period_type(struct pprof *pprof, struct message message)
{
	uint64_t values[PPROF_TYPE_UNIT + 1] = { 0 };

	if (pprof_read_numbers(pprof, message, values, ARRAY_LENGTH(values)) != 0)
		return -1;
	pprof->period_type = (struct pprof_value_type){ values[PPROF_TYPE_TYPE], values[PPROF_TYPE_UNIT] };
	return 0;
}

int pprof_read_tables(struct pprof *pprof)
{
	static int (*const readers[])(struct pprof * pprof, struct message message) = {
		[PPROF_PROFILE_SAMPLE_TYPE] = add_column,
		[PPROF_PROFILE_MAPPING] = add_mapping,
		[PPROF_PROFILE_LOCATION] = add_location,
		[PPROF_PROFILE_FUNCTION] = add_function,
		[PPROF_PROFILE_STRING] = add_text,
		[PPROF_PROFILE_PERIOD_TYPE] = read_period_type,
	};
	struct message rest = pprof->whole;
	struct message_field field;
	enum message_step step;

	while ((step = message_next(&rest, &field)) == MESSAGE_FIELD) {
		if (field.has_bytes && field.number < ARRAY_LENGTH(readers) && readers[field.number] &&
			readers[field.number](pprof, field.within) != 0)
			return -1;
		if (!field.has_bytes && field.number == PPROF_PROFILE_PERIOD)
			pprof->period = field.value;
	}
	return step == MESSAGE_END ? 0 : pprof_malformed(pprof);
}
