# SPDX-License-Identifier: MIT
"""Counts signals by handlers in C, which run once for each signal; busy in between, in two threads.

The argument is the shared object made of notice_calls.c. A line "NUMBER SENT" on standard input is answered with how many of
that signal have come, and how many of the values sent along have not come exactly once.
"""
import ctypes
import os
import sys
import threading

import support

library = ctypes.CDLL(sys.argv[1])


def work(n):
    return work(n - 1) + 1 if n else 0


def answer():
    for line in iter(sys.stdin.readline, ""):
        number, sent = map(int, line.split())
        support.say("%d %d" % (library.signals_seen(number), library.signals_wrong(number, sent)))
    os._exit(0)


for signal_number in map(int, sys.argv[2:]):
    if library.signals_count(signal_number):
        sys.exit("cannot handle signal %d" % signal_number)
thread = threading.Thread(target=answer)
thread.daemon = True
thread.start()
support.ready()
while True:
    work(20)
