# SPDX-License-Identifier: MIT
"""Turns between flat code and code that calls all the time, every so many microseconds: the second argument.

Clocks would be a large part of such short turns, so the shares are what each takes alone, in bursts before and after:
page[0], page[1] are the shares before, page[2], page[3] those after. Both kinds have calls of the same shape around them.
"""
import sys

import page
import program

BURSTS = 41
BURST_S = 0.004
TURNS_S = 0.010


def phase_flat(count):
    for i in range(count):
        i & 3


def inner(value):
    return value


def outer(value):
    return inner(value)


def phase_calls(count):
    for i in range(count):
        outer(i)


def alone(shared, slot, flat, calls):
    """Medians, from bursts in turn, so that both see the same machine."""
    pairs = [(program.seconds_per_call(phase_flat, flat, BURST_S), program.seconds_per_call(phase_calls, calls, BURST_S))
        for _ in range(BURSTS)]
    times = [program.median(values) for values in zip(*pairs)]
    shared[slot], shared[slot + 1] = [time / sum(times) for time in times]


def main():
    shared = program.begin()
    turn_s = float(sys.argv[2]) * 1e-6
    flat, calls = program.calibrate(phase_flat, turn_s), program.calibrate(phase_calls, turn_s)
    alone(shared, 0, flat, calls)
    turns = max(1, int(TURNS_S / turn_s))
    program.ready(phases=["phase_flat", "phase_calls"])
    while not shared[page.STOP]:
        for _ in range(turns):
            phase_flat(flat)
            phase_calls(calls)
    alone(shared, 2, flat, calls)


main()
