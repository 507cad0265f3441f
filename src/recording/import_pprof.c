/* SPDX-License-Identifier: MIT */
/*
 * A profile of Go's pprof (proto/profile.proto of google/pprof), of any tool that writes one: a message,
 * mostly packed with gzip. Texts, functions and locations may stand behind the samples that use them, so they
 * are read first. The file is untrusted: what it unpacks to and the number of each thing have a limit,
 * numbers of things are looked up and never taken for places. A few bytes can name a large text again, or
 * 128 frames; zeros pack to a thousandth: so there are limits for what is made of the file, too.
 */
#include "config.h"

#include "pyrope/pprof.h"
#include "recording/import_pprof.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define FILE_LIMIT_BYTES (256u << 20) /* unpacked */
#define WEIGHT_LIMIT 100000000000     /* of one sample */
#define CHUNK_BYTES 65536

/*
 * A file of 256 MB has some 128 MB of texts, and three lines of a function that are used; its samples have
 * 100 million locations.
 */
#define NAMES_LIMIT_BYTES (512u << 20)  /* of function, file and mapping, for each line of a location */
#define LABELS_LIMIT_BYTES (256u << 20) /* texts of threads, processes and states */
#define STACK_LIMIT_BYTES (512u << 20)  /* of the names and files in one stack */
#define STACK_LIMIT 10000000            /* frames of a sample: the largest --max-depth */
#define FRAMES_LIMIT (1u << 30)         /* of all samples: a second or two */
/* Frames that the sample before does not have, from its root on: each may become a node of a tree. */
#define DIFFERENT_FRAMES_LIMIT (16u << 20)

/* ---- which values are numbers of samples ---- */

/* Numbers of samples; else times, which the period divides; else another number of events. */
static int choose_column(struct pprof *pprof)
{
	struct buffer names = { 0 };

	pprof->unit = 1;
	for (pprof->column = 0; pprof->column < pprof->column_count; pprof->column++)
		if (pprof_is_text(pprof, pprof->columns[pprof->column].type, "samples") &&
			pprof_is_text(pprof, pprof->columns[pprof->column].unit, "count"))
			return 0;
	for (pprof->column = 0; pprof->column < pprof->column_count; pprof->column++)
		if (pprof->period && pprof->period <= INT64_MAX && pprof->period_type.unit &&
			pprof->columns[pprof->column].type == pprof->period_type.type &&
			pprof->columns[pprof->column].unit == pprof->period_type.unit) {
			pprof->unit = pprof->period;
			return 0;
		}
	for (pprof->column = 0; pprof->column < pprof->column_count; pprof->column++)
		if (pprof_is_text(pprof, pprof->columns[pprof->column].unit, "count"))
			return 0;
	for (size_t i = 0; i < pprof->column_count && i < 4; i++) {
		buffer_append_string(&names, i ? ", " : "");
		pprof_append_text(pprof, pprof->columns[i].type, &names);
		buffer_append_string(&names, " in ");
		pprof_append_text(pprof, pprof->columns[i].unit, &names);
	}
	error_set(pprof->err, ERROR_UNSUPPORTED,
		"'%.256s' does not say how many samples there were: it has %.256s, and a number is needed",
		pprof->name, names.length ? names.data : "no values");
	buffer_release(&names);
	return -1;
}

/* ---- frames ---- */

static bool ends_with(const char *text, const char *ending)
{
	const size_t length = strlen(text), own = strlen(ending);

	return length >= own && strcmp(text + length - own, ending) == 0;
}

/* Python's files, and its code without one ("<string>"); pyrope writes a mapping for all of it. */
static enum function_kind kind_of(const char *name, const char *file, const char *mapping)
{
	if (name[0] == '(' && !*file && !*mapping)
		return FUNCTION_MARKER;
	if (strcmp(mapping, "Python") == 0 || ends_with(file, ".py") ||
		(file[0] == '<' && ends_with(file, ">")))
		return FUNCTION_PYTHON;
	return FUNCTION_NATIVE;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* function NULL: nothing is known but the address. Result NULL: there are too many names. */
static const struct function *name_frame(
	struct pprof *pprof, const struct pprof_location *location, const struct pprof_function *function)
{
	struct buffer name = { 0 }, file = { 0 }, mapping = { 0 };
	const uint64_t *mapping_file = u64_map_get(&pprof->mapping_files, location->mapping);
	struct function like = { .first_line = 0 };
	const struct function *found = NULL;

