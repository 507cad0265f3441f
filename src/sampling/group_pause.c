/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "sampling/group_pause.h"

#include <stdlib.h>
#include <string.h>

#include "sampling/stop.h"

/*
 * So long at most those that have stopped wait for the others. Where threads outnumber the CPUs some are not
 * on one, and stop when those that are held have left theirs to them. What comes later is looked at alone.
 */
#define WAIT_NS 500000
#define AT_ONCE 16 /* each of them is held while all others are looked at, some microseconds each */

_Static_assert(AT_ONCE <= PAUSES_AT_ONCE, "all of them can be held");

void group_pause_add(struct group_pause *group_pause, const struct capturer *capturer, struct thread *thread)
{
	const size_t capacity = group_pause->capacity;
	struct deferral *deferral;

	array_reserve(&group_pause->list, &group_pause->capacity, group_pause->count + 1,
		sizeof(*group_pause->list));
	/* what they own is used again from tick to tick */
	memset(group_pause->list + capacity, 0,
		(group_pause->capacity - capacity) * sizeof(*group_pause->list));
	deferral = &group_pause->list[group_pause->count++];
	deferral->thread = thread;
	deferral->snapshot.verdict = VERDICT_UNPROVEN;
	deferral->snapshot.has_copy = false;
	capture_save(capturer, &deferral->first);
}

void group_pause_clear(struct group_pause *group_pause)
{
	group_pause->count = 0;
}

void group_pause_release(struct group_pause *group_pause)
{
	for (size_t i = 0; i < group_pause->capacity; i++) {
		free(group_pause->list[i].first.frames);
		native_copy_release(&group_pause->list[i].snapshot.copy);
	}
	free(group_pause->list);
	*group_pause = (struct group_pause){ 0 };
}

static void tell(struct deferral *deferral, struct capturer *capturer)
{
	struct error ignored = { 0 }; /* a pause of its own says why */

	capturer->gil = NULL;
	capturer->is_holder = deferral->first.is_holder;
	deferral->result = capturer_tell_to_stop(capturer, deferral->thread, &deferral->pause, &ignored);
}

static void await(struct deferral *deferral, int64_t deadline_ns)
{
	deferral->result = pause_await(&deferral->pause, deadline_ns > 0 ? deadline_ns : 0);
}

static void snapshot_held(struct deferral *deferral, struct capturer *capturer)
{
	if (deferral->result == PAUSE_HELD)
		capture_held(
			capturer, deferral->thread, &deferral->first, &deferral->pause, &deferral->snapshot);
}

/* *counted: the time of another one that was held meanwhile has been charged. */
static void let_go(struct deferral *deferral, struct capturer *capturer, bool *counted)
{
	if (deferral->result != PAUSE_HELD)
		return;
	pause_end(&deferral->pause);
	deferral->result = PAUSE_GONE;
	if (*counted)
		capturer_count_hold_beside(capturer, &deferral->pause);
	else
		capturer_count_hold(capturer, &deferral->pause, false);
	*counted = true;
}

/* Those that did not stop in time, each in the moment in which it does. */
static void snapshot_at_late(struct deferral *list, size_t count, struct capturer *capturer)
{
	const int64_t end_ns = monotonic_ns() + capturer->pause_deadline_ns;

	for (;;) {
		size_t late = 0;

		for (size_t i = 0; i < count; i++) {
			bool counted = false;

			if (list[i].result != PAUSE_TIMEOUT)
				continue;
			await(&list[i], 0);
			snapshot_held(&list[i], capturer);
			let_go(&list[i], capturer, &counted);
			late += list[i].result == PAUSE_TIMEOUT;
		}
		if (!late || monotonic_ns() > end_ns)
			break;
		pause_nap(python_target(capturer->reader.python));
	}
	for (size_t i = 0; i < count; i++)
		capturer->statistics->pause_timeouts += list[i].result == PAUSE_TIMEOUT;
}

static void snapshot_at(struct deferral *list, size_t count, struct capturer *capturer)
{
	bool counted = false;
	int64_t end_ns;

	python_make_room(capturer->reader.python);
	for (size_t i = 0; i < count; i++)
		tell(&list[i], capturer);
	end_ns = monotonic_ns() + WAIT_NS;
	for (size_t i = 0; i < count; i++) {
		if (list[i].result == PAUSE_TOLD)
			await(&list[i], end_ns - monotonic_ns());
		else
			list[i].result = PAUSE_GONE;
	}
	capturer->hold_end_ns = monotonic_ns() + HOLD_LIMIT_NS;
	for (size_t i = 0; i < count; i++)
		snapshot_held(&list[i], capturer);
	capturer->hold_end_ns = 0;
	for (size_t i = 0; i < count; i++)
		let_go(&list[i], capturer, &counted);
	snapshot_at_late(list, count, capturer);
}

void group_pause_snapshot(struct group_pause *group_pause, struct capturer *capturer)
{
	for (size_t i = 0; i < group_pause->count; i += AT_ONCE) {
		const size_t left = group_pause->count - i;

		snapshot_at(group_pause->list + i, left < AT_ONCE ? left : AT_ONCE, capturer);
	}
}
