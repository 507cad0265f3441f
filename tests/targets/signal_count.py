# SPDX-License-Identifier: MIT
"""A thread computes, and each real-time signal that is delivered adds a byte to a file.

Arguments: the file, and which thread computes: main or worker; child: that of a forked child.
"""
import os
import signal
import sys
import threading

import support

PATH, THREAD = sys.argv[1:3]


def compute():
    while True:
        pass  # here: compute


def compute_beside(parent):
    """Until that is gone: nobody else ends a child."""
    while os.getppid() == parent:
        for _ in range(100000):
            pass


def count_signals():
    # Python writes the byte in the very handler, so that none is counted for two
    descriptor = os.open(PATH, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o600)
    signal.set_wakeup_fd(descriptor)
    for number in range(signal.SIGRTMIN, signal.SIGRTMIN + 4):
        signal.signal(number, lambda *ignored: None)


count_signals()
if THREAD == "child":
    parent = os.getpid()
    if os.fork() == 0:
        support.signal.alarm(support.LIMIT)
        compute_beside(parent)
        os._exit(0)
    support.ready()
    while True:
        signal.pause()
if THREAD == "worker":
    thread = threading.Thread(target=compute)
    thread.daemon = True
    thread.start()
    support.ready()
    while True:
        signal.pause()
else:
    support.ready()
    compute()
