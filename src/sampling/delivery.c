/* SPDX-License-Identifier: MIT */
/*
 * The caller's thread: it takes what the sampling thread has handed over, names native frames, and gives
 * samples and watches that are over to the callbacks.
 */
#include "config.h"

#include "sampling/internal.h"

#include <stdlib.h>
#include <string.h>

#define IDLE_NS 100000000

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
	bool is_over;

	pthread_mutex_lock(&sampler->mutex);
	if (!sampler->ready.count && !sampler->ended.count && !sampler->is_over)
		sampler_wait(sampler, &sampler->changed, patience_ns);
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

int sampler_receive(struct sampler *sampler, const struct sampler_callbacks *callbacks, struct error *err)
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
