/* SPDX-License-Identifier: MIT */
/* The text of a maps file: the table that comes out is sorted, disjoint, and its paths lie in the text. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "pyrope/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer text = { 0 };
	struct maps maps;
	raddr_t end = 0;

	buffer_append(&text, data, size);
	maps_parse(&maps, &text);
	if (text.data)
		abort();
	for (size_t i = 0; i < maps.count; i++) {
		const struct mapping *mapping = &maps.mappings[i];

		if (mapping->start < end || mapping->end <= mapping->start ||
			mapping->path < maps.text.data || mapping->path > maps.text.data + size ||
			maps_find(&maps, mapping->start) != mapping ||
			maps_find(&maps, mapping->end - 1) != mapping ||
			maps_find(&maps, mapping->end) == mapping)
			abort();
		end = mapping->end;
		(void)strlen(mapping->path);
	}
	maps_release(&maps);
	return 0;
}
