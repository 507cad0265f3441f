/* SPDX-License-Identifier: MIT */
/*
 * Signals to pyrope. Attached, one that would end pyrope ends the sampling, so that what was sampled can be
 * written; a second one ends pyrope at once. With a launched command every signal that can be caught is meant
 * for that command.
 */
#ifndef PYROPE_COMMANDS_SIGNALS_H
#define PYROPE_COMMANDS_SIGNALS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct sampler;
struct sampling_gate;

/*
 * Installs the handlers; a signal that was ignored at the start (nohup) stays ignored. Before a command is
 * launched. `switched`: NULL, or what SIGUSR1 switches instead of ending the sampling or being passed on.
 */
void signals_begin(bool launching, struct sampling_gate *switched);
/*
 * Called when a signal ends pyrope at once, also one for a fault of its own, which is caught from now on;
 * safe in a signal handler. NULL: nothing is to be done.
 */
void signals_at_end(void (*restore)(void));
/*
 * The child that signals sent to pyrope alone are passed on to, those too that came before it was there; 0:
 * it has exited.
 */
void signals_set_child(pid_t child);
/* The sampler to stop; NULL: none. */
void signals_set_sampler(struct sampler *sampler);
/* The signal that ended the sampling; 0: none did. */
int signals_caught(void);
/* The same as a flag that others can poll. */
const atomic_int *signals_flag(void);
/* Ends pyrope by this signal, so that who waits for it sees what happened; without a core dump. */
void signals_raise(int number);

#endif
