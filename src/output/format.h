/* SPDX-License-Identifier: MIT */
/* The rows of the table of formats; each stands in the file of its format. */
#ifndef PYROPE_OUTPUT_FORMAT_H
#define PYROPE_OUTPUT_FORMAT_H

#include "pyrope/output.h"

extern const struct output_format output_collapsed;

#endif
