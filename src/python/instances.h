/* SPDX-License-Identifier: MIT */
/* The attributes of an instance of an ordinary class, wherever its version keeps them. */
#ifndef PYROPE_PYTHON_INSTANCES_H
#define PYROPE_PYTHON_INSTANCES_H

#include "python/dicts.h"

/* False: it has none, or they cannot be read. */
bool instance_open(
	const struct layout *layout, const struct dict_memory *memory, raddr_t object, struct dict *dict);

#endif
