# SPDX-License-Identifier: MIT
"""A second of code that is flat; then it and code that calls take turns, some 20 and 4 microseconds each."""
import time

import support


def flat(count):
    for i in range(count):
        i & 3


def inner(value):
    return value


def calls(count):
    for i in range(count):
        inner(i)


def seconds_for(function, count):
    begin = time.time()
    function(count)
    return time.time() - begin


def count_for(function, seconds):
    """So many rounds take that long, when nothing interrupts them."""
    return max(1, int(5000 * seconds / min(seconds_for(function, 5000) for _ in range(9))))


def main():
    flats, callses = count_for(flat, 20e-6), count_for(calls, 4e-6)
    support.ready()
    end = time.time() + 1
    while time.time() < end:
        flat(flats)
    while True:
        for _ in range(1000):
            flat(flats)
            calls(callses)


main()
