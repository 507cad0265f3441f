/* SPDX-License-Identifier: MIT */
/*
 * The file and its blocks. The file is untrusted: a block is believed only when its checksum is right and no
 * block is missing before it, every number is compared with what has been defined so far, and what is defined
 * has limits. Whatever is wrong ends the reading at the block before: what was given to the sink until then
 * is right.
 */
#include "config.h"

#include "recording/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool recording_recognise(const void *bytes, size_t length)
{
	const size_t there = length < SIGNATURE_BYTES ? length : SIGNATURE_BYTES;

	return there > 0 && memcmp(bytes, RECORDING_SIGNATURE, there) == 0;
}

/* What was given until now is right; this block and what follows is not read. */
static void damaged(struct reader *reader, const char *why)
{
	reader->end->is_damaged = true;
	snprintf(reader->end->note, sizeof(reader->end->note),
		"it is damaged behind byte %llu (%s): what stands there was not read",
		(unsigned long long)reader->end->offset, why);
}

static int read_events(struct reader *reader)
{
	struct cursor all = { (unsigned char *)reader->plain.data,
		(unsigned char *)reader->plain.data + reader->plain.length, false };

	for (size_t i = 0; i < COLUMNS; i++) {
		size_t length = 0;
		const char *bytes = wire_get_text(&all, &length);

		if (!bytes)
			break;
		reader->columns[i] = (struct cursor){ (const unsigned char *)bytes,
			(const unsigned char *)bytes + length, false };
	}
	if (all.bad) {
		damaged(reader, "a block makes no sense");
		return 0;
	}
	reader->selected = NULL;
	reader_read_definitions(reader);
	if (reader_read_operations(reader) != 0)
		return -1;
	if (reader_is_bad(reader))
		damaged(reader, "a block makes no sense");
	return 0;
}

static int64_t number_of(const char *text, size_t length)
{
	int64_t number = 0;

	for (size_t i = 0; i < length && text[i] >= '0' && text[i] <= '9' && number < INT64_MAX / 10 - 1; i++)
		number = number * 10 + (text[i] - '0');
	return number;
}

static bool is_named(const char *name, size_t length, const char *wanted)
{
	return strlen(wanted) == length && memcmp(name, wanted, length) == 0;
}

