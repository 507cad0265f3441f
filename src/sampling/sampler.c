/* SPDX-License-Identifier: MIT */
/*
 * The sampling thread and its clock over many watches, and the hand-over of samples to the caller's thread.
 *
 * A heap of due times says which process is next. The caller's thread adds watches while the sampling thread
 * runs; one that is over is handed back behind its last sample, and freed by the caller's thread. Samples are
 * handed over in order of time: all watches hand over together.
 *
 * Ticks lie on absolute CLOCK_MONOTONIC: tick n falls at a random point of the n-th interval, so that
 * sampling never marches in step with a periodic program. Ticks that were missed are counted and never caught
 * up on.
 */
#include "config.h"

#include "sampling/internal.h"
#include "sampling/priority.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH_SAMPLES 64
#define BATCH_AGE_NS 60000000 /* checking what a batch names costs as much as several samples */
#define LAST_WAIT_NS 100000000
#define IDLE_NS 100000000
#define READER_NS 100000000     /* how often it is asked whether the reader is behind */
#define SLEEP_SLICE_NS 50000000 /* so that sampler_stop is heard */
#define SPIN_NS 5000            /* less than going to sleep takes: waited for awake */
/* below this the sampler takes so much CPU that it has to wait its turn */
#define PRIORITY_INTERVAL_NS 1000000
/* behind a slow reader: then ticks are missed, and memory stays flat */
#define READY_LIMIT_BYTES (16u << 20)

struct sampler *sampler_new(const struct sampling_options *options)
{
	struct sampler *sampler = xcalloc(1, sizeof(*sampler));
	pthread_condattr_t attributes;

	sampler->options = *options;
	if (!sampler->options.seed)
		sampler->options.seed = hash_u64((uint64_t)realtime_ns());
	sampler->pauser = pauser_new();
	pthread_mutex_init(&sampler->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&sampler->changed, &attributes);
	pthread_cond_init(&sampler->work, &attributes);
	pthread_condattr_destroy(&attributes);
	return sampler;
}

void sampler_free(struct sampler *sampler)
{
	if (!sampler || sampler->is_abandoned)
		return;
	for (size_t i = 0; i < sampler->watches.count; i++)
		watch_free(sampler->watches.list[i]);
	free(sampler->watches.list);
	free(sampler->heap.list);
	free(sampler->late.list);
	free(sampler->ending.list);
	free(sampler->added.list);
	free(sampler->ended.list);
	batch_release(&sampler->ready);
	free(sampler->delivered);
	pauser_free(sampler->pauser);
	pthread_cond_destroy(&sampler->work);
	pthread_cond_destroy(&sampler->changed);
	pthread_mutex_destroy(&sampler->mutex);
	free(sampler);
}

pid_t sampler_stuck_pid(struct sampler *sampler)
{
	return atomic_load(&sampler->in_hand.pid);
}

void sampler_stop(struct sampler *sampler)
{
	atomic_store(&sampler->stop, true);
}

void sampler_renew(struct sampler *sampler, int64_t interval_ns)
{
	/* it belongs to this thread: the other one has it of its watches */
	sampler->options.interval_ns = interval_ns;
	atomic_store(&sampler->renew, true);
}

void sampler_suspend(struct sampler *sampler, int number)
{
	atomic_store(&sampler->suspend, number);
}

/* ---- the heap of due times ---- */

static void swap(struct watch_list *heap, size_t left, size_t right)
{
	struct watch *watch = heap->list[left];

	heap->list[left] = heap->list[right];
	heap->list[right] = watch;
}

static void heap_push(struct watch_list *heap, struct watch *watch)
{
	size_t at = heap->count;

	watch_list_add(heap, watch);
	for (; at && heap->list[at]->due_ns < heap->list[(at - 1) / 2]->due_ns; at = (at - 1) / 2)
		swap(heap, at, (at - 1) / 2);
}

