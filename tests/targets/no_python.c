/* SPDX-License-Identifier: MIT */
/* A program that is no Python: works in a function of its own for so many seconds of its CPU time. */
#include <stdlib.h>
#include <time.h>

static volatile unsigned count;

__attribute__((noinline)) static void work_in_c(double seconds)
{
	const clock_t end = clock() + (clock_t)(seconds * CLOCKS_PER_SEC);

	while (clock() < end)
		for (int i = 0; i < 10000; i++)
			count++;
}

int main(int argc, char *argv[])
{
	work_in_c(argc > 1 ? atof(argv[1]) : 1);
	return 0;
}
