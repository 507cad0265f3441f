# SPDX-License-Identifier: MIT
"""Sends signals to forked children of a target that pyrope follows: each must arrive exactly once.

usage: send_to_children.py COUNT KILLS HELPER PYROPE [PYROPE-OPTION...] -- COMMAND [ARG...]

The command runs tests/targets/signal_children.py, HELPER is its shared object. Each child gets COUNT signals, from the moment on in
which its parent knows its pid; its parent gets as many. pyrope is killed by SIGKILL KILLS times in the middle, each time while it
samples all of them, and started again. In the end children are stopped, go on, and die of signals, while pyrope runs.
"""
import contextlib
import glob
import os
import random
import signal
import subprocess
import sys
import time

from notice_send import CLASSIC, KINDS, ask, is_pending, late, queue
from sampler_sleeps import sampler_sleeps

CHILDREN = 4
DEADLINE_S = 120


def wait_until(condition, what):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            sys.exit("waited in vain: " + what)


class Process:
    """One that counts: its pid, how to ask it, and how many signals were sent to it."""

    def __init__(self, pid, stdin, stdout):
        self.pid, self.stdin, self.stdout, self.turns = pid, stdin, stdout, 0

    def tell(self, line):
        self.stdin.write(line + "\n")
        return self.stdout.readline().split()

    def send(self):
        """One signal; a classic one that is pending would be lost, so that is waited for."""
        number = KINDS[self.turns % len(KINDS)]
        queue(self.pid, number, self.turns // len(KINDS))
        while number in map(int, CLASSIC) and is_pending(self.pid, number):
            pass
        self.turns += 1

    def count_wrong(self):
        wrong = 0
        for turn, number in enumerate(KINDS):
            sent = len(range(turn, self.turns, len(KINDS)))
            wait_until(lambda: not is_pending(self.pid, number), "signal %d of %d is taken" % (number, self.pid))
            answer = ask(self, number, sent)
            if answer != [sent, 0]:
                print("process %d, signal %d: sent %d, got %d, %d values not exactly once" % (self.pid, number, sent, *answer))
                wrong += 1
        return wrong

    def fields(self, name):
        """Of each thread."""
        for path in glob.glob("/proc/%d/task/*/status" % self.pid):
            with contextlib.suppress(OSError), open(path, encoding="ascii", errors="replace") as status:
                yield from (line.split()[1] for line in status if line.startswith(name + ":"))

    def is_stopped(self):
        return set(self.fields("State")) == {"T"}

    def is_let_go(self):
        return set(self.fields("TracerPid")) == {"0"} and not set(self.fields("State")) & set("tT")

    def cpu_ticks(self):
        with open("/proc/%d/stat" % self.pid, encoding="utf-8", errors="replace") as stat:
            return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))


class Sampler:
    def __init__(self, command, pid):
        self.command = [*command, "-s", "1000", "-o", "/dev/null", "-p", str(pid)]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command)

    def watches(self, processes):
        """It has files of each of them open."""
        if self.process.poll() is not None:
            sys.exit("pyrope has ended with %d" % self.process.returncode)
        files = set()
        for path in glob.glob("/proc/%d/fd/*" % self.process.pid):
            with contextlib.suppress(OSError):
                files.add("/".join(os.readlink(path).split("/")[:3]))
        return all("/proc/%d" % process.pid in files for process in processes)

    def await_looks(self):
        """It has looked at them a few dozen times."""
        before = sampler_sleeps(self.process.pid)
        wait_until(lambda: sampler_sleeps(self.process.pid) > before + 40, "pyrope samples")

    def kill(self):
        self.process.kill()
        self.process.wait()


def send_all(processes, sampler, count, kills):
    """In turn to each. pyrope is killed at moments that are drawn by lot, and then has to have come back to all of them."""
    left = kills
    while left or any(process.turns < count for process in processes):
        for process in processes:
            process.send()
        if left and random.randrange(20) == 0 and sampler.watches(processes):
            sampler.kill()
            left -= 1
            sampler.start()
    wait_until(lambda: sampler.watches(processes), "pyrope follows all of them")


def default_actions(parent, children, sampler):
    """Stops and stays stopped, goes on, and dies of what was sent. True: so it was."""
    for child in children:
        os.kill(child.pid, signal.SIGSTOP)
        wait_until(child.is_stopped, "SIGSTOP stops %d" % child.pid)
        sampler.await_looks()
        ticks = child.cpu_ticks()
        sampler.await_looks()
        # a pause that met the stop may have woken it, within the kernel, for some microseconds
        wait_until(child.is_stopped, "%d is stopped still" % child.pid)
        if child.cpu_ticks() > ticks + 1:
            print("process %d ran though SIGSTOP had stopped it" % child.pid)
            return False
        os.kill(child.pid, signal.SIGCONT)
        wait_until(lambda: child.cpu_ticks() > ticks + 5, "SIGCONT lets %d go on" % child.pid)
    for child, number in zip(children, [signal.SIGTERM, signal.SIGKILL, signal.SIGUSR2, signal.SIGRTMAX - 1]):
        os.kill(child.pid, number)
        status = int(parent.tell("wait %d" % child.pid)[0])
        if status != number:
            print("process %d was sent signal %d, its parent heard %d" % (child.pid, number, status))
            return False
    return True


def run(parent, ends, command, count, kills):
    sampler = Sampler(command, parent.pid)
    children = []
    try:
        wait_until(lambda: sampler.watches([parent]), "pyrope follows the parent")
        for stdin, stdout in ends:
            children.append(Process(int(parent.tell("fork")[0]), stdin, stdout))
            for _ in range(count // 10):
                children[-1].send()
        processes = [parent, *children]
        send_all(processes, sampler, count, kills)
        wrong = sum(process.count_wrong() for process in processes)
        print("%d processes got %s signals; pyrope was killed %d times" % (len(processes), [p.turns for p in processes], kills))
        wrong += not default_actions(parent, children, sampler)
        sampler.kill()
        wait_until(parent.is_let_go, "nothing is left of pyrope")
        return wrong
    finally:
        sampler.kill()
        for child in children:
            with contextlib.suppress(OSError):
                child.stdin.close()


def main():
    split = sys.argv.index("--")
    count, kills, helper = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    pyrope, command = sys.argv[4:split], sys.argv[split + 1:]
    signal.signal(signal.SIGALRM, late)
    signal.alarm(120 + count // 4 + 10 * kills)
    pipes = [(os.pipe(), os.pipe()) for _ in range(CHILDREN)]
    own = [(os.fdopen(down[1], "w", buffering=1), os.fdopen(up[0])) for down, up in pipes]
    theirs = [(down[0], up[1]) for down, up in pipes]
    arguments = [*command, helper, ":".join("%d,%d" % pair for pair in theirs), *map(str, KINDS)]
    target = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        pass_fds=[descriptor for pair in theirs for descriptor in pair])
    try:
        for descriptor in (descriptor for pair in theirs for descriptor in pair):
            os.close(descriptor)
        if target.stdout.readline() != "ready\n":
            sys.exit("the target is not ready")
        return run(Process(target.pid, target.stdin, target.stdout), own, pyrope, count, kills) != 0
    finally:
        target.kill()
        target.wait()


if __name__ == "__main__":
    sys.exit(main())
