/* SPDX-License-Identifier: MIT */
/*
 * Numbers from a command line. strtod is not used: it obeys the locale (a German one reads "0.01" as 0),
 * takes "nan", "inf" and hexadecimal, and rounds in binary. Here a decimal number is a mantissa and a power
 * of ten, and the result is exact to the nanosecond.
 */
#include "config.h"

#include "pyrope/base.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)

/* Longer texts are cut in messages. */
#define QUOTED "'%.64s'"

__extension__ typedef unsigned __int128 wide_t;

/* mantissa * 10^exponent; the mantissa holds the first 19 significant digits. */
struct decimal {
	uint64_t mantissa;
	int exponent;
};

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit duration_units[] = {
	{ "", SECOND_NS },
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", 1000000 },
	{ "s", SECOND_NS },
	{ "m", 60 * SECOND_NS },
	{ "min", 60 * SECOND_NS },
	{ "h", 3600 * SECOND_NS },
	{ "d", 86400 * SECOND_NS },
};

static const struct unit rate_units[] = {
	{ "", 1 },
	{ "Hz", 1 },
	{ "hz", 1 },
	{ "/s", 1 },
	{ "k", 1000 },
	{ "kHz", 1000 },
	{ "khz", 1000 },
	{ "M", 1000000 },
	{ "MHz", 1000000 },
};

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

/* Adds a digit; what lies beyond the 19th only moves the exponent. */
static void add_digit(struct decimal *decimal, char digit, bool fraction)
{
	bool full = decimal->mantissa > (UINT64_MAX - 9) / 10;

	if (!full) {
		decimal->mantissa = decimal->mantissa * 10 + (uint64_t)(digit - '0');
		decimal->exponent -= fraction;
	} else {
		decimal->exponent += !fraction;
	}
}

/* Where the number ends, or NULL when there is none. */
static const char *scan_decimal(const char *text, struct decimal *decimal)
{
	const char *at = text;
	bool any = false;

	memset(decimal, 0, sizeof(*decimal));
	for (; is_digit(*at); at++, any = true)
		add_digit(decimal, *at, false);
	if (*at == '.')
		for (at++; is_digit(*at); at++, any = true)
			add_digit(decimal, *at, true);
	if (!any)
		return NULL;
	if (*at == 'e' || *at == 'E') {
		const char *digits = at + 1;
		bool negative = *digits == '-';
		int exponent = 0;

		digits += *digits == '-' || *digits == '+';
		if (!is_digit(*digits))
			return at;
		for (; is_digit(*digits); digits++)
			if (exponent < 100000)
				exponent = exponent * 10 + (*digits - '0');
		decimal->exponent += negative ? -exponent : exponent;
		at = digits;
	}
	return at;
}

