/* SPDX-License-Identifier: MIT */
/* One process under the clock: what is known of it, when its next tick is due, and how a tick of it goes. */
#include "config.h"

#include "sampling/internal.h"

#include <stdlib.h>
#include <string.h>

#define HOUSEKEEPING_NS 100000000
#define UNANSWERED_NS 1000000000 /* for so long what the system refuses may pass */
#define PROCESS_NAME_COLUMNS 200
#define NAME_AGE_NS 100000000
/* of processes that sleep: each is looked at at once, which may delay a tick of others */
#define QUIET_GROUPS 4
#define QUIET_SEED UINT64_C(0x100000000) /* is no process id */

/*
 * A server's worker names itself (setproctitle) soon after it was forked, and some do so for each task: so
 * the name is read ever more seldom, a few dozen times in a year.
 */
static void read_name(struct watch *watch, int64_t now_ns)
{
	struct target *target = python_target(watch->python);
	struct buffer name = { 0 };

	if (now_ns - watch->name_read_ns < watch->name_age_ns)
		return;
	watch->name_read_ns = now_ns;
	watch->name_age_ns = watch->name_age_ns ? watch->name_age_ns * 2 : NAME_AGE_NS;
	buffer_append_string(&name, "");
	target_command_line(target, &name, PROCESS_NAME_COLUMNS);
	if (name.length && target_inner_pid(target) != target_pid(target))
		buffer_printf(&name, " (%d in its namespace)", (int)target_inner_pid(target));
	if (name.length || !watch->process_name)
		watch->process_name = threads_intern(&watch->threads, name.data);
	buffer_release(&name);
}

struct watch *watch_new(struct sampler *sampler, struct python *python, struct native *native, void *owner)
{
	struct watch *watch = xcalloc(1, sizeof(*watch));
	struct target *target = python_target(python);

	watch->sampler = sampler;
	watch->owner = owner;
	watch->python = python;
	watch->options = sampler->options;
	watch->options.native = native;
	/* each has random points of its own, so that no two are always looked at one right after the other */
	watch->seed = hash_combine(sampler->options.seed, (uint64_t)target_pid(target));
	watch->quiet_seed =
		hash_combine(sampler->options.seed, QUIET_SEED + (uint64_t)target_pid(target) % QUIET_GROUPS);
	capturer_init(&watch->capturer, python, &watch->options, &watch->statistics);
	threads_init(&watch->threads, python);
	watch->filling.mark = 1; /* 0 is what a code object has that no batch has named */
	watch->filling.native = native;
	read_name(watch, monotonic_ns());
	watch->idle = python_marker(python, "(idle)");
	watch->partial = python_marker(python, "(partial)");
	watch->unverified = python_marker(python, "(unverified)");
	watch->failed = python_marker(python, "(failed)");
	watch->truncated = python_marker(python, "(truncated)");
	watch->collecting = python_marker(python, "(gc)");
	watch->native_truncated = python_marker(python, "(native truncated)");
	watch->no_frame = python_marker(python, "(outside of Python)");
	watch->running = python_marker(python, "(running without the GIL)");
	watch->sleeping = python_marker(python, "(sleeping)");
	watch->waits_gil = python_marker(python, "(waiting for the GIL)");
	watch->waits_cpu = python_marker(python, "(waiting for a CPU)");
	watch->starting = python_marker(python, "(starting)");
	watch->ending = python_marker(python, "(ending)");
	return watch;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	capturer_release(&watch->capturer);
	threads_release(&watch->threads);
	batch_release(&watch->filling);
	native_threads_release(&watch->native_threads);
	group_pause_release(&watch->group_pause);
	free(watch->awake);
	free(watch->tids);
	free(watch);
}

