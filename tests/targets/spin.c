/* SPDX-License-Identifier: MIT */
/* A library that keeps a CPU busy. */
void spin(void);

void spin(void)
{
	for (;;)
		__asm__ volatile("");
}
