# SPDX-License-Identifier: MIT
"""Answers each signal with its number, and counts queued real-time signals; busy in between.

The argument is how many queued ones will come.

Handlers of Python run once for signals that came before it got round to them, so the sender waits for the answer before it
sends the next one. The queued ones are taken by sigwaitinfo, which loses none (3.3 and later).

The handled ones are for the main thread alone. The kernel gives a signal to another thread when the main one is stopped, and
CPython (seen in 3.11) may then forget to run its handler: the main thread works out anew whether there is anything to do
(COMPUTE_EVAL_BREAKER, Python/ceval_gil.c), and overwrites what the other one has just said.
"""
import os
import signal
import sys
import threading

import support

EXPECTED = int(sys.argv[1])
ANSWERED = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGWINCH, signal.SIGCHLD, signal.SIGRTMIN + 1]

counts = {}
unanswered = []  # not in the handler: the next signal would come before it returns, and so on without an end


def answer(number, _frame):
    counts[number] = counts.get(number, 0) + 1
    unanswered.append(number)


def finish(_number, _frame):
    for number in sorted(counts):
        support.say("%d %d" % (number, counts[number]))
    support.say(".")
    os._exit(0)


def take_queued(number):
    while True:
        signal.sigwaitinfo([number])
        counts[number] = counts.get(number, 0) + 1
        if counts[number] == EXPECTED:
            support.say("all")


if hasattr(signal, "sigwaitinfo"):
    queued = signal.SIGRTMIN + 2
    signal.pthread_sigmask(signal.SIG_BLOCK, ANSWERED + [signal.SIGTERM, queued])
    counts[queued] = 0
    thread = threading.Thread(target=take_queued, args=(queued,))
    thread.daemon = True
    thread.start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ANSWERED + [signal.SIGTERM])
for number in ANSWERED:
    signal.signal(number, answer)
signal.signal(signal.SIGTERM, finish)


def work(n):
    return work(n - 1) + 1 if n else 0


support.say("ready, with a queue" if hasattr(signal, "sigwaitinfo") else "ready")
while True:
    work(20)
    while unanswered:
        os.write(1, ("got %d\n" % unanswered.pop(0)).encode())