static void fill_statistics(struct watch *watch)
{
	struct sampling_statistics *statistics = &watch->statistics;

	statistics->looks = watch->capturer.reader.snapshots;
	statistics->codes = python_code_count(watch->python);
	statistics->stale_codes = watch->capturer.reader.stale_codes;
	statistics->system_calls = target_read_calls(python_target(watch->python));
	statistics->watched_ns = monotonic_ns() - watch->began_ns;
	if (watch->options.native) {
		native_statistics(watch->options.native, &statistics->native);
		statistics->native.truncated = watch->native_truncated_count;
	}
	statistics->note = watch->capturer.note[0] ? watch->capturer.note : NULL;
}

void watch_confirm(struct watch *watch)
{
	struct target *target = python_target(watch->python);

	/*
	 * what was quiet at the last tick is the process that it was, and all that its code objects can do
	 * is to stay
	 */
	if (watch->quiet.is_quiet && watch->quiet.is_settled) {
		batch_trust(&watch->filling);
		fill_statistics(watch);
		return;
	}
	/*
	 * whatever this batch holds may be of the process that has the number now: it is not told what was
	 * read when
	 */
	if (watch->filling.count && !target_same_image(target) && target_replaced(target)) {
		for (size_t i = 0; i < watch->filling.count; i++) {
			const struct sample *sample = &watch->filling.samples[i].sample;

			watch->statistics.samples -= sample->weight;
			watch->statistics.unchecked += sample->weight;
			watch->statistics.by_quality[sample->quality] -= sample->weight;
		}
		batch_clear(&watch->filling);
	}
	batch_confirm(&watch->filling, &watch->capturer.reader,
		&(struct doubt_markers){ .partial = watch->partial, .failed = watch->failed },
		&watch->statistics);
	if (python_has_stale(watch->python)) {
		threads_forget_stale(&watch->threads);
		watch->capturer.reader.code_generation++; /* what was decoded is decoded anew */
		watch->capturer.capture.count = 0;
		python_release_stale(watch->python);
	}
	fill_statistics(watch);
	watch->quiet.is_settled = watch->quiet.is_quiet;
}

/*
 * The random point of the interval that the next tick belongs to. Processes that sleep are looked at one
 * after the other: to wake up for each of them would cost several times what looking at it does. Which of the
 * two points it is depends on what was seen in the interval before, and both are random, so that each sample
 * falls anywhere in its interval with the same probability.
 */
static void set_due(struct watch *watch)
{
	const uint64_t random =
		hash_combine(watch->quiet.is_quiet ? watch->quiet_seed : watch->seed, watch->number);
	const int64_t interval = watch->options.interval_ns;

	watch->due_ns =
		watch->origin_ns + (int64_t)watch->number * interval + (int64_t)(random % (uint64_t)interval);
}

void watch_begin(struct watch *watch, int64_t origin_ns, int64_t now_ns)
{
	watch->began_ns = now_ns;
	watch->origin_ns = origin_ns;
	watch->number = (uint64_t)((now_ns - origin_ns) / watch->options.interval_ns);
	set_due(watch);
	if (watch->due_ns < now_ns) {
		watch->number++;
		set_due(watch);
	}
	if (watch->options.once)
		watch->due_ns = 0;
}

void watch_resume(struct watch *watch, int64_t now_ns)
{
	if (!watch->statistics.ticks) {
		watch_begin(watch, watch->origin_ns, now_ns);
		return;
	}
	watch->number = (uint64_t)((now_ns - watch->origin_ns) / watch->options.interval_ns) + 1;
	set_due(watch);
}

/* Why is there nothing left to read? */
static bool end_of_target(struct watch *watch)
{
	struct target *target = python_target(watch->python);

	/* what was sampled is not to be checked against a program that comes after it */
	watch_confirm(watch);
	watch->end = target_execed(target) || target_alive(target) ? SAMPLING_EXECED : SAMPLING_GONE;
	/* no answer is no execve */
	if (watch->end == SAMPLING_EXECED && target_unanswered(target, ASKED_LIFE, &watch->refusal))
		watch->end = SAMPLING_REFUSED;
	return false;
}

