/* SPDX-License-Identifier: MIT */
/*
 * Bytes as an unwind table, and what is left of them as the stack of a thread that is in the code which the
 * table describes. Byte 0: bit 0: with a search table, its pairs first; bit 1: .debug_frame; bit 2: no
 * section headers; bits 4 to 7: how many pairs. Then two bytes: how long the table is.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "../unit/frame_file.h"
#include "native/unwind/cfi.h"

#define BIAS UINT64_C(0x7f0000000000)
#define STACK UINT64_C(0x7ffc00000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Was this one interrupted, where return addresses come in a register? Then it may be at the stack pointer
 * of its caller.
 */
static bool may_be_empty(const struct native_frame *frame)
{
	return register_roles.return_in_register && frame->exact_pc &&
		frame[-1].stack_pointer < frame->stack_pointer;
}

/* Each frame lies above the one before it, whatever the tables say. */
static void check_frames(const struct native_frames *frames, const struct native_copy *copy)
{
	for (size_t i = 0; i < frames->count; i++) {
		const struct native_frame *frame = &frames->list[i];

		if (frame->end < frame->stack_pointer)
			abort();
		if (i + 1 < frames->count && frames->list[i + 1].stack_pointer < frame->end)
			abort();
		if (i > 1 && frame->stack_pointer <= frames->list[i - 1].stack_pointer &&
			!may_be_empty(frame - 1))
			abort();
	}
	if (frames->count > copy->length + 2)
		abort();
}

static void unwind_garbage(struct modules *modules, const uint8_t *stack, size_t length)
{
	struct native_copy copy = { .start = STACK, .length = length, .bytes = xmalloc(length ? length : 1) };
	const raddr_t anchors[] = { STACK + 64, STACK + 256 };
	struct unwinder *unwinder = unwinder_new(modules);
	struct native_frames frames = { 0 };
	struct registers registers;
	size_t skipped;

	if (length)
		memcpy(copy.bytes, stack, length);
	for (raddr_t pc = FRAME_CODE; pc < FRAME_CODE + 0x140; pc += 0x13) {
		registers =
			(struct registers){ .known = (UINT64_C(1) << REGISTER_COUNT) - 1, .pc = BIAS + pc };
		for (unsigned i = 0; i < REGISTER_COUNT; i++)
			registers.values[i] = STACK + 8 * i;
		registers.values[register_roles.stack_pointer] = STACK;
		frames.count = skipped = 0;
		unwinder_unwind(
			unwinder, &registers, &copy, anchors, ARRAY_LENGTH(anchors), &frames, &skipped);
		check_frames(&frames, &copy);
		if (frames.count)
			unwinder_learn(unwinder, &frames.list[frames.count - 1], anchors[0]);
	}
	free(frames.list);
	unwinder_free(unwinder);
	free(copy.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct module module = { .kind = MODULE_FILE, .is_mapped = true, .is_opened = true, .bias = BIAS };
	struct code_range range = {
		.start = BIAS + FRAME_CODE, .end = BIAS + FRAME_CODE + FRAME_CODE_BYTES, .module = &module
	};
	struct modules modules = {
		.ranges = &range, .range_count = 1, .read_ns = INT64_MAX / 2
	}; /* never read again */
	int32_t pairs[2 * 16] = { 0 };
	struct frame_file file = { .pairs = pairs };

	if (size < 3)
		return 0;
	file.pair_count = data[0] & 1 ? data[0] >> 4 : 0;
	file.is_debug = data[0] & 2;
	file.without_sections = data[0] & 4;
	file.table_bytes = data[1] | (size_t)data[2] << 8;
	data += 3;
	size -= 3;
	if (size < 8 * file.pair_count)
		return 0;
	memcpy(pairs, data, 8 * file.pair_count);
	data += 8 * file.pair_count;
	size -= 8 * file.pair_count;
	if (file.table_bytes > size)
		file.table_bytes = size;
	file.table = data;
	module.fd = frame_file_open(&file);
	if (module.fd < 0)
		abort();
	unwind_garbage(&modules, data + file.table_bytes, size - file.table_bytes);
	cfi_free(module.cfi);
	close(module.fd);
	return 0;
}
