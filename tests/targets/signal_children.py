# SPDX-License-Identifier: MIT
"""Forks children that count signals, as it does itself, by handlers in C; all are busy, in two threads.

usage: signal_children.py HELPER PIPES SIGNAL...

HELPER is the shared object made of notice_calls.c. PIPES is what the children read from and write to, "5,6:7,8": two descriptors
for each. Children have the handlers of their parent from their first instruction on.

Lines on standard input are answered:
  fork           the next child's pid
  wait PID       waits for that child: how it has ended, as wait(2) has it
  NUMBER SENT    how many of that signal have come, and how many of the values sent along have not come exactly once
"""
import ctypes
import os
import sys
import threading

import support

library = ctypes.CDLL(sys.argv[1])
pipes = [tuple(map(int, pair.split(","))) for pair in sys.argv[2].split(":")]


def work(n):
    return work(n - 1) + 1 if n else 0


def read_line():
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            os._exit(0)
        line += byte
    return line.decode().split()


def fork():
    """By the thread that answers, as servers do it: in the child it is the only one."""
    reader, writer = pipes.pop(0)
    child = os.fork()
    if child == 0:
        support.signal.alarm(support.LIMIT)
        os.dup2(reader, 0)
        os.dup2(writer, 1)
        begin()
        while True:
            work(20)
    os.close(reader)
    os.close(writer)
    return child


def answer():
    while True:
        words = read_line()
        if words[0] == "fork":
            answered = [fork()]
        elif words[0] == "wait":
            answered = [os.waitpid(int(words[1]), 0)[1]]
        else:
            number, sent = map(int, words)
            answered = [library.signals_seen(number), library.signals_wrong(number, sent)]
        os.write(1, (" ".join(map(str, answered)) + "\n").encode())


def begin():
    thread = threading.Thread(target=answer)
    thread.daemon = True
    thread.start()


for signal_number in map(int, sys.argv[3:]):
    if library.signals_count(signal_number):
        sys.exit("cannot handle signal %d" % signal_number)
begin()
support.ready()
while True:
    work(20)
