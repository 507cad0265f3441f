/* SPDX-License-Identifier: MIT */
/*
 * What a sample says: the state of its thread, its frames, and markers in place of those that there are
 * not.
 */
#include "config.h"

#include "sampling/internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#define SLEEPERS_NOTED 4

static struct sample blank(struct watch *watch, int64_t now_ns)
{
	return (struct sample){ .time_ns = now_ns,
		.pid = target_pid(python_target(watch->python)),
		.process_name = watch->process_name,
		.thread_name = "",
		.syscall_number = -1,
		.weight = 1 };
}

static void add_marker_sample(struct watch *watch, struct sample *sample, const struct function *marker,
	enum sample_quality quality)
{
	sample->quality = quality;
	batch_add(&watch->filling, sample);
	batch_add_frame(&watch->filling, marker, 0);
	watch->statistics.by_quality[quality] += sample->weight;
	watch->statistics.samples += sample->weight;
}

/*
 * In what do they sleep? A few of them are asked in each tick, so that it costs nothing however many there
 * are.
 */
static void note_sleeps(struct watch *watch)
{
	const size_t count = watch->threads.count;

	for (size_t i = 0; i < count && i < SLEEPERS_NOTED; i++) {
		const struct activity *activity =
			&watch->threads.list[(watch->statistics.ticks + i) % count]->activity;

		if (activity->is_asleep && activity->task.syscall_number >= 0)
			sampling_count_sleep(&watch->statistics, activity->task.syscall_number, 1);
	}
}

void watch_add_idle(struct watch *watch, int64_t now_ns)
{
	struct sample sample = blank(watch, now_ns);
	const bool waits = watch->waiting_ns == now_ns;

	watch->is_idle = true;
	if (waits)
		watch->statistics.waits_cpu += sample.weight;
	else
		note_sleeps(watch);
	add_marker_sample(watch, &sample, waits ? watch->waits_cpu : watch->idle, SAMPLE_IDLE);
}

void watch_add_running(struct watch *watch, int64_t now_ns)
{
	struct sample sample = blank(watch, now_ns);

	sample.state = THREAD_RUNNING;
	add_marker_sample(watch, &sample, watch->running, SAMPLE_VERIFIED);
}

void watch_add_failed(struct watch *watch, int64_t now_ns)
{
	struct sample sample = blank(watch, now_ns);

	add_marker_sample(watch, &sample, watch->failed, SAMPLE_FAILED);
}

/* Does this futex belong to one of the locks? */
static bool is_gil(const struct watch *watch, raddr_t futex)
{
	for (size_t i = 0; i < watch->gil_count; i++) {
		if (futex >= watch->gils[i].address && futex - watch->gils[i].address < watch->gils[i].span)
			return true;
	}
	return false;
}

struct activity_tick *watch_activity_tick(struct watch *watch, int64_t now_ns)
{
	if (watch->activity_tick.now_ns != now_ns)
		watch->activity_tick =
			(struct activity_tick){ .now_ns = now_ns, .is_only = watch->options.once };
	return &watch->activity_tick;
}

enum thread_state watch_thread_activity(struct watch *watch, struct thread *thread, int64_t now_ns)
{
	struct activity *activity = &thread->activity;
	enum thread_state state = activity_look(activity, python_target(watch->python), thread->identity.tid,
		watch_activity_tick(watch, now_ns));

	if (state == THREAD_SLEEPING && activity->task.syscall_number == SYS_futex &&
		is_gil(watch, activity->task.first_argument)) {
		activity->is_asleep = false; /* what it waits for is no sleep: it is looked at in each tick */
		return THREAD_WAITS_GIL;
	}
	if (state == THREAD_WAITS_CPU)
		watch->waiting_ns = now_ns;
	return state;
}

/*
 * Was this holder of the GIL on no CPU when its stack was taken? It is looked at after that: what sleeps now
 * may have fallen asleep since, unless it has slept from the look before this one on.
 */
