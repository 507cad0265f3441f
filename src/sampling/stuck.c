/* SPDX-License-Identifier: MIT */
/*
 * A read of a target's memory can wait for ever: for a page that a program of the target's provides
 * (userfaultfd(2)), or for a file system that does not answer. Nothing but the end of pyrope ends it. So the
 * thread that writes the profile looks whether the thread that samples comes back, and goes on without it
 * when it does not.
 */
#include "config.h"

#include "sampling/internal.h"

#include <fcntl.h>
#include <stdio.h>

#define ASK_NS 50000000
/* as often as that it has been seen asleep over the same piece of work: 5 s at least */
#define PATIENCE 100
/* and so often where the run is to end; longer than open_chosen waits for a file */
#define LAST_PATIENCE 40

void work_begin(struct work *work, pid_t pid)
{
	atomic_store(&work->pid, pid);
	atomic_fetch_add(&work->turn, 1);
}

void work_end(struct work *work)
{
	atomic_fetch_add(&work->turn, 1);
}

/* Does the thread wait for something? One that runs, waits for a CPU or is traced does not. */
static bool waits(pid_t tid)
{
	char path[64], line[512];
	const char *state;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	if (proc_read(AT_FDCWD, path, line, sizeof(line)) < 0)
		return false;
	state = stat_fields(line);
	return state && (*state == 'D' || *state == 'S');
}

/*
 * It is counted how often it was seen, and not how long it took: pyrope may have been stopped, or the
 * machine asleep.
 */
bool work_is_stuck(struct work *work, bool hurry)
{
	const int64_t now_ns = monotonic_ns();
	const unsigned turn = atomic_load(&work->turn);

	if (now_ns - work->asked_ns < ASK_NS)
		return false;
	work->asked_ns = now_ns;
	if (turn != work->asked_turn || turn % 2 == 0 || !waits(atomic_load(&work->tid))) {
		work->asked_turn = turn;
		work->times = 0;
		return false;
	}
	return ++work->times >= (hurry ? LAST_PATIENCE : PATIENCE);
}
