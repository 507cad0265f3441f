/* SPDX-License-Identifier: MIT */
/* Clocks in nanoseconds. */
#include "config.h"

#include "pyrope/base.h"

#include <time.h>

static int64_t clock_ns(clockid_t clock)
{
	struct timespec time = { 0 };

	clock_gettime(clock, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int64_t monotonic_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int64_t realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t thread_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}