static bool was_off_cpu(const struct activity *before, const struct activity *now, enum thread_state state)
{
	return state == THREAD_WAITS_CPU ||
		(state == THREAD_SLEEPING && before->is_asleep && now->is_asleep &&
			before->slices == now->slices && before->cpu_ns == now->cpu_ns);
}

static void find_state(struct watch *watch, struct thread *thread, const struct capture *stack,
	raddr_t holder, struct sample *sample)
{
	const bool holds = holder == thread->identity.state;
	struct activity before;

	if (!watch->options.want_states && !watch->options.mark_syscalls && (holds || stack->count)) {
		sample->state = holds ? THREAD_HOLDS_GIL : THREAD_UNKNOWN;
		return;
	}
	before = thread->activity;
	sample->state = watch->quiet.is_quiet ? THREAD_SLEEPING
					      : watch_thread_activity(watch, thread, sample->time_ns);
	sample->syscall_number = thread->activity.task.syscall_number;
	/* it has woken up since: the frames are those of its sleep */
	if (stack->has_merged && stack->was_asleep && sample->state != THREAD_WAITS_GIL)
		sample->state = THREAD_SLEEPING;
	if (holds) {
		sample->is_off_cpu = was_off_cpu(&before, &thread->activity, sample->state);
		sample->state = THREAD_HOLDS_GIL;
	}
}

/* In place of frames: what a thread does that is outside of Python. */
static const struct function *outside_marker(
	struct watch *watch, const struct thread *thread, enum thread_state state)
{
	switch (state) {
	case THREAD_SLEEPING:
		return watch->sleeping;
	case THREAD_WAITS_GIL:
		return watch->waits_gil;
	case THREAD_WAITS_CPU:
		return watch->waits_cpu;
	default:
		break;
	}
	if (!thread->has_shown)
		return watch->starting;
	return thread->has_returned ? watch->no_frame : watch->ending;
}

/*
 * A thread that runs Python once more after it had left it is one of a program that calls Python now and
 * then.
 */
static void note_frames(struct thread *thread, bool has_frames)
{
	thread->has_returned |= has_frames && thread->is_outside;
	thread->is_outside = !has_frames && thread->has_shown;
	thread->has_shown |= has_frames;
}

/*
 * The only place that says that native frames are missing, so that the summary counts what the profile
 * shows.
 */
static void mark_native_truncated(struct watch *watch)
{
	batch_add_frame(&watch->filling, watch->native_truncated, 0);
	watch->native_truncated_count++;
}

/*
 * The frames as they were called, Python's and native ones; walk and memo of the thread are those of this
 * stack.
 */
static void add_merged(struct watch *watch, const struct thread *thread, const struct capture *stack)
{
	const struct walk *walk = &thread->walk;
	size_t next = 0;

	for (size_t i = 0; i < stack->merged.count; i++) {
		const struct merged_frame *frame = &stack->merged.frames[i];

		switch (frame->kind) {
		case MERGED_PYTHON:
			if (next < stack->count &&
				python_frame_visible(watch->python,
					thread->memo[walk->count - 1 - frame->index].entry,
					&walk->frames[frame->index])) {
				batch_add_code(&watch->filling, &stack->frames[next]);
				next++;
			}
			break;
		case MERGED_NATIVE:
			batch_add_address(&watch->filling, frame->address);
			break;
		case MERGED_TRUNCATED:
			mark_native_truncated(watch);
			break;
		}
	}
}

static void add_python(struct watch *watch, const struct capture *stack)
{
	for (size_t i = 0; i < stack->count; i++)
		batch_add_code(&watch->filling, &stack->frames[i]);
}

static void add_syscall(struct watch *watch, const struct sample *sample)
{
	const char *name = syscall_name(sample->syscall_number);
	char text[64];

	if (!watch->options.mark_syscalls || sample->syscall_number < 0)
		return;
	if (name)
		snprintf(text, sizeof(text), "(syscall %s)", name);
	else
		snprintf(text, sizeof(text), "(syscall %ld)", sample->syscall_number);
	batch_add_frame(&watch->filling, python_marker(watch->python, text), 0);
}

