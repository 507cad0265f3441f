#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What long recordings cost: to write, on the disk, and to report. Processor time and memory.

Usage: PYROPE=build/pyrope recordings.py [SCALE]      (1: all of it, some 5 minutes; 0.1: a tenth of the samples)

Beside the program stands tests/bench/make_recording, which `make tests/bench/make_recording` builds.
"""
import os
import sys
import tempfile

HOUR_S = 3600


def measure(arguments, output=os.devnull):
    """Seconds of processor time and megabytes of one command."""
    with open(output, "wb") as file:
        child = os.posix_spawn(arguments[0], arguments, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, file.fileno(), 1)])
        _, status, used = os.wait4(child, 0)
    assert status == 0, (arguments, status)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    pyrope = os.path.abspath(os.environ.get("PYROPE", "./pyrope"))
    maker = os.path.join(os.path.dirname(pyrope), "tests/bench/make_recording")
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1
    print("| | samples | to write | file | `report` | |")
    print("|---|---|---|---|---|---|")
    for what, samples, arguments in (
            # stacks, seed, ticks in one stack, threads, of those awake, Hz
            ("10 kHz, one thread, a new stack each tick", 10**7, "1000 1 1 1 1 10000"),
            ("1 kHz, 8 threads, a new stack every 20 ticks", 10**8, "1000 1 20 8 8 1000"),
            ("48 h at 100 Hz, 20 threads, 2 of them awake", 48 * HOUR_S * 100 * 20, "300 1 20 20 2 100")):
        samples = int(samples * scale)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "x.pyrope")
            stacks, seed, *rest = arguments.split()
            written, _ = measure([maker, path, str(samples), stacks, seed, *rest])
            read, megabytes = measure([pyrope, "report", path])
            print("| %s | %.3g | %.2g us a sample | %.3g MB | %.3g s | %.0f MB |" % (
                what, samples, written / samples * 1e6, os.path.getsize(path) / 1e6, read, megabytes), flush=True)


main()
