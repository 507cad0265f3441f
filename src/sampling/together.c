/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "sampling/together.h"

#include <stdlib.h>
#include <string.h>

#include "sampling/stop.h"

/*
 * So long at most those that have stopped wait for the others. Where threads outnumber the CPUs some are not on one, and stop
 * when those that are held have left theirs to them. What comes later is looked at alone.
 */
#define WAIT_NS 500000
#define AT_ONCE 16 /* each of them is held while all others are looked at, some microseconds each */

_Static_assert(AT_ONCE <= PAUSES_AT_ONCE, "all of them can be held");

void together_add(struct together *together, const struct taker *taker, struct subject *subject)
{
	const size_t capacity = together->capacity;
	struct deferral *deferral;

	array_reserve(&together->list, &together->capacity, together->count + 1, sizeof(*together->list));
	/* what they own is used again from tick to tick */
	memset(together->list + capacity, 0, (together->capacity - capacity) * sizeof(*together->list));
	deferral = &together->list[together->count++];
	deferral->subject = subject;
	deferral->look.verdict = VERDICT_UNPROVEN;
	deferral->look.has_copy = false;
	take_save(taker, &deferral->first);
}

void together_clear(struct together *together)
{
	together->count = 0;
}

void together_release(struct together *together)
{
	for (size_t i = 0; i < together->capacity; i++) {
		free(together->list[i].first.frames);
		native_copy_release(&together->list[i].look.copy);
	}
	free(together->list);
	*together = (struct together){ 0 };
}

static void tell(struct deferral *deferral, struct taker *taker)
{
	struct error ignored = { 0 }; /* a pause of its own says why */

	taker->gil = NULL;
	taker->is_holder = deferral->first.is_holder;
	deferral->result = tell_to_stop(taker, deferral->subject, &deferral->pause, &ignored);
}

static void await(struct deferral *deferral, int64_t deadline_ns)
{
	deferral->result = pause_await(&deferral->pause, deadline_ns > 0 ? deadline_ns : 0);
}

static void look_held(struct deferral *deferral, struct taker *taker)
{
	if (deferral->result == PAUSE_HELD)
		take_held(taker, deferral->subject, &deferral->first, &deferral->pause, &deferral->look);
}

/* *counted: the time of another one that was held meanwhile has been charged. */
static void let_go(struct deferral *deferral, struct taker *taker, bool *counted)
{
	if (deferral->result != PAUSE_HELD)
		return;
	pause_end(&deferral->pause);
	deferral->result = PAUSE_GONE;
	if (*counted)
		taker_count_hold_beside(taker, &deferral->pause);
	else
		taker_count_hold(taker, &deferral->pause, false);
	*counted = true;
}

/* Those that did not stop in time, each in the moment in which it does. */
static void look_at_late(struct deferral *list, size_t count, struct taker *taker)
{
	const int64_t end_ns = monotonic_ns() + taker->pause_deadline_ns;

	for (;;) {
		size_t late = 0;

		for (size_t i = 0; i < count; i++) {
			bool counted = false;

			if (list[i].result != PAUSE_TIMEOUT)
				continue;
			await(&list[i], 0);
			look_held(&list[i], taker);
			let_go(&list[i], taker, &counted);
			late += list[i].result == PAUSE_TIMEOUT;
		}
		if (!late || monotonic_ns() > end_ns)
			break;
		pause_nap(python_target(taker->looker.python));
	}
	for (size_t i = 0; i < count; i++)
		taker->statistics->pause_timeouts += list[i].result == PAUSE_TIMEOUT;
}

static void look_at(struct deferral *list, size_t count, struct taker *taker)
{
	bool counted = false;
	int64_t end_ns;

	python_make_room(taker->looker.python);
	for (size_t i = 0; i < count; i++)
		tell(&list[i], taker);
	end_ns = monotonic_ns() + WAIT_NS;
	for (size_t i = 0; i < count; i++) {
		if (list[i].result == PAUSE_TOLD)
			await(&list[i], end_ns - monotonic_ns());
		else
			list[i].result = PAUSE_GONE;
	}
	taker->hold_end_ns = monotonic_ns() + HOLD_LIMIT_NS;
	for (size_t i = 0; i < count; i++)
		look_held(&list[i], taker);
	taker->hold_end_ns = 0;
	for (size_t i = 0; i < count; i++)
		let_go(&list[i], taker, &counted);
	look_at_late(list, count, taker);
}

void together_look(struct together *together, struct taker *taker)
{
	for (size_t i = 0; i < together->count; i += AT_ONCE) {
		const size_t left = together->count - i;

		look_at(together->list + i, left < AT_ONCE ? left : AT_ONCE, taker);
	}
}