void watch_add_captured(struct watch *watch, struct thread *thread, const struct capture *stack,
	raddr_t holder, int64_t now_ns)
{
	struct sample sample = blank(watch, now_ns);

	sample.tid = thread->identity.tid;
	sample.interpreter_id = thread->identity.interpreter_id;
	if (watch->options.want_names)
		sample.thread_name = watch->quiet.is_quiet && thread->name
			? thread->name
			: threads_name(&watch->threads, thread);
	sample.quality = stack->quality;
	sample.weight = thread->weight;
	find_state(watch, thread, stack, holder, &sample);
	sample.is_collecting = (watch->options.mark_gc || watch->options.want_gc) &&
		holder == thread->identity.state &&
		python_collecting(watch->python, thread->identity.interpreter);
	if (stack->quality == SAMPLE_FAILED) {
		add_marker_sample(watch, &sample, watch->failed, SAMPLE_FAILED);
		return;
	}
	batch_add(&watch->filling, &sample);
	if (stack->is_cut)
		batch_add_frame(&watch->filling, watch->truncated, 0);
	if (stack->has_merged)
		add_merged(watch, thread, stack);
	else
		add_python(watch, stack);
	if (stack->lacks_native)
		mark_native_truncated(watch);
	if (stack->quality == SAMPLE_PARTIAL)
		batch_add_frame(&watch->filling, watch->partial, 0);
	else if (stack->quality == SAMPLE_UNVERIFIED)
		batch_add_frame(&watch->filling, watch->unverified, 0);
	else if (!stack->count && !stack->has_merged)
		batch_add_frame(&watch->filling, outside_marker(watch, thread, sample.state), 0);
	note_frames(thread, stack->count > 0);
	add_syscall(watch, &sample);
	if (watch->options.mark_gc && sample.is_collecting)
		batch_add_frame(&watch->filling, watch->collecting, 0);
	watch->statistics.by_quality[stack->quality] += sample.weight;
	watch->statistics.samples += sample.weight;
}

/* ---- threads without Python ---- */

void watch_add_native_thread(
	struct watch *watch, struct native_thread *native_thread, uint64_t weight, int64_t now_ns)
{
	struct target *target = python_target(watch->python);
	struct sampling_statistics *statistics = &watch->statistics;
	struct sample sample = blank(watch, now_ns);
	struct native_thread_snapshot looked;
	bool taken = native_thread_take(&watch->native_threads, native_thread, target, watch->options.native,
		watch->capturer.policy != PAUSE_NEVER, watch->capturer.pause_deadline_ns, &looked);

	if (looked.was_paused)
		capturer_count_hold(&watch->capturer, &looked.pause, false);
	if (looked.task.activity == TASK_GONE)
		return;
	sample.tid = native_thread->tid;
	sample.thread_name = threads_intern(&watch->threads, native_thread->name);
	sample.syscall_number = looked.task.syscall_number;
	sample.state = looked.task.activity == TASK_RUNNING ? THREAD_RUNNING : THREAD_SLEEPING;
	if (sample.state == THREAD_RUNNING && native_thread->activity.looked_ns == now_ns &&
		native_thread->activity.state == THREAD_WAITS_CPU)
		sample.state = THREAD_WAITS_CPU;
	sample.weight = weight;
	sample.quality = looked.was_paused ? SAMPLE_PAUSED : SAMPLE_VERIFIED;
	if (!taken) {
		add_marker_sample(watch, &sample, watch->failed, SAMPLE_FAILED);
		return;
	}
	batch_add(&watch->filling, &sample);
	for (size_t i = 0; i < native_thread->merged.count; i++) {
		const struct merged_frame *frame = &native_thread->merged.frames[i];

		if (frame->kind == MERGED_NATIVE)
			batch_add_address(&watch->filling, frame->address);
		else
			mark_native_truncated(watch);
	}
	add_syscall(watch, &sample);
	statistics->by_quality[sample.quality] += weight;
	statistics->samples += weight;
}
