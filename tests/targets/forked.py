# SPDX-License-Identifier: MIT
"""Forks in C, so that Python does not know of it and the thread ids in the child's thread states are its parent's.

forked.py HOW [THREADS]: HOW is fork, or syscall for the bare system call, which no C library notices; beside so many threads,
which only the parent has. Prints `ready`, and the pid of the child, which computes in the line that is marked.
"""
import ctypes
import os
import platform
import sys
import threading
import time

import support

SIGCHLD = 17


def fork():
    if sys.argv[1] == "fork":
        return ctypes.PyDLL(None).fork()
    number = {"x86_64": 56, "aarch64": 220}[platform.machine()]  # clone
    return ctypes.PyDLL(None).syscall(number, SIGCHLD, 0, 0, 0, 0)


def compute():
    while True: pass  # here: compute


for number in range(int(sys.argv[2]) if len(sys.argv) > 2 else 0):
    thread = threading.Thread(target=time.sleep, args=(1000,), name="only the parent's %d" % number)
    thread.daemon = True
    thread.start()
child = fork()
if child == 0:
    ctypes.PyDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG: it computes without end, and its parent may be killed
    support.signal.alarm(support.LIMIT)
    compute()  # here: call
support.ready()
support.say("%d" % child)
try:
    support.wait()
finally:
    os.kill(child, 9)
