/* SPDX-License-Identifier: MIT */
/*
 * Durations, rates and integers of a command line: exact, without the locale, and with errors that quote the
 * text.
 */
#include "config.h"

#include "pyrope/base.h"
#include "pyrope/leb128.h"

#include <locale.h>
#include <string.h>

#include "suite.h"

static const struct {
	const char *text;
	int64_t nanoseconds;
} durations[] = {
	{ "0", 0 },
	{ "1", 1000000000 },
	{ "0.01", 10000000 },
	{ ".5", 500000000 },
	{ "5.", 5000000000 },
	{ "007", 7000000000 },
	{ "1e-3", 1000000 },
	{ "1E+2", 100000000000 },
	{ "0e99999999999", 0 },
	{ "5ms", 5000000 },
	{ "250us", 250000 },
	{ "3ns", 3 },
	{ "2m", 120000000000 },
	{ "2min", 120000000000 },
	{ "1.5h", 5400000000000 },
	{ "1d", 86400000000000 },
	{ "2s", 2000000000 },
	{ "1e-3ms", 1000 },
	{ "0.1", 100000000 },
	{ "0.123456789", 123456789 },
	{ "0.1234567894", 123456789 },
	{ "0.1234567895", 123456790 },
	{ "0.00000000000000000000000000000000000000001", 1 }, /* tiny is not nothing */
	{ "1e-400", 1 },
	{ "0.3333333333333333333333333333333333", 333333333 },
	{ "100000000000000000000e-20", 1000000000 },
	{ "9223372036.854775807", INT64_MAX },
	{ "9223372036854775807ns", INT64_MAX },
};

static const struct {
	const char *text, *message;
} bad_durations[] = {
	{ "", "empty duration" },
	{ "-1", "'-1': it is negative" },
	{ "-0.5ms", "'-0.5ms': it is negative" },
	{ "nan", "'nan': not a number" },
	{ "inf", "'inf': not a number" },
	{ "-inf", "'-inf': not a number" },
	{ "0x10", "unknown unit 'x10'" },
	{ "ms", "'ms': not a number" },
	{ ".", "'.': not a number" },
	{ " 1", "' 1': not a number" },
	{ "1 ", "unknown unit ' '" },
	{ "1,5", "unknown unit ',5'" },
	{ "5parsecs", "'5parsecs': unknown unit 'parsecs': use ns" },
	{ "1e", "unknown unit 'e'" },
	{ "1M", "unknown unit 'M'" },
	{ "9223372036.854775808", "too large" },
	{ "1e30", "'1e30': too large" },
	{ "1e999999999999", "too large" },
	{ "106752d", "too large" },
};

START_TEST(test_duration)
{
	struct error err = { 0 };
	int64_t nanoseconds = -1;

	ck_assert_msg(parse_duration(durations[_i].text, &nanoseconds, &err) == 0, "%s", err.message);
	ck_assert_msg(nanoseconds == durations[_i].nanoseconds, "%s: %lld", durations[_i].text,
		(long long)nanoseconds);
}
END_TEST

START_TEST(test_bad_duration)
{
	struct error err = { 0 };
	int64_t nanoseconds = 42;

	ck_assert_int_eq(parse_duration(bad_durations[_i].text, &nanoseconds, &err), -1);
	ck_assert_int_eq(err.kind, ERROR_USAGE);
	ck_assert_msg(strstr(err.message, bad_durations[_i].message) != NULL, "%s", err.message);
	ck_assert_int_eq(nanoseconds, 42);
}
END_TEST

START_TEST(test_locale)
{
	struct error err = { 0 };
	int64_t nanoseconds;

	/* One of these writes a comma, where it is installed. */
	if (!setlocale(LC_ALL, "de_DE.UTF-8"))
		setlocale(LC_ALL, "fr_FR.UTF-8");
	ck_assert_int_eq(parse_duration("0.25", &nanoseconds, &err), 0);
	ck_assert_int_eq(nanoseconds, 250000000);
}
END_TEST

static const struct {
	const char *text;
	int64_t interval_ns;
} rates[] = {
	{ "250", 4000000 },
	{ "100", 10000000 },
	{ "1", 1000000000 },
	{ "0.5", 2000000000 },
	{ "1k", 1000000 },
	{ "1.5k", 666667 },
	{ "250Hz", 4000000 },
	{ "2kHz", 500000 },
	{ "10/s", 100000000 },
	{ "3", 333333333 },
	{ "1e3", 1000000 },
	{ "1000000000", 1 },
	{ "1e9", 1 },
	{ "700M", 1 },
	{ "1e-9", 1000000000000000000 },
};

static const struct {
	const char *text, *message;
} bad_rates[] = {
	{ "", "empty rate" },
	{ "0", "'0': must be greater than 0" },
	{ "0.000", "must be greater than 0" },
	{ "-5", "'-5': it is negative" },
	{ "nan", "not a number" },
	{ "1e10", "too large" },
	{ "1e99999", "too large" },
	{ "1e-11", "too small" },
	{ "1e-99999", "too small" },
	{ "5ms", "unknown unit 'ms'" },
};

START_TEST(test_rate)
{
	struct error err = { 0 };
	int64_t interval_ns = -1;

	ck_assert_msg(parse_rate(rates[_i].text, &interval_ns, &err) == 0, "%s", err.message);
	ck_assert_msg(
		interval_ns == rates[_i].interval_ns, "%s: %lld", rates[_i].text, (long long)interval_ns);
}
END_TEST

START_TEST(test_bad_rate)
{
	struct error err = { 0 };
	int64_t interval_ns = 42;

	ck_assert_int_eq(parse_rate(bad_rates[_i].text, &interval_ns, &err), -1);
	ck_assert_int_eq(err.kind, ERROR_USAGE);
	ck_assert_msg(strstr(err.message, bad_rates[_i].message) != NULL, "%s", err.message);
	ck_assert_int_eq(interval_ns, 42);
}
END_TEST

