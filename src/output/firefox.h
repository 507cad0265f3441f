/* SPDX-License-Identifier: MIT */
/* The Firefox Profiler's format: what firefox.c, which writes it, and firefox_shared.c have in common. */
#ifndef PYROPE_OUTPUT_FIREFOX_H
#define PYROPE_OUTPUT_FIREFOX_H

#include "output/json.h"
#include "output/timeline.h"

/* Intervals of a thread; the name of a marker is its text in the table of strings at this index. */
enum marker { MARKER_GIL, MARKER_WAITS_GIL, MARKER_NO_GIL, MARKER_WAITS_CPU, MARKER_GC, MARKERS };

struct firefox_marker {
	const char *type, *name, *description;
	int category;
};

extern const struct firefox_marker firefox_markers[MARKERS];

/* Libraries, of which there are none, and the tables; with the comma before them. */
void firefox_write_shared(struct json *json, const struct timeline *timeline);

#endif
