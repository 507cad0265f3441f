/* SPDX-License-Identifier: MIT */
/* Adding up what several watches have done. */
#include "config.h"

#include "pyrope/sampling.h"

void sampling_count_sleep(struct sampling_statistics *statistics, long syscall_number, uint64_t count)
{
	for (size_t i = 0; i < SLEEPS_KEPT && count; i++) {
		if (statistics->sleeps[i].count && statistics->sleeps[i].syscall_number != syscall_number)
			continue;
		statistics->sleeps[i].syscall_number = syscall_number;
		statistics->sleeps[i].count += count;
		return;
	}
}

void sampling_add(struct sampling_statistics *sum, const struct sampling_statistics *more)
{
	sum->ticks += more->ticks;
	sum->missed_ticks += more->missed_ticks;
	sum->samples += more->samples;
	for (size_t i = 0; i < SAMPLE_QUALITIES; i++)
		sum->by_quality[i] += more->by_quality[i];
	sum->pauses += more->pauses;
	sum->pause_timeouts += more->pause_timeouts;
	sum->pauses_refused += more->pauses_refused;
	sum->spared += more->spared;
	sum->holds_cut += more->holds_cut;
	sum->held_total_ns += more->held_total_ns;
	for (size_t i = 0; i < HELD_CLASSES; i++)
		sum->held_classes[i] += more->held_classes[i];
	sum->long_holds += more->long_holds;
	if (more->held_worked_ns > sum->held_worked_ns)
		sum->held_worked_ns = more->held_worked_ns;
	if (more->held_longest_ns > sum->held_longest_ns) {
		sum->held_longest_ns = more->held_longest_ns;
		sum->longest_cause = more->longest_cause;
		sum->held_longest_waited_ns = more->held_longest_waited_ns;
	}
	sum->looks += more->looks;
	sum->system_calls += more->system_calls;
	sum->watched_ns += more->watched_ns;
	sum->native.stacks += more->native.stacks;
	sum->native.truncated += more->native.truncated;
	sum->native.unmatched += more->native.unmatched;
	sum->native.frames += more->native.frames;
	sum->native.rows += more->native.rows;
	sum->native.modules += more->native.modules;
	sum->native.unnamed += more->native.unnamed;
	sum->native.unread += more->native.unread;
	sum->waits_cpu += more->waits_cpu;
	sum->seen_going_on += more->seen_going_on;
	sum->unchecked += more->unchecked;
	sum->codes += more->codes;
	sum->stale_codes += more->stale_codes;
	for (size_t i = 0; i < SLEEPS_KEPT; i++)
		sampling_count_sleep(sum, more->sleeps[i].syscall_number, more->sleeps[i].count);
}