/* The first one is due later now, or another one. */
static void heap_settle(struct watch_list *heap)
{
	size_t at = 0;

	for (;;) {
		size_t least = at;

		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < heap->count; child++)
			if (heap->list[child]->due_ns < heap->list[least]->due_ns)
				least = child;
		if (least == at)
			return;
		swap(heap, at, least);
		at = least;
	}
}

/* After changes of any. */
static void heap_rebuild(struct watch_list *heap)
{
	const size_t count = heap->count;

	for (heap->count = 0; heap->count < count;)
		heap_push(heap, heap->list[heap->count]);
}

static void heap_pop(struct watch_list *heap)
{
	heap->list[0] = heap->list[--heap->count];
	heap_settle(heap);
}

/* ---- the sampling thread ---- */

/*
 * What the watches have sampled is checked and handed over, of all of them at once, for it is in order of
 * time then.
 */
static void publish(struct sampler *sampler)
{
	for (size_t i = 0; i < sampler->heap.count; i++) {
		struct watch *watch = sampler->heap.list[i];

		if (!watch->filling.count)
			continue;
		work_begin(&sampler->in_hand, target_pid(python_target(watch->python)));
		watch_confirm(watch);
		work_end(&sampler->in_hand);
	}
	pthread_mutex_lock(&sampler->mutex);
	for (size_t i = 0; i < sampler->heap.count; i++) {
		struct watch *watch = sampler->heap.list[i];

		if (watch->filling.count)
			batch_move(&sampler->ready, &watch->filling);
		watch->published = watch->statistics;
	}
	sampler->cpu_ns = thread_cpu_ns();
	sampler->elapsed_ns = sampler->began_ns ? monotonic_ns() - sampler->began_ns : 0;
	pthread_cond_signal(&sampler->changed);
	pthread_mutex_unlock(&sampler->mutex);
	sampler->oldest_ns = 0;
}

static bool reader_is_behind(struct sampler *sampler)
{
	bool behind;

	pthread_mutex_lock(&sampler->mutex);
	behind = batch_bytes(&sampler->ready) > READY_LIMIT_BYTES;
	pthread_mutex_unlock(&sampler->mutex);
	return behind;
}

/* Its samples have been handed over before. */
static void hand_back(struct sampler *sampler, struct watch *watch)
{
	pthread_mutex_lock(&sampler->mutex);
	watch_list_add(&sampler->ended, watch);
	pthread_cond_signal(&sampler->changed);
	pthread_mutex_unlock(&sampler->mutex);
}

/* Is a thread of the process still ours? When that has ended its parent's wait does not return before. */
static bool has_late(const struct watch *watch)
{
	const struct target *target = python_target(watch->python);

	return pause_pending(target) ||
		(watch->is_over && watch->end == SAMPLING_GONE && pause_keeps_first(target));
}

/*
 * Lets threads go that have stopped too late, also when there is no time to sleep: nobody else does it when
 * all that follows is proven without a pause.
 */
static void settle_late(struct sampler *sampler)
{
	for (size_t i = sampler->late.count; i-- > 0;) {
		struct watch *watch = sampler->late.list[i];

		pause_settle(python_target(watch->python), 0);
		if (has_late(watch))
			continue;
		watch->is_late = false;
		watch_list_remove(&sampler->late, watch);
		if (watch->is_over) {
			watch_list_remove(&sampler->ending, watch);
			hand_back(sampler, watch);
		}
	}
}

/* A process of which a thread may still be ours is handed back when that has been let go. */
static void end_watch(struct sampler *sampler, struct watch *watch)
{
	watch->is_over = true;
	if (!watch->is_late && has_late(watch)) {
		watch->is_late = true;
		watch_list_add(&sampler->late, watch);
	}
	if (watch->is_late)
		watch_list_add(&sampler->ending, watch);
	else
		hand_back(sampler, watch);
}

