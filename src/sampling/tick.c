/* SPDX-License-Identifier: MIT */
/* What happens at one tick, by mode: which threads are looked at, and what the samples say. */
#include "config.h"

#include "internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#define HOLDER_TRIES 4  /* the GIL may change hands while we look for its holder */
#define HOLDER_WAITS 50 /* of 0.1 ms */

static struct sample blank(struct sampler *sampler, int64_t now_ns)
{
	return (struct sample){ .time_ns = now_ns, .pid = target_pid(python_target(sampler->python)),
		.process_name = sampler->process_name, .thread_name = "", .syscall_number = -1 };
}

static void add_marker_sample(struct sampler *sampler, struct sample *sample, const struct function *marker,
	enum sample_quality quality)
{
	sample->quality = quality;
	batch_add(&sampler->filling, sample);
	batch_add_frame(&sampler->filling, marker, 0);
	sampler->statistics.by_quality[quality]++;
	sampler->statistics.samples++;
}

static void add_idle(struct sampler *sampler, int64_t now_ns)
{
	struct sample sample = blank(sampler, now_ns);

	add_marker_sample(sampler, &sample, sampler->idle, SAMPLE_IDLE);
}

/* Does this futex belong to one of the locks? */
static bool is_gil(const struct sampler *sampler, raddr_t futex)
{
	for (size_t i = 0; i < sampler->gil_count; i++) {
		if (futex >= sampler->gils[i].address && futex - sampler->gils[i].address < sampler->gils[i].span)
			return true;
	}
	return false;
}

static void find_state(struct sampler *sampler, const struct subject *subject, raddr_t holder, struct sample *sample)
{
	struct task_state task;

	if (holder == subject->thread.state && !sampler->options.mark_syscalls) {
		sample->state = THREAD_HOLDS_GIL;
		return;
	}
	if (!sampler->options.want_states && !sampler->options.mark_syscalls)
		return;
	task = target_task_state(python_target(sampler->python), subject->thread.tid);
	sample->syscall_number = task.syscall_number;
	sample->state = task.activity == TASK_RUNNING ? THREAD_RUNNING : THREAD_SLEEPING;
	if (task.syscall_number == SYS_futex && is_gil(sampler, task.first_argument))
		sample->state = THREAD_WAITS_GIL;
	if (holder == subject->thread.state)
		sample->state = THREAD_HOLDS_GIL;
}

/* The frames as they were called, Python's and native ones; walk and memo of the subject are those of this stack. */
static void add_merged(struct sampler *sampler, const struct subject *subject)
{
	const struct taker *taker = &sampler->taker;
	const struct walk *walk = &subject->walk;
	size_t next = 0;

	for (size_t i = 0; i < taker->merged.count; i++) {
		const struct merged_frame *frame = &taker->merged.frames[i];

		switch (frame->kind) {
		case MERGED_PYTHON:
			if (next < taker->frame_count && python_frame_visible(sampler->python,
					subject->memo[walk->count - 1 - frame->index].entry, &walk->frames[frame->index])) {
				batch_add_code(&sampler->filling, taker->frames[next].code, taker->frames[next].line);
				next++;
			}
			break;
		case MERGED_NATIVE:
			batch_add_address(&sampler->filling, frame->address);
			break;
		case MERGED_TRUNCATED:
			batch_add_frame(&sampler->filling, sampler->native_truncated, 0);
			break;
		}
	}
}

static void add_python(struct sampler *sampler)
{
	const struct taker *taker = &sampler->taker;

	for (size_t i = 0; i < taker->frame_count; i++)
		batch_add_code(&sampler->filling, taker->frames[i].code, taker->frames[i].line);
}

static void add_syscall(struct sampler *sampler, const struct sample *sample)
{
	const char *name = syscall_name(sample->syscall_number);
	char text[64];

	if (!sampler->options.mark_syscalls || sample->syscall_number < 0)
		return;
	if (name)
		snprintf(text, sizeof(text), "(syscall %s)", name);
	else
		snprintf(text, sizeof(text), "(syscall %ld)", sample->syscall_number);
	batch_add_frame(&sampler->filling, python_marker(sampler->python, text), 0);
}

