/* SPDX-License-Identifier: MIT */
/*
 * A recording as an output. Its file is put in its place with the first block, and not when it is whole as
 * the others are: what is recorded is for whoever comes after a kill or a power cut, too.
 */
#include "config.h"

#include "output/format.h"

#include "pyrope/recording.h"

#include <stdlib.h>

static int write_blocks(void *context, const void *bytes, size_t length, struct error *err)
{
	struct output_file *file = context;

	output_write(file, bytes, length);
	return output_publish(file, err);
}

static struct sink *open_recording(struct output_file *file, const struct output_options *options)
{
	const struct recorder_file bytes = { .write = write_blocks, .context = file };

	(void)options;
	return recorder_new(&bytes);
}

static const char *const extensions[] = { ".pyrope", NULL };

const struct output_format output_recording = {
	.name = "recording",
	.extensions = extensions,
	.description = "all that happened, for pyrope report",
	.viewer = "pyrope report %s",
	.needs = NEEDS_ALL,
	.untimed = UNTIMED_REFUSED,
	.open = open_recording,
};
