# SPDX-License-Identifier: MIT
"""A stack of distinct functions as deep as asked for, whose leaf runs on.

Argument: how deep.
"""
import sys
import threading

import support

DEPTH = int(sys.argv[1])


def leaf(_depth):
    support.ready()
    while True:
        pass


def make(number):
    names = {}
    exec("def f%d(depth):\n    return CALLS[depth + 1](depth + 1) if depth < LAST else LEAF(0)\n" % number, globals(), names)
    return names["f%d" % number]


LAST = DEPTH - 1
LEAF = leaf
CALLS = [make(number) for number in range(DEPTH)]
sys.setrecursionlimit(DEPTH + 1000)
threading.stack_size(1 << 30)
thread = threading.Thread(target=CALLS[0], args=(0,))
thread.daemon = True
thread.start()
while True:
    thread.join(1)
