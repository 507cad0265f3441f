/* SPDX-License-Identifier: MIT */
/*
 * The table of output formats. A new one is a file with its row, a declaration in format.h, and one line
 * here.
 */
#include "config.h"

#include "output/format.h"

#include <string.h>

const struct output_format *const output_formats[] = {
	&output_collapsed,
	&output_table,
	&output_svg,
	&output_html,
	&output_firefox,
	&output_speedscope,
	&output_pprof,
	&output_cpuprofile,
	&output_trace,
	&output_callgrind,
	&output_pstats,
	&output_flamechart,
	&output_timestamps,
	&output_log,
	&output_recording,
	NULL,
};

const struct output_format *output_format_find(const char *name)
{
	for (size_t i = 0; output_formats[i]; i++)
		if (strcmp(output_formats[i]->name, name) == 0)
			return output_formats[i];
	return NULL;
}

static bool has_ending(const char *path, const char *ending)
{
	size_t length = strlen(path), ending_length = strlen(ending);

	return length > ending_length && path[length - ending_length - 1] != '/' &&
		strcmp(path + length - ending_length, ending) == 0;
}

const struct output_format *output_format_of_path(const char *path)
{
	const struct output_format *found = NULL;
	size_t longest = 0;

	for (size_t i = 0; output_formats[i]; i++) {
		const char *const *extension = output_formats[i]->extensions;

		for (; extension && *extension; extension++) {
			if (strlen(*extension) > longest && has_ending(path, *extension)) {
				longest = strlen(*extension);
				found = output_formats[i];
			}
		}
	}
	return found;
}

bool output_path_is_compressed(const char *path)
{
	return has_ending(path, ".gz") && output_format_of_path(path);
}
