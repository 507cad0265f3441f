/* SPDX-License-Identifier: MIT */
/* What other profilers call the things that pyrope has, for who has their commands in the fingers. */
#ifndef PYROPE_COMMANDS_SPELLINGS_H
#define PYROPE_COMMANDS_SPELLINGS_H

#include <stdbool.h>
#include <stddef.h>

struct spelling {
	const char *name; /* with its dashes; of a command without */
	bool takes_argument;
	/* NULL-terminated: options of pyrope; the first one gets the argument. None: it has no such thing */
	const char *means[3];
	const char *instead; /* where it has none, or not yet: what pyrope has */
};

/* The one whose name is name[0..length), or NULL. */
const struct spelling *spelling_find(const char *name, size_t length);

#endif
