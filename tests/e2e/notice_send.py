# SPDX-License-Identifier: MIT
"""Sends signals of five kinds to a target that pyrope samples: each must arrive exactly once.

usage: notice_send.py COUNT HELPER PYROPE [PYROPE-OPTION...] -- COMMAND [ARG...]

The command runs tests/targets/notice_signals.py, HELPER is its shared object. Real-time signals are queued, as fast as the
kernel takes them, each with a value of its own. A classic signal that is pending already would be lost, so the next one
is sent when the target has taken the last one.
"""
import ctypes
import errno
import re
import signal
import subprocess
import sys
import time

CLASSIC = [signal.SIGUSR1, signal.SIGHUP]
QUEUED = [signal.SIGRTMIN + 1, signal.SIGRTMIN + 2, signal.SIGRTMAX]
DEADLINE_S = 10
KINDS = [int(number) for number in CLASSIC + QUEUED]

libc = ctypes.CDLL(None, use_errno=True)


def queue(pid, number, value):
    while libc.sigqueue(pid, number, ctypes.c_void_p(value)):
        if ctypes.get_errno() != errno.EAGAIN:  # the queue is full
            raise OSError(ctypes.get_errno(), "sigqueue")


def is_pending(pid, number):
    with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as status:
        masks = re.findall(r"^(?:Sig|Shd)Pnd:\s*(\w+)$", status.read(), re.M)
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


def send(pid, count):
    for turn in range(count):
        number = KINDS[turn % len(KINDS)]
        queue(pid, number, turn // len(KINDS))
        while number in map(int, CLASSIC) and is_pending(pid, number):
            pass


def ask(target, number, sent):
    """How many have come, and how many of the values not exactly once. A handler that has begun may not have counted yet."""
    end = time.monotonic() + DEADLINE_S
    while True:
        target.stdin.write("%d %d\n" % (number, sent))
        answer = list(map(int, target.stdout.readline().split()))
        if answer == [sent, 0] or answer[0] > sent or time.monotonic() > end:
            return answer


def late(_number, _frame):
    raise TimeoutError("the target has taken too long")


def main():
    split = sys.argv.index("--")
    count, helper = int(sys.argv[1]), sys.argv[2]
    pyrope, command = sys.argv[3:split], sys.argv[split + 1:]
    signal.signal(signal.SIGALRM, late)
    signal.alarm(120 + count // 20)
    arguments = [*command, helper, *map(str, KINDS)]
    target = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    sampler = None
    wrong = 0
    try:
        if target.stdout.readline() != "ready\n":
            sys.exit("the target is not ready")
        sampler = subprocess.Popen([*pyrope, "-s", "1000", "-o", "/dev/null", "-p", str(target.pid)])
        send(target.pid, count)
        if sampler.poll() is not None:
            sys.exit("pyrope has ended with %d" % sampler.returncode)
        for turn, number in enumerate(KINDS):
            sent = len(range(turn, count, len(KINDS)))
            while is_pending(target.pid, number):
                pass
            answer = ask(target, number, sent)
            print("signal %d: sent %d, got %d, %d values not exactly once" % (number, sent, *answer))
            wrong += answer != [sent, 0]
    finally:
        target.kill()
        target.wait()
        if sampler:
            sampler.kill()
            sampler.wait()
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