/* Between pauses: what pyrope held while it is stopped would be stopped for as long. */
static void suspend(struct sampler *sampler)
{
	/* one that comes from now on is another one */
	const int stop_signal = atomic_exchange(&sampler->suspend, 0);
	const struct sigaction default_action = { .sa_handler = SIG_DFL };
	const unsigned stops = pauser_stops(sampler->pauser);
	struct sigaction before;
	sigset_t number;

	sigemptyset(&number);
	sigaddset(&number, stop_signal);
	sigaction(stop_signal, &default_action, &before);
	raise(stop_signal);
	pthread_sigmask(SIG_UNBLOCK, &number, NULL); /* here we stop, until SIGCONT */
	pthread_sigmask(SIG_BLOCK, &number, NULL);
	sigaction(stop_signal, &before, NULL);
	pauser_forget_stop(sampler->pauser, stops);
}

/* Waits for what is late, too. */
static void sleep_a_slice(struct sampler *sampler, int64_t until_ns, bool spin)
{
	const struct timespec time = { .tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000 };

	if (sampler->late.count == 1 && pause_pending(python_target(sampler->late.list[0]->python)))
		pause_settle(python_target(sampler->late.list[0]->python), until_ns);
	else if (sampler->late.count)
		pause_nap(python_target(sampler->late.list[0]->python));
	else if (!spin)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
	settle_late(sampler);
}

/* Sleeps until then, in slices. False: told to stop, or there is something to do before. */
static bool sleep_until(struct sampler *sampler, int64_t then_ns)
{
	settle_late(sampler);
	if (atomic_load(&sampler->suspend) && !sampler->late.count)
		suspend(sampler);
	for (int64_t now = monotonic_ns(); now < then_ns; now = monotonic_ns()) {
		if (atomic_load(&sampler->stop) || atomic_load(&sampler->has_added) ||
			atomic_load(&sampler->renew))
			return false;
		sleep_a_slice(sampler, then_ns - now > SLEEP_SLICE_NS ? now + SLEEP_SLICE_NS : then_ns,
			then_ns - now <= SPIN_NS);
	}
	return !atomic_load(&sampler->stop);
}

static void begin_added(struct sampler *sampler)
{
	const int64_t now_ns = monotonic_ns();

	if (!atomic_load(&sampler->has_added))
		return;
	if (!sampler->origin_ns)
		sampler->origin_ns = now_ns;
	pthread_mutex_lock(&sampler->mutex);
	atomic_store(&sampler->has_added, false);
	for (size_t i = 0; i < sampler->added.count; i++) {
		struct watch *watch = sampler->added.list[i];

		target_use_pauser(python_target(watch->python), sampler->pauser);
		watch_begin(watch, sampler->origin_ns, now_ns);
		heap_push(&sampler->heap, watch);
	}
	sampler->added.count = 0;
	pthread_mutex_unlock(&sampler->mutex);
}

static struct timespec after(int64_t nanoseconds)
{
	const int64_t then_ns = monotonic_ns() + nanoseconds;

	return (struct timespec){ .tv_sec = then_ns / 1000000000, .tv_nsec = then_ns % 1000000000 };
}

/* There is no process to sample now. */
static void wait_for_work(struct sampler *sampler)
{
	const struct timespec until = after(SLEEP_SLICE_NS);

	if (sampler->late.count) {
		sleep_until(sampler, monotonic_ns() + 1000000);
		return;
	}
	if (atomic_load(&sampler->suspend))
		suspend(sampler);
	pthread_mutex_lock(&sampler->mutex);
	if (!sampler->added.count && !atomic_load(&sampler->stop))
		pthread_cond_timedwait(&sampler->work, &sampler->mutex, &until);
	pthread_mutex_unlock(&sampler->mutex);
}

/* The first watch of the heap has its tick. */
static void tick_first(struct sampler *sampler, int64_t now_ns)
{
	struct watch *watch = sampler->heap.list[0];
	bool goes_on;

	work_begin(&sampler->in_hand, target_pid(python_target(watch->python)));
	goes_on = watch_tick(watch, now_ns);
	work_end(&sampler->in_hand);
	if (!watch->is_late && pause_pending(python_target(watch->python))) {
		watch->is_late = true;
		watch_list_add(&sampler->late, watch);
	}
	if (watch->filling.count && !sampler->oldest_ns)
		sampler->oldest_ns = watch->filling.begin_ns;
	sampler->is_full |= watch->filling.count >= BATCH_SAMPLES;
	if (goes_on) {
		heap_settle(&sampler->heap);
		return;
	}
	publish(sampler);
	heap_pop(&sampler->heap);
	end_watch(sampler, watch);
}

