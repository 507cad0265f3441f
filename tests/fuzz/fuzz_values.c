/* SPDX-License-Identifier: MIT */
/*
 * Variables of a frame in a target's memory: byte 0 chooses the layout, the rest is the memory, which is
 * mapped at CHILD_ADDRESS and begins with a code object; the frame lies FRAME_AT bytes behind it.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "../child.h"
#include "python/values.h"
#include "row.h"

#define MEMORY_BYTES 65536
#define FRAME_AT 1024
#define CHARACTERS 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_control(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct child child;
	struct pages pages;
	struct variable_reader reader = { .pages = &pages, .characters = CHARACTERS };
	struct variables variables = { 0 };

	if (size == 0 || size > MEMORY_BYTES)
		return 0;
	if (!child.target)
		child = child_start(MEMORY_BYTES);
	memset(child.bytes, 0, MEMORY_BYTES);
	memcpy(child.bytes, data + 1, size - 1);
	reader.layout = choose_row(data[0]);
	pages_init(&pages, child.target);
	variables_read(&reader, CHILD_ADDRESS + FRAME_AT, CHILD_ADDRESS, &variables);
	for (size_t i = 0; i < variables.count; i++) {
		/* a character takes 4 bytes, and what is missing is said behind */
		if (strlen(variables.list[i].text) > 4 * CHARACTERS + 64 ||
			has_control(variables.list[i].text) || has_control(variables.list[i].name) ||
			has_control(variables.list[i].type))
			abort();
	}
	variables_release(&variables);
	variable_reader_release(&reader);
	pages_release(&pages);
	return 0;
}
