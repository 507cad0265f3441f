/* SPDX-License-Identifier: MIT */
/* The classes of holds: what a median of them says is near the truth, whatever the lengths. */
#include "config.h"

#include <check.h>

#include "sampling/hold_histogram.h"
#include "suite.h"

START_TEST(test_classes_ascend)
{
	unsigned last = 0;

	for (int64_t length = 0; length < 3000; length++) {
		unsigned class = hold_histogram_class(length);

		ck_assert_uint_ge(class, last);
		ck_assert_uint_le(class, length < 16 ? 16 : last + 1);
		last = class;
	}
	ck_assert_uint_eq(hold_histogram_class(-5), hold_histogram_class(1));
	ck_assert_uint_eq(hold_histogram_class(INT64_MAX), HELD_CLASSES - 1);
}
END_TEST

static void add(struct sampling_statistics *statistics, int64_t length, uint32_t count)
{
	statistics->held_classes[hold_histogram_class(length)] += count;
	if (length > statistics->held_longest_ns)
		statistics->held_longest_ns = length;
}

START_TEST(test_shares)
{
	struct sampling_statistics statistics = { 0 };

	ck_assert_int_eq(sampling_held_ns(&statistics, 500), 0);
	add(&statistics, 15000, 985);
	add(&statistics, 55000, 10);
	add(&statistics, 900000, 5);
	ck_assert_int_ge(sampling_held_ns(&statistics, 500), 15000);
	ck_assert_int_le(sampling_held_ns(&statistics, 500), 18750);
	ck_assert_int_ge(sampling_held_ns(&statistics, 990), 55000);
	ck_assert_int_le(sampling_held_ns(&statistics, 990), 68750);
	ck_assert_int_eq(sampling_held_ns(&statistics, 1000), 900000);
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, test_classes_ascend);
	tcase_add_test(tests, test_shares);
}

int main(void)
{
	return suite_run("held", add_tests);
}
