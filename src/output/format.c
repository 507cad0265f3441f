/* SPDX-License-Identifier: MIT */
/* The table of output formats. A new one is a file with its row, a declaration in format.h, and one line
 * here. */
#include "config.h"

#include "output/format.h"

#include <string.h>

const struct output_format *const output_formats[] = {
	&output_collapsed,
	NULL,
};

const struct output_format *output_format_find(const char *name)
{
	for (size_t i = 0; output_formats[i]; i++)
		if (strcmp(output_formats[i]->name, name) == 0)
			return output_formats[i];
	return NULL;
}
