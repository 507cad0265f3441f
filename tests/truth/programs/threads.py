# SPDX-License-Identifier: MIT
"""Two threads that take turns, one for three times as long as the other, in random lengths. Whoever has its turn has the GIL.

They hand over by locks: two threads that compete for the GIL keep it for 5 ms each, and how the time is split between them
is not known by construction.
"""
import random
import threading

import program

SHORT_S, LONG_S = 30e-6, 90e-6
ORDER = 1024


def spin(count):
    for i in range(count):
        i & 3


def phase_main(count):
    spin(count)


def phase_other(count):
    spin(count)


def turns(shared, slot, phase, counts, mine, other):
    clock = program.clock
    while True:
        for count in counts:
            mine.acquire()
            begin = clock()
            phase(count)
            shared[slot] += clock() - begin
            other.release()


def lengths(count, seed):
    choice = random.Random(seed)
    return [int(count * choice.uniform(0.5, 1.5)) for _ in range(ORDER)]


def main():
    shared = program.begin()
    short, long = program.calibrate(spin, SHORT_S), program.calibrate(spin, LONG_S)
    one, two = threading.Lock(), threading.Lock()
    two.acquire()
    other = threading.Thread(target=turns, args=(shared, 1, phase_other, lengths(short, 2), two, one))
    other.daemon = True
    other.start()
    program.ready(phases=["phase_main", "phase_other"])
    turns(shared, 0, phase_main, lengths(long, 1), one, two)


main()
