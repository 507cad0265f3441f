# SPDX-License-Identifier: MIT
"""A program whose first thread has exited: one thread goes on, holding the GIL, and another one sleeps until it is told to end.

`ready` is said when the first thread is gone. The argument `late`: after `ready`, when the first thread is told to exit.
"""
import ctypes
import os
import sys
import threading

import support


def first_is_dead():
    try:
        with open("/proc/self/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except IOError:  # a chroot without /proc: the test waits for it
        return True


def spin():
    if not is_late:
        while not first_is_dead():
            pass
    support.ready()
    while True: pass  # here: spin


def sleep_in_read():
    os.read(pipe[0] if is_late else 0, 1)  # here: read


is_late = "late" in sys.argv
pipe = os.pipe()
libc = ctypes.CDLL(None)
libc.pthread_exit.argtypes = [ctypes.c_void_p]
for function in sleep_in_read, spin:
    thread = threading.Thread(target=function)
    thread.daemon = True
    thread.start()
if is_late:
    support.wait()
libc.pthread_exit(None)
