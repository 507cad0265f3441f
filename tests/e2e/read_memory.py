# SPDX-License-Identifier: MIT
"""Reads the largest mapping of a process over and over, as a scanner or a debugger does. PID

The address space is in use for as long as one read takes, also when the process has another by then.
"""
import os
import sys

LONGEST = 64 << 20


def main():
    pid = int(sys.argv[1])
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    mappings = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as lines:
        for line in lines:
            fields = line.split()
            begin, end = (int(number, 16) for number in fields[0].split("-"))
            if fields[1].startswith("r") and not fields[-1].startswith("[v"):
                mappings.append((end - begin, begin))
    length, begin = max(mappings)
    buffer = bytearray(min(length, LONGEST))
    print("reading", flush=True)
    while os.preadv(memory, [buffer], begin):
        pass


main()
