# SPDX-License-Identifier: MIT
"""Three named threads beside the main one: one holds the GIL, two sleep.

Prints `ready` when all are where they stay, then one line NAME=TID for each thread that tells its tid to the test.
"""
import os
import threading
import time

import support


def native_id():
    """The kernel's tid; before 3.8 Python does not know it, and the task list is looked at for the one that is new."""
    if hasattr(threading, "get_native_id"):
        return threading.get_native_id()
    new = set(os.listdir("/proc/self/task")) - set(tids.values())
    return new.pop()


def sleep_in_read():
    os.read(pipe[0], 1)  # here: read


def sleep_in_lock():
    lock.acquire()  # here: lock


def spin():
    while True: pass  # here: spin


def run(name, function):
    tids[name] = str(native_id())
    started.release()
    function()


pipe = os.pipe()
lock = threading.Lock()
lock.acquire()
started = threading.Semaphore(0)
tids = {"MainThread": str(os.getpid())}
for name, function in ("reader", sleep_in_read), ("a locker with a very long name", sleep_in_lock), ("spinner", spin):
    thread = threading.Thread(target=run, name=name, args=(name, function))
    thread.daemon = True
    thread.start()
    started.acquire()
support.ready()
for name in sorted(tids):
    support.say("%s=%s" % (name, tids[name]))
support.say(".")
while True: time.sleep(1000)  # here: main
