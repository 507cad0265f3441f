# SPDX-License-Identifier: MIT
"""Code with the GIL, and calls that release it: files, a hash of a large buffer, sleep. The page holds how long each ran."""
import hashlib
import os
import tempfile
import time

import program

VISIT_S = 40e-6
SLEEP_S = 100e-6
ORDER = 1024
BLOCK = b"x" * 65536
FILE = tempfile.TemporaryFile()


def phase_loop(count):
    for i in range(count):
        i & 3


def phase_read(count):
    for _ in range(count):
        os.lseek(FILE.fileno(), 0, os.SEEK_SET)
        os.read(FILE.fileno(), len(BLOCK))


def phase_write(count):
    for _ in range(count):
        os.lseek(FILE.fileno(), 0, os.SEEK_SET)
        os.write(FILE.fileno(), BLOCK)


def phase_hash(count):
    for _ in range(count):
        hashlib.sha1(BLOCK).digest()


def phase_sleep(count):
    time.sleep(SLEEP_S)


PHASES = (phase_loop, phase_read, phase_write, phase_hash, phase_sleep)


def main():
    shared, clock = program.begin(), program.clock
    phase_write(1)
    visits = [(i, phase, program.calibrate(phase, VISIT_S)) for i, phase in enumerate(PHASES[:-1])]
    visits.append((len(visits), phase_sleep, 0))
    visits = program.random_order(visits, ORDER)
    program.ready(phases=[phase.__name__ for phase in PHASES])
    while True:
        for i, phase, count in visits:
            begin = clock()
            phase(count)
            shared[i] += clock() - begin


main()
