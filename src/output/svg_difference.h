/* SPDX-License-Identifier: MIT */
/* What has become of each frame of a flame graph between two profiles. */
#ifndef PYROPE_OUTPUT_SVG_DIFFERENCE_H
#define PYROPE_OUTPUT_SVG_DIFFERENCE_H

#include "output/svg.h"

struct svg_difference {
	uint64_t *self[2], *total[2]; /* by frame: samples before, after */
	struct change *changes;       /* by frame: of its total */
	size_t changed;               /* frames, by more than chance */
	struct difference_unit unit;
	bool are_times;  /* and no shares */
	double worth[2]; /* of all samples of a side, in that unit */
};

/* Makes the flame of svg, whose profile and options are set, with the widths of after. */
void svg_difference_init(struct svg_difference *difference, struct svg *svg, const struct difference *from);
void svg_difference_release(struct svg_difference *difference);

#endif