static const struct unit *find_unit(const struct unit *units, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

/* number * 10^power, or the largest number when that is too much. */
static wide_t scale_up(wide_t number, int power)
{
	for (; power > 0 && number; power--)
		if (__builtin_mul_overflow(number, (wide_t)10, &number))
			return ~(wide_t)0;
	return number;
}

/* number / divisor to the nearest, but never 0 for what is not 0: a tiny span is not the same as none. */
static wide_t divide(wide_t number, wide_t divisor)
{
	wide_t quotient;

	assert(divisor);
	quotient = number / divisor;
	quotient += number % divisor >= divisor - divisor / 2;
	return quotient || !number ? quotient : 1;
}

/* The part that durations and rates have in common: what is not a number at all. */
static const char *scan(const char *text, const char *what, struct decimal *decimal, struct error *err)
{
	const char *end;

	if (!*text) {
		error_set(err, ERROR_USAGE, "empty %s", what);
		return NULL;
	}
	if (text[0] == '-' && scan_decimal(text + 1, decimal)) {
		error_set(err, ERROR_USAGE, "invalid %s " QUOTED ": it is negative", what, text);
		return NULL;
	}
	end = scan_decimal(text, decimal);
	if (!end)
		error_set(err, ERROR_USAGE, "invalid %s " QUOTED ": not a number", what, text);
	return end;
}

int parse_duration(const char *text, int64_t *nanoseconds, struct error *err)
{
	struct decimal decimal;
	const struct unit *unit;
	const char *end = scan(text, "duration", &decimal, err);
	wide_t value;

	if (!end)
		return -1;
	unit = find_unit(duration_units, ARRAY_LENGTH(duration_units), end);
	if (!unit)
		return error_set(err, ERROR_USAGE,
			"invalid duration " QUOTED ": unknown unit " QUOTED ": use ns, us, ms, s, m, h or d",
			text, end);
	value = (wide_t)decimal.mantissa * unit->factor;
	if (decimal.exponent >= 0)
		value = scale_up(value, decimal.exponent);
	else
		value = divide(value, scale_up(1, -decimal.exponent));
	if (value > INT64_MAX)
		return error_set(err, ERROR_USAGE,
			"invalid duration " QUOTED ": too large: the most is %" PRId64 " seconds", text,
			INT64_MAX / SECOND_NS);
	*nanoseconds = (int64_t)value;
	return 0;
}

int parse_rate(const char *text, int64_t *interval_ns, struct error *err)
{
	struct decimal decimal;
	const struct unit *unit;
	const char *end = scan(text, "rate", &decimal, err);
	wide_t dividend = SECOND_NS, divisor, value;

	if (!end)
		return -1;
	unit = find_unit(rate_units, ARRAY_LENGTH(rate_units), end);
	if (!unit)
		return error_set(err, ERROR_USAGE,
			"invalid rate " QUOTED ": unknown unit " QUOTED
			": use a number per second, as 250, 1k or 250Hz",
			text, end);
	divisor = (wide_t)decimal.mantissa * unit->factor;
	if (!divisor)
		return error_set(err, ERROR_USAGE, "invalid rate " QUOTED ": must be greater than 0", text);
	if (decimal.exponent >= 0)
		divisor = scale_up(divisor, decimal.exponent);
	else
		dividend = scale_up(dividend, -decimal.exponent);
	if (divisor > dividend)
		return error_set(err, ERROR_USAGE,
			"invalid rate " QUOTED ": too large: the most is %" PRId64 " per second", text,
			SECOND_NS);
	value = divide(dividend, divisor);
	if (value > INT64_MAX)
		return error_set(err, ERROR_USAGE,
			"invalid rate " QUOTED ": too small: less than one in 292 years", text);
	*interval_ns = (int64_t)value;
	return 0;
}

int parse_integer(const char *text, const char *what, int64_t minimum, int64_t maximum, int64_t *value,
	struct error *err)
{
	bool negative = text[0] == '-';
	const char *at = text + negative;
	int64_t number = 0;
	bool overflow = false;

	if (!*text)
		return error_set(err, ERROR_USAGE, "empty %s", what);
	if (!is_digit(*at))
		return error_set(err, ERROR_USAGE, "invalid %s " QUOTED ": not a number", what, text);
	for (; is_digit(*at); at++) {
		int64_t digit = *at - '0';

		/* Downwards for negative numbers, so that INT64_MIN is reached without overflow. */
		overflow |= __builtin_mul_overflow(number, (int64_t)10, &number);
		overflow |= __builtin_add_overflow(number, negative ? -digit : digit, &number);
	}
	if (*at)
		return error_set(err, ERROR_USAGE, "invalid %s " QUOTED ": not a number", what, text);
	if (overflow ? negative : number < minimum)
		return error_set(err, ERROR_USAGE, "invalid %s " QUOTED ": the least is %" PRId64, what, text,
			minimum);
	if (overflow || number > maximum)
		return error_set(
			err, ERROR_USAGE, "invalid %s " QUOTED ": the most is %" PRId64, what, text, maximum);
	*value = number;
	return 0;
}
