/* SPDX-License-Identifier: MIT */
/* The class of a hold's length; see struct sampling_statistics. */
#ifndef PYROPE_SAMPLING_HOLD_HISTOGRAM_H
#define PYROPE_SAMPLING_HOLD_HISTOGRAM_H

#include "pyrope/sampling.h"

unsigned hold_histogram_class(int64_t held_ns);

#endif