static void wait_for_reader(struct sampler *sampler)
{
	int64_t now = monotonic_ns();

	if (now - sampler->asked_reader_ns < READER_NS)
		return;
	sampler->asked_reader_ns = now;
	while (reader_is_behind(sampler) && !atomic_load(&sampler->stop)) {
		begin_added(sampler);
		sleep_until(sampler, now + 1000000);
		now = monotonic_ns();
	}
}

/* Nothing of the targets is read, but for whether they still live. */
static void lose_the_dead(struct sampler *sampler)
{
	for (size_t i = sampler->heap.count; i-- > 0;) {
		struct watch *watch = sampler->heap.list[i];

		if (watch_lives(watch))
			continue;
		watch_list_remove(&sampler->heap, watch);
		end_watch(sampler, watch);
	}
	heap_rebuild(&sampler->heap);
}

/* Until the switch is on, or for a moment. */
static void wait_until_on(struct sampler *sampler, int64_t end_ns)
{
	const int64_t opens_ns = atomic_load(&sampler->options.gate->opens_ns);
	int64_t until_ns = monotonic_ns() + SLEEP_SLICE_NS;

	if (sampler->oldest_ns)
		publish(sampler);
	if (opens_ns && opens_ns < until_ns)
		until_ns = opens_ns;
	sleep_until(sampler, until_ns < end_ns ? until_ns : end_ns);
	lose_the_dead(sampler);
	if (sampling_gate_is_off(sampler->options.gate))
		return;
	/* what was not asked for is not missed */
	for (size_t i = 0; i < sampler->heap.count; i++)
		watch_resume(sampler->heap.list[i], monotonic_ns());
	heap_rebuild(&sampler->heap);
}

/* All watches are over, as if their processes had executed their programs once more. */
static void renew(struct sampler *sampler)
{
	publish(sampler);
	while (sampler->heap.count) {
		struct watch *watch = sampler->heap.list[0];

		heap_pop(&sampler->heap);
		watch->end = SAMPLING_EXECED;
		end_watch(sampler, watch);
	}
}

static enum sampling_end sample_until_end(struct sampler *sampler)
{
	const struct sampling_options *options = &sampler->options;

	for (;;) {
		int64_t end_ns, due_ns;

		begin_added(sampler);
		if (atomic_load(&sampler->stop))
			return SAMPLING_STOPPED;
		if (atomic_exchange(&sampler->renew, false))
			renew(sampler);
		if (!sampler->began_ns && sampler->heap.count && !sampling_gate_is_off(options->gate))
			sampler->began_ns = monotonic_ns();
		end_ns = options->duration_ns && sampler->began_ns ? sampler->began_ns + options->duration_ns
								   : INT64_MAX;
		if (monotonic_ns() >= end_ns)
			return SAMPLING_DURATION;
		if (!sampler->heap.count) {
			if (options->once && sampler->began_ns)
				/* a thread that stops late is waited for at the end, and not for ever */
				return SAMPLING_DURATION;
			wait_for_work(sampler);
			continue;
		}
		if (sampling_gate_is_off(options->gate)) {
			wait_until_on(sampler, end_ns);
			continue;
		}
		due_ns = sampler->heap.list[0]->due_ns;
		/* a batch is not kept back over a long sleep */
		if (sampler->is_full || (sampler->oldest_ns && due_ns - sampler->oldest_ns > BATCH_AGE_NS)) {
			sampler->is_full = false;
			publish(sampler);
		}
		if (!sleep_until(sampler, due_ns < end_ns ? due_ns : end_ns) || monotonic_ns() >= end_ns ||
			sampling_gate_is_off(options->gate))
			continue;
		wait_for_reader(sampler);
		tick_first(sampler, monotonic_ns());
	}
}

