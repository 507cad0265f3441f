/* SPDX-License-Identifier: MIT */
/*
 * The sampler's thread and its clock, and the hand-over of samples to the caller's thread.
 *
 * Ticks lie on absolute CLOCK_MONOTONIC: tick n falls at a random point of the n-th interval, so that
 * sampling never marches in step with a periodic program. Ticks that were missed are counted and never caught
 * up on.
 */
#include "config.h"

#include "internal.h"
#include "priority.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define BATCH_SAMPLES 64
#define BATCH_AGE_NS 60000000 /* checking what a batch names costs as much as several samples */
#define HOUSEKEEPING_NS 100000000
#define SLEEP_SLICE_NS 50000000      /* so that sampler_stop is heard */
#define SPIN_NS 5000 /* less than going to sleep takes: waited for awake */
#define PRIORITY_INTERVAL_NS 1000000   /* below this the sampler takes so much CPU that it has to wait its turn */
#define READY_LIMIT_BYTES (16u << 20) /* behind a slow reader: then ticks are missed, and memory stays flat */

struct sampler *sampler_new(struct python *python, const struct sampling_options *options)
{
	struct sampler *sampler = xcalloc(1, sizeof(*sampler));
	struct target *target = python_target(python);

	sampler->python = python;
	sampler->options = *options;
	if (!sampler->options.seed)
		sampler->options.seed = hash_u64((uint64_t)realtime_ns());
	taker_init(&sampler->taker, python, options, &sampler->statistics);
	subjects_init(&sampler->subjects, python);
	sampler->filling.mark = 1; /* 0 is what a code object has that no batch has named */
	target_task_comm(target, target_pid(target), sampler->process_name);
	sampler->idle = python_marker(python, "(idle)");
	sampler->partial = python_marker(python, "(partial)");
	sampler->unverified = python_marker(python, "(unverified)");
	sampler->failed = python_marker(python, "(failed)");
	sampler->truncated = python_marker(python, "(truncated)");
	sampler->collecting = python_marker(python, "(gc)");
	sampler->native_truncated = python_marker(python, "(native truncated)");
	sampler->no_frame = python_marker(python, "(no Python frame)");
	pthread_mutex_init(&sampler->mutex, NULL);
	pthread_cond_init(&sampler->changed, NULL);
	return sampler;
}

void sampler_free(struct sampler *sampler)
{
	if (!sampler)
		return;
	taker_release(&sampler->taker);
	subjects_release(&sampler->subjects);
	batch_release(&sampler->filling);
	batch_release(&sampler->ready);
	bystanders_release(&sampler->bystanders);
	together_release(&sampler->together);
	free(sampler->delivered);
	pthread_cond_destroy(&sampler->changed);
	pthread_mutex_destroy(&sampler->mutex);
	free(sampler);
}

void sampler_stop(struct sampler *sampler)
{
	sampler->stop = 1;
}

void sampler_suspend(struct sampler *sampler, int number)
{
	sampler->suspend = number;
}

/* ---- the sampler's thread ---- */

static void fill_statistics(struct sampler *sampler)
{
	struct sampling_statistics *statistics = &sampler->statistics;

	statistics->looks = sampler->taker.looker.looks;
	statistics->codes = python_code_count(sampler->python);
	statistics->stale_codes = sampler->taker.looker.stale_codes;
	statistics->system_calls = target_read_calls(python_target(sampler->python));
	statistics->cpu_ns = thread_cpu_ns();
	statistics->elapsed_ns = monotonic_ns() - sampler->began_ns;
	if (sampler->options.native)
		native_statistics(sampler->options.native, &statistics->native);
	statistics->note = sampler->taker.note[0] ? sampler->taker.note : NULL;
}

/* Checks what the batch names and hands it over. */
static void publish(struct sampler *sampler)
{
	batch_confirm(&sampler->filling, &sampler->taker.looker, sampler->partial);
	if (python_has_stale(sampler->python)) {
		subjects_forget_stale(&sampler->subjects);
		sampler->taker.looker.code_generation++; /* what was decoded is decoded anew */
		sampler->taker.frame_count = 0;
		python_release_stale(sampler->python);
	}
	fill_statistics(sampler);
	pthread_mutex_lock(&sampler->mutex);
	batch_move(&sampler->ready, &sampler->filling);
	sampler->published = sampler->statistics;
	pthread_cond_signal(&sampler->changed);
	pthread_mutex_unlock(&sampler->mutex);
}

