/* SPDX-License-Identifier: MIT */
/*
 * Locks in two frames of a target's memory: byte 0 chooses the layout, the rest is the memory, which is
 * mapped at CHILD_ADDRESS and begins with a code object; the frames lie behind it, and the thread sleeps at
 * FUTEX_AT.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "../child.h"
#include "python/locks.h"
#include "row.h"

#define MEMORY_BYTES 65536
#define FRAME_AT 1024
#define OTHER_FRAME_AT 2048
#define FUTEX_AT 4096
#define LOCKS_AT 4096 /* addresses that are waited for */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const functions[] = { "wait", "join", "acquire", "function" };
	static struct child child;
	struct lock_frame frames[2] = {
		{ .address = CHILD_ADDRESS + FRAME_AT, .code = CHILD_ADDRESS, .is_threading = true },
		{ .address = CHILD_ADDRESS + OTHER_FRAME_AT, .code = CHILD_ADDRESS },
	};
	struct pages pages;
	struct variable_reader reader = { .pages = &pages };
	struct entered_lock list[4];
	struct lock_wait wait;
	raddr_t locks[2];

	if (size == 0 || size > MEMORY_BYTES)
		return 0;
	if (!child.target)
		child = child_start(MEMORY_BYTES);
	memset(child.bytes, 0, MEMORY_BYTES);
	memcpy(child.bytes, data + 1, size - 1);
	memcpy(locks, child.bytes + LOCKS_AT, sizeof(locks));
	reader.layout = choose_row(data[0]);
	frames[0].function = functions[data[0] / 64];
	frames[1].function = functions[3];
	frames[0].unit = frames[1].unit = data[0];
	pages_init(&pages, child.target);
	if (locks_find_wait(&reader, frames, 2, CHILD_ADDRESS + FUTEX_AT, &wait)) {
		for (const char *at = wait.label; *at; at++) {
			if ((unsigned char)*at < 0x20 || *at == 0x7f)
				abort();
		}
	}
	if (locks_find_entered(&reader, frames, 2, locks, 2, list, 4) > 4)
		abort();
	exception_table_depth(data, size, data[0]);
	variable_reader_release(&reader);
	pages_release(&pages);
	return 0;
}
