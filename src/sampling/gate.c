/* SPDX-License-Identifier: MIT */
/* The switch of a run: off, nothing of any target is read. */
#include "config.h"

#include "pyrope/sampling.h"

void sampling_gate_close(struct sampling_gate *gate, int64_t until_ns)
{
	atomic_store(&gate->opens_ns, until_ns);
	atomic_store(&gate->is_off, true);
}

void sampling_gate_switch(struct sampling_gate *gate)
{
	atomic_store(&gate->opens_ns, 0);
	atomic_store(&gate->is_off, !atomic_load(&gate->is_off));
}

bool sampling_gate_is_off(struct sampling_gate *gate)
{
	int64_t opens_ns;

	if (!gate || !atomic_load(&gate->is_off))
		return false;
	opens_ns = atomic_load(&gate->opens_ns);
	/* whoever has switched it meanwhile has set this to 0 */
	if (opens_ns && monotonic_ns() >= opens_ns &&
		atomic_compare_exchange_strong(&gate->opens_ns, &opens_ns, 0))
		atomic_store(&gate->is_off, false);
	return atomic_load(&gate->is_off);
}
