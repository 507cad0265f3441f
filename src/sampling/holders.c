/* SPDX-License-Identifier: MIT */
/* Who holds the GIL: a tick takes these threads first, and asks whether others can have run. */
#include "config.h"

#include "sampling/internal.h"

#include <time.h>

#define HOLDER_TRIES 4  /* the GIL may change hands while we look for its holder */
#define HOLDER_WAITS 50 /* of 0.1 ms */

bool watch_refresh(struct watch *watch)
{
	struct error err = { 0 };

	return threads_refresh(&watch->threads, &err) == 0 || target_same_image(python_target(watch->python));
}

bool watch_update(struct watch *watch)
{
	struct error err = { 0 };

	return threads_update(&watch->threads, &err) == 0 || target_same_image(python_target(watch->python));
}

static struct thread *find_thread(struct watch *watch, raddr_t state)
{
	struct thread *thread = threads_find(&watch->threads, state);

	if (!thread && watch_refresh(watch))
		thread = threads_find(&watch->threads, state);
	return thread;
}

static bool read_gil(struct watch *watch, const struct gil *gil, struct gil_state *state)
{
	unsigned char bytes[GIL_BYTES];

	if (!target_read(python_target(watch->python), gil->address, bytes, gil->length))
		return false;
	python_decode_gil(watch->python, bytes, state);
	return true;
}

static bool read_holder(struct watch *watch, const struct gil *gil, raddr_t *holder)
{
	struct gil_state state;

	if (!read_gil(watch, gil, &state))
		return false;
	*holder = state.holder;
	return true;
}

/*
 * Who holds the lock cannot be read. That is no sample of an idle program when it is the system that refuses.
 * False: there is nothing any more to read it from.
 */
static bool miss_holder(struct watch *watch, int64_t now_ns, bool *found)
{
	struct target *target = python_target(watch->python);

	if (!target_same_image(target))
		return false;
	*found = target_unanswered(target, ASKED_MEMORY, NULL);
	if (*found)
		watch_add_failed(watch, now_ns);
	return true;
}

/* The thread that holds this lock. *found: there was one. */
static bool take_holder(struct watch *watch, size_t index, int64_t now_ns, bool *found)
{
	const struct gil *gil = &watch->gils[index];
	const raddr_t predicted = watch->predicted[index];
	raddr_t holder = predicted;

	*found = false;
	if (!holder && !read_holder(watch, gil, &holder))
		return miss_holder(watch, now_ns, found);
	for (int attempt = 0; attempt < HOLDER_TRIES && holder; attempt++) {
		struct thread *thread = find_thread(watch, holder);
		const struct capture *stack;
		raddr_t now = 0;

		if (!thread) {
			/*
			 * a thread state that is being made or deleted: its list entry and the lock do not
			 * agree yet
			 */
			watch->predicted[index] = 0;
			if (!read_holder(watch, gil, &holder))
				return miss_holder(watch, now_ns, found);
			continue;
		}
		/*
		 * Another one than predicted has it: its stack is taken even when it lets go meanwhile, for
		 * this is its moment. Whoever has it when we look again is more often one that holds it long.
		 */
		switch (capture_stack(&watch->capturer, thread, gil, holder == predicted, &now, &stack)) {
		case CAPTURED:
			watch->predicted[index] = holder;
			thread->weight = 1;
			thread->taken_ns = now_ns;
			thread->activity.is_asleep = false;
			watch_add_captured(watch, thread, stack, holder, now_ns);
			thread_fit(thread, stack->count);
			*found = true;
			return true;
		case CAPTURE_OTHER:
			holder = now;
			break;
		case CAPTURE_DEFERRED: /* not where there is a GIL */
		case CAPTURE_FOREIGN:
			if (!watch_refresh(watch))
				return false;
			watch->predicted[index] = 0;
			if (!read_holder(watch, gil, &holder))
				return miss_holder(watch, now_ns, found);
			break;
		}
	}
	if (holder) {
		if (!target_same_image(python_target(watch->python)))
			return false;
		watch->predicted[index] = 0;
		watch_add_failed(watch, now_ns);
		*found = true;
	}
	return true;
}

bool watch_take_holders(struct watch *watch, int64_t now_ns, bool *any)
{
	*any = false;
	for (size_t i = 0; i < watch->gil_count; i++) {
		bool found;

		if (!take_holder(watch, i, now_ns, &found))
			return false;
		*any |= found;
	}
	return true;
}

const struct gil *watch_gil_of(const struct watch *watch, const struct thread *thread)
{
	for (size_t i = 0; i < watch->gil_count; i++) {
		if (!watch->gils[i].interpreter || watch->gils[i].interpreter == thread->identity.interpreter)
			return &watch->gils[i];
	}
	return watch->gil_count ? &watch->gils[0] : NULL;
}

/*
 * While its switch number stands still, only those that hold a GIL or held it last can have run: neither
 * frames nor the list of threads change without the GIL. (A thread that is being started is in the list
 * before it has a frame; it is seen when it gets the GIL.)
 */
bool watch_only_holders_ran(struct watch *watch, struct gil_state *now)
{
	bool same = watch->has_last_states && watch->gil_count;

	watch->has_last_states = false;
	for (size_t i = 0; i < watch->gil_count; i++) {
		const struct gil_state *last = &watch->last_states[i];

		if (!read_gil(watch, &watch->gils[i], &now[i]))
			return false;
		same &= now[i].has_switch_number && now[i].switch_number == last->switch_number &&
			now[i].last_holder == last->last_holder;
	}
	return same;
}

void watch_wait_for_holder(struct watch *watch)
{
	const struct timespec moment = { .tv_nsec = 100000 };

	for (int attempt = 0; attempt < HOLDER_WAITS; attempt++) {
		for (size_t i = 0; i < watch->gil_count; i++) {
			raddr_t holder;

			if (!read_holder(watch, &watch->gils[i], &holder) || holder)
				return;
		}
		nanosleep(&moment, NULL);
	}
}
