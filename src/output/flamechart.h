/* SPDX-License-Identifier: MIT */
/*
 * Lines of collapsed stacks in order of time, with microseconds instead of counts, as flamegraph.pl
 * --flamechart reads them. Equal stacks that follow each other are merged. A sample stands for the time until
 * the next one; where many ticks were missed it stands for one interval, and the rest is a line "(missed)".
 * Memory does not grow with the length of the run.
 */
#ifndef PYROPE_OUTPUT_FLAMECHART_H
#define PYROPE_OUTPUT_FLAMECHART_H

#include "pyrope/output.h"

/*
 * The sink of the format is one; here for what a test wants to know of it. How many stacks it holds in
 * memory: those of the threads of about the last second.
 */
size_t flamechart_streams(const struct sink *sink);

#endif
