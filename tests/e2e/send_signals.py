# SPDX-License-Identifier: MIT
"""Sends signals to a target while pyrope samples it: each must arrive exactly once.

usage: send_signals.py COUNT PYROPE [PYROPE-OPTION...] -- COMMAND [ARG...]

The command is tests/targets/signals.py. Of the signals that have handlers the next one is sent when the last one was
answered. Real-time signals are queued as fast as the kernel takes them.
"""
import contextlib
import glob
import os
import signal
import subprocess
import sys
import time

DEADLINE_S = 120
HANDLED = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGWINCH, signal.SIGCHLD, signal.SIGRTMIN + 1]
QUEUED = signal.SIGRTMIN + 2


def unanswered(_number, _frame):
    raise TimeoutError("not answered in %d s" % DEADLINE_S)


def thread_names(pid):
    for name in glob.glob("/proc/%d/task/*/comm" % pid):
        with contextlib.suppress(OSError), open(name, encoding="utf-8", errors="replace") as comm:
            yield comm.read().strip()


def await_sampling(sampler):
    while "pyrope-sampler" not in thread_names(sampler.pid):
        if sampler.poll() is not None:
            sys.exit("pyrope has ended with %d" % sampler.returncode)
        time.sleep(0.001)


def read_answer(target, what):
    try:
        return target.stdout.readline()
    except TimeoutError as error:
        sys.exit("%s: %s" % (what, error))


def send_answered(target, count):
    for turn in range(count):
        number = HANDLED[turn % len(HANDLED)]
        os.kill(target.pid, number)
        answer = read_answer(target, "signal %d of %d, %d" % (turn, count, number))
        if answer != b"got %d\n" % number:
            sys.exit("signal %d of %d: sent %d, the target said %r" % (turn, count, number, answer))


def send_queued(target, count):
    for _ in range(count):
        while True:
            try:
                os.kill(target.pid, QUEUED)
                break
            except BlockingIOError:  # the queue is full
                continue
    answer = read_answer(target, "queued signals")
    if answer != b"all\n":
        sys.exit("queued signals: the target said %r" % answer)


def main():
    split = sys.argv.index("--")
    count, pyrope, command = int(sys.argv[1]), sys.argv[2:split], sys.argv[split + 1:]
    signal.signal(signal.SIGALRM, unanswered)
    signal.alarm(DEADLINE_S)  # what is lost is never answered
    target = subprocess.Popen([*command, str(count)], stdout=subprocess.PIPE)
    sampler = None
    try:
        has_queue = target.stdout.readline() == b"ready, with a queue\n"
        sampler = subprocess.Popen([*pyrope, "-s", "1000", "-o", "/dev/null", "-p", str(target.pid)])
        await_sampling(sampler)
        send_answered(target, count)
        if has_queue:
            send_queued(target, count)
        if sampler.poll() is not None:
            sys.exit("pyrope has ended with %d" % sampler.returncode)
        target.terminate()
        got = dict(map(int, line.split()) for line in iter(target.stdout.readline, b".\n"))
    finally:
        target.kill()
        if sampler:
            sampler.kill()
            sampler.wait()
    sent = {int(number): len(range(turn, count, len(HANDLED))) for turn, number in enumerate(HANDLED)}
    if has_queue:
        sent[int(QUEUED)] = count
    print("sent %s, got %s" % (sent, got))
    return got != sent


if __name__ == "__main__":
    sys.exit(main())
