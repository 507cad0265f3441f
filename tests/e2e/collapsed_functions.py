# SPDX-License-Identifier: MIT
"""What a reader of another format should say of a profile: NAME SELF TOTAL for each function of collapsed stacks, one that is in a
stack several times counted once. Functions of different files with one name are added up; with --apart they are not, and with --frames each line
of a function is a row of its own, too; with --texts each frame is its own whole text. --busy leaves out what is idle, --self what has no samples of its own.

Usage: collapsed_functions.py FILE [--apart | --frames | --texts] [--busy] [--self]
"""
import collections
import sys


def function_of(frame):
    if "--texts" in sys.argv:
        return "", frame
    if frame.startswith("("):
        return "", frame
    parts = frame.rsplit(":", 2)
    if len(parts) == 3 and parts[2].isdigit():
        return parts[0], parts[1]
    return tuple(frame.rsplit(":", 1)) if ":" in frame else ("", frame)


def main():
    self_counts, totals = collections.Counter(), collections.Counter()
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            stack, count = line.rstrip("\n").rsplit(" ", 1)
            if stack == "(idle)" and "--busy" in sys.argv:
                continue
            frames = stack.split(";")
            functions = [function_of(frame) + ((frame,) if "--frames" in sys.argv else ()) for frame in frames]
            self_counts[functions[-1]] += int(count)
            for function in set(functions):
                totals[function] += int(count)
    rows = {}
    for function, total in totals.items():
        key = function if "--apart" in sys.argv or "--frames" in sys.argv else function[1]
        row = rows.setdefault(key, [function[1], 0, 0])
        row[1] += self_counts[function]
        row[2] += total
    for line in sorted(" ".join(map(str, row)) for row in rows.values() if row[1] or "--self" not in sys.argv):
        print(line)


main()