/* What taker holds becomes a sample. */
static void add_taken(struct sampler *sampler, struct subject *subject, raddr_t holder, int64_t now_ns)
{
	const struct taker *taker = &sampler->taker;
	struct sample sample = blank(sampler, now_ns);

	sample.tid = subject->thread.tid;
	sample.interpreter_id = subject->thread.interpreter_id;
	if (sampler->options.want_names)
		sample.thread_name = subjects_name(&sampler->subjects, subject);
	sample.quality = taker->quality;
	find_state(sampler, subject, holder, &sample);
	if (taker->quality == SAMPLE_FAILED) {
		add_marker_sample(sampler, &sample, sampler->failed, SAMPLE_FAILED);
		return;
	}
	batch_add(&sampler->filling, &sample);
	if (taker->is_cut)
		batch_add_frame(&sampler->filling, sampler->truncated, 0);
	if (taker->has_merged)
		add_merged(sampler, subject);
	else
		add_python(sampler);
	if (taker->lacks_native)
		batch_add_frame(&sampler->filling, sampler->native_truncated, 0);
	if (taker->quality == SAMPLE_PARTIAL)
		batch_add_frame(&sampler->filling, sampler->partial, 0);
	else if (taker->quality == SAMPLE_UNVERIFIED)
		batch_add_frame(&sampler->filling, sampler->unverified, 0);
	else if (!taker->frame_count && !taker->has_merged)
		batch_add_frame(&sampler->filling, sampler->no_frame, 0);
	add_syscall(sampler, &sample);
	if (sampler->options.mark_gc && holder == subject->thread.state &&
		python_collecting(sampler->python, subject->thread.interpreter))
		batch_add_frame(&sampler->filling, sampler->collecting, 0);
	sampler->statistics.by_quality[taker->quality]++;
	sampler->statistics.samples++;
}

/* False: the list cannot be read because there is nothing any more to read it from. */
static bool refresh(struct sampler *sampler)
{
	struct error err = { 0 };

	return subjects_refresh(&sampler->subjects, &err) == 0 || target_same_image(python_target(sampler->python));
}

/* As refresh, when there may be new threads. */
static bool update(struct sampler *sampler)
{
	struct error err = { 0 };

	return subjects_update(&sampler->subjects, &err) == 0 || target_same_image(python_target(sampler->python));
}

static struct subject *find_subject(struct sampler *sampler, raddr_t state)
{
	struct subject *subject = subjects_find(&sampler->subjects, state);

	if (!subject && refresh(sampler))
		subject = subjects_find(&sampler->subjects, state);
	return subject;
}

static bool read_gil(struct sampler *sampler, const struct gil *gil, struct gil_state *state)
{
	unsigned char bytes[GIL_BYTES];

	if (!target_read(python_target(sampler->python), gil->address, bytes, gil->length))
		return false;
	python_decode_gil(sampler->python, bytes, state);
	return true;
}

static bool read_holder(struct sampler *sampler, const struct gil *gil, raddr_t *holder)
{
	struct gil_state state;

	if (!read_gil(sampler, gil, &state))
		return false;
	*holder = state.holder;
	return true;
}

/* The thread that holds this lock. *found: there was one. */
static bool tick_holder(struct sampler *sampler, size_t index, int64_t now_ns, bool *found)
{
	const struct gil *gil = &sampler->gils[index];
	const raddr_t predicted = sampler->predicted[index];
	raddr_t holder = predicted;

	*found = false;
	if (!holder && !read_holder(sampler, gil, &holder))
		return target_same_image(python_target(sampler->python));
	for (int attempt = 0; attempt < HOLDER_TRIES && holder; attempt++) {
		struct subject *subject = find_subject(sampler, holder);
		raddr_t now = 0;

		if (!subject) {
			/* a thread state that is being made or deleted: its list entry and the lock do not agree yet */
			sampler->predicted[index] = 0;
			if (!read_holder(sampler, gil, &holder))
				return target_same_image(python_target(sampler->python));
			continue;
		}
		/*
		 * Another one than predicted has it: its stack is taken even when it lets go meanwhile, for
		 * this is its moment. Whoever has it when we look again is more often one that holds it long.
		 */
		switch (take(&sampler->taker, subject, gil, holder == predicted, &now)) {
		case TAKEN:
			sampler->predicted[index] = holder;
			add_taken(sampler, subject, holder, now_ns);
			subject_fit(subject, sampler->taker.frame_count);
			*found = true;
			return true;
		case TAKE_OTHER:
			holder = now;
			break;
		case TAKE_DEFERRED: /* not where there is a GIL */
		case TAKE_FOREIGN:
			if (!refresh(sampler))
				return false;
			sampler->predicted[index] = 0;
			if (!read_holder(sampler, gil, &holder))
				return target_same_image(python_target(sampler->python));
			break;
		}
	}
	if (holder) {
		struct sample sample = blank(sampler, now_ns);

		if (!target_same_image(python_target(sampler->python)))
			return false;
		sampler->predicted[index] = 0;
		add_marker_sample(sampler, &sample, sampler->failed, SAMPLE_FAILED);
		*found = true;
	}
	return true;
}

