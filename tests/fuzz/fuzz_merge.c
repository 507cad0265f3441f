/* SPDX-License-Identifier: MIT */
/*
 * The merge of native and Python frames over arbitrary ones: frames that overlap or wrap around, anchors
 * anywhere, a stack of garbage. Whatever comes in, each Python frame has to come out once and in order.
 *
 * The first bytes choose the sizes and which way it is merged; then words are taken for everything, small
 * ones near the stack.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "native/unwind/merge.h"

#define BASE UINT64_C(0x7ffc00001000)
#define STACK_BYTES 2048
#define LIMIT 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reader {
	const uint8_t *data;
	size_t size, at;
};

static uint64_t byte(struct reader *reader)
{
	return reader->at < reader->size ? reader->data[reader->at++] : 0;
}

/* An address in or near the stack; now and then any word at all. */
static uint64_t word(struct reader *reader)
{
	uint64_t first = byte(reader), second = byte(reader), value = 0;

	if (first < 0xf0)
		return BASE + (first << 8 | second) % (STACK_BYTES + 256) - 128;
	for (int i = 0; i < 8; i++)
		value = value << 8 | byte(reader);
	return value;
}

static void fill(struct reader *reader, struct merge_input *input, struct native_frame *natives,
	struct anchors *anchors)
{
	for (size_t i = 0; i < input->frame_count; i++) {
		natives[i] = (struct native_frame){ .stack_pointer = word(reader),
			.end = word(reader),
			.saved_known = (uint16_t)byte(reader) };
		natives[i].saved[0] = word(reader);
	}
	for (size_t i = 0; i < anchors->count; i++) {
		size_t begin = byte(reader) % (input->walk->count + 1),
		       end = byte(reader) % (input->walk->count + 1);

		anchors->list[i] =
			(struct anchor){ word(reader), begin < end ? begin : end, begin < end ? end : begin };
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct native_merged merged;
	static struct native_frame natives[LIMIT];
	static struct raw_frame pythons[LIMIT];
	static struct anchor anchor_list[LIMIT];
	static bool evaluates[LIMIT];
	static unsigned char stack[STACK_BYTES];
	struct reader reader = { .data = data, .size = size };
	struct walk walk = { .frames = pythons, .count = byte(&reader) % LIMIT };
	struct anchors anchors = { .list = anchor_list, .count = byte(&reader) % LIMIT };
	struct native_copy copy = { .start = BASE, .length = STACK_BYTES, .bytes = stack };
	uint64_t flags = byte(&reader);
	struct merge_input input = { .frames = natives,
		.frame_count = byte(&reader) % LIMIT,
		.whole = flags & 1,
		.walk = &walk,
		.anchors = &anchors,
		.has_anchors = flags & 2,
		.evaluates = evaluates,
		.copy = &copy };
	size_t next = 0;

	fill(&reader, &input, natives, &anchors);
	for (size_t i = 0; i < LIMIT; i++) {
		pythons[i].address = word(&reader);
		evaluates[i] = byte(&reader) & 1;
	}
	for (size_t i = 0; i < STACK_BYTES; i++)
		stack[i] = (unsigned char)byte(&reader);
	merged.count = 0;
	merge_frames(&input, &merged);
	for (size_t i = 0; i < merged.count; i++) {
		if (merged.frames[i].kind == MERGED_PYTHON && merged.frames[i].index != next++)
			abort();
	}
	if (next != walk.count)
		abort();
	return 0;
}
