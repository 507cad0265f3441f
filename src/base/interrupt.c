/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <stdatomic.h>

#include "pyrope/base.h"

#define PATIENCE_NS 300000000

static _Atomic int64_t interrupted_ns; /* when; 0: not yet */

void interrupt(void)
{
	int64_t expected = 0;

	atomic_compare_exchange_strong(&interrupted_ns, &expected, monotonic_ns());
}

bool is_interrupted(void)
{
	return atomic_load_explicit(&interrupted_ns, memory_order_relaxed) != 0;
}

bool is_hurried(void)
{
	return is_interrupted() && monotonic_ns() - atomic_load(&interrupted_ns) > PATIENCE_NS;
}