static bool tick_gil(struct sampler *sampler, int64_t now_ns)
{
	bool any = false;

	for (size_t i = 0; i < sampler->gil_count; i++) {
		bool found;

		if (!tick_holder(sampler, i, now_ns, &found))
			return false;
		any |= found;
	}
	if (!any)
		add_idle(sampler, now_ns);
	return true;
}

static const struct gil *gil_of(const struct sampler *sampler, const struct subject *subject)
{
	for (size_t i = 0; i < sampler->gil_count; i++) {
		if (!sampler->gils[i].interpreter || sampler->gils[i].interpreter == subject->thread.interpreter)
			return &sampler->gils[i];
	}
	return sampler->gil_count ? &sampler->gils[0] : NULL;
}

/* What take() has said of one thread; holder is who held its lock when the tick began. False: no sample. */
static bool add_if_taken(struct sampler *sampler, struct subject *subject, enum take_result result, raddr_t holder,
	int64_t now_ns)
{
	if (result != TAKEN) {
		subject->is_kept = false;
		return false;
	}
	add_taken(sampler, subject, holder, now_ns);
	take_keep(&sampler->taker, subject);
	subject_fit(subject, sampler->taker.frame_count);
	return true;
}

/* Takes one thread whatever it does. False: it is gone, or its sample is put off. */
static bool tick_thread(struct sampler *sampler, struct subject *subject, const struct gil *gil, raddr_t holder,
	int64_t now_ns)
{
	raddr_t holder_now = 0;
	enum take_result result = take(&sampler->taker, subject, gil, false, &holder_now);

	if (result == TAKE_DEFERRED) {
		together_add(&sampler->together, &sampler->taker, subject);
		return false;
	}
	return add_if_taken(sampler, subject, result, holder, now_ns);
}

/* The samples that were put off. */
static size_t tick_together(struct sampler *sampler, int64_t now_ns)
{
	struct together *together = &sampler->together;
	size_t taken = 0;

	together_look(together, &sampler->taker);
	for (size_t i = 0; i < together->count; i++) {
		struct deferral *deferral = &together->list[i];
		enum take_result result = take_deferred(&sampler->taker, deferral->subject, &deferral->first, &deferral->look);

		taken += add_if_taken(sampler, deferral->subject, result, 0, now_ns);
	}
	together_clear(together);
	return taken;
}

/*
 * Has no thread run Python code since the last tick, but for those that hold a GIL now or held it last? While
 * its switch number stands still, only they can have: neither frames nor the list of threads change without
 * the GIL. (A thread that is being started is in the list before it has a frame; it is seen when it gets the
 * GIL.)
 */
static bool only_holders_ran(struct sampler *sampler, struct gil_state *now)
{
	bool same = sampler->has_last_states && sampler->gil_count;

	sampler->has_last_states = false;
	for (size_t i = 0; i < sampler->gil_count; i++) {
		const struct gil_state *last = &sampler->last_states[i];

		if (!read_gil(sampler, &sampler->gils[i], &now[i]))
			return false;
		same &= now[i].has_switch_number && now[i].switch_number == last->switch_number &&
			now[i].last_holder == last->last_holder;
	}
	return same;
}

/*
 * Where there is one tick only, it waits a moment for somebody to hold a GIL: a busy thread lets go of it for
 * an instant again and again, and who looks once wants to know which thread it is.
 */
static void wait_for_holder(struct sampler *sampler)
{
	const struct timespec moment = { .tv_nsec = 100000 };

	for (int attempt = 0; attempt < HOLDER_WAITS; attempt++) {
		for (size_t i = 0; i < sampler->gil_count; i++) {
			raddr_t holder;

			if (!read_holder(sampler, &sampler->gils[i], &holder) || holder)
				return;
		}
		nanosleep(&moment, NULL);
	}
}

static bool may_have_run(const struct sampler *sampler, const struct subject *subject, const struct gil_state *states)
{
	for (size_t i = 0; i < sampler->gil_count; i++) {
		if (states[i].holder == subject->thread.state || states[i].last_holder == subject->thread.state)
			return true;
	}
	return false;
}

static bool is_running(struct sampler *sampler, const struct subject *subject)
{
	return target_task_state(python_target(sampler->python), subject->thread.tid).activity == TASK_RUNNING;
}

/*
 * May what was taken of the thread last be taken again, because it has not run? Its Python frames stand still
 * without the GIL, its native ones only while it sleeps.
 */
static bool stands_still(struct sampler *sampler, struct subject *subject)
{
	return !sampler->options.native || take_sleeps_still(&sampler->taker, subject);
}

/* ---- threads without Python ---- */

