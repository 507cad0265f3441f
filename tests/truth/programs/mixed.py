# SPDX-License-Identifier: MIT
"""Eight kinds of code in a random order, each for some VISIT_S a time; the page holds how long each ran in all.

A visit is much shorter than the interval between two samples, up to 1 kHz at least, so that one sample tells nothing of
the next one. The share of one kind is how often it is visited (WEIGHTS).
"""
import json
import re

import program

VISIT_S = 30e-6
ORDER = 4096


def phase_loop(count):
    total = 0
    for i in range(count):
        total += i & 3
    return total


def nothing():
    pass


def phase_calls(count):
    for _ in range(count):
        nothing()


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def phase_recursion(count):
    while count > 0:
        fibonacci(4)
        count -= 1


def numbers(count):
    for i in range(count):
        yield i


def even(values):
    for value in values:
        if not value & 1:
            yield value


def phase_generators(count):
    for _ in even(even(numbers(count))):
        pass


DOCUMENT = {"name": "value", "list": [1, 2.5, None], "more": {"key": "text"}}


def phase_json(count):
    for _ in range(count):
        json.loads(json.dumps(DOCUMENT))


WORDS = re.compile(r"(\w+)@(\w+)\.org")


def swap(match):
    return match.group(2)


def phase_regex(count):
    for _ in range(count):
        WORDS.sub(swap, "one@example.org, two@example.org and nobody")


def negative(value):
    return -value


def phase_sort(count):
    sorted(range(count), key=negative)


def fail():
    raise ValueError


def phase_exceptions(count):
    for _ in range(count):
        try:
            fail()
        except ValueError:
            pass


WEIGHTS = (
    (phase_loop, 4),
    (phase_calls, 3),
    (phase_recursion, 3),
    (phase_generators, 2),
    (phase_json, 3),
    (phase_regex, 2),
    (phase_sort, 2),
    (phase_exceptions, 1),
)


def order():
    visits = []
    for i, (phase, weight) in enumerate(WEIGHTS):
        visits += [(i, phase, program.calibrate(phase, VISIT_S))] * weight
    return program.random_order(visits, ORDER)


def main():
    shared, clock = program.begin(), program.clock
    visits = order()
    program.ready(phases=[phase.__name__ for phase, _ in WEIGHTS])
    while True:
        for i, phase, count in visits:
            begin = clock()
            phase(count)
            shared[i] += clock() - begin


main()