static bool reader_is_behind(struct sampler *sampler)
{
	bool behind;

	pthread_mutex_lock(&sampler->mutex);
	behind = batch_bytes(&sampler->ready) > READY_LIMIT_BYTES;
	pthread_mutex_unlock(&sampler->mutex);
	return behind;
}

/* Between pauses: what pyrope held while it is stopped would be stopped for as long. */
static void suspend(struct sampler *sampler)
{
	const struct sigaction default_action = { .sa_handler = SIG_DFL };
	const unsigned stops = pause_stops(python_target(sampler->python));
	struct sigaction before;
	sigset_t number;

	sigemptyset(&number);
	sigaddset(&number, sampler->suspend);
	sigaction(sampler->suspend, &default_action, &before);
	raise(sampler->suspend);
	pthread_sigmask(SIG_UNBLOCK, &number, NULL); /* here we stop, until SIGCONT */
	pthread_sigmask(SIG_BLOCK, &number, NULL);
	sigaction(sampler->suspend, &before, NULL);
	sampler->suspend = 0;
	pause_forget_stop(python_target(sampler->python), stops);
}

/*
 * Sleeps until then, in slices. False: told to stop. A thread that has stopped too late is let go also when
 * there is no time to sleep: nobody else does it when all that follows is proven without a pause.
 */
static bool sleep_until(struct sampler *sampler, int64_t then_ns)
{
	pause_settle(python_target(sampler->python), 0);
	if (sampler->suspend && !pause_pending(python_target(sampler->python)))
		suspend(sampler);
	for (int64_t now = monotonic_ns(); now < then_ns && !sampler->stop; now = monotonic_ns()) {
		int64_t until = then_ns - now > SLEEP_SLICE_NS ? now + SLEEP_SLICE_NS : then_ns;
		const struct timespec time = { .tv_sec = until / 1000000000, .tv_nsec = until % 1000000000 };

		if (pause_pending(python_target(sampler->python)))
			pause_settle(python_target(sampler->python), until);
		else if (then_ns - now > SPIN_NS)
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
	}
	return !sampler->stop;
}

/* The random point of the n-th interval. */
static int64_t tick_time(const struct sampler *sampler, uint64_t number)
{
	uint64_t random = hash_combine(sampler->options.seed, number);
	int64_t interval = sampler->options.interval_ns;

	return sampler->began_ns + (int64_t)number * interval + (int64_t)(random % (uint64_t)interval);
}

/* Why is there nothing left to read? What was sampled is not to be checked against a program that comes after it. */
static enum sampling_end end_of_target(struct sampler *sampler)
{
	publish(sampler);
	return target_execed(python_target(sampler->python)) ? SAMPLING_EXECED : SAMPLING_GONE;
}

static enum sampling_end sample_until_end(struct sampler *sampler)
{
	const struct sampling_options *options = &sampler->options;
	const int64_t end_ns = options->duration_ns ? sampler->began_ns + options->duration_ns : INT64_MAX;
	int64_t housekeeping_ns = 0;

	for (uint64_t number = 0;; number++) {
		int64_t due = options->once ? 0 : tick_time(sampler, number), now;

		if (due >= end_ns)
			return sleep_until(sampler, end_ns) ? SAMPLING_DURATION : SAMPLING_STOPPED;
		/* a batch is not kept back over a long sleep */
		if (sampler->filling.count && (sampler->filling.count >= BATCH_SAMPLES ||
			due - sampler->filling.begin_ns > BATCH_AGE_NS))
			publish(sampler);
		if (!sleep_until(sampler, due))
			return SAMPLING_STOPPED;
		now = monotonic_ns();
		if (now >= end_ns)
			return SAMPLING_DURATION;
		if (now - housekeeping_ns > HOUSEKEEPING_NS) {
			housekeeping_ns = now;
			if (!target_same_image(python_target(sampler->python)))
				return end_of_target(sampler);
			tick_housekeeping(sampler);
			while (reader_is_behind(sampler) && sleep_until(sampler, now + 1000000))
				now = monotonic_ns();
		}
		sampler->statistics.ticks++;
		if (!tick(sampler, now))
			return end_of_target(sampler);
		if (options->once)
			return SAMPLING_DURATION;
		/* intervals that are wholly over have had their chance */
		if (now - sampler->began_ns > (int64_t)(number + 1) * options->interval_ns) {
			uint64_t current = (uint64_t)((monotonic_ns() - sampler->began_ns) / options->interval_ns);

			if (current > number + 1) {
				sampler->statistics.missed_ticks += current - number - 1;
				number = current - 1;
			}
		}
	}
}

