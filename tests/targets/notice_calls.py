# SPDX-License-Identifier: MIT
"""Runs Python and sleeps for a moment in a system call, in turn: an interrupt is meant for the one and may hit the other.

The argument is the shared object made of notice_calls.c. A second thread does the same, so that the GIL changes hands. At the
end, one line for each call: its name, how often it was made, was interrupted, and ended before its time.
"""
import ctypes
import os
import random
import select
import sys
import threading

import support

library = ctypes.CDLL(sys.argv[1])
library.call_name.restype = ctypes.c_char_p
library.call_count.restype = ctypes.c_long
names = []
while library.call_name(len(names)):
    names.append(library.call_name(len(names)).decode())
stopping = threading.Event()


def work(n):
    return work(n - 1) + 1 if n else 0


def alternate():
    while not stopping.is_set():
        for which in range(len(names)):
            for _ in range(random.randrange(20)):
                work(8)
            library.call_once(which)


if library.calls_begin():
    support.say("no semaphores or aio here")
    sys.exit(1)
thread = threading.Thread(target=alternate)
thread.start()
support.ready()
while not select.select([0], [], [], 0)[0]:
    work(8)
stopping.set()
thread.join()
library.calls_end()
for which, name in enumerate(names):
    support.say("%s %d %d %d" % ((name,) + tuple(library.call_count(which, what) for what in range(3))))
support.say(".")
os._exit(0)
