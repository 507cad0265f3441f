# SPDX-License-Identifier: MIT
"""A recursion as deep as the first argument says, in a thread with a stack that has room for it.

At the bottom it sleeps, or spins if the second argument is "spin".
"""
import os
import sys
import threading
import time

import support

DEPTH = int(sys.argv[1])
SPIN = "spin" in sys.argv


def bottom():
    support.ready()
    while SPIN: time.time()  # here: spin
    os.read(0, 1)


def recurse(depth):
    if depth == 0:
        return bottom()  # here: last
    return recurse(depth - 1)  # here: recurse


def run():
    recurse(DEPTH)  # here: run


sys.setrecursionlimit(DEPTH + 1000)
threading.stack_size(1 << 30)
thread = threading.Thread(target=run)
thread.daemon = True
thread.start()
thread.join()
