/* SPDX-License-Identifier: MIT */
/*
 * A recording. The first byte says how the rest is meant: as a file, as collapsed stacks, or as the contents
 * of blocks of events, each behind two bytes with its length, which get headers and checksums here: otherwise
 * nothing would ever come past those. Every event has to be sound.
 */
#include "config.h"

#include "pyrope/recording.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "recording/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t text_bytes;

static int check(struct sink *sink, const struct event *event, struct error *err)
{
	(void)sink;
	(void)err;
	if (event->kind >= EVENT_KINDS)
		abort();
	if (event->kind == EVENT_PROCESS)
		text_bytes += strlen(event->process->name) + strlen(event->process->command_line) +
			strlen(event->process->roots);
	if (event->kind != EVENT_SAMPLE)
		return 0;
	if (event->sample->state >= THREAD_STATES || event->sample->quality >= SAMPLE_QUALITIES ||
		!event->weight)
		abort();
	text_bytes += strlen(event->sample->thread_name) + strlen(event->sample->process_name);
	for (size_t i = 0; i < event->sample->frame_count; i++)
		text_bytes += strlen(event->sample->frames[i].function->name) +
			strlen(event->sample->frames[i].function->file);
	return 0;
}

static void put_pair(struct buffer *plain, const char *name, const char *value)
{
	wire_put_text(plain, name);
	wire_put_text(plain, value);
}

static void build(struct buffer *file, const uint8_t *data, size_t size)
{
	struct packer *packer = packer_new();
	struct buffer plain = { 0 };
	uint32_t number = 0;

	buffer_append(file, RECORDING_SIGNATURE, SIGNATURE_BYTES);
	wire_put(&plain, RECORDING_FORMAT);
	put_pair(&plain, "interval_ns", "10000000");
	put_pair(&plain, "step_ns", "40000");
	packer_pack(packer, BLOCK_BEGIN, number++, &plain, file);
	while (size > 2) {
		const size_t asked = (size_t)data[0] << 8 | data[1],
			     length = asked < size - 2 ? asked : size - 2;

		buffer_clear(&plain);
		buffer_append(&plain, data + 2, length);
		packer_pack(packer, BLOCK_EVENTS, number++, &plain, file);
		data += 2 + length;
		size -= 2 + length;
	}
	buffer_release(&plain);
	packer_free(packer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct functions *functions = functions_new();
	struct sink sink = { .take = check };
	struct recording_end end;
	struct error err = { 0 };
	struct buffer file = { 0 };
	const unsigned mode = size ? data[0] % 3 : 0;
	int fd = memfd_create("input", MFD_CLOEXEC);

	if (mode == 2)
		build(&file, data + 1, size - 1);
	else if (size)
		buffer_append(&file, data + 1, size - 1);
	if (fd < 0 || (file.length && write(fd, file.data, file.length) != (ssize_t)file.length))
		abort();
	lseek(fd, 0, SEEK_SET);
	if (mode == 1) {
		if (collapsed_read(fd, "input", functions, &sink, &err) != 0 && !err.message[0])
			abort();
	} else if (recording_read(fd, "input", functions, &sink, &end, &err) != 0) {
		if (!err.message[0])
			abort();
	} else if (end.is_whole == (end.note[0] != '\0')) {
		abort();
	}
	close(fd);
	buffer_release(&file);
	functions_free(functions);
	return 0;
}
