/* SPDX-License-Identifier: MIT */
/* What users call modes and states. */
#include "config.h"

#include "pyrope/sampling.h"

#include <string.h>

const char *const sample_mode_names
	[] = { [MODE_ACTIVE] = "active", [MODE_GIL] = "gil", [MODE_WALL] = "wall", [MODE_CPU] = "cpu", NULL };

const char *const thread_state_names[THREAD_STATES + 1] = {
	[THREAD_UNKNOWN] = "unknown",
	[THREAD_HOLDS_GIL] = "holds-gil",
	[THREAD_WAITS_GIL] = "waits-gil",
	[THREAD_RUNNING] = "running",
	[THREAD_SLEEPING] = "sleeping",
	[THREAD_WAITS_CPU] = "waits-cpu",
};

enum sample_mode sample_mode_find(const char *name)
{
	for (int mode = 0; sample_mode_names[mode]; mode++)
		if (strcmp(sample_mode_names[mode], name) == 0)
			return (enum sample_mode)mode;
	return MODE_GIL;
}