static void add_bystander(struct sampler *sampler, struct bystander *bystander, int64_t now_ns)
{
	struct target *target = python_target(sampler->python);
	struct sampling_statistics *statistics = &sampler->statistics;
	struct sample sample = blank(sampler, now_ns);
	struct bystander_look looked;
	bool taken = bystander_take(&sampler->bystanders, bystander, target, sampler->options.native,
		sampler->taker.policy != PAUSE_NEVER, sampler->taker.pause_deadline_ns, &looked);

	if (looked.was_paused)
		taker_count_hold(&sampler->taker, looked.held_ns);
	if (looked.task.activity == TASK_GONE)
		return;
	sample.tid = bystander->tid;
	sample.thread_name = subjects_intern(&sampler->subjects, bystander->name);
	sample.syscall_number = looked.task.syscall_number;
	sample.state = looked.task.activity == TASK_RUNNING ? THREAD_RUNNING : THREAD_SLEEPING;
	sample.quality = looked.was_paused ? SAMPLE_PAUSED : SAMPLE_VERIFIED;
	if (!taken) {
		add_marker_sample(sampler, &sample, sampler->failed, SAMPLE_FAILED);
		return;
	}
	batch_add(&sampler->filling, &sample);
	for (size_t i = 0; i < bystander->merged.count; i++) {
		const struct merged_frame *frame = &bystander->merged.frames[i];

		if (frame->kind == MERGED_NATIVE)
			batch_add_address(&sampler->filling, frame->address);
		else
			batch_add_frame(&sampler->filling, sampler->native_truncated, 0);
	}
	add_syscall(sampler, &sample);
	statistics->by_quality[sample.quality]++;
	statistics->samples++;
}

static size_t tick_bystanders(struct sampler *sampler, int64_t now_ns, bool only_running)
{
	struct bystanders *bystanders = &sampler->bystanders;
	size_t taken = 0;

	for (size_t i = 0; i < bystanders->count; i++) {
		pause_settle(python_target(sampler->python), 0);
		if (only_running && target_task_state(python_target(sampler->python), bystanders->list[i]->tid).activity !=
				TASK_RUNNING)
			continue;
		add_bystander(sampler, bystanders->list[i], now_ns);
		taken++;
	}
	return taken;
}

/* Every thread, or every thread that is on a CPU. */
static bool tick_threads(struct sampler *sampler, int64_t now_ns, bool only_running)
{
	struct gil_state states[GILS] = { { 0 } };
	size_t taken = 0;
	bool still;

	if (sampler->options.once)
		wait_for_holder(sampler);
	still = only_holders_ran(sampler, states);
	if (!still && !update(sampler))
		return false;
	for (size_t i = 0; i < sampler->subjects.count; i++) {
		struct subject *subject = sampler->subjects.list[i];
		const struct gil *gil = gil_of(sampler, subject);

		/* one that was told to stop and did so late is not left stopped for as long as the others take */
		pause_settle(python_target(sampler->python), 0);
		if (only_running && !is_running(sampler, subject))
			continue;
		if (still && !may_have_run(sampler, subject, states) && stands_still(sampler, subject) &&
			take_kept(&sampler->taker, subject)) {
			add_taken(sampler, subject, 0, now_ns);
			taken++;
		} else {
			taken += tick_thread(sampler, subject, gil, gil ? states[gil - sampler->gils].holder : 0, now_ns);
		}
	}
	taken += tick_together(sampler, now_ns);
	taken += tick_bystanders(sampler, now_ns, only_running);
	memcpy(sampler->last_states, states, sizeof(states));
	sampler->has_last_states = sampler->gil_count > 0;
	if (!taken && only_running)
		add_idle(sampler, now_ns);
	return taken || only_running || target_same_image(python_target(sampler->python));
}

bool tick(struct sampler *sampler, int64_t now_ns)
{
	switch (sampler->options.mode) {
	case MODE_GIL:
		return sampler->free_threaded ? tick_threads(sampler, now_ns, true) : tick_gil(sampler, now_ns);
	case MODE_WALL:
		return tick_threads(sampler, now_ns, false);
	case MODE_CPU:
		break;
	}
	return tick_threads(sampler, now_ns, true);
}

static bool has_thread_state(const void *context, pid_t tid)
{
	const struct subjects *subjects = context;

	for (size_t i = 0; i < subjects->count; i++) {
		if (subjects->list[i]->thread.tid == tid)
			return true;
	}
	return false;
}

void tick_housekeeping(struct sampler *sampler)
{
	if (sampler->options.native) {
		native_housekeeping(sampler->options.native, monotonic_ns());
		if (sampler->options.mode != MODE_GIL) {
			update(sampler);
			bystanders_refresh(&sampler->bystanders, python_target(sampler->python), has_thread_state,
				&sampler->subjects);
		}
	}
	sampler->free_threaded = sampler->taker.defers = python_free_threaded(sampler->python);
	sampler->gil_count = sampler->free_threaded ? 0 : python_list_gils(sampler->python, sampler->gils, GILS);
}
