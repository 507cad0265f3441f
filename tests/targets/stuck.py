# SPDX-License-Identifier: MIT
"""One thread works, one sleeps for ever, and one ends when the test says so; then another one begins.

Prints `ready` when all are where they stay, and `changed` when the one has ended and the other is there.
"""
import threading

import support


def work_here():
    while not turned.is_set():
        pass  # here: first


def work_there():
    while True: pass  # here: second


def work():
    work_here()
    work_there()


def sleep_for_ever():
    never.acquire()  # here: stuck


def end_when_told():
    told.acquire()  # here: ends


def lock():
    made = threading.Lock()
    made.acquire()
    return made


def begin(name, function):
    thread = threading.Thread(target=function, name=name)
    thread.daemon = True
    thread.start()
    return thread


never, told, turned = lock(), lock(), threading.Event()
begin("worker", work)
begin("stuck", sleep_for_ever)
ends = begin("ends", end_when_told)
support.ready()
support.wait()  # here: main
told.release()
ends.join()
turned.set()
begin("latecomer", sleep_for_ever)
support.say("changed")
while True: support.wait()