/* A sampler that had no CPU at the end of the run has missed ticks, as it would have before. */
static void miss_rest(struct sampler *sampler)
{
	const int64_t now_ns = monotonic_ns(), duration_ns = sampler->options.duration_ns;
	int64_t end_ns = now_ns;

	if (sampling_gate_is_off(sampler->options.gate))
		return;
	if (duration_ns && sampler->began_ns && sampler->began_ns + duration_ns < now_ns)
		end_ns = sampler->began_ns + duration_ns;
	for (size_t i = 0; i < sampler->heap.count; i++)
		watch_miss_rest(sampler->heap.list[i], end_ns);
}

/* A thread that was told to stop and has not: wait for it while it may still be let go. */
static void end_all(struct sampler *sampler, enum sampling_end end)
{
	const int64_t until_ns = monotonic_ns() + LAST_WAIT_NS;

	miss_rest(sampler);
	for (size_t i = 0; i < sampler->heap.count; i++) {
		struct watch *watch = sampler->heap.list[i];

		work_begin(&sampler->in_hand, target_pid(python_target(watch->python)));
		watch->end = watch_last_end(watch, end);
		work_end(&sampler->in_hand);
	}
	while (sampler->late.count && monotonic_ns() < until_ns)
		sleep_a_slice(sampler, until_ns, false);
	publish(sampler);
	while (sampler->heap.count)
		hand_back(sampler, sampler->heap.list[--sampler->heap.count]);
	while (sampler->ending.count)
		hand_back(sampler, sampler->ending.list[--sampler->ending.count]);
}

static void *sampler_thread(void *context)
{
	struct sampler *sampler = context;
	enum sampling_end end;

	prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
	prctl(PR_SET_NAME, "pyrope-sampler");
	atomic_store(&sampler->in_hand.tid, (pid_t)syscall(SYS_gettid));
	/*
	 * where CPUs are scarce, waiting for one while a thread of the target is held is what costs the
	 * target most
	 */
	priority_ask(sampler->options.interval_ns >= PRIORITY_INTERVAL_NS);
	end = sample_until_end(sampler);
	end_all(sampler, end);
	pthread_mutex_lock(&sampler->mutex);
	sampler->end = end;
	sampler->is_over = true;
	pthread_cond_signal(&sampler->changed);
	pthread_mutex_unlock(&sampler->mutex);
	return NULL;
}

/* ---- the caller's thread ---- */

static void add_delivered(
	struct sampler *sampler, struct sample *sample, const struct sample_frame *frames, size_t count)
{
	array_reserve(&sampler->delivered, &sampler->delivered_capacity, sample->frame_count + count,
		sizeof(*sampler->delivered));
	memcpy(sampler->delivered + sample->frame_count, frames, count * sizeof(*frames));
	sample->frame_count += count;
}

/* Gives the sample its frames; native ones are named here, where that delays no tick. */
static void name_frames(struct sampler *sampler, struct native *native, struct sample *sample,
	const struct batch_frame *frames)
{
	const size_t count = sample->frame_count;
	size_t first_python = 0;

	while (first_python < count &&
		(frames[first_python].address || frames[first_python].function->kind != FUNCTION_PYTHON))
		first_python++;
	sample->frame_count = 0;
	for (size_t i = 0; i < count; i++) {
		const struct sample_frame plain = { frames[i].function, frames[i].line };
		const struct sample_frame *named = &plain;
		size_t names = 1;

		if (frames[i].address)
			names = native_frames(
				native, frames[i].address, i < first_python && first_python < count, &named);
		if (names)
			add_delivered(sampler, sample, named, names);
	}
	if (!sample->frame_count) /* nothing but plumbing */
		add_delivered(sampler, sample, &(struct sample_frame){ sampler->no_frame, 0 }, 1);
	sample->frames = sampler->delivered;
}

static int deliver(struct sampler *sampler, const struct sampler_callbacks *callbacks, struct batch *batch,
	struct error *err)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct sample *sample = &batch->samples[i].sample;

		name_frames(sampler, batch->samples[i].native, sample,
			batch->frames + batch->samples[i].first_frame);
		if (callbacks->sample(callbacks->context, sample, err))
			return -1;
	}
	batch_clear(batch);
	return 0;
}

