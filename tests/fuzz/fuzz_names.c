/* SPDX-License-Identifier: MIT */
/*
 * Names of threads in a target's memory: byte 0 chooses the layout, the rest is the memory, which is mapped
 * at CHILD_ADDRESS and begins with the interpreter's pointer to sys.modules. The name of thread 0x1234 is
 * asked for.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "../child.h"
#include "python/decode.h"
#include "row.h"

#define MEMORY_BYTES 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct child child;
	const struct layout *row;
	struct type_cache cache = { 0 };
	struct buffer name = { 0 };
	struct u64_map objects = { 0 };

	if (size == 0 || size > MEMORY_BYTES)
		return 0;
	if (!child.target)
		child = child_start(MEMORY_BYTES);
	row = choose_row(data[0]);
	memset(child.bytes, 0, MEMORY_BYTES);
	memcpy(child.bytes, data + 1, size - 1);
	thread_objects_read(row, child.target, CHILD_ADDRESS - row->interpreter_state.modules, &objects);
	for (size_t i = 0; i < objects.capacity; i++) {
		if (objects.used[i])
			thread_object_name(row, child.target, &cache, objects.values[i], &name);
	}
	u64_map_release(&objects);
	buffer_release(&name);
	return 0;
}
