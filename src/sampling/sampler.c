/* SPDX-License-Identifier: MIT */
/*
 * A sampler as its caller has it: made, run, added to, stopped, asked. Its two threads are sampler_thread.c
 * and delivery.c.
 */
#include "config.h"

#include "sampling/internal.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

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

void sampler_wait(struct sampler *sampler, pthread_cond_t *condition, int64_t patience_ns)
{
	const int64_t then_ns = monotonic_ns() + patience_ns;
	const struct timespec then = { .tv_sec = then_ns / 1000000000, .tv_nsec = then_ns % 1000000000 };

	pthread_cond_timedwait(condition, &sampler->mutex, &then);
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
	result = sampler_receive(sampler, callbacks, err);
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
