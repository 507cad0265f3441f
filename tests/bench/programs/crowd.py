# SPDX-License-Identifier: MIT
"""So many threads, asleep or busy in C without the GIL."""
import hashlib
import os
import sys
import threading

import program

BUFFER = bytes(bytearray(8 << 20)) # takes some milliseconds


def sleep():
    threading.Event().wait()


def busy():
    while True:
        hashlib.sha1(BUFFER)


def wait_and_run(body, pipe, started):
    """Those that are busy would keep the others from being started."""
    started.release()
    os.read(pipe, 1)
    body()


def main():
    program.begin()
    os.nice(19) # as many cores as there are will be busy: the rest of the machine goes first
    count, body = int(sys.argv[2]), {"asleep": sleep, "busy": busy}[sys.argv[3]]
    started = threading.Semaphore(0)
    closed_to_start, other_end = os.pipe()
    threading.stack_size(1 << 18)
    for _ in range(count):
        thread = threading.Thread(target=wait_and_run, args=(body, closed_to_start, started))
        thread.daemon = True
        thread.start()
    for _ in range(count):
        started.acquire()
    program.ready()
    os.close(other_end)
    threading.Event().wait()


main()
