/* SPDX-License-Identifier: MIT */
/* Preloaded into pyrope by long_hold.test: the sampling thread begins 300 ms after it was made. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <unistd.h>

int prctl(int option, ...)
{
	static int (*next)(int, ...);
	unsigned long list[4];
	va_list arguments;

	va_start(arguments, option);
	for (int i = 0; i < 4; i++)
		list[i] = va_arg(arguments, unsigned long);
	va_end(arguments);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "prctl");
	if (option == PR_SET_TIMERSLACK)
		usleep(300000);
	return next(option, list[0], list[1], list[2], list[3]);
}
