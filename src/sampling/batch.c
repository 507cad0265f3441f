/* SPDX-License-Identifier: MIT */
/* Samples and their frames in two growing arrays; the check of what they name. */
#include "config.h"

#include "sampling/batch.h"

#include <stdlib.h>
#include <string.h>

struct batch_sample *batch_add(struct batch *batch, const struct sample *sample)
{
	struct batch_sample *added;

	array_reserve(&batch->samples, &batch->capacity, batch->count + 1, sizeof(*batch->samples));
	added = &batch->samples[batch->count++];
	*added = (struct batch_sample){
		.sample = *sample, .first_frame = batch->frame_count, .native = batch->native
	};
	added->sample.frame_count = 0;
	if (batch->count == 1)
		batch->begin_ns = sample->time_ns;
	return added;
}

static void add(struct batch *batch, const struct batch_frame *frame)
{
	array_reserve(&batch->frames, &batch->frame_capacity, batch->frame_count + 1, sizeof(*batch->frames));
	batch->frames[batch->frame_count++] = *frame;
	batch->samples[batch->count - 1].sample.frame_count++;
}

void batch_add_frame(struct batch *batch, const struct function *function, int line)
{
	add(batch, &(struct batch_frame){ .function = function, .line = line });
}

void batch_add_address(struct batch *batch, const struct native_address *address)
{
	add(batch, &(struct batch_frame){ .address = address });
}

void batch_add_code(struct batch *batch, const struct resolved_frame *frame)
{
	struct code *code = frame->code;

	add(batch,
		&(struct batch_frame){
			.function = code->function, .line = frame->line, .is_doubted = !frame->is_checked });
	if ((code->is_volatile && frame->is_checked) || code->mark == batch->mark)
		return;
	code->mark = batch->mark;
	array_reserve(&batch->codes, &batch->code_capacity, batch->code_count + 1, sizeof(struct code *));
	batch->codes[batch->code_count++] = code;
}

static bool is_doubted(const struct batch *batch, const struct function *function)
{
	for (size_t i = 0; i < batch->frame_count; i++) {
		if (batch->frames[i].is_doubted && batch->frames[i].function == function)
			return true;
	}
	return false;
}

/* Is there a frame among these, or are there only marks like "(truncated)"? */
static bool has_frame(const struct batch_frame *frames, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (frames[i].address || frames[i].function->kind != FUNCTION_MARKER)
			return true;
	}
	return false;
}

/* Cuts each sample of the batch at the frame of a function that may have been another one by then. */
static void cut_at(struct batch *batch, const struct function *function, const struct doubt_markers *markers,
	struct sampling_statistics *statistics)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct sample *sample = &batch->samples[i].sample;
		struct batch_frame *frames = batch->frames + batch->samples[i].first_frame;

		for (size_t j = 0; j < sample->frame_count; j++) {
			if (frames[j].function != function || !frames[j].is_doubted)
				continue;
			statistics->by_quality[sample->quality] -= sample->weight;
			if (has_frame(frames, j)) {
				frames[j] = (struct batch_frame){ .function = markers->partial };
				sample->frame_count = j + 1;
				sample->quality = SAMPLE_PARTIAL;
			} else {
				frames[0] = (struct batch_frame){ .function = markers->failed };
				sample->frame_count = 1;
				sample->quality = SAMPLE_FAILED;
			}
			statistics->by_quality[sample->quality] += sample->weight;
			break;
		}
	}
}

static bool same_object(struct snapshot_reader *reader, const struct code *code, const unsigned char *bytes)
{
	for (size_t i = 0; i < code->check_count; i++) {
		if (!python_code_unchanged(reader->python, code, i, bytes + i * CODE_CHECK_BYTES))
			return false;
	}
	return true;
}

#define CODES_AT_ONCE 64
static void confirm_some(struct batch *batch, struct snapshot_reader *reader,
	const struct doubt_markers *markers, struct sampling_statistics *statistics, struct code **codes,
	size_t count)
{
	static unsigned char bytes[CODES_AT_ONCE][CODE_CHECKS * CODE_CHECK_BYTES];
	struct read_request requests[CODES_AT_ONCE * CODE_CHECKS];
	size_t owners[CODES_AT_ONCE * CODE_CHECKS];
	bool unreadable[CODES_AT_ONCE] = { false };
	const int64_t now_ns = monotonic_ns();
	size_t total = 0, done = 0;

	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < codes[i]->check_count; j++) {
			owners[total] = i;
			requests[total++] = (struct read_request){ .address = codes[i]->checks[j].address,
				.data = bytes[i] + j * CODE_CHECK_BYTES,
				.length = codes[i]->checks[j].length };
		}
	}
	while (done < total) {
		done += target_read_batch(python_target(reader->python), requests + done, total - done);
		if (done < total)
			unreadable[owners[done++]] = true;
	}
	for (size_t i = 0; i < count; i++) {
		struct error ignored = { 0 };
		const struct code *now;

		if (!unreadable[i] && same_object(reader, codes[i], bytes[i])) {
			snapshot_settle(codes[i], now_ns);
			continue;
		}
		if (!target_same_image(python_target(reader->python)))
			return; /* it has exited or execed: what it did last is not thrown away for that */
		codes[i]->is_volatile = true;
		if (!is_doubted(batch, codes[i]->function))
			continue; /* decoded anew when it is met again */
		reader->stale_codes++;
		reader->code_generation++;
		now = python_code_load(reader->python, codes[i]->address, &ignored);
		/* the same source compiled again: whichever of the two it was, this is what it prints */
		if (!now || !python_same_decoding(now, codes[i]))
			cut_at(batch, codes[i]->function, markers, statistics);
	}
}

void batch_confirm(struct batch *batch, struct snapshot_reader *reader, const struct doubt_markers *markers,
	struct sampling_statistics *statistics)
{
	for (size_t i = 0; i < batch->code_count; i += CODES_AT_ONCE) {
		size_t left = batch->code_count - i;

		confirm_some(batch, reader, markers, statistics, batch->codes + i,
			left < CODES_AT_ONCE ? left : CODES_AT_ONCE);
	}
	batch_trust(batch);
}

void batch_trust(struct batch *batch)
{
	batch->code_count = 0;
	batch->mark++;
}

void batch_take_back(struct batch *batch, size_t count)
{
	if (count >= batch->count)
		return;
	batch->frame_count = batch->samples[count].first_frame;
	batch->count = count;
}

void batch_move(struct batch *to, struct batch *from)
{
	size_t frames = to->frame_count;

	array_reserve(&to->samples, &to->capacity, to->count + from->count, sizeof(*to->samples));
	array_reserve(&to->frames, &to->frame_capacity, frames + from->frame_count, sizeof(*to->frames));
	for (size_t i = 0; i < from->count; i++) {
		to->samples[to->count] = from->samples[i];
		to->samples[to->count++].first_frame += frames;
	}
	if (from->frame_count)
		memcpy(to->frames + frames, from->frames, from->frame_count * sizeof(*to->frames));
	to->frame_count += from->frame_count;
	batch_clear(from);
}

size_t batch_bytes(const struct batch *batch)
{
	return batch->count * sizeof(*batch->samples) + batch->frame_count * sizeof(*batch->frames);
}

void batch_clear(struct batch *batch)
{
	batch->count = batch->frame_count = batch->code_count = 0;
}

void batch_release(struct batch *batch)
{
	free(batch->samples);
	free(batch->frames);
	free(batch->codes);
	*batch = (struct batch){ 0 };
}
