/* SPDX-License-Identifier: MIT */
/*
 * Of threads that sleep a few are looked at in each tick, and the time that one is awake is counted right
 * on average.
 */
#include "config.h"

#include <check.h>
#include <string.h>

#include "sampling/activity.h"
#include "suite.h"

#define THREADS 100
#define TICKS 200000

/*
 * Each thread sleeps for a while and is awake for so many ticks; what is counted of all is what they were
 * awake.
 */
START_TEST(test_unbiased)
{
	static const size_t budgets[] = { 1, 2, 10, 100, 1000 };
	static struct activity threads[THREADS];
	struct roster roster = { 0 };
	const size_t budget = budgets[_i], length = 7, period = 500;
	uint64_t awake = 0, counted = 0;

	memset(threads, 0, sizeof(threads));
	for (size_t tick = 0; tick < TICKS; tick++) {
		roster_begin(&roster, budget, hash_u64(tick * 5 + (size_t)_i));
		for (size_t i = 0; i < THREADS; i++) {
			const bool is_awake = (tick + i * 13) % period < length;
			const uint64_t weight = roster_weight(&roster, &threads[i]);

			awake += is_awake;
			if (!weight)
				continue;
			threads[i].is_asleep = !is_awake;
			counted += is_awake ? weight : 0;
		}
	}
	ck_assert_msg(counted > awake * 95 / 100 && counted < awake * 105 / 100, "%zu of them: %llu for %llu",
		budget, (unsigned long long)counted, (unsigned long long)awake);
}
END_TEST

START_TEST(test_share)
{
	uint64_t random = 1, sum = 0;

	for (int i = 0; i < 10000; i++)
		sum += random_share(7, 3, &random);
	ck_assert_msg(sum > 23000 && sum < 23700, "%llu", (unsigned long long)sum);
	ck_assert_uint_eq(random_share(6, 3, &random), 2);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, test_unbiased, 0, 5);
	tcase_add_test(tests, test_share);
}

int main(void)
{
	return suite_run("roster", add_tests);
}