/* In order of time; those of one process are already. */
static int compare_times(const void *left, const void *right)
{
	const struct batch_sample *a = left, *b = right;

	if (a->sample.time_ns != b->sample.time_ns)
		return a->sample.time_ns < b->sample.time_ns ? -1 : 1;
	return a->first_frame < b->first_frame ? -1 : a->first_frame > b->first_frame;
}

static void sort(struct batch *batch)
{
	for (size_t i = 1; i < batch->count; i++) {
		if (batch->samples[i].sample.time_ns >= batch->samples[i - 1].sample.time_ns)
			continue;
		qsort(batch->samples, batch->count, sizeof(*batch->samples), compare_times);
		return;
	}
}

/* Waits for samples, and takes what there is. True: that was all. */
static bool receive(
	struct sampler *sampler, struct batch *batch, struct watch_list *ended, int64_t patience_ns)
{
	const struct timespec until = after(patience_ns);
	bool is_over;

	pthread_mutex_lock(&sampler->mutex);
	if (!sampler->ready.count && !sampler->ended.count && !sampler->is_over)
		pthread_cond_timedwait(&sampler->changed, &sampler->mutex, &until);
	batch_move(batch, &sampler->ready);
	for (size_t i = 0; i < sampler->ended.count; i++)
		watch_list_add(ended, sampler->ended.list[i]);
	sampler->ended.count = 0;
	is_over = sampler->is_over;
	pthread_mutex_unlock(&sampler->mutex);
	return is_over;
}

/* Nothing of it is under way any more. */
static void give_back(struct sampler *sampler, const struct sampler_callbacks *callbacks, struct watch *watch)
{
	struct watch_result result = { .end = watch->end };

	watch_statistics(watch, &result.statistics);
	if (watch->end == SAMPLING_REFUSED)
		result.refusal = watch->refusal;
	sampling_add(&sampler->past, &result.statistics);
	watch_list_remove(&sampler->watches, watch);
	if (callbacks->ended)
		callbacks->ended(callbacks->context, watch->owner, &result);
	watch_free(watch);
}

static void give_back_all(
	struct sampler *sampler, const struct sampler_callbacks *callbacks, struct watch_list *ended)
{
	for (size_t i = 0; i < ended->count; i++)
		give_back(sampler, callbacks, ended->list[i]);
	ended->count = 0;
}

static int receive_all(struct sampler *sampler, const struct sampler_callbacks *callbacks, struct error *err)
{
	struct watch_list ended = { 0 };
	struct batch batch = { 0 };
	/* whoever polls has processes to find at once */
	int64_t idle_ns = 0, patience_ns = callbacks->poll ? 0 : IDLE_NS;
	int result = 0;
	bool is_over = false;

	while (!is_over && !sampler->is_abandoned) {
		is_over = receive(sampler, &batch, &ended, patience_ns);
		sampler->is_abandoned =
			!is_over && work_is_stuck(&sampler->in_hand, atomic_load(&sampler->stop));
		sort(&batch);
		if (result == 0 && deliver(sampler, callbacks, &batch, err)) {
			result = -1;
			sampler_stop(sampler);
		}
		batch_clear(&batch);
		give_back_all(sampler, callbacks, &ended);
		if (callbacks->idle && monotonic_ns() - idle_ns > IDLE_NS) {
			idle_ns = monotonic_ns();
			callbacks->idle(callbacks->context);
		}
		if (callbacks->poll && !is_over)
			patience_ns = callbacks->poll(callbacks->context);
	}
	batch_release(&batch);
	free(ended.list);
	return result;
}

/*
 * Everything is blocked in the sampler's thread; SIGCHLD in both, since pause.c waits for it with
 * sigtimedwait.
 */
