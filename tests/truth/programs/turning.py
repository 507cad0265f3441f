# SPDX-License-Identifier: MIT
"""Turns between flat code and code that calls all the time, every so many microseconds: the second argument.

Each turn is timed, with a reading of the clock before it and one behind it: both kinds have the same part of those, and none of the
sums, which are a hundredth of the shortest turns.
Timing each kind alone, before and after, gives the same shares, but only to two percent on a machine that does other
things too: the two are never timed at the same moment.
"""
import sys

import program

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


def turn(turns, flat, calls):
    """How long each was at it."""
    clock = program.clock
    flat_s = calls_s = 0
    for _ in range(turns):
        begin = clock()
        phase_flat(flat)
        middle = clock()
        phase_calls(calls)
        end = clock()
        flat_s += middle - begin
        calls_s += end - middle
    return flat_s, calls_s


def main():
    shared = program.begin()
    turn_s = float(sys.argv[2]) * 1e-6
    flat, calls = program.calibrate(phase_flat, turn_s), program.calibrate(phase_calls, turn_s)
    turns = max(1, int(TURNS_S / turn_s))
    program.ready(phases=["phase_flat", "phase_calls"])
    while True:
        flat_s, calls_s = turn(turns, flat, calls)
        shared[0] += flat_s
        shared[1] += calls_s


main()
