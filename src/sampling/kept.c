/* SPDX-License-Identifier: MIT */
/* What was taken of a thread last, for as long as the thread cannot have run since: then it counts again. */
#include "config.h"

#include "sampling/capture.h"

#include <string.h>

static void copy_merged(struct native_merged *to, const struct native_merged *from)
{
	array_reserve(&to->frames, &to->capacity, from->count + 1, sizeof(*to->frames));
	memcpy(to->frames, from->frames, from->count * sizeof(*to->frames));
	to->count = from->count;
	to->truncated = from->truncated;
}

void capture_keep(const struct capture *stack, struct thread *thread)
{
	struct capture *kept = &thread->kept;

	if (stack == kept)
		return;
	thread->is_kept = stack->quality == SAMPLE_VERIFIED || stack->quality == SAMPLE_PAUSED;
	if (!thread->is_kept)
		return;
	array_reserve(&kept->frames, &kept->capacity, stack->count + 1, sizeof(*kept->frames));
	if (stack->count)
		memcpy(kept->frames, stack->frames, stack->count * sizeof(*kept->frames));
	kept->count = stack->count;
	kept->is_cut = stack->is_cut;
	kept->quality = SAMPLE_VERIFIED;
	kept->has_merged = kept->was_asleep = stack->has_merged && stack->was_asleep;
	if (kept->was_asleep) {
		kept->slept_cpu_ns = stack->slept_cpu_ns;
		kept->slept_slices = stack->slept_slices;
		copy_merged(&kept->merged, &stack->merged);
	}
}

const struct capture *capture_kept(const struct thread *thread)
{
	return thread->is_kept ? &thread->kept : NULL;
}

bool capture_sleeps_still(const struct capturer *capturer, const struct thread *thread)
{
	uint64_t cpu_ns, slices;

	return thread->is_kept && thread->kept.was_asleep &&
		target_task_schedstat(
			python_target(capturer->reader.python), thread->identity.tid, &cpu_ns, &slices) &&
		cpu_ns == thread->kept.slept_cpu_ns && slices == thread->kept.slept_slices;
}
