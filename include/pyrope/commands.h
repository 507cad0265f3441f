/* SPDX-License-Identifier: MIT */
/* The command line: reads the options, wires the stages, prints the one error. */
#ifndef PYROPE_COMMANDS_H
#define PYROPE_COMMANDS_H

/*
 * The whole program. launch_remember must have been called. Returns the exit code; or does not return, when
 * pyrope ends by the signal that stopped it.
 */
int commands_main(int argc, char **argv);

#endif