	pprof_append_text(pprof, mapping_file ? *mapping_file : 0, &mapping);
	pprof_append_text(pprof, function ? function->name : 0, &name);
	pprof_append_text(pprof, function ? function->file : 0, &file);
	if (!name.length && location->address)
		buffer_printf(&name, "0x%" PRIx64, location->address);
	else if (!name.length)
		buffer_append_string(&name, "?");
	like.kind = function ? kind_of(name.data, file.data, mapping.data) : FUNCTION_NATIVE;
	like.name = name.data;
	like.file = like.kind == FUNCTION_NATIVE && !file.length ? base_of(mapping.data) : file.data;
	if (like.kind == FUNCTION_PYTHON && function->start_line <= INT_MAX)
		like.first_line = (int)function->start_line;
	pprof->name_bytes += name.length + file.length + mapping.length;
	if (pprof->name_bytes <= NAMES_LIMIT_BYTES)
		found = functions_intern(pprof->functions, &like);
	else
		pprof_fail(pprof, "the names of its functions are too long in all");
	buffer_release(&name);
	buffer_release(&file);
	buffer_release(&mapping);
	return found;
}

static size_t frame_count(const struct pprof_location *location)
{
	return location->line_count ? location->line_count : 1;
}

static int name_location(struct pprof *pprof, struct pprof_location *location)
{
	location->frames = xcalloc(frame_count(location), sizeof(*location->frames));
	for (size_t i = 0; i < frame_count(location); i++) {
		const struct pprof_line *line =
			location->line_count ? &pprof->lines[location->first_line + i] : NULL;
		const uint64_t *number = line ? u64_map_get(&pprof->function_ids, line->function) : NULL;

		location->frames[i] = (struct sample_frame){
			name_frame(pprof, location, number ? &pprof->function_list[*number] : NULL),
			number && line->line <= INT_MAX ? (int)line->line : 0
		};
		if (!location->frames[i].function)
			return -1;
		location->text_bytes += strlen(location->frames[i].function->name) +
			strlen(location->frames[i].function->file);
	}
	return 0;
}

/* ---- samples ---- */

static int fail_depth(const struct pprof *pprof)
{
	return pprof_fail(pprof, "the stack of a sample is too deep");
}

static int push_location(struct pprof *pprof, uint64_t id)
{
	const uint64_t *number = u64_map_get(&pprof->location_ids, id);

	if (!number)
		return pprof_fail(pprof, "a sample is at a location that is not in it");
	if (pprof->stack_count >= STACK_LIMIT)
		return fail_depth(pprof);
	array_reserve(&pprof->stack, &pprof->stack_capacity, pprof->stack_count + 1, sizeof(*pprof->stack));
	pprof->stack[pprof->stack_count++] = *number;
	return 0;
}

static void take_value(const struct pprof *pprof, size_t column, uint64_t value, uint64_t *chosen)
{
	if (column == pprof->column)
		*chosen = value;
}

/* What tools call them. */
static bool has_key(const struct pprof *pprof, uint64_t key, const char *name, const char *other)
{
	return pprof_is_text(pprof, key, name) || pprof_is_text(pprof, key, other);
}

static void take_state(const char *state, struct sample *sample)
{
	if (strcmp(state, "idle") == 0)
		sample->quality = SAMPLE_IDLE;
	for (size_t i = THREAD_UNKNOWN + 1; i < THREAD_STATES; i++)
		if (strcmp(state, thread_state_names[i]) == 0)
			sample->state = (enum thread_state)i;
}

/* Texts or numbers. The text of a label that says nothing to us is not looked at. */
static int read_label(struct pprof *pprof, struct message message, struct sample *sample)
{
	uint64_t values[PPROF_LABEL_NUMBER + 1] = { 0 }, key, number;
	bool is_thread, is_tid, is_pid;
	struct buffer text = { 0 };

	if (pprof_read_numbers(pprof, message, values, ARRAY_LENGTH(values)) != 0)
		return -1;
	key = values[PPROF_LABEL_KEY];
	is_thread = has_key(pprof, key, "thread", "thread_name");
	is_tid = has_key(pprof, key, "thread_id", "tid");
	is_pid = has_key(pprof, key, "pid", "process_id");
	if (!is_thread && !is_tid && !is_pid && !pprof_is_text(pprof, key, "state"))
		return 0;
	pprof_append_text(pprof, values[PPROF_LABEL_TEXT], &text);
	pprof->label_bytes += text.length;
	number = values[PPROF_LABEL_TEXT] ? strtoull(text.data, NULL, 10) : values[PPROF_LABEL_NUMBER];
	number = number <= INT_MAX ? number : 0;
	if (is_thread) {
		buffer_clear(&pprof->thread);
		buffer_append_string(&pprof->thread, text.data);
	} else if (is_tid) {
		sample->tid = (pid_t)number;
	} else if (is_pid) {
		sample->pid = (pid_t)number;
	} else {
		take_state(text.data, sample);
	}
	buffer_release(&text);
	return pprof->label_bytes <= LABELS_LIMIT_BYTES
		? 0
		: pprof_fail(pprof, "the labels of its samples are too long in all");
}

static int read_list(struct pprof *pprof, const struct message_field *field, size_t *column, uint64_t *value)
{
	struct message list = field->within;
	enum message_step step = MESSAGE_END;
	uint64_t number = field->value;

	while (!field->has_bytes || (step = message_next_number(&list, &number)) == MESSAGE_FIELD) {
		if (field->number == PPROF_SAMPLE_VALUE)
			take_value(pprof, (*column)++, number, value);
		else if (push_location(pprof, number) != 0)
			return -1;
		if (!field->has_bytes)
			break;
	}
	return step == MESSAGE_MALFORMED ? pprof_malformed(pprof) : 0;
}

/* The frames of the stack, outermost first. */
static int unfold_stack(struct pprof *pprof, struct sample *sample)
{
	size_t count = 0, same = 0, text_bytes = 0;

	for (size_t i = pprof->stack_count; i-- > 0;) {
		struct pprof_location *location = &pprof->locations[pprof->stack[i]];

		if (!location->frames && name_location(pprof, location) != 0)
			return -1;
		if (frame_count(location) > STACK_LIMIT - count ||
			location->text_bytes > STACK_LIMIT_BYTES - text_bytes)
			return fail_depth(pprof);
		text_bytes += location->text_bytes;
		array_reserve(&pprof->frames, &pprof->frame_capacity, count + frame_count(location),
			sizeof(*pprof->frames));
		for (size_t j = frame_count(location); j-- > 0; count++) {
			const struct sample_frame *frame = &location->frames[j];
			struct sample_frame *place = &pprof->frames[count];

			if (same == count && count < pprof->frame_count &&
				place->function == frame->function && place->line == frame->line)
				same++;
			*place = *frame;
		}
	}
	pprof->frame_count = count;
	pprof->given_frames += count;
	pprof->different_frame_count += count - same;
	if (pprof->given_frames > FRAMES_LIMIT || pprof->different_frame_count > DIFFERENT_FRAMES_LIMIT)
		return pprof_fail(pprof, "the stacks of its samples are too many and too deep");
	sample->frames = pprof->frames;
	sample->frame_count = count;
	return 0;
}

static int read_sample(struct pprof *pprof, struct message message)
{
	struct sample sample = { .process_name = "", .syscall_number = -1, .quality = SAMPLE_VERIFIED };
	struct event event = { .kind = EVENT_SAMPLE, .sample = &sample, .is_untimed = true };
	struct message_field field;
	enum message_step step;
	size_t column = 0;
	uint64_t value = 0;

	pprof->stack_count = 0;
	buffer_clear(&pprof->thread);
	buffer_append_string(&pprof->thread, "");
	while ((step = message_next(&message, &field)) == MESSAGE_FIELD) {
		if (field.number == PPROF_SAMPLE_LABEL && field.has_bytes) {
			if (read_label(pprof, field.within, &sample) != 0)
				return -1;
		} else if (field.number == PPROF_SAMPLE_LOCATION || field.number == PPROF_SAMPLE_VALUE) {
			if (read_list(pprof, &field, &column, &value) != 0)
				return -1;
		}
	}
	if (step != MESSAGE_END)
		return pprof_malformed(pprof);
	if (column != pprof->column_count)
		return pprof_fail(
			pprof, "a sample has another number of values than there are types of them");
	if (value > INT64_MAX)
		return pprof_fail(pprof, "a sample has a negative number: is it the difference of two?");
	event.weight = value / pprof->unit + (value % pprof->unit >= pprof->unit - value % pprof->unit);
	if (event.weight > WEIGHT_LIMIT)
		return pprof_fail(pprof, "a sample has a number that is too large");
	if (!event.weight)
		return 0;
	if (unfold_stack(pprof, &sample) != 0)
		return -1;
	sample.thread_name = pprof->thread.data;
	sample.weight = event.weight;
	event.pid = sample.pid;
	return sink_take(pprof->sink, &event, pprof->err);
}

static int read_samples(struct pprof *pprof)
{
	struct message rest = pprof->whole;
	struct message_field field;

	while (message_next(&rest, &field) == MESSAGE_FIELD)
		if (field.number == PPROF_PROFILE_SAMPLE && field.has_bytes &&
			read_sample(pprof, field.within) != 0)
			return -1;
	return 0;
}

/* ---- bytes ---- */

static int append_limited(
	struct buffer *buffer, const void *bytes, size_t length, const char *name, struct error *err)
{
	if (length > FILE_LIMIT_BYTES - buffer->length)
		return error_set(err, ERROR_UNSUPPORTED,
			"'%.256s' has more than %u MB unpacked, which is too much", name,
			FILE_LIMIT_BYTES >> 20);
	buffer_append(buffer, bytes, length);
	return 0;
}

static int read_bytes(int fd, const char *name, struct buffer *bytes, struct error *err)
{
	char chunk[CHUNK_BYTES];
	ssize_t count;

	while ((count = read(fd, chunk, sizeof(chunk))) != 0) {
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return error_set_errno(err, ERROR_SYSTEM, errno, "cannot read '%.256s'", name);
		if (append_limited(bytes, chunk, (size_t)count, name, err) != 0)
			return -1;
	}
	return 0;
}

/* One gzip stream behind the other, as gzip(1) takes them. */
static int unpack(const struct buffer *packed, const char *name, struct buffer *bytes, struct error *err)
{
	z_stream stream = { .next_in = (unsigned char *)packed->data, .avail_in = (unsigned)packed->length };
	unsigned char chunk[CHUNK_BYTES];
	int status, result = 0;

	if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK)
		return error_set(err, ERROR_SYSTEM, "no memory to read '%.256s'", name);
	do {
		stream.next_out = chunk;
		stream.avail_out = sizeof(chunk);
		status = inflate(&stream, Z_NO_FLUSH);
		result = append_limited(bytes, chunk, sizeof(chunk) - stream.avail_out, name, err);
		if (status == Z_STREAM_END && stream.avail_in && result == 0)
			status = inflateReset(&stream);
	} while (status == Z_OK && result == 0);
	if (result == 0 && status != Z_STREAM_END)
		result = error_set(err, ERROR_UNSUPPORTED, "'%.256s' is %s: its gzip stream %s", name,
			status == Z_BUF_ERROR ? "cut off" : "damaged",
			status == Z_BUF_ERROR ? "does not end" : "cannot be unpacked");
	inflateEnd(&stream);
	return result;
}

