/* SPDX-License-Identifier: MIT */
/*
 * Options of py-spy 0.4 and Austin 4.0. What pyrope has under the same name is in its own table of options; a
 * letter that means something else in pyrope, which has pyflame's letters, is not here.
 */
#include "config.h"

#include "commands/spellings.h"

#include "pyrope/base.h"

#include <string.h>

#define TWO_MEANINGS "it is --gil in py-spy and --gc in Austin: write the one that you mean"

static const struct spelling spellings[] = {
	/* py-spy */
	{ .name = "--subprocesses", .means = { "--follow" } },
	{ .name = "--idle", .means = { "--threads" } },
	{ .name = "--gil", .means = { "--mode=gil", "--exclude-idle" } },
	{ .name = "--function", .means = { "--no-line-numbers" } },
	{ .name = "-F", .means = { "--no-line-numbers" } },
	{ .name = "--nolineno", .means = { "--no-line-numbers" } },
	{ .name = "--full-filenames", .means = { "--paths=full" } },
	{ .name = "--nonblocking", .means = { "--pause=never" } },
	/* Austin */
	{ .name = "--children", .means = { "--follow" } },
	{ .name = "-C", .means = { "--follow" } },
	{ .name = "--exposure", .takes_argument = true, .means = { "--seconds" } },
	{ .name = "--cpu", .means = { "--mode=cpu" } },
	{ .name = "-c", .means = { "--mode=cpu" } },
	{ .name = "--sleepless", .means = { "--threads", "--exclude-idle" } },
	{ .name = "--where", .takes_argument = true, .means = { "--pid", "--dump" } },
	{ .name = "-w", .takes_argument = true, .means = { "--pid", "--dump" } },
	{ .name = "--memory", .instead = "memory is not profiled" },
	/* of both */
	{ .name = "-g", .instead = TWO_MEANINGS },
};

const struct spelling *spelling_find(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_LENGTH(spellings); i++)
		if (strlen(spellings[i].name) == length && memcmp(spellings[i].name, name, length) == 0)
			return &spellings[i];
	return NULL;
}
