/* SPDX-License-Identifier: MIT */
/* The class of a hold's length; see struct sampling_statistics. */
#ifndef PYROPE_SAMPLING_HELD_H
#define PYROPE_SAMPLING_HELD_H

#include "pyrope/sampling.h"

unsigned held_class(int64_t held_ns);

#endif
