/* SPDX-License-Identifier: MIT */
/* Preloaded into pyrope by long_hold.test: the sampling thread wakes up 600 ms late from its twentieth sleep. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#include <unistd.h>

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
	static int (*next)(clockid_t, int, const struct timespec *, struct timespec *);
	static int sleeps;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "clock_nanosleep");
	if (flags == TIMER_ABSTIME && __atomic_add_fetch(&sleeps, 1, __ATOMIC_RELAXED) == 20)
		usleep(600000);
	return next(clock, flags, time, left);
}
