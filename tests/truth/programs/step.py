# SPDX-License-Identifier: MIT
"""In step with a sampler of 100 Hz: every 10 ms, 1 ms of work in two halves, then sleep. The page holds how long each ran."""
import time

import program

PERIOD_S, HALF_S = 0.010, 0.0005


def phase_first(end):
    while program.clock() < end:
        for i in range(20):
            i & 3


def phase_second(end):
    while program.clock() < end:
        for i in range(20):
            i & 3


def phase_sleep(end):
    time.sleep(max(0, end - program.clock()))


def main():
    shared, clock = program.begin(), program.clock
    program.ready(phases=["phase_first", "phase_second", "phase_sleep"])
    start = clock()
    while True:
        begin = clock()
        phase_first(start + HALF_S)
        middle = clock()
        phase_second(start + 2 * HALF_S)
        end = clock()
        start = max(start, end - PERIOD_S) + PERIOD_S
        phase_sleep(start)
        woken = clock()
        shared[0] += middle - begin
        shared[1] += end - middle
        shared[2] += woken - end


main()
