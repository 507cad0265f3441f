# SPDX-License-Identifier: MIT
"""Does one kind of work, so many frames deep, for ever; page[0] counts how much of it is done."""
import functools
import json
import re
import sys

import program

UNIT_S = 200e-6


def loop(count):
    total = 0
    for i in range(count):
        total += i & 3
    return total


DOCUMENT = {"name": ["value", 1, 2.5, None] * 4, "more": {"key %d" % i: "text " * i for i in range(8)}}
WORD = re.compile(r"(\w+) (\w+)")


def swap(match):
    return match.group(2) + " " + match.group(1)


def json_and_regex(count):
    for _ in range(count):
        WORD.sub(swap, json.dumps(json.loads(json.dumps(DOCUMENT))))


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def calls(count):
    for _ in range(count):
        fibonacci(8)


def through_c(depth, shared, kind):
    """Each step is a Python frame and a call of functools.reduce: three native frames on most versions."""
    if depth <= 0:
        return work(shared, kind)
    return functools.reduce(lambda _, step: through_c(step, shared, kind), [None, depth - 2])


KINDS = {"loop": loop, "json+regex": json_and_regex, "fib": calls}


def work(shared, kind):
    count = program.calibrate(kind, UNIT_S)
    program.ready()
    while True:
        kind(count)
        shared[0] += 1


def descend(depth, shared, kind):
    if depth > 0:
        return descend(depth - 1, shared, kind)
    return work(shared, kind)


def main():
    shared = program.begin()
    depth = int(sys.argv[3])
    sys.setrecursionlimit(depth + 1000)
    kind, through, _ = sys.argv[2].partition(" through C")
    way = through_c if through else descend
    way(depth - 5, shared, KINDS[kind]) # main, descend, work, the kind and <module> are frames too


main()
