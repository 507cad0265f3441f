# SPDX-License-Identifier: MIT
"""Threads asleep in system calls that are not restarted when something interrupts them.

The calls are made through ctypes, because Python hides EINTR. At the end, one line for each call: its name, how often it
was made, how often it failed with what a time-out does not fail with, how often it returned before its time.
"""
import ctypes
import errno
import os
import platform
import select
import signal
import socket
import struct
import threading
import time

import support

TIMEOUT_MS = 20
SLACK_MS = {"recv": 11}  # SO_RCVTIMEO counts in the kernel's ticks, of up to 10 ms
NUMBERS = {"x86_64": {"futex": 202, "io_setup": 206, "io_getevents": 208},
           "aarch64": {"futex": 98, "io_setup": 0, "io_getevents": 4}}[platform.machine()]

libc = ctypes.CDLL(None, use_errno=True)
clock = getattr(time, "monotonic", time.time)
stopping = threading.Event()
results = []


class Timespec(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


timeout = Timespec(0, TIMEOUT_MS * 1000000)


def epoll_wait():
    epoll = libc.epoll_create(1)
    events = ctypes.create_string_buffer(64)
    return lambda: libc.epoll_wait(epoll, events, 1, TIMEOUT_MS), 0, None


def poll():
    return lambda: libc.poll(None, 0, TIMEOUT_MS), 0, None


def nanosleep():
    return lambda: libc.nanosleep(ctypes.byref(timeout), None), 0, None


def recv():
    pair = socket.socketpair()
    pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, TIMEOUT_MS * 1000))
    data = ctypes.create_string_buffer(1)
    return lambda: libc.recv(pair[0].fileno(), data, 1, 0), -1, errno.EAGAIN


def sigtimedwait():
    signals = (ctypes.c_ulong * 16)()
    signals[0] = 1 << (signal.SIGUSR2 - 1)
    return lambda: libc.sigtimedwait(signals, None, ctypes.byref(timeout)), -1, errno.EAGAIN


def futex():
    word = ctypes.c_int(0)
    return lambda: libc.syscall(NUMBERS["futex"], ctypes.byref(word), 0, 0, ctypes.byref(timeout), None, 0), \
        -1, errno.ETIMEDOUT


def io_getevents():
    context = ctypes.c_ulong(0)
    if libc.syscall(NUMBERS["io_setup"], 1, ctypes.byref(context)) != 0:
        return None
    events = ctypes.create_string_buffer(64)
    return lambda: libc.syscall(NUMBERS["io_getevents"], context, ctypes.c_long(1), ctypes.c_long(1), events,
                                ctypes.byref(timeout)), 0, None


def run(function):
    made = function()
    if made is None:
        return
    call, expected, expected_errno = made
    calls = wrong = early = 0
    note = ""
    while not stopping.is_set():
        begin = clock()
        result = call()
        failure = ctypes.get_errno()
        took = clock() - begin
        calls += 1
        if result != expected or (expected_errno is not None and failure != expected_errno):
            wrong += 1
            note = " and said %d, errno %d" % (result, failure)
        early += took < (TIMEOUT_MS - SLACK_MS.get(function.__name__, 1)) / 1000.0
    results.append("%s %d %d %d%s" % (function.__name__, calls, wrong, early, note))


threads = [threading.Thread(target=run, args=(function,))
           for function in (epoll_wait, poll, nanosleep, recv, sigtimedwait, futex, io_getevents)]
for thread in threads:
    thread.start()
support.ready()
select.select([0], [], [])
stopping.set()
for thread in threads:
    thread.join()
for result in results:
    support.say(result)
support.say(".")
os._exit(0)
