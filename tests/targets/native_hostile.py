# SPDX-License-Identifier: MIT
"""Calls C without end: libraries in turn, or one that recurses.

Arguments: turn, or how deep to recurse; the libraries made of native_hostile.c.
"""
import ctypes
import sys
import threading

import support

LIBRARIES = [ctypes.PyDLL(path) for path in sys.argv[2:]]


def run():
    support.ready()
    if sys.argv[1] != "turn":
        LIBRARIES[0].deep(int(sys.argv[1]), 1000)
    while True:
        for library in LIBRARIES:
            library.turn(100000)


threading.stack_size(256 << 20)
thread = threading.Thread(target=run)
thread.daemon = True
thread.start()
while True:
    thread.join(1)
