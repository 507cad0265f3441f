# SPDX-License-Identifier: MIT
"""Sends signals to a target while pyrope samples it: each must arrive exactly once.

usage: send_signals.py COUNT PYROPE [PYROPE-OPTION...] -- COMMAND [ARG...]

The command is tests/targets/signals.py. Of the signals that have handlers the next one is sent when the last one was
answered. Real-time signals are queued as fast as the kernel takes them.
"""
import os
import signal
import subprocess
import sys

HANDLED = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGWINCH, signal.SIGCHLD, signal.SIGRTMIN + 1]
QUEUED = signal.SIGRTMIN + 2


def send_answered(target, count):
    for turn in range(count):
        number = HANDLED[turn % len(HANDLED)]
        os.kill(target.pid, number)
        answer = target.stdout.readline()
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
    answer = target.stdout.readline()
    if answer != b"all\n":
        sys.exit("queued signals: the target said %r" % answer)


def main():
    split = sys.argv.index("--")
    count, pyrope, command = int(sys.argv[1]), sys.argv[2:split], sys.argv[split + 1:]
    signal.alarm(120)  # what is lost is never answered
    target = subprocess.Popen([*command, str(count)], stdout=subprocess.PIPE)
    sampler = None
    try:
        has_queue = target.stdout.readline() == b"ready, with a queue\n"
        sampler = subprocess.Popen([*pyrope, "-s", "1000", "-o", "/dev/null", "-p", str(target.pid)])
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
