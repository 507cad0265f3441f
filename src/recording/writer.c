/* SPDX-License-Identifier: MIT */
/*
 * The sink that writes a recording, block by block: what its operations and definitions have put into the
 * columns becomes a block when it is a second of events or some 64 KB.
 */
#include "config.h"

#include "recording/writer.h"

#include <stdlib.h>

#define BLOCK_BYTES 65536
#define BLOCK_NS INT64_C(1000000000)
#define STEPS_PER_INTERVAL 64

int64_t recording_step_ns(int64_t interval_ns)
{
	return interval_ns > STEPS_PER_INTERVAL ? interval_ns / STEPS_PER_INTERVAL : 1;
}

static int write_block(struct recorder *recorder, enum block_kind kind, struct error *err)
{
	buffer_clear(&recorder->packed);
	if (recorder->blocks == 0)
		buffer_append(&recorder->packed, RECORDING_SIGNATURE, SIGNATURE_BYTES);
	packer_pack(recorder->packer, kind, recorder->blocks++, &recorder->plain, &recorder->packed);
	return recorder->file.write(
		recorder->file.context, recorder->packed.data, recorder->packed.length, err);
}

static int write_events(struct recorder *recorder, struct error *err)
{
	bool is_empty = true;

	recorder_write_ticks(recorder);
	recorder_write_stacks(recorder);
	buffer_clear(&recorder->plain);
	for (size_t i = 0; i < COLUMNS; i++) {
		struct buffer *column = &recorder->columns[i];

		is_empty &= !column->length;
		wire_put(&recorder->plain, column->length);
		if (column->length)
			buffer_append(&recorder->plain, column->data, column->length);
		buffer_clear(column);
	}
	recorder->block_began_ns = 0;
	recorder->selected = NULL;
	return is_empty ? 0 : write_block(recorder, BLOCK_EVENTS, err);
}

static size_t block_bytes(const struct recorder *recorder)
{
	size_t bytes = 0;

	for (size_t i = 0; i < COLUMNS; i++)
		bytes += recorder->columns[i].length;
	/* a new frame or node takes some 6 bytes */
	return bytes +
		6 *
		(recorder->stacks.node_count - recorder->nodes_written + recorder->stacks.frame_count -
			recorder->frames_written);
}

static void put_pair(struct buffer *plain, const char *name, const char *value)
{
	wire_put_text(plain, name);
	wire_put_text(plain, value);
}

static void put_number(struct buffer *plain, const char *name, int64_t value)
{
	struct buffer text = { 0 };

	buffer_append_int(&text, value);
	put_pair(plain, name, text.data);
	buffer_release(&text);
}

static int write_begin(struct recorder *recorder, const struct event *event, struct error *err)
{
	const struct run_info *run = event->run;
	struct buffer *plain = &recorder->plain;

	recorder->step_ns = recording_step_ns(run->interval_ns);
	recorder->interval_steps = run->interval_ns / recorder->step_ns;
	buffer_clear(plain);
	wire_put(plain, RECORDING_FORMAT);
	put_pair(plain, "version", run->version);
	put_pair(plain, "arguments", run->arguments);
	put_pair(plain, "machine", run->machine);
	put_pair(plain, "mode", run->mode);
	put_number(plain, "cpus", run->cpus);
	put_number(plain, "interval_ns", run->interval_ns);
	put_number(plain, "step_ns", recorder->step_ns);
	put_number(plain, "native", run->native);
	put_number(plain, "time_ns", event->time_ns);
	put_number(plain, "realtime_ns", run->realtime_ns);
	return write_block(recorder, BLOCK_BEGIN, err);
}

static int write_end(struct recorder *recorder, const struct event *event, struct error *err)
{
	if (write_events(recorder, err) != 0)
		return -1;
	buffer_clear(&recorder->plain);
	wire_put(&recorder->plain, (uint64_t)event->time_ns);
	wire_put_text(&recorder->plain, event->reason);
	return write_block(recorder, BLOCK_END, err);
}

static int take(struct sink *sink, const struct event *event, struct error *err)
{
	struct recorder *recorder = (struct recorder *)sink;

	if (event->kind == EVENT_BEGIN && recorder->blocks == 0)
		return write_begin(recorder, event, err);
	if (recorder->block_began_ns && event->kind != EVENT_LEFT_OUT && event->kind != EVENT_BEGIN &&
		(event->time_ns - recorder->block_began_ns > BLOCK_NS ||
			block_bytes(recorder) > BLOCK_BYTES) &&
		write_events(recorder, err) != 0)
		return -1;
	if (!recorder->block_began_ns)
		recorder->block_began_ns = event->time_ns;
	if (event->kind == EVENT_END)
		return write_end(recorder, event, err);
	recorder_take(recorder, event);
	return 0;
}

static int flush(struct sink *sink, struct error *err)
{
	struct recorder *recorder = (struct recorder *)sink;

	return recorder->blocks ? write_events(recorder, err) : 0;
}

static void release(struct sink *sink)
{
	struct recorder *recorder = (struct recorder *)sink;

	recorder_release_definitions(recorder);
	for (size_t i = 0; i < COLUMNS; i++)
		buffer_release(&recorder->columns[i]);
	buffer_release(&recorder->plain);
	buffer_release(&recorder->packed);
	packer_free(recorder->packer);
	free(recorder);
}

struct sink *recorder_new(const struct recorder_file *file)
{
	struct recorder *recorder = xcalloc(1, sizeof(*recorder));

	recorder->sink = (struct sink){ .take = take, .flush = flush, .finish = flush, .free = release };
	recorder->file = *file;
	recorder->packer = packer_new();
	recorder->step_ns = recorder->interval_steps = 1;
	recorder_init_definitions(recorder);
	return &recorder->sink;
}