static void *sampler_thread(void *context)
{
	struct sampler *sampler = context;
	enum sampling_end end;

	prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
	prctl(PR_SET_NAME, "pyrope-sampler");
	/* where CPUs are scarce, waiting for one while a thread of the target is held is what costs the target most */
	priority_ask(sampler->options.interval_ns >= PRIORITY_INTERVAL_NS);
	sampler->began_ns = monotonic_ns();
	end = sample_until_end(sampler);
	/* a thread that was told to stop and has not: wait for it while it may still be let go */
	pause_settle(python_target(sampler->python), monotonic_ns() + 100000000);
	publish(sampler);
	pthread_mutex_lock(&sampler->mutex);
	sampler->end = end;
	sampler->ended = true;
	pthread_cond_signal(&sampler->changed);
	pthread_mutex_unlock(&sampler->mutex);
	return NULL;
}

/* ---- the caller's thread ---- */

static void add_delivered(struct sampler *sampler, struct sample *sample, const struct sample_frame *frames, size_t count)
{
	array_reserve(&sampler->delivered, &sampler->delivered_capacity, sample->frame_count + count,
		sizeof(*sampler->delivered));
	memcpy(sampler->delivered + sample->frame_count, frames, count * sizeof(*frames));
	sample->frame_count += count;
}

/* Gives the sample its frames; native ones are named here, where that delays no tick. */
static void name_frames(struct sampler *sampler, struct sample *sample, const struct batch_frame *frames)
{
	const size_t count = sample->frame_count;
	size_t first_python = 0;

	while (first_python < count && (frames[first_python].address || frames[first_python].function->kind != FUNCTION_PYTHON))
		first_python++;
	sample->frame_count = 0;
	for (size_t i = 0; i < count; i++) {
		const struct sample_frame plain = { frames[i].function, frames[i].line };
		const struct sample_frame *named = &plain;
		size_t names = 1;

		if (frames[i].address)
			names = native_frames(sampler->options.native, frames[i].address,
				i < first_python && first_python < count, &named);
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

		name_frames(sampler, sample, batch->frames + batch->samples[i].first_frame);
		if (callbacks->sample(callbacks->context, sample, err))
			return -1;
	}
	batch_clear(batch);
	return 0;
}

static void add_100_ms(struct timespec *time)
{
	clock_gettime(CLOCK_REALTIME, time);
	time->tv_nsec += 100000000;
	if (time->tv_nsec >= 1000000000) {
		time->tv_nsec -= 1000000000;
		time->tv_sec++;
	}
}

/* Waits for samples or for 100 ms, and takes what there is. True: that was all. */
static bool receive(struct sampler *sampler, struct batch *batch)
{
	struct timespec until;
	bool ended;

	add_100_ms(&until);
	pthread_mutex_lock(&sampler->mutex);
	if (!sampler->ready.count && !sampler->ended)
		pthread_cond_timedwait(&sampler->changed, &sampler->mutex, &until);
	batch_move(batch, &sampler->ready);
	ended = sampler->ended;
	pthread_mutex_unlock(&sampler->mutex);
	return ended;
}

static int receive_all(struct sampler *sampler, const struct sampler_callbacks *callbacks, struct error *err)
{
	struct batch batch = { 0 };
	int64_t idle_ns = 0;
	int result = 0;
	bool ended = false;

	while (!ended) {
		ended = receive(sampler, &batch);
		if (result == 0 && deliver(sampler, callbacks, &batch, err)) {
			result = -1;
			sampler_stop(sampler);
		}
		batch_clear(&batch);
		if (callbacks->idle && monotonic_ns() - idle_ns > 100000000) {
			idle_ns = monotonic_ns();
			callbacks->idle(callbacks->context);
		}
	}
	batch_release(&batch);
	return result;
}

/* Everything is blocked in the sampler's thread; SIGCHLD in both, since pause.c waits for it with sigtimedwait. */
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
	pthread_join(thread, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	*end = sampler->end;
	return result;
}

void sampler_statistics(const struct sampler *sampler, struct sampling_statistics *statistics)
{
	struct sampler *shared = (struct sampler *)sampler;

	pthread_mutex_lock(&shared->mutex);
	*statistics = shared->published;
	pthread_mutex_unlock(&shared->mutex);
}

int sampler_dump(struct sampler *sampler, const struct sampler_callbacks *callbacks, struct error *err)
{
	enum sampling_end end;

	sampler->options.mode = MODE_WALL;
	sampler->options.want_states = true;
	sampler->options.once = true;
	sampler->options.duration_ns = 0;
	if (subjects_refresh(&sampler->subjects, err))
		return -1;
	return sampler_run(sampler, callbacks, &end, err);
}
