/* SPDX-License-Identifier: MIT */
/* For native_hostile.py: a library that computes for a moment, and one that recurses. */
int turn(int rounds);
int deep(int depth, int rounds);

static volatile int sink;

int turn(int rounds)
{
	for (int i = 0; i < rounds; i++)
		sink += i;
	return sink;
}

int deep(int depth, int rounds)
{
	if (depth)
		return deep(depth - 1, rounds) + sink;
	for (;;)
		turn(rounds);
}
