/* SPDX-License-Identifier: MIT */
/* Being woken when it is time. */
#ifndef PYROPE_SAMPLING_PRIORITY_H
#define PYROPE_SAMPLING_PRIORITY_H

#include <stdbool.h>

/*
 * Has this thread be woken at once when its sleep is over, as far as the kernel lets us. more_than_others:
 * with a larger share of the CPU, too, where that is permitted.
 */
void priority_ask(bool more_than_others);

#endif
