/* SPDX-License-Identifier: MIT */
/* What the caller's thread does with samples that the sampling thread has handed over. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sampling/internal.h"
#include "suite.h"

#define COUNT 40

static const struct function function = { .kind = FUNCTION_PYTHON, .name = "f", .file = "m.py" };
static int64_t last_ns;
static size_t seen;

static int take(void *context, const struct sample *sample, struct error *err)
{
	(void)context;
	(void)err;
	ck_assert_int_ge(sample->time_ns, last_ns);
	ck_assert_uint_eq(sample->frame_count, 1);
	ck_assert_int_eq(sample->frames[0].line, (int)sample->time_ns);
	last_ns = sample->time_ns;
	seen++;
	return 0;
}

/* Each process hands over what it has of its own: together they are given in order of time. */
START_TEST(test_in_order_of_time)
{
	const struct sampling_options options = { .interval_ns = 1000000 };
	const struct sampler_callbacks callbacks = { .sample = take };
	struct sampler *sampler = sampler_new(&options);
	struct error err;

	for (int process = 0; process < 3; process++) {
		struct batch batch = { 0 };

		for (int i = 0; i < COUNT; i++) {
			const struct sample sample = { .time_ns = 100 + 3 * i - process, .pid = process + 1 };

			batch_add(&batch, &sample);
			batch_add_frame(&batch, &function, (int)sample.time_ns);
		}
		batch_move(&sampler->ready, &batch);
		batch_release(&batch);
	}
	sampler->is_over = true;
	last_ns = 0;
	seen = 0;
	ck_assert_int_eq(sampler_receive(sampler, &callbacks, &err), 0);
	ck_assert_uint_eq(seen, 3 * COUNT);
	sampler_free(sampler);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, test_in_order_of_time);
}

int main(void)
{
	return suite_run("delivery", add_tests);
}