static int read_begin(struct reader *reader, const char *file_name)
{
	struct cursor cursor = { (unsigned char *)reader->plain.data,
		(unsigned char *)reader->plain.data + reader->plain.length, false };
	const uint64_t format = wire_get(&cursor);
	char *texts[4] = { NULL };
	static const char *const names[] = { "version", "arguments", "machine", "mode" };
	struct run_info run = { .interval_ns = 1 };
	struct event event = { .kind = EVENT_BEGIN, .run = &run };
	int result = -1;

	if (format != RECORDING_FORMAT)
		return error_set(reader->err, ERROR_UNSUPPORTED,
			"'%.256s' has the format %llu, and this pyrope reads %d: use a newer pyrope",
			file_name, (unsigned long long)format, RECORDING_FORMAT);
	reader->step_ns = 1;
	while (cursor.at < cursor.end && !cursor.bad) {
		size_t name_length = 0, length = 0;
		const char *name = wire_get_text(&cursor, &name_length),
			   *value = wire_get_text(&cursor, &length);

		if (!name || !value)
			break;
		for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
			if (is_named(name, name_length, names[i]) && !texts[i])
				texts[i] = reader_clean_text(reader, value, length);
		}
		if (is_named(name, name_length, "interval_ns"))
			run.interval_ns = number_of(value, length);
		else if (is_named(name, name_length, "step_ns"))
			reader->step_ns = number_of(value, length);
		else if (is_named(name, name_length, "time_ns"))
			event.time_ns = number_of(value, length);
		else if (is_named(name, name_length, "realtime_ns"))
			run.realtime_ns = number_of(value, length);
		else if (is_named(name, name_length, "cpus"))
			run.cpus = (unsigned)number_of(value, length);
		else if (is_named(name, name_length, "native"))
			run.native = number_of(value, length) != 0;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
		texts[i] = texts[i] ? texts[i] : xstrdup("");
	run.version = texts[0];
	run.arguments = texts[1];
	run.machine = texts[2];
	run.mode = texts[3];
	if (cursor.bad || run.interval_ns < 1 || run.interval_ns > TIME_LIMIT_NS || reader->step_ns < 1 ||
		reader->step_ns > run.interval_ns || event.time_ns > TIME_LIMIT_NS) {
		damaged(reader, "its first block makes no sense");
		result = 0;
	} else {
		reader->interval_steps = run.interval_ns / reader->step_ns;
		reader->has_begun = true;
		result = reader_give(reader, &event);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
		free(texts[i]);
	return result;
}

static int read_end(struct reader *reader)
{
	struct cursor cursor = { (unsigned char *)reader->plain.data,
		(unsigned char *)reader->plain.data + reader->plain.length, false };
	struct event event = { .kind = EVENT_END, .time_ns = (int64_t)(wire_get(&cursor) & INT64_MAX) };
	size_t length = 0;
	const char *text = wire_get_text(&cursor, &length);
	char *reason;
	int result;

	if (!text) {
		damaged(reader, "its last block makes no sense");
		return 0;
	}
	reason = reader_clean_text(reader, text, length);
	event.reason = reason;
	reader->has_ended = true;
	result = reader_give(reader, &event);
	free(reason);
	return result;
}

/* Reads length bytes, or less when the file ends before. */
static ssize_t read_bytes(int fd, void *data, size_t length)
{
	size_t done = 0;

	while (done < length) {
		const ssize_t count = read(fd, (char *)data + done, length - done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		if (count == 0)
			break;
		done += (size_t)count;
	}
	return (ssize_t)done;
}

/* One block. 1: read, 0: there is none any more, or none that can be read, -1: err is set. */
static int read_block(struct reader *reader, const char *name, uint32_t number)
{
	unsigned char bytes[BLOCK_HEADER_BYTES];
	struct block_header header;
	ssize_t count = read_bytes(reader->fd, bytes, sizeof(bytes));
	int result;

	if (count < 0)
		return error_set_errno(reader->err, ERROR_SYSTEM, errno, "cannot read '%.256s'", name);
	if (count < (ssize_t)sizeof(bytes))
		return 0;
	if (!block_parse_header(bytes, &header)) {
		damaged(reader, "no block begins where one should");
		return 0;
	}
	array_reserve(&reader->stored.data, &reader->stored.capacity, (size_t)header.stored_bytes + 1, 1);
	count = read_bytes(reader->fd, reader->stored.data, header.stored_bytes);
	if (count < 0)
		return error_set_errno(reader->err, ERROR_SYSTEM, errno, "cannot read '%.256s'", name);
	if (count < (ssize_t)header.stored_bytes)
		return 0;
	if (!block_check(bytes, reader->stored.data, header.stored_bytes)) {
		damaged(reader, "a checksum is wrong");
		return 0;
	}
	if (header.number != number) {
		damaged(reader, "a block is missing");
		return 0;
	}
	if (header.kind == BLOCK_BEGIN || header.kind == BLOCK_EVENTS || header.kind == BLOCK_END) {
		if (!unpacker_unpack(reader->unpacker, &header, reader->stored.data, &reader->plain)) {
			damaged(reader, "a block does not unpack");
			return 0;
		}
		if ((header.kind == BLOCK_BEGIN) != (number == 0)) {
			damaged(reader, "its blocks are out of order");
			return 0;
		}
		result = header.kind == BLOCK_BEGIN ? read_begin(reader, name)
			: header.kind == BLOCK_END  ? read_end(reader)
						    : read_events(reader);
		if (result != 0)
			return -1;
	}
	if (reader->end->is_damaged)
		return 0;
	reader->end->offset += sizeof(bytes) + header.stored_bytes;
	return 1;
}

static void reader_release(struct reader *reader)
{
	reader_release_definitions(reader);
	buffer_release(&reader->stored);
	buffer_release(&reader->plain);
	buffer_release(&reader->clean);
	unpacker_free(reader->unpacker);
}

static int read_all(struct reader *reader, const char *name)
{
	char signature[SIGNATURE_BYTES];
	const ssize_t length = read_bytes(reader->fd, signature, sizeof(signature));
	uint32_t number = 0;
	int result;

	if (length <= 0 || !recording_recognise(signature, (size_t)length))
		return error_set(reader->err, ERROR_UNSUPPORTED, "'%.256s' is no recording of pyrope", name);
	reader->end->offset = SIGNATURE_BYTES;
	while ((result = read_block(reader, name, number)) == 1)
		number++;
	if (result != 0)
		return -1;
	if (!reader->has_begun && !reader->end->is_damaged)
		return error_set(reader->err, ERROR_UNSUPPORTED,
			"'%.256s' ends before its first block: there is nothing in it", name);
	if (!reader->has_begun)
		return error_set(reader->err, ERROR_UNSUPPORTED, "'%.256s' cannot be read: %s", name,
			reader->end->note);
	reader->end->is_whole = reader->has_ended && !reader->end->is_damaged;
	if (!reader->has_ended && !reader->end->is_damaged)
		snprintf(reader->end->note, sizeof(reader->end->note),
			"it has no end (pyrope was killed, or the file was cut off): this is what it holds");
	return 0;
}

int recording_read(int fd, const char *name, struct functions *functions, struct sink *sink,
	struct recording_end *end, struct error *err)
{
	static _Atomic uint64_t files;
	struct reader reader = {
		.fd = fd,
		.functions = functions,
		.sink = sink,
		.end = end,
		.err = err,
		.unpacker = unpacker_new(),
		.key = ++files << 32,
	};
	int result;

	*end = (struct recording_end){ 0 };
	reader_init_definitions(&reader);
	result = read_all(&reader, name);
	reader_release(&reader);
	return result;
}
