# SPDX-License-Identifier: MIT
"""Works for 1 ms and sleeps for 9 ms, for ever, on the CPU that is given: the profiler is to be on the same one.

usage: in_step.py
"""
import time

import support

PERIOD, WORK = 0.010, 0.001


def work(end):
    while time.time() < end:
        for i in range(20):
            i & 3


def rest(end):
    time.sleep(max(0, end - time.time()))


def main():
    support.ready()
    start = time.time()
    while True:
        work(start + WORK)
        start = max(start, time.time() - PERIOD) + PERIOD
        rest(start)


main()
