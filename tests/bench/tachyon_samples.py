# SPDX-License-Identifier: MIT
"""Writes samples as make_recording makes them as a file of profiling.sampling of CPython 3.15, which runs this.

Usage: python3.15 tachyon_samples.py SAMPLES STAY FILE <COLLAPSED   (the stacks: pyrope report --threads RECORDING)
"""
import random
import sys

from _remote_debugging import BinaryWriter, FrameInfo, InterpreterInfo, LocationInfo, ThreadInfo

THREADS = 8
INTERVAL_US = 1000
HOLDS_GIL, ON_CPU = 1, 2


def read_stacks(lines):
    """Innermost frame first."""
    frames, stacks = {}, []
    for line in lines:
        stack = []
        for text in line.rpartition(" ")[0].split(";"):
            if text not in frames:
                name, number = text.rsplit(":", 1)
                file, function = name.split(":", 1)
                frames[text] = FrameInfo((file, LocationInfo((int(number), int(number), 0, 0)), function, None))
            stack.append(frames[text])
        stacks.append(stack[::-1])
    return stacks


def main():
    samples, stay, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    stacks = read_stacks(sys.stdin)
    chance = random.Random(7)
    at = [0] * THREADS
    writer = BinaryWriter(path, INTERVAL_US, 1000000, compression=1)
    for tick in range(samples // THREADS):
        threads = []
        for i in range(THREADS):
            if chance.randrange(stay) == 0:
                at[i] = chance.randrange(1 + chance.randrange(len(stacks)))
            threads.append(ThreadInfo((4711 + i, HOLDS_GIL | ON_CPU if i == 0 else ON_CPU, stacks[at[i]])))
        writer.write_sample([InterpreterInfo((0, threads))], 1000000 + tick * INTERVAL_US)
    writer.finalize()


main()