/* ---- interface ---- */

static bool is_packed(const void *bytes, size_t length)
{
	return length >= 2 && memcmp(bytes, "\x1f\x8b", 2) == 0;
}

/* Not packed, it begins with a type of values: collapsed stacks have no such bytes. */
bool pprof_recognise(const void *bytes, size_t length)
{
	const unsigned char *at = bytes;

	return is_packed(bytes, length) ||
		(length >= 3 && at[0] == (PPROF_PROFILE_SAMPLE_TYPE << 3 | 2) && at[1] < ' ' &&
			(at[2] == 0x08 || at[2] == 0x10));
}

static void release(struct pprof *pprof)
{
	for (size_t i = 0; i < pprof->location_count; i++)
		free(pprof->locations[i].frames);
	free(pprof->texts);
	free(pprof->function_list);
	free(pprof->lines);
	free(pprof->locations);
	free(pprof->stack);
	free(pprof->frames);
	u64_map_release(&pprof->mapping_files);
	u64_map_release(&pprof->function_ids);
	u64_map_release(&pprof->location_ids);
	buffer_release(&pprof->thread);
}

int pprof_read(int fd, const char *name, struct functions *functions, struct sink *sink, struct error *err)
{
	struct buffer packed = { 0 }, bytes = { 0 };
	struct pprof pprof = { .name = name, .functions = functions, .sink = sink, .err = err };
	int result = read_bytes(fd, name, &packed, err);
	struct buffer *whole = &packed;

	if (result == 0 && is_packed(packed.data, packed.length)) {
		result = unpack(&packed, name, &bytes, err);
		buffer_release(&packed);
		packed = (struct buffer){ 0 };
		whole = &bytes;
	}
	if (result == 0) {
		pprof.whole = (struct message){ (const unsigned char *)whole->data, whole->length };
		result = pprof_read_tables(&pprof) != 0 || choose_column(&pprof) != 0 ||
				read_samples(&pprof) != 0
			? -1
			: 0;
	}
	release(&pprof);
	buffer_release(&packed);
	buffer_release(&bytes);
	return result;
}
