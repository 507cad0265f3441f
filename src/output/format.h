/* SPDX-License-Identifier: MIT */
/* The rows of the table of formats; each stands in the file of its format. */
#ifndef PYROPE_OUTPUT_FORMAT_H
#define PYROPE_OUTPUT_FORMAT_H

#include "pyrope/output.h"

extern const struct output_format output_callgrind, output_collapsed, output_cpuprofile, output_firefox,
	output_flamechart, output_html, output_log, output_pprof, output_pstats, output_recording,
	output_speedscope, output_svg, output_table, output_timestamps, output_trace;

#endif
