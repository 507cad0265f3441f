/* SPDX-License-Identifier: MIT */
/* One look at every thread: a run of one tick. */
#include "config.h"

#include "sampling/internal.h"

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