static const struct {
	const char *text;
	int64_t minimum, maximum, value;
	const char *message; /* NULL: it is right */
} integers[] = {
	{ "1", 1, 100, 1, NULL },
	{ "100", 1, 100, 100, NULL },
	{ "-5", -5, 5, -5, NULL },
	{ "9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, NULL },
	{ "-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, NULL },
	{ "0", 1, 100, 0, "invalid thing '0': the least is 1" },
	{ "-1", 1, 100, 0, "invalid thing '-1': the least is 1" },
	{ "101", 1, 100, 0, "invalid thing '101': the most is 100" },
	{ "9223372036854775808", 1, INT64_MAX, 0, "the most is" },
	{ "-9223372036854775809", INT64_MIN, INT64_MAX, 0, "the least is" },
	{ "1606938044258990275541962092341162602522202993782792835301376", 1, 100, 0, "the most is 100" },
	{ "", 1, 100, 0, "empty thing" },
	{ "-", 1, 100, 0, "not a number" },
	{ "five", 1, 100, 0, "'five': not a number" },
	{ "5x", 1, 100, 0, "'5x': not a number" },
	{ "5.0", 1, 100, 0, "not a number" },
	{ " 5", 1, 100, 0, "not a number" },
	{ "+5", 1, 100, 0, "not a number" },
};

START_TEST(test_integer)
{
	struct error err = { 0 };
	int64_t value = 42;
	int result = parse_integer(
		integers[_i].text, "thing", integers[_i].minimum, integers[_i].maximum, &value, &err);

	if (!integers[_i].message) {
		ck_assert_msg(result == 0, "%s", err.message);
		ck_assert_int_eq(value, integers[_i].value);
		return;
	}
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(err.kind, ERROR_USAGE);
	ck_assert_msg(strstr(err.message, integers[_i].message) != NULL, "%s", err.message);
	ck_assert_int_eq(value, 42);
}
END_TEST

static const struct {
	unsigned char bytes[12];
	size_t length;
	bool is_good, is_good_signed;
	uint64_t number;
	int64_t signed_number;
} leb128_cases[] = {
	/* of DWARF 5, tables 7.7 and 7.8 */
	{ { 2 }, 1, true, true, 2, 2 },
	{ { 127 }, 1, true, true, 127, -1 },
	{ { 0x80, 1 }, 2, true, true, 128, 128 },
	{ { 57 + 0x80, 100 }, 2, true, true, 12857, -3527 },
	{ { 0xff, 0 }, 2, true, true, 127, 127 },
	{ { 0x81, 0x7f }, 2, true, true, 16257, -127 },
	/* padded */
	{ { 0x80, 0x80, 0x00 }, 3, true, true, 0, 0 },
	/* the largest and the least */
	{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 }, 10, true, false, UINT64_MAX, 0 },
	{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0 }, 10, true, true, INT64_MAX, INT64_MAX },
	{ { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f }, 10, false, true, 0, INT64_MIN },
	/* too long, cut off, nothing */
	{ { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1 }, 11, false, false, 0, 0 },
	{ { 0x80, 0x80 }, 2, false, false, 0, 0 },
	{ { 0 }, 0, false, false, 0, 0 },
};

START_TEST(test_leb128)
{
	const unsigned char *bytes = leb128_cases[_i].bytes, *end = bytes + leb128_cases[_i].length,
			    *at = bytes;
	uint64_t number = 0;
	int64_t signed_number = 0;

	ck_assert_int_eq(leb128_get(&at, end, &number), leb128_cases[_i].is_good);
	ck_assert(at <= end);
	if (leb128_cases[_i].is_good) {
		ck_assert_uint_eq(number, leb128_cases[_i].number);
		ck_assert_ptr_eq(at, end);
	}
	at = bytes;
	ck_assert_int_eq(leb128_get_signed(&at, end, &signed_number), leb128_cases[_i].is_good_signed);
	ck_assert(at <= end);
	if (leb128_cases[_i].is_good_signed)
		ck_assert_int_eq(signed_number, leb128_cases[_i].signed_number);
}
END_TEST

START_TEST(test_leb128_append)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		const uint64_t numbers[] = { UINT64_C(1) << bit, (UINT64_C(1) << bit) - 1,
			~(UINT64_C(1) << bit) };
		struct buffer buffer = { 0 };
		const unsigned char *at, *end;

		for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++)
			leb128_append(&buffer, numbers[i]);
		at = (const unsigned char *)buffer.data;
		end = at + buffer.length;
		for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
			uint64_t number = 0;

			ck_assert(leb128_get(&at, end, &number));
			ck_assert_uint_eq(number, numbers[i]);
		}
		ck_assert_ptr_eq(at, end);
		buffer_release(&buffer);
	}
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_loop_test(tests, test_leb128, 0, ARRAY_LENGTH(leb128_cases));
	tcase_add_test(tests, test_leb128_append);
	tcase_add_loop_test(tests, test_duration, 0, ARRAY_LENGTH(durations));
	tcase_add_loop_test(tests, test_bad_duration, 0, ARRAY_LENGTH(bad_durations));
	tcase_add_test(tests, test_locale);
	tcase_add_loop_test(tests, test_rate, 0, ARRAY_LENGTH(rates));
	tcase_add_loop_test(tests, test_bad_rate, 0, ARRAY_LENGTH(bad_rates));
	tcase_add_loop_test(tests, test_integer, 0, ARRAY_LENGTH(integers));
}

int main(void)
{
	return suite_run("number", add_tests);
}
