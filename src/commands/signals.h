/* SPDX-License-Identifier: MIT */
/*
 * Signals that ask pyrope to end. The first one ends the sampling, so that what was sampled can be written;
 * the second one ends pyrope at once. With a launched command it is the command that they are meant for.
 */
#ifndef PYROPE_COMMANDS_SIGNALS_H
#define PYROPE_COMMANDS_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

struct sampler;

/* Installs the handlers; a signal that was ignored at the start (nohup) stays ignored. Before a command is
 * launched. */
void signals_begin(bool launching);
/* The child that signals sent to pyrope alone are passed on to; 0: it is gone. */
void signals_set_child(pid_t child);
/* The sampler to stop; NULL: none. */
void signals_set_sampler(struct sampler *sampler);
/* The signal that ended the sampling; 0: none did. */
int signals_caught(void);
/* The same as a flag that others can poll. */
const volatile int *signals_flag(void);
/* Ends pyrope by this signal, so that who waits for it sees what happened. */
void signals_raise(int number);

#endif