bool watch_lives(struct watch *watch)
{
	return target_same_image(python_target(watch->python)) || end_of_target(watch);
}

/* What the system refuses may be there again in a moment. False: it has been refused for too long. */
static bool bear_refusals(struct watch *watch, int64_t now_ns, int64_t patience_ns)
{
	const struct target *target = python_target(watch->python);
	struct error *err = &watch->refusal;

	if (!target_unanswered(target, ASKED_LIFE, err) && !target_unanswered(target, ASKED_MEMORY, err) &&
		!target_unanswered(target, ASKED_TASKS, err)) {
		watch->unanswered_ns = 0;
		return true;
	}
	if (!watch->unanswered_ns)
		watch->unanswered_ns = now_ns;
	return now_ns - watch->unanswered_ns < patience_ns;
}

/*
 * One tick, unless pyrope is told to end in the middle of it: then its samples are cut short, and belong to
 * no profile.
 */
static bool whole_tick(struct watch *watch, int64_t now_ns)
{
	struct sampling_statistics *statistics = &watch->statistics;
	const size_t count = watch->filling.count;
	const uint64_t samples = statistics->samples, waits_cpu = statistics->waits_cpu;
	uint64_t by_quality[SAMPLE_QUALITIES];
	bool alive;

	memcpy(by_quality, statistics->by_quality, sizeof(by_quality));
	statistics->ticks++;
	watch->is_idle = false;
	alive = watch_take_samples(watch, now_ns);
	if (is_interrupted()) {
		batch_take_back(&watch->filling, count);
		memcpy(statistics->by_quality, by_quality, sizeof(by_quality));
		statistics->samples = samples;
		statistics->waits_cpu = waits_cpu;
		statistics->ticks--;
	}
	return alive;
}

/* Intervals that are wholly over have had their chance. */
static void next_tick(struct watch *watch, int64_t now_ns)
{
	const int64_t interval = watch->options.interval_ns;
	const uint64_t next = watch->number + 1;

	watch->number = next;
	if (now_ns - watch->origin_ns > (int64_t)next * interval) {
		const uint64_t current = (uint64_t)((monotonic_ns() - watch->origin_ns) / interval);

		if (current > next) {
			watch->statistics.missed_ticks += current - next;
			watch->number = current;
		}
	}
	set_due(watch);
}

void watch_miss_rest(struct watch *watch, int64_t end_ns)
{
	const uint64_t over = (uint64_t)((end_ns - watch->origin_ns) / watch->options.interval_ns);

	if (watch->options.once || over <= watch->number)
		return;
	watch->statistics.missed_ticks += over - watch->number;
	watch->number = over;
}

bool watch_tick(struct watch *watch, int64_t now_ns)
{
	watch->end = SAMPLING_DURATION;
	if (quiet_tick(watch, now_ns)) {
		if (watch->name_read_ns < watch->quiet.since_ns)
			read_name(watch, now_ns);
		watch->statistics.ticks++;
		next_tick(watch, now_ns);
		return true;
	}
	if (now_ns - watch->housekeeping_ns > HOUSEKEEPING_NS) {
		watch->housekeeping_ns = now_ns;
		if (!target_same_image(python_target(watch->python)))
			return end_of_target(watch);
		if (!bear_refusals(watch, now_ns, UNANSWERED_NS)) {
			watch->end = SAMPLING_REFUSED;
			return false;
		}
		watch_housekeeping(watch);
		read_name(watch, now_ns);
	}
	quiet_ask(watch, now_ns);
	if (!whole_tick(watch, now_ns))
		return end_of_target(watch);
	quiet_answer(watch, now_ns);
	next_tick(watch, now_ns);
	return !watch->options.once;
}

enum sampling_end watch_last_end(struct watch *watch, enum sampling_end end)
{
	/* a short run has not had the time to be patient, and its last answers were none */
	if (target_same_image(python_target(watch->python)) && !bear_refusals(watch, monotonic_ns(), 0))
		return SAMPLING_REFUSED;
	return end;
}
