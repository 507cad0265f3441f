/* SPDX-License-Identifier: MIT */
/*
 * The sampling thread: its clock over many watches, and what it does between their ticks.
 *
 * A heap of due times says which process is next. The caller's thread adds watches meanwhile; one that is
 * over is handed back behind its last sample, and freed by the caller's thread. All watches hand over
 * together, so that samples are in order of time.
 *
 * Ticks lie on absolute CLOCK_MONOTONIC: tick n falls at a random point of the n-th interval, so that
 * sampling never marches in step with a periodic program. Ticks that were missed are counted and never
 * caught up on.
 */
#include "config.h"

#include "sampling/internal.h"
#include "sampling/priority.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH_SAMPLES 64
#define BATCH_AGE_NS 60000000 /* checking what a batch names costs as much as several samples */
#define LAST_WAIT_NS 100000000
#define READER_NS 100000000     /* how often it is asked whether the reader is behind */
#define SLEEP_SLICE_NS 50000000 /* so that sampler_stop is heard */
#define SPIN_NS 5000            /* less than going to sleep takes: waited for awake */
/* below this the sampler takes so much CPU that it has to wait its turn */
#define PRIORITY_INTERVAL_NS 1000000
/* behind a slow reader: then ticks are missed, and memory stays flat */
#define READY_LIMIT_BYTES (16u << 20)

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
		watch_heap_push(&sampler->heap, watch);
	}
	sampler->added.count = 0;
	pthread_mutex_unlock(&sampler->mutex);
}

/* There is no process to sample now. */
static void wait_for_work(struct sampler *sampler)
{
	if (sampler->late.count) {
		sleep_until(sampler, monotonic_ns() + 1000000);
		return;
	}
	if (atomic_load(&sampler->suspend))
		suspend(sampler);
	pthread_mutex_lock(&sampler->mutex);
	if (!sampler->added.count && !atomic_load(&sampler->stop))
		sampler_wait(sampler, &sampler->work, SLEEP_SLICE_NS);
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
		watch_heap_settle(&sampler->heap);
		return;
	}
	publish(sampler);
	watch_heap_pop(&sampler->heap);
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
	watch_heap_rebuild(&sampler->heap);
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
	watch_heap_rebuild(&sampler->heap);
}

/* All watches are over, as if their processes had executed their programs once more. */
static void renew(struct sampler *sampler)
{
	publish(sampler);
	while (sampler->heap.count) {
		struct watch *watch = sampler->heap.list[0];

		watch_heap_pop(&sampler->heap);
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

void *sampler_thread(void *context)
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
