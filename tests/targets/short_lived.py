# SPDX-License-Identifier: MIT
"""Code that is new each time it is looked at; which kind is the first argument."""
import sys
import time

import support

clock = getattr(time, "perf_counter", time.time)


# A function that is compiled, runs for a millisecond, and is gone: what templates, ORMs and dataclasses do.
SOURCE = """
def made(end, clock):
    i = 0
    while clock() < end:
        i += 1
        i -= 1
    return i
"""


def make(number):
    names = {}
    exec(compile(SOURCE, "<made %d>" % number, "exec"), names)
    names["made"](clock() + 0.001, clock)


def run_made():
    number = 0
    while True:
        number += 1
        make(number)


# One function of 30,000 lines: no two looks show the same line.
if sys.argv[1] == "long":
    exec(compile("def long(x):\n" + "    x += 1\n    x -= 1\n" * 15000, "<long>", "exec"), globals())


def run_long():
    while True:
        globals()["long"](1)


def recurse(x):
    x and recurse(x - 1)


def run_recursion():
    while True:
        recurse(20)


# A tree of generators, whose frames come and go.
def leaf(n):
    for i in range(n):
        yield i


def tree(depth):
    if depth == 0:
        for x in leaf(3):
            yield x
        return
    for _ in range(2):
        for x in tree(depth - 1):
            yield x


def calls(depth):
    if depth:
        calls(depth - 1)
        calls(depth - 1)
    return sum(tree(3))


def run_generators():
    while True:
        calls(4)


support.ready()
globals()["run_" + sys.argv[1]]()