static int start_thread(struct sampler *sampler, pthread_t *thread, sigset_t *before, struct error *err)
{
	const struct sigaction default_action = { .sa_handler = SIG_DFL };
	sigset_t all, child;
	int failed;

	sigaction(SIGCHLD, &default_action, NULL); /* SIG_IGN would keep stops from being reported */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, before);
	failed = pthread_create(thread, NULL, sampler_thread, sampler);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	pthread_sigmask(SIG_SETMASK, before, NULL);
	pthread_sigmask(SIG_BLOCK, &child, NULL);
	if (failed)
		return error_set_errno(err, ERROR_SYSTEM, failed, "cannot start the sampling thread");
	return 0;
}

int sampler_run(struct sampler *sampler, const struct sampler_callbacks *callbacks, enum sampling_end *end,
	struct error *err)
{
	pthread_t thread;
	sigset_t before;
	int result;

	if (start_thread(sampler, &thread, &before, err)) {
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		return -1;
	}
	result = receive_all(sampler, callbacks, err);
	if (sampler->is_abandoned)
		pthread_detach(thread);
	else
		pthread_join(thread, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	*end = sampler->is_abandoned ? SAMPLING_STUCK : sampler->end;
	return result;
}

struct watch *sampler_add(struct sampler *sampler, struct python *python, struct native *native, void *owner)
{
	struct watch *watch = watch_new(sampler, python, native, owner);

	sampler->no_frame = watch->no_frame;
	watch_list_add(&sampler->watches, watch);
	pthread_mutex_lock(&sampler->mutex);
	watch_list_add(&sampler->added, watch);
	atomic_store(&sampler->has_added, true);
	pthread_cond_signal(&sampler->work);
	pthread_mutex_unlock(&sampler->mutex);
	return watch;
}

void watch_statistics(const struct watch *watch, struct sampling_statistics *statistics)
{
	pthread_mutex_lock(&watch->sampler->mutex);
	*statistics = watch->published;
	pthread_mutex_unlock(&watch->sampler->mutex);
	if (watch->options.native)
		native_naming_statistics(watch->options.native, &statistics->native);
}

int64_t sampler_began_ns(struct sampler *sampler)
{
	return atomic_load(&sampler->began_ns);
}

void sampler_statistics(struct sampler *sampler, struct sampling_statistics *statistics)
{
	*statistics = sampler->past;
	for (size_t i = 0; i < sampler->watches.count; i++) {
		struct sampling_statistics one;

		watch_statistics(sampler->watches.list[i], &one);
		sampling_add(statistics, &one);
	}
	pthread_mutex_lock(&sampler->mutex);
	statistics->cpu_ns = sampler->cpu_ns;
	statistics->elapsed_ns = sampler->elapsed_ns;
	pthread_mutex_unlock(&sampler->mutex);
}

/* ---- one snapshot ---- */

struct dump {
	const struct sampler_callbacks *callbacks;
	struct watch_result result;
};

static int dump_sample(void *context, const struct sample *sample, struct error *err)
{
	const struct dump *dump = context;

	return dump->callbacks->sample(dump->callbacks->context, sample, err);
}

static void dump_ended(void *context, void *owner, const struct watch_result *result)
{
	struct dump *dump = context;

	(void)owner;
	dump->result = *result;
}

int sampling_dump(struct python *python, const struct sampling_options *like,
	const struct sampler_callbacks *callbacks, struct error *err)
{
	struct sampling_options options = *like;
	struct dump dump = { .callbacks = callbacks };
	const struct sampler_callbacks own = { .sample = dump_sample, .ended = dump_ended, .context = &dump };
	enum sampling_end end;
	struct sampler *sampler;
	int result = -1;

	options.mode = MODE_WALL;
	options.want_states = true;
	options.once = true;
	options.duration_ns = 0;
	sampler = sampler_new(&options);
	if (threads_refresh(&sampler_add(sampler, python, options.native, NULL)->threads, err) == 0)
		result = sampler_run(sampler, &own, &end, err);
	sampler_free(sampler);
	if (result == 0 && dump.result.end == SAMPLING_REFUSED) {
		*err = dump.result.refusal;
		return -1;
	}
	return result;
}
